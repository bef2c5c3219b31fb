import { hasNewId, type Loaded } from '../write/source.ts'
import { Payload, type UnitChanges } from '../record/payload.ts'
import type { ExpirySetting, Found } from '../record/record.ts'
import type { Delta } from '../write/change.ts'
import type { Writer } from '../write/writer.ts'
import { baseOf, type SaveOutcome, saveSwap, type Writers } from './save-under-new-id.ts'
import { expiresAtBrowserClose, isStillborn, isTouchDue } from './lifetime.ts'
import { Minting, newRecord } from './new-record.ts'
import type { RequestState } from './state.ts'

/**
 * Stores everything that the request has asked for so far, including these changes of its data, and decides about the
 * cookie of the response.
 */
export function saveState(
  state: RequestState,
  writers: Writers,
  units: UnitChanges,
): Promise<SaveOutcome> {
  const forced = state.wishes.takeForce()
  const saving = saveTaken(state, writers, units, forced)
  if (!forced) return saving
  return saving.catch((error: unknown) => {
    state.wishes.force()
    throw error
  })
}

async function saveTaken(
  state: RequestState,
  writers: Writers,
  units: UnitChanges,
  forced: boolean,
): Promise<SaveOutcome> {
  const { swap } = state.wishes
  if (swap !== null) return await saveSwap(state, swap, writers, units, forced)
  const { writer } = writers
  // Later changes of a session that is gone are dropped: they must not become a new session.
  const touched = state.wishes.isTouched && state.stored !== null
  const work = forced || touched || state.isChangedBy(units)
  if (state.isGone) return work ? 'gone' : 'done'
  if (!work) return 'done'
  if (state.stored === null) return await saveNew(state, writer, units)
  const base = await baseOf(state, state.stored, writer)
  if (base === 'gone') {
    state.settleGone()
    return 'gone'
  }
  return await saveChanges(state, base, writer, units, forced)
}

/** Stores that the session was used. A conflict with another write is no error. */
export async function touchState(
  state: RequestState,
  stored: Loaded,
  writer: Writer,
): Promise<void> {
  // Without a cookie the client would never get the new id, so nothing is stored.
  const isNew = hasNewId(stored)
  if (isNew && !state.allowed) return
  const seen = state.settings.now()
  const touched = await writer.touch(stored, { ...NO_CHANGE, seen })
  if (touched === null) return
  state.reread(touched)
  const isRenewed = touched.record.expires !== stored.record.expires
  if (isNew || (isRenewed && !expiresAtBrowserClose(state))) state.response.sendCookie()
}

export const NO_CHANGE: Delta = { units: new Map(), expiry: undefined, seen: null, force: false }

async function saveChanges(
  state: RequestState,
  base: Loaded,
  writer: Writer,
  units: UnitChanges,
  forced: boolean,
): Promise<SaveOutcome> {
  const now = state.settings.now()
  const { expiry } = state.wishes
  const isNew = hasNewId(base)
  if (isNew) state.response.require('save() of a session that has to move to this store')
  if (isNew && !state.allowed) return 'done'
  const seen = isNew || isTouchDue(state, now) ? now : null
  const merging = state.wishes.data.merging(units)
  const stored = await writer.update(base, { ...merging, expiry, seen, force: forced })
  if (stored === 'gone') {
    state.settleGone()
    return 'gone'
  }
  settleStored(state, { base, stored, units, expiry, seen })
  if (isNew) state.response.sendCookie()
  // Another request has moved the session to our store first, and its response carries the new id.
  if (isNew && stored.record.key !== base.record.key) state.leaveIdToOther()
  return 'done'
}

/** Takes over the stored record, and sends the cookie again where its lifetime has changed. */
export function settleStored(
  state: RequestState,
  {
    base,
    stored,
    units,
    expiry,
    seen,
  }: {
    readonly base: Loaded
    readonly stored: Loaded
    /** The changes of this request that went into the record. */
    readonly units: UnitChanges
    readonly expiry: ExpirySetting | undefined
    readonly seen: number | null
  },
): void {
  state.settle(stored, units, expiry)
  const renewed =
    seen !== null && stored.record.expires !== base.record.expires && !expiresAtBrowserClose(state)
  if (expiry !== undefined || renewed) state.response.sendCookie()
}

/**
 * Stores a new session. `saved`: only those `units` that are changes of this request. Default: all.
 */
export async function saveNew(
  state: RequestState,
  writer: Writer,
  units: UnitChanges,
  saved: UnitChanges = units,
): Promise<SaveOutcome> {
  state.response.require('save() of a session that is not stored yet')
  if (!state.allowed || isStillborn(state)) return 'done'
  const { expiry } = state.wishes
  const payload = Payload.empty.with(units)
  const minting = new Minting(state, writer)
  const stored = await writer.settle<Found>(async () => {
    const known = await minting.recognise()
    if (known !== null) return { done: known }
    const record = minting.next((key) => newRecord(state, null, key, payload, expiry, null))
    const attempt = await writer.attempt([{ kind: 'insert', record }])
    return 'done' in attempt ? { done: { record, version: attempt.done[0] as string } } : attempt
  })
  state.adopt(minting.id, stored, saved, expiry)
  return 'done'
}
