import { show } from '../../base/duration.ts'
import { SessionConfigError } from '../../base/errors.ts'
import type { CommitResult, SessionResponse } from '../../request/commit.ts'
import type { SessionRequest } from '../../request/open.ts'
import { sessionsDoorOf, type SessionsDoor } from '../../sessions-door.ts'

/**
 * The part of sessions that an adapter uses. The results of `createSessions()` and `createCookieSessions()` have it.
 */
export interface AnySessions<AnySession extends object> {
  /** Opens the session of a request. */
  open(request: SessionRequest): AnySession
  /** Stores the changes, and returns what the response needs. */
  commit(session: AnySession, response?: SessionResponse): Promise<CommitResult>
}

/**
 * Returns the door of sessions. Throws `SessionConfigError` for a value that has none. `of`: the name of the caller,
 * for the message.
 */
export function requireSessions(of: string, sessions: unknown): SessionsDoor {
  const door = sessionsDoorOf(sessions)
  if (door !== null) return door
  throw new SessionConfigError(
    `${of} needs the result of createSessions() or createCookieSessions(), not ${show(sessions)}`,
  )
}
