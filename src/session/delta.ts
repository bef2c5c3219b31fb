import type { SessionRecord } from '../stores/store.ts'
import { type ExpiryPolicy, type ExpirySetting, expiresAt } from './expiry.ts'
import { Payload, type Unit, type UnitChanges } from './payload.ts'

/** What one request, or several one after the other, want to change about a stored session. */
export interface Delta {
  readonly units: UnitChanges
  /** The new expiry setting; `undefined` leaves it. */
  readonly expiry: ExpirySetting | undefined
  /** When the session was used, if that is to be noted down; it only rises. */
  readonly seen: number | null
  /** Write even when nothing differs. */
  readonly force: boolean
}

/** First one, then the other. Units that both change end as the later one says. */
export function combine(first: Delta, then: Delta): Delta {
  const units = new Map<Unit, string | null>([...first.units, ...then.units])
  return {
    units,
    expiry: then.expiry === undefined ? first.expiry : then.expiry,
    seen:
      first.seen === null || then.seen === null
        ? (first.seen ?? then.seen)
        : Math.max(first.seen, then.seen),
    force: first.force || then.force,
  }
}

/**
 * The record with the delta applied, or the very same record when that changes nothing. What the delta does
 * not name stays as the record has it, whoever wrote that. Throws `PayloadError` for an unreadable payload.
 */
export function applyDelta(
  record: SessionRecord,
  delta: Delta,
  policy: ExpiryPolicy,
): SessionRecord {
  const before = Payload.decode(record.data, record.key)
  const units = new Map(
    [...delta.units].filter(([unit, text]) => (before.find(unit) ?? null) !== text),
  )
  const expiry = delta.expiry === undefined ? record.expiry : delta.expiry
  const lastSeen = Math.max(record.lastSeen, delta.seen ?? 0)
  const sameExpiry = JSON.stringify(expiry) === JSON.stringify(record.expiry)
  if (units.size === 0 && sameExpiry && lastSeen === record.lastSeen && !delta.force) return record
  const times = { created: record.created, authenticated: record.authenticated, lastSeen, expiry }
  return {
    ...record,
    data: units.size === 0 ? record.data : before.with(units).encode(record.key),
    expiry,
    lastSeen,
    // Without renewed use a session keeps its time, even when the general lifetime has been raised since.
    expires: sameExpiry && lastSeen === record.lastSeen ? record.expires : expiresAt(times, policy),
  }
}
