import { show } from '../base/duration.ts'
import { SessionConfigError } from '../base/errors.ts'
import { otherMajorOf } from '../base/shared-copies.ts'
import { checkOptions, namesOf, wrongOption } from '../base/option-checks.ts'
import type { Session } from '../request/session.ts'
import type { Sessions } from '../sessions-interface.ts'
import { requireSessions } from '../node/request/any-sessions.ts'
import { loadFirst, slotFor, watch } from '../node/attach.ts'
import type { CookieSessions } from '../cookie-sessions/session.ts'
import type { DefaultData } from '../base/types.ts'
import type { NodeResponse } from '../node/response/any-response.ts'
import {
  handingOver,
  idIn,
  idsFrom,
  type IdTransport,
  type IdTransportOptions,
} from '../node/request/id-transport.ts'
import {
  type AnyRequest,
  requestById,
  sessionRequestFrom,
} from '../node/request/session-request.ts'
import { sessionNameFrom } from './request/named-sessions.ts'
import { clashOf } from '../node/request/clash.ts'
import { firstSlot, slotOwnedBy } from '../request/mounted.ts'
import { addSlot, slotNamed } from '../node/request/mounted-sessions.ts'

/** Options of {@link sessionMiddleware}. */
export interface SessionMiddlewareOptions extends IdTransportOptions {
  /**
   * `'eager'` (the default): the session is loaded before the handlers run, which costs nothing without a cookie.
   * `'lazy'`: at once to the handlers; those that use the session `await req.session.load()` first.
   */
  readonly load?: 'eager' | 'lazy'
  /**
   * `'auto'` (the default): what the request changed is stored before its response leaves. `'manual'`: data and expiry are
   * stored by `save()` alone, and what was not saved is dropped, with one warning. `login()`, `logout()`, `reset()` and
   * `cycleKey()` are stored in any case, with all that goes with the new id; and use is noted down.
   */
  readonly save?: 'auto' | 'manual'
  /**
   * The property of the request that shows the session, for an app with several `createSessions()` in one request, such
   * as `'adminSession'` for `req.adminSession`. Each needs a cookie name of its own, and a store of its own, such as
   * another `kind`. Default `'session'`.
   */
  readonly as?: string
}

const OPTIONS = namesOf<SessionMiddlewareOptions>({
  load: true,
  save: true,
  as: true,
  id: true,
  onId: true,
})

/** Fits `app.use()` of Express 4 and 5, and plain `http` and `http2` servers. */
export type SessionMiddleware = (
  req: AnyRequest,
  res: NodeResponse | object,
  next: (error?: unknown) => void,
) => void

/**
 * Gives every request its `req.session`, and stores what the request changed before its response leaves: status
 * line, headers and body are held until then. When it cannot be stored the response is dropped, and `next(error)`
 * runs once, with `headersSent` false. Mounted twice, the second does nothing. Other sessions in the same request go by
 * another name, by `as`; the response waits for all of them.
 *
 * A request without a response is served too, such as a WebSocket upgrade with `{}` in its place: the session is loaded, and
 * what it is told is stored by `save()` alone.
 *
 * ```ts
 * const sessions = createSessions()
 * app.use(sessionMiddleware(sessions))
 * ```
 *
 * Throws `SessionConfigError` for anything that `createSessions()` or `createCookieSessions()` did not make, and for options
 * that are none.
 */
export function sessionMiddleware<Data extends object = DefaultData>(
  sessions: Sessions<Data> | CookieSessions<Data>,
  options: SessionMiddlewareOptions = {},
): SessionMiddleware {
  const { commit } = requireSessions('sessionMiddleware()', sessions)
  const { name, eager, manual, ids } = settingsFrom(options)
  return function viurSession(req, res, next) {
    const first = firstSlot(req)
    const mounted = first === null ? null : slotOwnedBy(req, sessions)
    if (mounted?.name === name) {
      if ((mounted.byId === true) !== (ids !== null)) {
        next(transportError(name))
        return
      }
      // Where it was mounted without a response, and has one now.
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
      // Of both kinds a session is the same to an adapter; what the types of one kind leave out is for apps.
      session = (sessions as unknown as Sessions).open(
        ids === null ? sessionRequestFrom(req) : requestById(req, idIn(req, ids)),
      )
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
    const plain = slotFor(sessions, commit, session, { req, name, manual, fail: next })
    const slot = ids === null ? plain : handingOver(plain, ids)
    addSlot(req, slot)
    watch(slot, req, res)
    if (eager) loadFirst(session, next)
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

function settingsFrom(options: SessionMiddlewareOptions): {
  name: string
  eager: boolean
  manual: boolean
  ids: IdTransport | null
} {
  checkOptions('sessionMiddleware()', options, OPTIONS)
  const { load = 'eager', save = 'auto', as } = options
  if (load !== 'eager' && load !== 'lazy') {
    throw wrongOption('load', "must be 'eager' or 'lazy'", load)
  }
  if (save !== 'auto' && save !== 'manual') {
    throw wrongOption('save', "must be 'auto' or 'manual'", save)
  }
  return {
    name: sessionNameFrom('sessionMiddleware()', as),
    eager: load === 'eager',
    manual: save === 'manual',
    ids: idsFrom('sessionMiddleware()', options),
  }
}
