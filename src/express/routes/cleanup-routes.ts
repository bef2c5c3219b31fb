import { type Duration, positiveDuration, show } from '../../base/duration.ts'
import type { ClearRun } from '../../sweep/start.ts'
import { isRefusedTask } from '../../sweep/run.ts'
import { CallerRefusedError, SessionConfigError, SessionError } from '../../base/errors.ts'
import type { SessionLogger } from '../../base/logger.ts'
import { checkOptions, namesOf, wrongOption } from '../../base/option-checks.ts'
import { sayingOf } from '../../end/problems.ts'
import { sessionsDoorOf } from '../../sessions-door.ts'
import type { Sessions } from '../../sessions-interface.ts'
import type { DefaultData } from '../../base/types.ts'
import type { NodeResponse } from '../../node/response/any-response.ts'
import { type Caller, type CallerPurpose, isCaller } from './caller.ts'
import { readTaskBody } from './caller-body.ts'
import type { AnyRequest } from '../../node/request/session-request.ts'
import { methodsOf } from '../request/request-headers.ts'
import { loggerFrom, refusalReport, sendAnswer } from './restricted-routes.ts'
import { pathOf } from './return-to.ts'

/** Options of {@link cleanupRoutes}. */
export interface CleanupOptions {
  /** The allowed callers: `appEngine()`, `oidc()`, `privateService()` or `localOnly()`. There is no default. */
  readonly caller: Caller
  /** How long `/cron` works within its request when no real queue runs the sweep. Default 60 seconds. */
  readonly budget?: Duration
  /** Logs failures and refused callers, the latter at most once a minute for each reason. Default: the console. */
  readonly logger?: SessionLogger
}

/** A middleware for `app.use('/_sessions', …)` of Express 4 and 5, and for plain `http` and `http2` servers. */
export type CleanupRoutes = (
  req: AnyRequest,
  res: NodeResponse,
  next: (error?: unknown) => void,
) => void

interface Answer {
  readonly status: number
  readonly body: object
  readonly headers?: Readonly<Record<string, string>>
}

interface Route {
  readonly method: 'GET' | 'POST'
  readonly purpose: CallerPurpose
  answer(req: AnyRequest): Promise<Answer | 'gone'>
}

const BUDGET = 60_000

const REFUSED_BODY = { 400: 'not a task', 413: 'too large', 415: 'not JSON' } as const

/**
 * The routes for sweeping: `GET /cron` starts a sweep or continues it, `POST /task` runs a task, `GET /status` returns
 * the state of the sweep. Mount them under their own path:
 *
 * ```ts
 * app.use('/_sessions', cleanupRoutes(sessions, { caller: appEngine() }))
 * ```
 *
 * The caller is checked before anything else, also before the body is read. A refused caller gets the same answer for
 * every reason. Other paths go on to `next()`; paths are compared exactly.
 *
 * Throws `SessionConfigError` without a caller, and for options that cannot work.
 */
export function cleanupRoutes<Data extends object = DefaultData>(
  sessions: Sessions<Data>,
  options: CleanupOptions,
): CleanupRoutes {
  const startWithin = startOf(sessions)
  const { caller, budget, logger } = checked(options)
  const routes = routesOf(sessions, () => startWithin(budget), logger)
  const noteRefusal = refusalReport('the check failed', (why, error, refused) => {
    const known = error instanceof CallerRefusedError
    const log = known ? logger.warn : (logger.error ?? logger.warn)
    const details = known ? error.details : null
    log.call(logger, 'a caller was refused', { ...refused, why, ...details })
  })
  return function viurCleanup(req, res, next) {
    // The path below the mount point, which Express has removed. It is not decoded or normalized: another spelling is
    // another path.
    const route = routes.get(pathOf(req.url ?? ''))
    if (route === undefined) {
      next()
      return
    }
    respond(req, route).then((answer) => {
      if (answer !== 'gone') send(req, res, answer)
    }, next)
  }

  async function respond(req: AnyRequest, route: Route): Promise<Answer | 'gone'> {
    try {
      await caller.check(req, route.purpose)
    } catch (error) {
      noteRefusal(error, { caller: caller.name, purpose: route.purpose })
      return refusalOf(caller)
    }
    if (!methodsOf(req).every((method) => method === route.method)) {
      const headers = { Allow: route.method }
      return { status: 405, body: { error: 'method not allowed' }, headers }
    }
    try {
      return await route.answer(req)
    } catch (error) {
      return failure(error, route.purpose, logger)
    }
  }
}

