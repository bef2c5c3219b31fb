import { changesBy, type DataChange } from '../record/root-data.ts'
import { payloadOf } from '../record/usable.ts'
import { changeStored } from '../write/read-modify-write.ts'
import { hasNewId } from '../write/source.ts'
import type { Writer } from '../write/writer.ts'
import { isStillborn, isTouchDue } from './lifetime.ts'
import { NO_CHANGE, saveNew, saveState, settleStored } from './save.ts'
import { baseOf, type SaveOutcome, type Writers } from './save-under-new-id.ts'
import type { RequestState } from './state.ts'

/**
 * Applies `change` to the stored data, with the changes of this request on top, and stores the result by one
 * conditional write. Runs `change` again when another write came in between. Afterwards the session shows the stored
 * data.
 */
export async function changeState<Data extends object>(
  state: RequestState,
  writers: Writers,
  change: DataChange<Data>,
): Promise<SaveOutcome> {
  if (state.stored !== null && hasNewId(state.stored)) {
    // A session that needs a new id is stored under it first.
    state.wishes.force()
    await saveState(state, writers, state.wishes.data.changes())
  }
  if (state.isGone) return 'gone'
  const { stored } = state
  const { writer } = writers
  if (stored === null || hasNewId(stored)) return await changeNew(state, writer, change)
  const base = await baseOf(state, stored, writer)
  if (base === 'gone') {
    state.settleGone()
    return 'gone'
  }
  const units = state.wishes.data.changes()
  const { codec } = state.wishes.data
  const merging = state.wishes.data.merging(units)
  const { expiry, isForced: force } = state.wishes
  const now = state.settings.now()
  const seen = isTouchDue(state, now) ? now : null
  const result = await changeStored(writer, state.settings, base, (record) => {
    const merged = writer.changed(base, record, { ...merging, expiry, seen, force })
    const changes = changesBy(payloadOf(merged), change, codec)
    return writer.changed(base, merged, { ...NO_CHANGE, units: changes })
  })
  if (result === 'gone') {
    state.settleGone()
    return 'gone'
  }
  state.wishes.takeForce()
  settleStored(state, { base, stored: result, units, expiry, seen })
  return 'done'
}

/** Does the same for a session that is not stored: no other request can have it, so no write can come in between. */
async function changeNew<Data extends object>(
  state: RequestState,
  writer: Writer,
  change: DataChange<Data>,
): Promise<SaveOutcome> {
  const { data, isForced } = state.wishes
  const pending = data.changes()
  const changes = changesBy(data.payload(), change, data.codec)
  const isStorable = state.stored === null && state.allowed && !isStillborn(state)
  const isWork = pending.size > 0 || changes.size > 0 || isForced
  if (!isStorable || !isWork) {
    // The session shows the changes even where nothing can be stored, as after set().
    data.apply(changes)
    return 'done'
  }
  const units = new Map([...pending, ...changes])
  const outcome = await saveNew(state, writer, units, pending)
  state.wishes.takeForce()
  return outcome
}
