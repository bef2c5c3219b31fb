import type { ClientHints, SessionRecord } from './record.ts'
import type { SessionKey } from './id.ts'

/** Another session, seen without its cookie. */
export interface SessionInfo {
  readonly key: SessionKey
  readonly user: string
  readonly created: Date
  /** As noted down; up to `touchEvery` behind. */
  readonly lastSeen: Date
  readonly expires: Date
  /** Where the user logged in from, when `login()` was asked to keep it. */
  readonly client?: ClientHints
}

export function infoOf(record: SessionRecord): SessionInfo {
  const { key, user, created, lastSeen, expires, client } = record
  return {
    key,
    user,
    created: new Date(created),
    lastSeen: new Date(lastSeen),
    expires: new Date(expires),
    ...(client && { client }),
  }
}
