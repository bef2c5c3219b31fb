import type { SessionKey } from '../record/id.ts'
import { type Found, GUEST_USER, type SessionRecord, type Unreadable } from '../record/record.ts'
import type { Problems } from '../end/problems.ts'

/** Makes a record in place of a damaged one. Only its key is real. */
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

/** Returns a record that a sweep ends in place of an unreadable one, and notes the problem. */
export function standInFor(
  { key, version, why }: Unreadable,
  time: number,
  problems: Problems,
): Found {
  problems.note({
    message:
      'stored sessions that cannot be read have expired; their events contain only their keys',
    of: 'sweep',
    example: { key, why },
  })
  return { record: standIn(key, time), version }
}
