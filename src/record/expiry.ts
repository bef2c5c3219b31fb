import type { SessionRecord } from './record.ts'

/**
 * The largest tolerated difference between two clocks, in milliseconds. A session is swept only this long after its
 * stored expiry. A request that loaded it alive may still save within half of this time, so that the two never overlap.
 */
export const LEEWAY: number = 5 * 60 * 1000

/** The time limits of a deployment, in milliseconds. */
export interface ExpiryPolicy {
  readonly lifetime: number
  readonly absoluteLifetime: number
  readonly touchEvery: number
}

type Times = Pick<SessionRecord, 'created' | 'authenticated' | 'lastSeen' | 'expiry'>

/** Returns when a session with these times ends under the current policy, in milliseconds since the epoch. */
export function expiresAt(times: Times, policy: ExpiryPolicy): number {
  const absolute = (times.authenticated ?? times.created) + policy.absoluteLifetime
  const { expiry } = times
  if (expiry?.kind === 'fixed') return Math.min(expiry.at, absolute)
  const idle = expiry?.kind === 'idle' ? expiry.duration : policy.lifetime
  return Math.min(times.lastSeen + idle, absolute)
}

/** Returns the last millisecond in which the record is alive: the stored expiry and the current policy both apply. */
function aliveUntil(record: SessionRecord, policy: ExpiryPolicy): number {
  return Math.min(record.expires, expiresAt(record, policy))
}

/** Whether a request that arrives now may use the record. */
export function isAlive(record: SessionRecord, policy: ExpiryPolicy, now: number): boolean {
  return record.ended === null && now <= aliveUntil(record, policy)
}

/** Whether a request that loaded the record alive may still save it, even if it has expired since. */
export function isSavable(record: SessionRecord, policy: ExpiryPolicy, now: number): boolean {
  return record.ended === null && now <= aliveUntil(record, policy) + LEEWAY / 2
}

/**
 * Whether `lastSeen` is old enough to justify a write. A session with its own idle limit is renewed after a tenth of
 * it.
 */
export function isTouchDue(record: SessionRecord, policy: ExpiryPolicy, now: number): boolean {
  const own =
    record.expiry?.kind === 'idle' ? record.expiry.duration / 10 : Number.POSITIVE_INFINITY
  return now - record.lastSeen >= Math.min(policy.touchEvery, own)
}
