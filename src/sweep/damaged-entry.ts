import type { SessionKey } from '../record/id.ts'
import { type Found, GUEST_USER, type SessionRecord, type Unreadable } from '../record/record.ts'
import type { Problems } from '../end/problems.ts'

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

/** What a sweep ends in the place of a record that cannot be read; the log hears of it. */
export function standInFor(
  { key, version, why }: Unreadable,
  time: number,
  problems: Problems,
): Found {
  problems.note({
    message:
      'stored sessions that cannot be read have expired; their events tell no more than their keys',
    of: 'sweep',
    example: { key, why },
  })
  return { record: standIn(key, time), version }
}
