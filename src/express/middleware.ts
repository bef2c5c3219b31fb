import { show } from '../base/duration.ts'
import { SessionConfigError } from '../base/errors.ts'
import { otherMajorOf } from '../base/shared-copies.ts'
import { checkOptions, namesOf } from '../base/option-checks.ts'
import type { Session } from '../request/session.ts'
import type { Sessions } from '../sessions-interface.ts'
import { requireSessions } from '../node/request/any-sessions.ts'
import { loadFirst, slotFor, watch } from '../node/attach.ts'
import type { CookieSessions } from '../cookie-sessions/session.ts'
import type { DefaultData } from '../base/types.ts'
import type { NodeResponse } from '../node/response/any-response.ts'
import { isEager, isManual, type MountSettings } from '../node/mount-settings.ts'
import { idsFrom, type IdTransportOptions, requestFrom } from '../node/request/id-transport.ts'
import type { AnyRequest } from '../node/request/session-request.ts'
import { sessionNameFrom } from './request/named-sessions.ts'
import { clashOf } from '../node/request/clash.ts'
import { firstSlot, slotOwnedBy } from '../request/mounted.ts'
import { addSlot, slotNamed } from '../node/request/mounted-sessions.ts'

/** Options of {@link sessionMiddleware}. */
export interface SessionMiddlewareOptions extends IdTransportOptions {
  /**
   * `'eager'` (the default): the session is loaded before the handlers run. Without a cookie this costs nothing.
   * `'lazy'`: the handlers run at once; those that use the session call `await req.session.load()` first.
   */
  readonly load?: 'eager' | 'lazy'
  /**
   * `'auto'` (the default): the changes of a request are stored before its response is sent. `'manual'`: only `save()`
   * stores data and expiry; unsaved changes are dropped, with one warning. In both modes `login()`, `logout()`,
   * `reset()` and `cycleKey()` are stored. They store the data of the new session too. The time of the last use is
   * always stored.
   */
  readonly save?: 'auto' | 'manual'
  /**
   * The property of the request that shows the session, for an app with several `createSessions()` in one request, such
   * as `'adminSession'` for `req.adminSession`. Each needs its own cookie name and its own store, such as another
   * `kind`. Default `'session'`.
   */
  readonly as?: string
}

const OF = 'sessionMiddleware()'

const OPTIONS = namesOf<SessionMiddlewareOptions>({
  load: true,
  save: true,
  as: true,
  id: true,
  onId: true,
})

/** A middleware for `app.use()` of Express 4 and 5, and for plain `http` and `http2` servers. */
export type SessionMiddleware = (
  req: AnyRequest,
  res: NodeResponse | object,
  next: (error?: unknown) => void,
) => void

/**
 * Gives every request its `req.session`, and stores the changes of the request before its response is sent: status
 * line, headers and body are held back until then. When the changes cannot be stored, the response is dropped, and
 * `next(error)` runs once, with `headersSent` false. Mounting the same middleware a second time has no effect. The
 * option `as` adds other sessions to the same request under other names; the response waits for all of them.
 *
 * It also serves a request without a response, such as a WebSocket upgrade with `{}` as its response: the session is
 * loaded, and only `save()` stores changes.
 *
 * ```ts
 * const sessions = createSessions()
 * app.use(sessionMiddleware(sessions))
 * ```
 *
 * Throws `SessionConfigError` for sessions that neither `createSessions()` nor `createCookieSessions()` made, and for
 * wrong options.
 */
export function sessionMiddleware<Data extends object = DefaultData>(
  sessions: Sessions<Data> | CookieSessions<Data>,
  options: SessionMiddlewareOptions = {},
): SessionMiddleware {
  const settings = settingsFrom(sessions, options)
  const { name, ids } = settings
  return function viurSession(req, res, next) {
    const first = firstSlot(req)
    const mounted = first === null ? null : slotOwnedBy(req, sessions)
    if (mounted?.name === name) {
      if ((mounted.byId === true) !== (ids !== null)) {
        next(transportError(name))
        return
      }
      // It was mounted without a response before, and has one now.
      if (!mounted.hasResponse) watch(mounted, req, res)
      next()
      return
    }
    const there = (req as unknown as Readonly<Record<string, unknown>>)[name]
    if (mounted !== null || there !== undefined) {
      next(
        mounted === null
          ? takenError(name, there, slotNamed(req, name) !== null)
          : twiceError(mounted.name, name),
      )
      return
    }
    let session: Session
    try {
      session = settings.sessions.open(requestFrom(req, req, ids))
    } catch (error) {
      next(error)
      return
    }
    const byId = ids !== null
    const clash = first === null ? null : clashOf(first, session, name, byId)
    if (clash !== null) {
      next(clash)
      return
    }
    const slot = slotFor(req, session, settings, next)
    addSlot(req, slot)
    watch(slot, req, res)
    if (settings.eager) loadFirst(session, next)
    else next()
  }
}

function takenError(name: string, there: unknown, ours: boolean): SessionConfigError {
  if (otherMajorOf(there) !== null) return new SessionConfigError(`req.${name} is ${show(there)}`)
  return new SessionConfigError(
    ours
      ? `req.${name} belongs to the sessions of another createSessions(): make one for the whole app and mount it once, give this one another name by the option as, or mount each on paths of its own`
      : `req.${name} belongs to another middleware, such as express-session or cookie-session: remove that, or mount each on paths of its own`,
  )
}

function transportError(name: string): SessionConfigError {
  return new SessionConfigError(
    `req.${name} is mounted with the option id and without: a request has its session by a cookie or by an id, so mount each on paths of its own`,
  )
}

function twiceError(before: string, name: string): SessionConfigError {
  return new SessionConfigError(
    `the same sessions are mounted as req.${before} and as req.${name}: a request has one session of each createSessions(), so take one name`,
  )
}

function settingsFrom(
  sessions: unknown,
  options: SessionMiddlewareOptions,
): MountSettings<AnyRequest, NodeResponse> {
  const { commit } = requireSessions(OF, sessions)
  checkOptions(OF, options, OPTIONS)
  const { load, save, as } = options
  const eager = isEager('load', load)
  const manual = isManual('save', save)
  const name = sessionNameFrom(OF, as)
  return { sessions: sessions as Sessions, commit, name, eager, manual, ids: idsFrom(OF, options) }
}
