import { hasNewId, isFoundAlive, isFoundSavable, type Loaded } from '../write/source.ts'
import type { EndReason, Found, Version } from '../record/record.ts'
import { tellEnds } from '../record/happenings.ts'
import type { SessionId } from '../record/id.ts'
import { keepsNothing, Payload, SCOPE_OF_ID, type UnitChanges } from '../record/payload.ts'
import type { Limit } from '../store/budget.ts'
import type { Mutation } from '../store/store.ts'
import { type Delta, guardedUnits } from '../write/change.ts'
import type { Latest } from '../write/chains.ts'
import type { Writer } from '../write/writer.ts'
import type { Swap } from './identity.ts'
import { isStillborn } from './lifetime.ts'
import { Minting, newRecord } from './new-record.ts'
import type { RequestState } from './state.ts'
import { unreadableSession } from '../base/store-errors.ts'
import { payloadOf } from '../record/usable.ts'

/** Outcome of a save. `'gone'`: the session ended elsewhere, and the changes of this request were dropped. */
export type SaveOutcome = 'done' | 'gone'

/** Decides which write ends a session of a request in the store. */
interface EndWriter {
  endOf(found: Found, reason: Exclude<EndReason, 'expired'>, limit: Limit): Promise<Mutation>
}

/** The writer of sessions that continue, and the one for sessions that end. */
export interface Writers {
  readonly writer: Writer
  readonly ends: EndWriter
}

/** Ends the session of the request, and stores the session that takes its place. */
export async function saveSwap(
  state: RequestState,
  asked: Swap,
  writers: Writers,
  changes: UnitChanges,
  forced: boolean,
): Promise<SaveOutcome> {
  if (!state.allowed && !asked.stands) {
    // The response could not carry the new id, and without it the user would lose the session: the session stays as it
    // was.
    state.wishes.withdraw()
    return 'done'
  }
  const { writer } = writers
  const hasCookie = state.allowed && !state.response.isDetached
  const swap = hasCookie ? asked : { ...asked, endsOnly: true }
  const units: UnitChanges = swap.endsOnly ? new Map() : changes
  const before = state.stored
  const latest = before === null ? null : await baseOf(state, before, writer)
  if (latest !== 'gone' && latest !== null) state.reread(latest)
  const base = state.stored
  const { expiry } = state.wishes
  const run = (latest: Latest): Promise<SwapResult> =>
    swapStored(state, swap, { units, expiry, force: forced }, latest ?? base ?? 'gone', writers)
  const result =
    base === null
      ? await run(null)
      : // Saves that wait in the queue behind this one need not look for the session that it ended.
        await writer.exclusive(base.record.key, run, ({ isOldGone }) =>
          isOldGone && !hasNewId(base) ? 'gone' : null,
        )
  if (result.kind === 'gone') {
    state.settleGone()
    return 'gone'
  }
  const { reason } = swap
  if (result.hasEndedOld && reason !== null) tellEnds(reason, 1)
  state.marked = result.marked
  if (result.kind === 'replaced') state.adopt(result.id, result.stored, units, expiry)
  else state.settleEnded()
  return 'done'
}

type SwapResult = {
  /** Whether the old session is known to have ended in the store. */
  readonly isOldGone: boolean
  /** Whether this save has ended it. */
  readonly hasEndedOld: boolean
} & (
  | {
      readonly kind: 'replaced'
      readonly stored: Found
      readonly id: SessionId
      /** The old record where it was marked and not deleted, so that its end has to be finished. */
      readonly marked: Found | null
    }
  | { readonly kind: 'ended'; readonly marked: Found | null }
  | { readonly kind: 'gone' }
)

