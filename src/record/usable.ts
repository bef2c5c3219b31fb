import { sessionForOthers, unreadableSession } from '../base/store-errors.ts'
import type { SessionStoreError } from '../base/errors.ts'
import { type ExpiryPolicy, isAlive } from './expiry.ts'
import type { SessionKey } from './id.ts'
import { timeProblem } from './limits.ts'
import { Payload, PayloadError } from './payload.ts'
import type { Found, SessionRecord, Unreadable } from './record.ts'

/** What a stored session is to a request that comes now. */
export type Use =
  | { readonly is: 'usable'; readonly found: Found; readonly payload: Payload }
  | { readonly is: 'ended' | 'expired' }
  /** `why`: what is wrong with it, without any of its content. */
  | { readonly is: 'unreadable'; readonly key: SessionKey; readonly why: string }

/** Whether a request that comes now may use the session, as far as its times say. */
export function isUsable(record: SessionRecord, policy: ExpiryPolicy, now: number): boolean {
  return timeProblem(record, now) === null && isAlive(record, policy, now)
}

/**
 * What the session is to a request that comes now, taken apart. `aliveUntil`: its last instant in milliseconds, where
 * something else than its record says so. Throws `SessionStoreError` for one that a later release wrote, or whose key is lacking: it is not
 * unreadable but ahead of us, and another instance of this deployment can read it.
 */
export function useOf(
  found: Found | Unreadable,
  policy: ExpiryPolicy,
  now: number,
  aliveUntil: number | null = null,
): Use {
  if (found.record === null) return { is: 'unreadable', key: found.key, why: found.why }
  const { record } = found
  const { key } = record
  if (record.ended !== null) return { is: 'ended' }
  const problem = timeProblem(record, now)
  if (problem !== null) return { is: 'unreadable', key, why: problem }
  const isInTime = aliveUntil === null ? isAlive(record, policy, now) : now <= aliveUntil
  if (!isInTime) return { is: 'expired' }
  try {
    return { is: 'usable', found, payload: Payload.decode(record.data, key) }
  } catch (cause) {
    if (!(cause instanceof PayloadError)) throw cause
    if (cause.forOthers) throw sessionForOthers(cause.message, cause)
    return { is: 'unreadable', key, why: cause.message }
  }
}

/** The payload of a session that is to be written again. Throws `SessionStoreError` for one that cannot be read. */
export function payloadOf({ data, key }: SessionRecord): Payload {
  try {
    return Payload.decode(data, key)
  } catch (cause) {
    throw cause instanceof PayloadError ? unreadable(cause) : cause
  }
}

/** Why a stored session cannot be gone on with, for whoever waits for that. */
export function unreadable(cause: PayloadError): SessionStoreError {
  const because = cause.forOthers ? sessionForOthers : unreadableSession
  return because(cause.message, cause)
}
