import { show } from '../../base/duration.ts'
import { SessionConfigError } from '../../base/errors.ts'
import type { CommitResult, SessionResponse } from '../../request/commit.ts'
import type { SessionRequest } from '../../request/open.ts'
import { sessionsDoorOf, type SessionsDoor } from '../../sessions-door.ts'

/** What an adapter asks of sessions: those of `createSessions()` and of `createCookieSessions()` have it. */
export interface AnySessions<AnySession extends object> {
  /** Opens the session of a request. */
  open(request: SessionRequest): AnySession
  /** Stores what was changed, and says what the response needs. */
  commit(session: AnySession, response?: SessionResponse): Promise<CommitResult>
}

/** The door of sessions. Throws `SessionConfigError` for what gives none. `of`: who asks. */
export function requireSessions(of: string, sessions: unknown): SessionsDoor {
  const door = sessionsDoorOf(sessions)
  if (door !== null) return door
  throw new SessionConfigError(
    `${of} takes what createSessions() or createCookieSessions() gives, not ${show(sessions)}`,
  )
}
