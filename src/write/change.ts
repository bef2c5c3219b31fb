import { type ExpirySetting, GUEST_USER, type SessionRecord } from '../record/record.ts'
import { type ExpiryPolicy, expiresAt } from '../record/expiry.ts'
import type { Payload, Unit, UnitChanges } from '../record/payload.ts'
import { payloadOf } from '../record/usable.ts'

/** Changes that apply only if a unit still has the given text. */
export interface Guarded {
  readonly unit: Unit
  /** `null`: the unit does not exist. */
  readonly text: string | null
  readonly units: UnitChanges
}

/** Changes of a stored session by one request, or by several requests one after the other. */
export interface Delta {
  readonly units: UnitChanges
  /** Conditional changes, applied before `units`. */
  readonly guarded?: readonly Guarded[]
  /** The new expiry setting; `undefined` leaves it. */
  readonly expiry: ExpirySetting | undefined
  /** The time of use that shall be stored; `null` for none. The stored time only rises. */
  readonly seen: number | null
  /** The new user, if the user can change without a new id; absent leaves it. */
  readonly user?: string
  /** The fences of that user; absent: no kill has raised them yet. */
  readonly fence?: Pick<SessionRecord, 'fence' | 'fenceAll'>
  /** Write even if nothing differs. */
  readonly force: boolean
}

/** Combines two deltas. For a unit that both change, the later one wins. */
export function combine(first: Delta, then: Delta): Delta {
  const units = new Map<Unit, string | null>([...first.units, ...then.units])
  const { user, fence } = then.user === undefined ? first : then
  const guarded = [...(first.guarded ?? []), ...(then.guarded ?? [])]
  return {
    ...(user !== undefined && { user }),
    ...(fence !== undefined && { fence }),
    ...(guarded.length > 0 && { guarded }),
    units,
    expiry: then.expiry === undefined ? first.expiry : then.expiry,
    seen:
      first.seen === null || then.seen === null
        ? (first.seen ?? then.seen)
        : Math.max(first.seen, then.seen),
    force: first.force || then.force,
  }
}

/** Returns the changes whose condition holds. Later changes are applied on top of earlier ones. */
export function guardedUnits(before: Payload, guarded: readonly Guarded[] = []): UnitChanges {
  const wanted = new Map<Unit, string | null>()
  for (const { unit, text, units } of guarded) {
    const present = wanted.has(unit) ? wanted.get(unit) : (before.find(unit) ?? null)
    if (present === text) for (const [inner, value] of units) wanted.set(inner, value)
  }
  return wanted
}

/**
 * Returns the record with the delta applied, or the same object if nothing changes. Everything that the delta does not
 * name stays as it is in the record. Throws `SessionStoreError` for an unreadable payload.
 */
export function applyDelta(
  record: SessionRecord,
  delta: Delta,
  policy: ExpiryPolicy,
): SessionRecord {
  const before = payloadOf(record)
  const { guarded } = delta
  const wanted =
    guarded === undefined
      ? delta.units
      : new Map([...guardedUnits(before, guarded), ...delta.units])
  const units = differing(before, wanted)
  const expiry = delta.expiry === undefined ? record.expiry : delta.expiry
  const lastSeen = Math.max(record.lastSeen, delta.seen ?? 0)
  const sameExpiry =
    expiry === record.expiry || JSON.stringify(expiry) === JSON.stringify(record.expiry)
  const user = delta.user ?? record.user
  const sameUser = user === record.user
  if (units.size === 0 && sameExpiry && sameUser && lastSeen === record.lastSeen && !delta.force)
    return record
  const authenticated = sameUser ? record.authenticated : user === GUEST_USER ? null : lastSeen
  const times = { created: record.created, authenticated, lastSeen, expiry }
  return {
    ...(sameUser ? record : { ...withoutFence(record), ...delta.fence }),
    user,
    authenticated,
    data: units.size === 0 ? record.data : before.with(units).encode(record.key),
    expiry,
    lastSeen,
    // Without renewed use a session keeps its expiry, even if the general lifetime was raised since.
    expires: sameExpiry && lastSeen === record.lastSeen ? record.expires : expiresAt(times, policy),
  }
}

/** The changes that the payload does not show yet. */
function differing(before: Payload, wanted: UnitChanges): UnitChanges {
  const isNew = (unit: Unit, text: string | null): boolean => (before.find(unit) ?? null) !== text
  for (const [unit, text] of wanted) {
    if (!isNew(unit, text)) return new Map([...wanted].filter((change) => isNew(...change)))
  }
  return wanted
}

function withoutFence(record: SessionRecord): SessionRecord {
  const { fence: _fence, fenceAll: _fenceAll, ...others } = record
  return others
}
