import { CallerRefusedError } from '../../base/errors.ts'
import { checkNoOptions } from '../../base/option-checks.ts'
import { noteAs, shared } from '../../base/shared-copies.ts'
import { googleCloudSign, isAppEngineStandard } from '../../google/platform.ts'
import { isPassedOn } from '../../node/request/proxy-signs.ts'
import { type AnyRequest, isLoopback } from '../../node/request/session-request.ts'
import { headerValues, ownOrigin, soleHeader } from '../request/request-headers.ts'

/** The purpose of a call: start a sweep, deliver a task, or read the status. */
export type CallerPurpose = 'cron' | 'task' | 'status'

/**
 * Decides whether a request to a cron or task route comes from an allowed caller. Made by `appEngine()`, `oidc()`,
 * `privateService()` or `localOnly()`. There is no default, since the proof of a caller depends on where the app runs.
 */
export interface Caller {
  /** The function that made it. */
  readonly name: 'appEngine' | 'oidc' | 'privateService' | 'localOnly'
  /**
   * Resolves for an allowed caller, and throws `CallerRefusedError` for any other. It reads headers and the socket,
   * never the body. For the app's own routes that a scheduler calls: `await caller.check(req, 'cron')`.
   */
  check(req: AnyRequest, purpose: CallerPurpose): Promise<void>
}

/** Throws for a caller that is not allowed. */
export type CallerCheck = (req: AnyRequest, purpose: CallerPurpose) => void | Promise<void>

/** The callers that this module made. An object that only looks like one could admit any client. */
const made = shared('callers', () => new WeakSet<object>())

/** Makes a caller from its check. */
export function callerOf(name: Caller['name'], check: CallerCheck): Caller {
  const caller: Caller = Object.freeze({
    name,
    check: async (req: AnyRequest, purpose: CallerPurpose): Promise<void> => {
      if (purpose !== 'cron' && purpose !== 'task' && purpose !== 'status')
        throw new CallerRefusedError('the purpose of a call must be cron, task or status')
      await check(req, purpose)
    },
  })
  made.add(caller)
  noteAs('caller', caller)
  return caller
}

/** Whether a function of this module made it. */
export function isCaller(value: unknown): value is Caller {
  return typeof value === 'object' && value !== null && made.has(value)
}

const TASK_NAME = /^[A-Za-z0-9_-]{1,500}$/
const QUEUE_NAME = /^[A-Za-z0-9-]{1,100}$/

/**
 * Admits the cron service and the task queues of App Engine, by the headers that its front end removes from outside
 * requests. These headers prove something only behind that front end, in the standard environment (`GAE_ENV`).
 * Elsewhere any client can send them, so every caller is refused there. Only the cron service may read the status.
 */
export function appEngine(): Caller
export function appEngine(...unexpected: unknown[]): Caller {
  checkNoOptions('appEngine()', unexpected)
  return callerOf('appEngine', (req, purpose) => {
    if (!isAppEngineStandard(process.env))
      throw new CallerRefusedError(
        'appEngine() works only in the standard environment of App Engine',
      )
    if (purpose === 'task') {
      if (!TASK_NAME.test(soleHeader(req, 'x-appengine-taskname') ?? ''))
        throw new CallerRefusedError('no X-AppEngine-TaskName')
      if (!QUEUE_NAME.test(soleHeader(req, 'x-appengine-queuename') ?? ''))
        throw new CallerRefusedError('no X-AppEngine-QueueName')
    } else if (soleHeader(req, 'x-appengine-cron') !== 'true') {
      throw new CallerRefusedError('no X-Appengine-Cron: true')
    }
  })
}

/** A matching Host proves nothing, since any client can send it; another Host is refused. */
const LOCAL_HOST = /^(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])(?::\d+)?$/i

/**
 * Admits requests over a loopback socket, for local development. It refuses requests that a proxy or a page of another
 * site sent, and every request on Google Cloud or with NODE_ENV `production`. A proxy is recognized by a header that it
 * adds, or by HTTP/1.0, the default of nginx. A request from a proxy without any such sign is admitted.
 */
export function localOnly(): Caller
export function localOnly(...unexpected: unknown[]): Caller {
  checkNoOptions('localOnly()', unexpected)
  return callerOf('localOnly', (req) => {
    if (process.env['NODE_ENV'] === 'production' || googleCloudSign(process.env) !== null)
      throw new CallerRefusedError('localOnly() refuses every caller in production')
    if (!isLoopback(req.socket?.remoteAddress))
      throw new CallerRefusedError('the socket is not a loopback one')
    // With DNS rebinding, a page of another site reaches this machine under the name of that site, without
    // Sec-Fetch-Site.
    if (!LOCAL_HOST.test(req.headers.host ?? req.headers[':authority']?.toString() ?? ''))
      throw new CallerRefusedError('the Host is not this machine')
    if (isPassedOn(req)) throw new CallerRefusedError('a proxy passed the request on')
    if (!isOwnPage(req)) throw new CallerRefusedError('a page of another site sent the request')
  })
}

/** Whether all headers in which browsers send the origin of a request, if present, name a page of this app. */
function isOwnPage(req: AnyRequest): boolean {
  const own = ownOrigin(req)
  const sites = headerValues(req, 'sec-fetch-site')
  return (
    // `none`: typed into the address bar.
    (sites.length === 0 || (sites.length === 1 && /^(?:none|same-origin)$/.test(sites[0] ?? ''))) &&
    headerValues(req, 'origin').every((origin) => origin === own) &&
    headerValues(req, 'referer').every((page) => URL.canParse(page) && new URL(page).origin === own)
  )
}
