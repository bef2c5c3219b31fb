import { show } from '../duration.ts'
import { SessionConfigError, SessionError } from '../errors.ts'
import { checkOptions, namesOf } from '../option-names.ts'
import type { Session } from '../session.ts'
import type { SessionManager, Sessions } from '../sessions.ts'
import type { DefaultData } from '../types.ts'
import { anyResponse, type NodeResponse } from './any-response.ts'
import { runBeforeCommit } from './before-commit.ts'
import { guardResponse } from './held-response.ts'
import { type AnyRequest, sessionRequestFrom } from './request.ts'

/** Options of {@link sessionMiddleware}. */
export interface SessionMiddlewareOptions {
  /**
   * `'eager'` (the default): the session is loaded before the handlers run, which costs nothing without a cookie.
   * `'lazy'`: at once to the handlers; those that use the session `await req.session.load()` first.
   */
  readonly load?: 'eager' | 'lazy'
}

const OPTIONS = namesOf<SessionMiddlewareOptions>({ load: true })

/** Fits `app.use()` of Express 4 and 5, and plain `http` and `http2` servers. */
export type SessionMiddleware = (
  req: AnyRequest,
  res: NodeResponse,
  next: (error?: unknown) => void,
) => void

/** What is used of a manager. */
type Manager<Data extends object> = Pick<SessionManager<Data>, 'open' | 'commitOrNow'>

/** On a request: what this module keeps there. */
const HELD: unique symbol = Symbol('viur-session')

interface Holder {
  [HELD]?: {
    /** To whom the session belongs. */
    readonly owner: unknown
    /** The session, or what stands in for it. */
    session: object
  }
}

/** Whether the session of this request is one of these sessions. */
export function isOwner(sessions: unknown, req: AnyRequest): boolean {
  return (req as Holder)[HELD]?.owner === sessions
}

/**
 * Gives every request its `req.session`, and stores what the request changed before its response leaves: status
 * line, headers and body are held until then. When it can not be stored the response is dropped, and `next(error)`
 * runs once, with `headersSent` false. Mounted twice, the second does nothing.
 *
 * ```ts
 * const sessions = createSessions()
 * app.use(sessionMiddleware(sessions))
 * ```
 *
 * Throws `SessionConfigError` for anything that `createSessions()` did not make, and for options that are none.
 */
export function sessionMiddleware<Data extends object = DefaultData>(
  sessions: Sessions<Data>,
  options: SessionMiddlewareOptions = {},
): SessionMiddleware {
  const manager = managerFrom(sessions)
  const eager = loadFrom(options) === 'eager'
  return function viurSession(req, res, next) {
    if (isOwner(manager, req)) {
      next()
      return
    }
    if ((req as { session?: unknown }).session !== undefined) {
      next(takenError(HELD in req))
      return
    }
    const session = manager.open(sessionRequestFrom(req))
    ;(req as Holder)[HELD] = { owner: manager, session }
    expose(req, session)
    watch(manager, session, res, next)
    if (eager) load(session, next)
    else next()
  }
}

function watch<Data extends object>(
  manager: Manager<Data>,
  session: Session<Data>,
  res: NodeResponse,
  next: (error?: unknown) => void,
): void {
  const last = (): void => runBeforeCommit(session)
  const commit = (status: number) => manager.commitOrNow(session, { status }, last)
  // Too late for this response. The commit makes changes throw, where they would be lost without a word.
  if (res.headersSent) void commit(res.statusCode)
  else guardResponse(anyResponse(res), { commit, fail: next })
}

function load<Data extends object>(session: Session<Data>, next: (error?: unknown) => void): void {
  const loading = session.load()
  if (session.loaded) {
    // Without a well-formed cookie there is nothing to wait for.
    next()
    return
  }
  loading.then(
    () => next(),
    // A page that does not use the session needs no store, so an outage must not take it down. The session keeps the
    // error for whoever uses it.
    () => next(),
  )
}

/** Makes an object `req.session`, in place of what was there. */
export function expose(req: AnyRequest, session: object): void {
  const held = (req as Holder)[HELD]
  if (held === undefined) (req as Holder)[HELD] = { owner: null, session }
  else held.session = session
  Object.defineProperty(req, 'session', SESSION_PROPERTY)
}

/** The same for all requests: with functions of its own for each, V8 would give up on a fast layout. */
const SESSION_PROPERTY: PropertyDescriptor = {
  configurable: true,
  enumerable: true,
  get(this: Holder) {
    return this[HELD]?.session
  },
  set() {
    throw new SessionError(
      'req.session can not be replaced: change what it holds with set() or update(), empty it with clear(), end it with "await req.session.logout()"',
    )
  },
}

function takenError(ours: boolean): SessionConfigError {
  return new SessionConfigError(
    ours
      ? 'req.session belongs to the sessions of another createSessions(): make one for the whole app and mount it once, or mount each on paths of its own'
      : 'req.session belongs to another middleware, such as express-session or cookie-session: remove that, or mount each on paths of its own',
  )
}

function managerFrom<Data extends object>(sessions: Sessions<Data>): Manager<Data> {
  const manager = sessions as unknown as Partial<Manager<Data>> | null | undefined
  for (const method of ['open', 'commitOrNow'] as const) {
    if (typeof manager?.[method] !== 'function') {
      throw new SessionConfigError(
        `sessionMiddleware() takes what createSessions() gives, not ${show(sessions)}`,
      )
    }
  }
  return manager as Manager<Data>
}

function loadFrom(options: SessionMiddlewareOptions): 'eager' | 'lazy' {
  checkOptions('sessionMiddleware()', options, OPTIONS)
  const { load = 'eager' } = options
  if (load !== 'eager' && load !== 'lazy') {
    throw new SessionConfigError(`load must be 'eager' or 'lazy', but is ${show(load)}`)
  }
  return load
}
