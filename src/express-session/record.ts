import type { Clock } from '../base/clock.ts'
import type { Troubles } from '../record/diagnostics.ts'
import { type ExpiryPolicy, expiresAt, isAlive } from '../record/expiry.ts'
import { type Fence, fenceOf } from '../end/fences.ts'
import { mintRev, type RandomBytes, type SessionKey } from '../record/id.ts'
import { Payload } from '../record/payload.ts'
import { type Found, GUEST_USER, type SessionRecord, type Unreadable } from '../record/record.ts'
import { useOf } from '../record/usable.ts'
import type { Loaded } from '../write/source.ts'
import { COOKIE_UNIT } from './cookie.ts'
import type { Wanted } from './view.ts'

/** The settings that records depend on. */
export interface RecordSettings {
  readonly policy: ExpiryPolicy
  readonly now: Clock
  readonly randomBytes: RandomBytes
  readonly troubles: Troubles
}

/** A usable session, with its decoded data. */
export interface Readable {
  readonly found: Loaded
  readonly payload: Payload
}

/** Makes the record of a new session. */
export function recordOf(
  key: SessionKey,
  wanted: Wanted,
  { policy, now, randomBytes }: RecordSettings,
  fence: Fence | null = null,
): SessionRecord {
  const { units, text, expiry, seen } = wanted
  const user = wanted.user ?? GUEST_USER
  const times = {
    created: Math.min(now(), seen),
    authenticated: user === GUEST_USER ? null : seen,
    lastSeen: seen,
    expiry,
  }
  const cookie = text === null ? [] : [[COOKIE_UNIT, text] as const]
  return {
    key,
    data: Payload.empty.with(new Map([...cookie, ...units])).encode(key),
    user,
    ...times,
    expires: expiresAt(times, policy),
    ended: null,
    reason: null,
    outside: true,
    life: mintRev(randomBytes),
    ...(fence !== null && fenceOf(fence)),
    rev: mintRev(randomBytes),
  }
}

/** Returns the decoded record, or `null` when it cannot be used. A damaged record is reported to the log. */
export function readableOf(
  found: Found | Unreadable | null,
  settings: RecordSettings,
): Readable | null {
  if (found === null) return null
  const { troubles, policy, now } = settings
  const use = useOf(found, policy, now())
  if (use.is === 'usable') return use
  if (use.is === 'unreadable') {
    troubles.report({ kind: 'unreadable', key: use.key, why: use.why })
  }
  return null
}

/** Whether a request that comes now may use the session. */
export function isAliveNow(record: SessionRecord, { policy, now }: RecordSettings): boolean {
  return isAlive(record, policy, now())
}
