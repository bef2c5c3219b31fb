import { unreadableSession } from '../base/store-errors.ts'
import type { Mutation } from '../store/store.ts'
import type { EndReason, Found, SessionRecord, Version } from '../record/record.ts'
import type { Limit } from '../store/budget.ts'
import { type Delta, guardedUnits } from '../write/change.ts'
import { expiresAt } from '../record/expiry.ts'
import { fenceOf } from '../end/fences.ts'
import { keyOf, mintId, mintRev, type SessionId, type SessionKey } from '../record/id.ts'
import { hasNewId, isFoundAlive, isFoundSavable, type Loaded } from '../write/source.ts'
import { keepsNothing, Payload, SCOPE_OF_ID, type UnitChanges } from '../record/payload.ts'
import { NOBODY, type RequestState, type Swap } from './state.ts'
import type { Latest, Writer } from '../write/writer.ts'

/** What a save came to: `'gone'`, when the session ended elsewhere and this request's changes were dropped. */
export type SaveOutcome = 'done' | 'gone'

/** How a session that a request ends leaves the store. */
export interface EndWriter {
  endOf(found: Found, reason: Exclude<EndReason, 'expired'>, limit: Limit): Promise<Mutation>
}

/** Who stores what goes on, and who ends what does not. */
export interface Writers {
  readonly writer: Writer
  readonly ends: EndWriter
}

/** Stores whatever the request wants stored by now, these changes of its data with it, and sets what is to become of the cookie. */
export async function saveState(
  state: RequestState,
  writers: Writers,
  units: UnitChanges,
): Promise<SaveOutcome> {
  const { forced } = state
  // What the app marks while this save is under way is for the next one.
  state.forced = false
  try {
    return await saveTaken(state, writers, units, forced)
  } catch (error) {
    state.forced ||= forced
    throw error
  }
}

async function saveTaken(
  state: RequestState,
  { writer, ends }: Writers,
  units: UnitChanges,
  forced: boolean,
): Promise<SaveOutcome> {
  if (state.swap !== null) {
    return await saveSwap(state, state.swap, { writer, ends }, units, forced)
  }
  // What a session that is gone was given later is dropped: it must not turn into a new one.
  const work = forced || state.isChangedBy(units)
  if (state.gone) return work ? 'gone' : 'done'
  if (!work) return 'done'
  if (state.stored === null) return await saveNew(state, writer, units)
  const base = await baseOf(state, state.stored, writer)
  if (base === 'gone') {
    state.settleGone()
    return 'gone'
  }
  return await saveChanges(state, base, writer, units, forced)
}

/**
 * What a write goes on from. A session that outlives its request may have been renewed by others since it was read, or have
 * expired: where its time seems to be over the store is asked, and gives no time on top.
 */
async function baseOf(
  state: RequestState,
  stored: Loaded,
  writer: Writer,
): Promise<Loaded | 'gone'> {
  const { policy, now } = state.settings
  const isUsable = (found: Loaded): boolean => isFoundAlive(found, policy, now())
  if (!state.detached || isUsable(stored)) return stored
  const found = await readAgain(stored, stored.record.key, writer)
  return found !== 'gone' && isUsable(found) ? found : 'gone'
}

/** Notes down that the session was used; a failure is no failure of the request. */
export async function touchState(
  state: RequestState,
  stored: Loaded,
  writer: Writer,
): Promise<void> {
  // Its new id could not travel.
  const isNew = hasNewId(stored)
  if (isNew && !state.allowed) return
  const seen = state.settings.now()
  const touched = await writer.touch(stored, { ...NO_CHANGE, seen })
  if (touched === null) return
  state.stored = touched
  if (isNew) state.cookie = 'set'
  if (touched.record.expires !== stored.record.expires && !state.expiresAtBrowserClose)
    state.cookie = 'set'
}

const NO_CHANGE: Delta = { units: new Map(), expiry: undefined, seen: null, force: false }

async function saveChanges(
  state: RequestState,
  base: Loaded,
  writer: Writer,
  units: UnitChanges,
  forced: boolean,
): Promise<SaveOutcome> {
  const now = state.settings.now()
  const { expiry } = state
  const isNew = hasNewId(base)
  if (isNew) state.requireResponse('save() of a session that is to be brought over')
  if (isNew && !state.allowed) return 'done'
  const seen = isNew || state.isTouchDue(now) ? now : null
  const stored = await writer.update(base, { units, expiry, seen, force: forced })
  if (stored === 'gone') {
    state.settleGone()
    return 'gone'
  }
  state.settle(stored, units, expiry)
  const renewed =
    seen !== null && stored.record.expires !== base.record.expires && !state.expiresAtBrowserClose
  if (expiry !== undefined || renewed || isNew) state.cookie = 'set'
  // Another request brought it over first, and its response carries the new id.
  if (isNew && stored.record.key !== base.record.key) state.id = null
  return 'done'
}

