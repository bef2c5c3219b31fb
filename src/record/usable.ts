import { sessionForOthers, unreadableSession } from '../base/store-errors.ts'
import { type ExpiryPolicy, isAlive } from './expiry.ts'
import type { SessionKey } from './id.ts'
import { timeProblem } from './limits.ts'
import { Payload, PayloadError } from './payload.ts'
import type { Found, SessionRecord, Unreadable } from './record.ts'

/** The state of a stored session for a request that arrives now. */
export type Use =
  | { readonly is: 'usable'; readonly found: Found; readonly payload: Payload }
  | { readonly is: 'ended' | 'expired' }
  /** `why`: the reason, without any content of the session. */
  | { readonly is: 'unreadable'; readonly key: SessionKey; readonly why: string }

/** Whether the times of the session allow a request that arrives now to use it. */
export function isUsable(record: SessionRecord, policy: ExpiryPolicy, now: number): boolean {
  return timeProblem(record, now) === null && isAlive(record, policy, now)
}

/**
 * Decides the state of the session for a request that arrives now, and decodes it. `aliveUntil`: its last millisecond,
 * if this does not come from the record. Throws `SessionStoreError` for a session of a later release, or one whose
 * encryption key is missing here: it is intact, and another instance of the deployment can read it.
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

/** Decodes the payload of a session that will be written again. Throws `SessionStoreError` if it cannot be read. */
export function payloadOf({ data, key }: SessionRecord): Payload {
  try {
    return Payload.decode(data, key)
  } catch (cause) {
    if (!(cause instanceof PayloadError)) throw cause
    throw (cause.forOthers ? sessionForOthers : unreadableSession)(cause.message, cause)
  }
}
