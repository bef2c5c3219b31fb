import type { SessionRecord } from './record.ts'

/**
 * How far two clocks may be apart. A session is swept only this long after its stored expiry, and a
 * request that loaded it alive may still save within half of it, so the two can never overlap.
 */
export const LEEWAY: number = 5 * 60 * 1000

/** The limits of a deployment, in milliseconds. */
export interface ExpiryPolicy {
  readonly lifetime: number
  readonly absoluteLifetime: number
  readonly touchEvery: number
}

type Times = Pick<SessionRecord, 'created' | 'authenticated' | 'lastSeen' | 'expiry'>

/** When a session with these times ends by today's rules, in milliseconds since the epoch. */
export function expiresAt(times: Times, policy: ExpiryPolicy): number {
  const absolute = (times.authenticated ?? times.created) + policy.absoluteLifetime
  const { expiry } = times
  if (expiry?.kind === 'fixed') return Math.min(expiry.at, absolute)
  const idle = expiry?.kind === 'idle' ? expiry.duration : policy.lifetime
  return Math.min(times.lastSeen + idle, absolute)
}

/** The last millisecond at which the record is alive: what was stored and today's rules both bind. */
function aliveUntil(record: SessionRecord, policy: ExpiryPolicy): number {
  return Math.min(record.expires, expiresAt(record, policy))
}

/** Whether the record may be used by a request that arrives now. */
export function isAlive(record: SessionRecord, policy: ExpiryPolicy, now: number): boolean {
  return record.ended === null && now <= aliveUntil(record, policy)
}

/** Whether a request that loaded the record alive may still save it, though its time ran out meanwhile. */
export function isSavable(record: SessionRecord, policy: ExpiryPolicy, now: number): boolean {
  return record.ended === null && now <= aliveUntil(record, policy) + LEEWAY / 2
}

/** Whether `lastSeen` is old enough to be worth a write. A short idle limit of its own is renewed in tenths. */
export function isTouchDue(record: SessionRecord, policy: ExpiryPolicy, now: number): boolean {
  const own =
    record.expiry?.kind === 'idle' ? record.expiry.duration / 10 : Number.POSITIVE_INFINITY
  return now - record.lastSeen >= Math.min(policy.touchEvery, own)
}