async function saveNew(
  state: RequestState,
  writer: Writer,
  units: UnitChanges,
): Promise<SaveOutcome> {
  state.requireResponse('save() of what is not stored yet')
  if (!state.allowed || state.isStillborn) return 'done'
  const { expiry } = state
  const payload = Payload.empty.with(units)
  const minting = new Minting(state, writer)
  const stored = await writer.settle<Found>(async () => {
    const known = await minting.recognise()
    if (known !== null) return { done: known }
    const record = minting.next((key) => newRecord(state, null, key, payload, expiry, null))
    const attempt = await writer.attempt([{ kind: 'insert', record }])
    return 'done' in attempt ? { done: { record, version: attempt.done[0] as string } } : attempt
  })
  adopt(state, minting.id, stored, units, expiry)
  return 'done'
}

async function saveSwap(
  state: RequestState,
  swap: Swap,
  { writer, ends }: Writers,
  changes: UnitChanges,
  forced: boolean,
): Promise<SaveOutcome> {
  if (!state.allowed && !swap.stands) {
    // The new id could not travel, and without it the user would lose the session: it goes on as it was.
    state.swap = null
    state.staticKey = null
    state.dropChanges()
    return 'done'
  }
  if (!state.allowed || state.detached) swap.endOnly = true
  const units: UnitChanges = swap.endOnly ? new Map() : changes
  const before = state.stored
  const latest = before === null ? null : await baseOf(state, before, writer)
  if (latest !== 'gone') state.stored = latest
  const base = state.stored
  const { expiry } = state
  const run = (latest: Latest): Promise<SwapResult> =>
    swapStored(state, swap, { units, expiry, force: forced }, latest ?? base ?? 'gone', {
      writer,
      ends,
    })
  const result =
    base === null
      ? await run(null)
      : // Others that wait behind it need not look for what it ended.
        await writer.exclusive(base.record.key, run, ({ isOldGone }) =>
          isOldGone && !hasNewId(base) ? 'gone' : null,
        )
  if (result.kind === 'gone') {
    state.settleGone()
    return 'gone'
  }
  state.marked = result.marked
  if (result.kind === 'replaced') adopt(state, result.id, result.stored, units, expiry)
  else {
    state.settleEnded()
    state.cookie = 'remove'
  }
  return 'done'
}

type SwapResult = {
  /** Whether the old session is known to have ended in the store. */
  readonly isOldGone: boolean
} & (
  | {
      readonly kind: 'replaced'
      readonly stored: Found
      readonly id: SessionId
      /** The old record where it was marked and not deleted, so that somebody has to finish its end. */
      readonly marked: Found | null
    }
  | { readonly kind: 'ended'; readonly marked: Found | null }
  | { readonly kind: 'gone' }
)

/** Ends the old record and stores the new one in one commit, whichever of the two there are. */
async function swapStored(
  state: RequestState,
  swap: Swap,
  { units, expiry, force }: Pick<Delta, 'units' | 'expiry' | 'force'>,
  first: Loaded | 'gone',
  { writer, ends }: Writers,
): Promise<SwapResult> {
  const { policy, now } = state.settings
  const oldKey = state.stored?.record.key ?? null
  const minting = new Minting(state, writer)
  let old: Loaded | 'gone' = first
  let isOldGone = old === 'gone'
  let look = false
  return await writer.settle<SwapResult>(async () => {
    if (look) {
      const [known, again] = await Promise.all([
        minting.recognise(),
        oldKey === null ? ('gone' as const) : readAgain(state.stored, oldKey, writer),
      ])
      if (known !== null)
        return {
          done: { kind: 'replaced', stored: known, id: minting.id, marked: null, isOldGone: true },
        }
      old = again
      isOldGone = old === 'gone'
    }
    look = true
    if (old !== 'gone' && !isFoundSavable(old, policy, now())) old = 'gone'
    const lost = old === 'gone' && oldKey !== null
    if (lost && (swap.last === 'reset' || swap.last === 'cycleKey')) {
      return { done: { kind: 'gone', isOldGone } }
    }
    const payload = lost ? Payload.empty.with(units) : carried(state, swap, old, units)
    const wanted = !swap.endOnly && wantsRecord(state, swap, payload, force)
    const mutations: Mutation[] = old === 'gone' ? [] : await endOf(old, swap, ends, state.budget)
    const isGoneThen = isOldGone || mutations.length > 0
    // Of what is gone here, something may be left where it came from.
    const source = old === 'gone' ? state.source?.afterwards : old.source
    const committer = source?.ending ?? null
    if (!wanted) {
      const attempt = await writer.attempt(mutations, committer)
      if (!('done' in attempt)) return attempt
      const marked = markedBy(mutations[0], attempt.done[0])
      return { done: { kind: 'ended', marked, isOldGone: isGoneThen } }
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
      },
    }
  })
}

