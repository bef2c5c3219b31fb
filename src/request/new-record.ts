import { fenceOf } from '../end/fences.ts'
import { expiresAt } from '../record/expiry.ts'
import { keyOf, mintId, mintRev, type SessionId, type SessionKey } from '../record/id.ts'
import type { Payload } from '../record/payload.ts'
import { withProperties } from '../record/with-properties.ts'
import type { Found, SessionRecord } from '../record/record.ts'
import type { Delta } from '../write/change.ts'
import type { Writer } from '../write/writer.ts'
import { NOBODY, type Swap } from './identity.ts'
import type { RequestState } from './state.ts'

/** Makes the record for a new id. `old`: the record of the session that the request had, where it still exists. */
export function newRecord(
  state: RequestState,
  swap: Swap | null,
  key: SessionKey,
  payload: Payload,
  expiry: Delta['expiry'],
  old: SessionRecord | null,
): SessionRecord {
  const { policy, now, randomBytes, properties } = state.settings
  const time = now()
  // With a new identity all times start anew. Otherwise only the key changes.
  const goesOn = old !== null && swap !== null && swap.identity === null
  const identity = swap?.identity ?? NOBODY
  const times = {
    created: goesOn ? old.created : time,
    authenticated: goesOn ? old.authenticated : identity.authenticated,
    lastSeen: goesOn ? Math.max(time, old.lastSeen) : time,
    expiry: expiry === undefined ? (goesOn ? old.expiry : null) : expiry,
  }
  const record: SessionRecord = {
    key,
    data: payload.encode(key),
    user: goesOn ? old.user : identity.user,
    ...times,
    expires: expiresAt(times, policy),
    ended: null,
    reason: null,
    rev: mintRev(randomBytes),
    staticKey: goesOn ? (old.staticKey ?? null) : identity.staticKey,
    client: goesOn ? (old.client ?? null) : identity.client,
    ...(goesOn ? fencesOf(old) : identity.fence !== null && fenceOf(identity.fence)),
    ...(goesOn && old.properties !== undefined && { properties: old.properties }),
    ...(goesOn && old.extra !== undefined && { extra: old.extra }),
  }
  return withProperties(record, properties)
}

/** A session with a cycled key keeps the fences of its login. */
function fencesOf({ fence, fenceAll }: SessionRecord): Pick<SessionRecord, 'fence' | 'fenceAll'> {
  return { ...(fence !== undefined && { fence }), ...(fenceAll !== undefined && { fenceAll }) }
}

/** The new id of a session over all tries: kept while it may have been stored, drawn again when it is taken. */
export class Minting {
  id: SessionId
  readonly #state: RequestState
  readonly #writer: Writer
  readonly #revs = new Set<string>()

  constructor(state: RequestState, writer: Writer) {
    this.#state = state
    this.#writer = writer
    this.id = mintId(state.settings.randomBytes)
  }

  next(make: (key: SessionKey) => SessionRecord): SessionRecord {
    const record = make(keyOf(this.id))
    this.#revs.add(record.rev)
    return record
  }

  /** Finds the record that an earlier try has stored although its answer was lost. */
  async recognise(): Promise<Found | null> {
    if (this.#revs.size === 0) return null
    const found = await this.#writer.find(keyOf(this.id))
    if (found !== null && found.record !== null && this.#revs.has(found.record.rev)) return found
    this.id = mintId(this.#state.settings.randomBytes)
    this.#revs.clear()
    return null
  }
}
