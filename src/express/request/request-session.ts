import { wrongOption } from '../../base/option-checks.ts'
import { SessionConfigError } from '../../base/errors.ts'
import { show } from '../../base/duration.ts'
import { otherMajorOf, shared } from '../../base/shared-copies.ts'
import { doorOf } from '../../request/adapter-door.ts'
import type { Session } from '../../request/session.ts'
import { sessionsDoorOf } from '../../sessions-door.ts'
import { publishTrouble, type Trouble } from '../../record/diagnostics.ts'
import type { AnySessions } from './named-sessions.ts'
import { firstSlot, slotOwnedBy } from '../../request/mounted.ts'

/** The sessions of objects that stand in for them as `req.session`. */
const faces = shared('faces of sessions', () => new WeakMap<object, Session>())

/** Notes that this object stands in for the session. */
export function registerFace(face: object, session: Session): void {
  faces.set(face, session)
}

/** Whether `req.session` is an object that stands in for the session. */
export function hasFace(req: object): boolean {
  const { session } = req as { readonly session?: unknown }
  return faces.has(session as object)
}

/**
 * Returns the session that `sessionMiddleware()` gave the request; `null` when there is none, or one of another
 * package.
 */
export function sessionOf(req: object): Session | null {
  const { session } = req as { readonly session?: unknown }
  return faces.get(session as object) ?? (doorOf(session) === null ? null : (session as Session))
}

/** Checks the option `sessions` of a guard, which chooses the session to check; `null` means that of `req.session`. */
export function sessionsFrom(of: string, sessions: unknown): AnySessions | null {
  if (sessions === undefined) return null
  if (sessionsDoorOf(sessions) !== null) return sessions as AnySessions
  throw wrongOption(
    `${of}: sessions`,
    'must be the result of createSessions() or createCookieSessions()',
    sessions,
  )
}

/**
 * Returns a hint for messages when another major version of this package made `req.session`; otherwise an empty text.
 */
export function originHint(req: object): string {
  const { session } = req as { readonly session?: unknown }
  return otherMajorOf(session) === null ? '' : `; req.session is ${show(session)}`
}

/** Returns the session that a guard checks. Throws `SessionConfigError` when the request has none. */
export function sessionFor(of: string, req: object, sessions: AnySessions | null): Session {
  const session = sessions === null ? sessionOf(req) : (slotOwnedBy(req, sessions)?.session ?? null)
  if (session !== null) return session
  throw new SessionConfigError(
    sessions === null
      ? `${of} found no session: mount sessionMiddleware() before it${firstSlot(req) === null ? '' : ', or say by its option sessions whose session it is to ask for'}${originHint(req)}`
      : `${of} found no session of its option sessions: mount sessionMiddleware() with the same sessions before it`,
  )
}

/** Reports trouble with a request, also to the log of its sessions when it has a session. */
export function reportTrouble(req: object, trouble: Trouble, of: Session | null = null): void {
  const session = of ?? sessionOf(req) ?? firstSlot(req)?.session ?? null
  const door = doorOf(session)
  if (door === null) publishTrouble(trouble)
  else door.settings.troubles.report(trouble)
}