/** A session whose key is only cycled does not end: its old record vanishes without an event. */
async function endOf(old: Loaded, swap: Swap, ends: EndWriter, limit: Limit): Promise<Mutation[]> {
  const { reason } = swap
  const end: Mutation =
    reason !== null && reason !== 'expired'
      ? await ends.endOf(old, reason, limit)
      : { kind: 'delete', key: old.record.key, version: old.version }
  if (!hasNewId(old)) return [end]
  // Nothing of ours is there to be deleted. To be told of, the end needs a record.
  return end.kind === 'update' ? [{ kind: 'insert', record: end.record }] : []
}

function markedBy(mutation: Mutation | undefined, version: Version | undefined): Found | null {
  if (mutation?.kind !== 'update' && mutation?.kind !== 'insert') return null
  if (version === undefined) return null
  return { record: mutation.record, version }
}

async function readAgain(
  stored: Loaded | null,
  key: SessionKey,
  writer: Writer,
): Promise<Loaded | 'gone'> {
  const found = stored === null ? await writer.find(key) : await writer.again(stored)
  if (found === null) return 'gone'
  if (found.record !== null) return found
  throw unreadableSession(found.why)
}

/** What goes on under the new id: what is stored now, not what this request once read, and its own changes on top. */
function carried(
  state: RequestState,
  swap: Swap,
  old: Found | 'gone',
  units: UnitChanges,
): Payload {
  const dropsAll = swap.endOnly || swap.carry.some(({ keep }) => keepsNothing(keep))
  let payload =
    old === 'gone' || dropsAll ? Payload.empty : Payload.decode(old.record.data, old.record.key)
  const news = state.source?.news ?? null
  if (news !== null) payload = payload.with(guardedUnits(payload, [news]))
  for (const step of swap.carry) payload = payload.with(step.units).pick(step.keep)
  return payload.with(units).without(SCOPE_OF_ID)
}

function wantsRecord(state: RequestState, swap: Swap, payload: Payload, force: boolean): boolean {
  // A cycled key is no new session: that one has to be there, so that its end is told.
  if (swap.identity !== null && state.isStillborn) return false
  if (swap.last === 'login' || swap.last === 'cycleKey') return true
  if (!payload.isEmpty || force) return true
  return swap.last === 'reset' && state.stored !== null
}

function newRecord(
  state: RequestState,
  swap: Swap | null,
  key: SessionKey,
  payload: Payload,
  expiry: Delta['expiry'],
  old: SessionRecord | null,
): SessionRecord {
  const { policy, now, randomBytes } = state.settings
  const time = now()
  // With a new identity everything starts anew; a cycled key is all that changes otherwise.
  const goesOn = old !== null && swap !== null && swap.identity === null
  const identity = swap?.identity ?? NOBODY
  const times = {
    created: goesOn ? old.created : time,
    authenticated: goesOn ? old.authenticated : identity.authenticated,
    lastSeen: goesOn ? Math.max(time, old.lastSeen) : time,
    expiry: expiry === undefined ? (goesOn ? old.expiry : null) : expiry,
  }
  return {
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
    ...(goesOn && old.extra !== undefined && { extra: old.extra }),
  }
}

/** A session whose key is cycled belongs to the login that it began with. */
function fencesOf({ fence, fenceAll }: SessionRecord): Pick<SessionRecord, 'fence' | 'fenceAll'> {
  return { ...(fence !== undefined && { fence }), ...(fenceAll !== undefined && { fenceAll }) }
}

function adopt(
  state: RequestState,
  id: SessionId,
  stored: Found,
  saved: UnitChanges,
  expiry: Delta['expiry'],
): void {
  state.id = id
  state.gone = false
  state.cookie = 'set'
  state.settle(stored, saved, expiry)
}

/** The new id of a session, over all tries: kept while it may have been stored, drawn anew when it is taken. */
class Minting {
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

  /** What an earlier try stored after all, though its answer was lost. */
  async recognise(): Promise<Found | null> {
    if (this.#revs.size === 0) return null
    const found = await this.#writer.find(keyOf(this.id))
    if (found !== null && found.record !== null && this.#revs.has(found.record.rev)) return found
    this.id = mintId(this.#state.settings.randomBytes)
    this.#revs.clear()
    return null
  }
}
