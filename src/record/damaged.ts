import type { SessionKey } from './id.ts'
import { GUEST_USER, type SessionRecord } from './record.ts'

/** For a damaged record, what an event can tell of it: its key. */
export function standIn(key: SessionKey, time: number): SessionRecord {
  return {
    key,
    data: '',
    user: GUEST_USER,
    created: 0,
    lastSeen: 0,
    authenticated: null,
    expires: Math.max(0, time),
    expiry: null,
    ended: null,
    reason: null,
    rev: '',
  }
}
