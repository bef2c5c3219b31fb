import { CallerRefusedError } from '../../base/errors.ts'
import { checkNoOptions } from '../../base/option-checks.ts'
import { noteAs, shared } from '../../base/shared-copies.ts'
import { googleCloudSign, isAppEngineStandard } from '../../google/platform.ts'
import { isPassedOn } from '../../node/request/proxy-signs.ts'
import { type AnyRequest, isLoopback } from '../../node/request/session-request.ts'
import { headerValues, ownOrigin } from '../request/request-headers.ts'

/** What a caller wants: start a sweep, deliver a task, or read the status. */
export type CallerPurpose = 'cron' | 'task' | 'status'

/**
 * Decides whether a request to a cron or task route comes from who may call it. Made by `appEngine()`, `oidc()`,
 * `privateService()` or `localOnly()`; there is no default, since what proves a caller depends on where the app runs.
 */
export interface Caller {
  /** By which function it was made. */
  readonly name: 'appEngine' | 'oidc' | 'privateService' | 'localOnly'
  /**
   * Settles for who may call, and throws `CallerRefusedError` for anybody else. Reads headers and the socket, never
   * the body. For routes of the app's own that a scheduler calls: `await caller.check(req, 'cron')`.
   */
  check(req: AnyRequest, purpose: CallerPurpose): Promise<void>
}

/** Throws for who is not to be served. */
export type CallerCheck = (req: AnyRequest, purpose: CallerPurpose) => void | Promise<void>

/** The callers that this module made. An object that merely looks like one could let everybody in. */
const made = shared('callers', () => new WeakSet<object>())

/** Makes a caller of its check. */
export function callerOf(name: Caller['name'], check: CallerCheck): Caller {
  const caller: Caller = Object.freeze({
    name,
    check: async (req: AnyRequest, purpose: CallerPurpose): Promise<void> => {
      if (purpose !== 'cron' && purpose !== 'task' && purpose !== 'status')
        throw new CallerRefusedError('nobody may call for another purpose than those there are')
      await check(req, purpose)
    },
  })
  made.add(caller)
  noteAs('caller', caller)
  return caller
}

/** Whether one of the functions of this module made it. */
export function isCaller(value: unknown): value is Caller {
  return typeof value === 'object' && value !== null && made.has(value)
}

/**
 * The value of a header that was sent exactly once; `null` when it was not sent, or more often. From the raw headers:
 * of two, Node joins some and drops others, and middleware may have rewritten what it made of them.
 */
export function soleHeader(req: AnyRequest, name: string): string | null {
  const { rawHeaders } = req
  let found: string | null = null
  if (!Array.isArray(rawHeaders)) return null
  for (let at = 0; at + 1 < rawHeaders.length; at += 2) {
    if (rawHeaders[at]?.toLowerCase() !== name) continue
    if (found !== null) return null
    found = rawHeaders[at + 1] ?? null
  }
  return found
}

const TASK_NAME = /^[A-Za-z0-9_-]{1,500}$/
const QUEUE_NAME = /^[A-Za-z0-9-]{1,100}$/

/**
 * The cron service and the task queues of App Engine, by the headers that its front end takes away from requests
 * from outside. They count only where that front end stands: in the standard environment (`GAE_ENV`). Everywhere
 * else anybody can send them, so everybody is refused there. The status is for the cron service alone.
 */
export function appEngine(): Caller
export function appEngine(...unexpected: unknown[]): Caller {
  checkNoOptions('appEngine()', unexpected)
  return callerOf('appEngine', (req, purpose) => {
    if (!isAppEngineStandard(process.env))
      throw new CallerRefusedError(
        'appEngine() serves nobody outside the standard environment of App Engine',
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

/** Grants nothing, since anybody can send it; another name refuses. */
const LOCAL_HOST = /^(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])(?::\d+)?$/i

/**
 * Requests over a loopback socket, for work on one's own machine: nobody else's, none that a proxy or a page of
 * another site sent, and none at all on Google Cloud or with NODE_ENV `production`. A proxy shows by a header that it
 * adds, or by HTTP/1.0, which nginx speaks unless it is told otherwise; one that leaves no trace at all is served.
 */
export function localOnly(): Caller
export function localOnly(...unexpected: unknown[]): Caller {
  checkNoOptions('localOnly()', unexpected)
  return callerOf('localOnly', (req) => {
    if (process.env['NODE_ENV'] === 'production' || googleCloudSign(process.env) !== null)
      throw new CallerRefusedError('localOnly() serves nobody in production')
    if (!isLoopback(req.socket?.remoteAddress))
      throw new CallerRefusedError('the socket is not a loopback one')
    // By DNS rebinding a page of another site reaches this machine under its own name, without Sec-Fetch-Site.
    if (!LOCAL_HOST.test(req.headers.host ?? req.headers[':authority']?.toString() ?? ''))
      throw new CallerRefusedError('the Host is not this machine')
    if (isPassedOn(req)) throw new CallerRefusedError('a proxy passed the request on')
    if (!isOwnPage(req)) throw new CallerRefusedError('a page of another site sent the request')
  })
}

/** Whether each header by which browsers say where a request comes from, if any, says that it is a page of this app. */
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