/** The HTTP status for cron, by the state of the run. A run that was ended early must not look successful. */
const STATUS_OF: Readonly<Record<ClearRun['state'], number>> = {
  finished: 200,
  'already-running': 200,
  'dry-run': 200,
  running: 202,
  failed: 500,
}

function routesOf<Data extends object>(
  sessions: Sessions<Data>,
  start: () => Promise<ClearRun>,
  logger: SessionLogger,
): ReadonlyMap<string, Route> {
  const cron: Route = {
    method: 'GET',
    purpose: 'cron',
    answer: async () => {
      const run = await start()
      return { status: STATUS_OF[run.state], body: shown(run) }
    },
  }
  const task: Route = {
    method: 'POST',
    purpose: 'task',
    answer: async (req) => {
      const read = await readTaskBody(req)
      if (read === 'gone') return read
      if ('refused' in read) {
        logger.warn('an allowed caller sent a body that is not a task', {
          status: read.refused,
        })
        return { status: read.refused, body: { error: REFUSED_BODY[read.refused] } }
      }
      const { outcome } = await sessions.handleTask(read.body)
      // A conflict and not 503, which would slow down the whole queue. The queue tries this task again.
      return { status: outcome === 'busy' ? 409 : 200, body: { outcome } }
    },
  }
  const status: Route = {
    method: 'GET',
    purpose: 'status',
    answer: async () => {
      const body = await sessions.status()
      return { status: body.store === 'reachable' ? 200 : 503, body }
    },
  }
  return new Map([
    ['/cron', cron],
    ['/task', task],
    ['/status', status],
  ])
}

function shown(run: ClearRun): object {
  const { id, state, scanned, ended, skipped, failed, observersFailed, securityKeys } = run
  return { id, state, scanned, ended, skipped, failed, observersFailed, securityKeys }
}

/** Returns one answer per kind of caller, for every reason, so that it does not show which check failed. */
function refusalOf({ name }: Caller): Answer {
  const body = { error: 'refused' }
  return name === 'oidc' || name === 'privateService'
    ? { status: 401, body, headers: { 'WWW-Authenticate': 'Bearer' } }
    : { status: 403, body }
}

function failure(error: unknown, purpose: CallerPurpose, logger: SessionLogger): Answer {
  if (isRefusedTask(error)) {
    logger.warn('an allowed caller sent a body that is not a task', { status: 400 })
    return { status: 400, body: { error: REFUSED_BODY[400] } }
  }
  const retryable =
    error instanceof SessionError && (error as { retryable?: boolean }).retryable === true
  const log = (logger.error ?? logger.warn).bind(logger)
  log(`the ${purpose} route failed`, { error: sayingOf(error) })
  // Both make a scheduler or a queue try again. 503 also slows the queue down, which helps a busy store.
  return { status: retryable ? 503 : 500, body: { error: 'failed' } }
}

function send(req: AnyRequest, res: NodeResponse, { status, body, headers }: Answer): void {
  const all = {
    ...headers,
    'Cache-Control': 'no-store',
    'Content-Type': 'application/json; charset=utf-8',
  }
  sendAnswer(req, res, status, all, JSON.stringify(body))
}

function startOf<Data extends object>(
  sessions: Sessions<Data>,
): (budget: number) => Promise<ClearRun> {
  const door = sessionsDoorOf(sessions)
  if (door !== null) return door.startClearWithin
  throw new SessionConfigError(
    `cleanupRoutes() needs the result of createSessions(), not ${show(sessions)}`,
  )
}

const OPTIONS = namesOf<CleanupOptions>({ caller: true, budget: true, logger: true })

function checked(options: CleanupOptions): {
  caller: Caller
  budget: number
  logger: SessionLogger
} {
  const given: Partial<CleanupOptions> = options ?? {}
  checkOptions('cleanupRoutes()', given, OPTIONS)
  const { caller, budget = BUDGET, logger } = given
  if (!isCaller(caller))
    throw wrongOption(
      'cleanupRoutes: caller',
      'must say who may call, with appEngine(), oidc(), privateService() or localOnly()',
      caller,
    )
  return {
    caller,
    budget: positiveDuration('cleanupRoutes: budget', budget),
    logger: loggerFrom('cleanupRoutes', logger),
  }
}
