import type { SessionRecord } from '../stores/store.ts'
import type { SessionKey } from './id.ts'

/** Another session, seen without its cookie. */
export interface SessionInfo {
  readonly key: SessionKey
  readonly user: string
  readonly created: Date
  /** As noted down; up to `touchEvery` behind. */
  readonly lastSeen: Date
  readonly expires: Date
}

export function infoOf({ key, user, created, lastSeen, expires }: SessionRecord): SessionInfo {
  return {
    key,
    user,
    created: new Date(created),
    lastSeen: new Date(lastSeen),
    expires: new Date(expires),
  }
}