/** Ends the old record and stores the new one in one commit; either of the two may be absent. */
async function swapStored(
  state: RequestState,
  swap: Swap,
  { units, expiry, force }: Pick<Delta, 'units' | 'expiry' | 'force'>,
  first: Loaded | 'gone',
  { writer, ends }: Writers,
): Promise<SwapResult> {
  const { policy, now } = state.settings
  const { stored } = state
  const minting = new Minting(state, writer)
  let old: Loaded | 'gone' = first
  let isOldGone = old === 'gone'
  let look = false
  return await writer.settle<SwapResult>(async () => {
    if (look) {
      const [known, again] = await Promise.all([
        minting.recognise(),
        stored === null ? ('gone' as const) : readAgain(stored, writer),
      ])
      if (known !== null)
        return {
          done: {
            kind: 'replaced',
            stored: known,
            id: minting.id,
            marked: null,
            isOldGone: true,
            hasEndedOld: stored !== null,
          },
        }
      old = again
      isOldGone = old === 'gone'
    }
    look = true
    if (old !== 'gone' && !isFoundSavable(old, policy, now())) old = 'gone'
    const lost = old === 'gone' && stored !== null
    if (lost && (swap.last === 'reset' || swap.last === 'cycleKey')) {
      return { done: { kind: 'gone', isOldGone, hasEndedOld: false } }
    }
    const payload = lost ? Payload.empty.with(units) : carried(state, swap, old, units)
    const wanted = !swap.endsOnly && wantsRecord(state, swap, payload, force)
    const mutations: Mutation[] = old === 'gone' ? [] : await endOf(old, swap, ends, state.budget)
    const hasEndedOld = mutations.length > 0
    const isGoneThen = isOldGone || hasEndedOld
    // A session that is gone here may still exist at its source.
    const source = old === 'gone' ? state.source?.afterwards : old.source
    const committer = source?.ending ?? null
    if (!wanted) {
      const attempt = await writer.attempt(mutations, committer)
      if (!('done' in attempt)) return attempt
      const marked = markedBy(mutations[0], attempt.done[0])
      return { done: { kind: 'ended', marked, isOldGone: isGoneThen, hasEndedOld } }
    }
    const from = old === 'gone' ? null : old.record
    const record = minting.next((key) => newRecord(state, swap, key, payload, expiry, from))
    const attempt = await writer.attempt([{ kind: 'insert', record }, ...mutations], committer)
    if (!('done' in attempt)) return attempt
    return {
      done: {
        kind: 'replaced',
        stored: { record, version: attempt.done[0] as string },
        id: minting.id,
        marked: markedBy(mutations[0], attempt.done[1]),
        isOldGone: isGoneThen,
        hasEndedOld,
      },
    }
  })
}

/**
 * The write that ends the old session. A session whose key is only cycled does not end: its old record is deleted
 * without an event.
 */
async function endOf(old: Loaded, swap: Swap, ends: EndWriter, limit: Limit): Promise<Mutation[]> {
  const { reason } = swap
  const end: Mutation =
    reason !== null && reason !== 'expired'
      ? await ends.endOf(old, reason, limit)
      : { kind: 'delete', key: old.record.key, version: old.version }
  if (!hasNewId(old)) return [end]
  // Our store has nothing to delete. But observers can only be told of an end that has a record.
  return end.kind === 'update' ? [{ kind: 'insert', record: end.record }] : []
}

function markedBy(mutation: Mutation | undefined, version: Version | undefined): Found | null {
  if (mutation?.kind !== 'update' && mutation?.kind !== 'insert') return null
  if (version === undefined) return null
  return { record: mutation.record, version }
}

/**
 * The data that continues under the new id: the data stored now, not the data that this request once read, with the
 * changes of this request on top.
 */
function carried(
  state: RequestState,
  swap: Swap,
  old: Found | 'gone',
  units: UnitChanges,
): Payload {
  const dropsAll = swap.endsOnly || swap.carry.some(({ keep }) => keepsNothing(keep))
  let payload = old === 'gone' || dropsAll ? Payload.empty : payloadOf(old.record)
  const news = state.source?.news ?? null
  if (news !== null) payload = payload.with(guardedUnits(payload, [news]))
  for (const step of swap.carry) payload = merged(payload, step).pick(step.keep)
  return merged(payload, state.wishes.data.merging(units)).without(SCOPE_OF_ID)
}

function merged(payload: Payload, { guarded, units }: Pick<Delta, 'guarded' | 'units'>): Payload {
  return payload.with(guardedUnits(payload, guarded)).with(units)
}

function wantsRecord(state: RequestState, swap: Swap, payload: Payload, force: boolean): boolean {
  // A session with a cycled key is no new session: it has to be stored, so that observers learn of its end.
  if (swap.identity !== null && isStillborn(state)) return false
  if (swap.last === 'login' || swap.last === 'cycleKey') return true
  if (!payload.isEmpty || force) return true
  return swap.last === 'reset' && state.stored !== null
}

/**
 * The record that a write starts from. While a session outlives its request (as for a WebSocket), others may have
 * renewed it, or it may have expired. So where its time seems to be over, the store is asked, without any extra time.
 */
export function baseOf(
  state: RequestState,
  stored: Loaded,
  writer: Writer,
): Loaded | Promise<Loaded | 'gone'> {
  const { policy, now } = state.settings
  const isUsable = (found: Loaded): boolean => isFoundAlive(found, policy, now())
  if (!state.response.isDetached || isUsable(stored)) return stored
  return readAgain(stored, writer).then((found) =>
    found !== 'gone' && isUsable(found) ? found : 'gone',
  )
}

/** Reads the record again of a session that the request has or had; `'gone'` where it is no longer stored. */
async function readAgain(stored: Loaded, writer: Writer): Promise<Loaded | 'gone'> {
  const found = await writer.again(stored)
  if (found === null) return 'gone'
  if (found.record !== null) return found
  throw unreadableSession(found.why)
}
