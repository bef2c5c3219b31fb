import { AsyncLocalStorage } from 'node:async_hooks'
import { type Duration, parseDuration } from '../base/duration.ts'
import { SessionConfigError, SessionError, SessionGoneError } from '../base/errors.ts'
import { checkOptions, namesOf, wrongOption } from '../base/option-checks.ts'
import { unreadableSession } from '../base/store-errors.ts'
import type { SessionKey } from '../record/id.ts'
import type { SessionStore } from '../store/store.ts'
import { Lease, type LeaseStore, lostError, takenError } from '../write/lease.ts'
import { LONGEST_LEASE } from '../write/lease-note.ts'
import { hasNewId, isFoundAlive, type Loaded } from '../write/source.ts'
import type { Writer } from '../write/writer.ts'
import type { RequestSettings } from './settings.ts'
import type { RequestState } from './state.ts'

/** Options of `exclusive()`. */
export interface ExclusiveOptions {
  /** How long to wait while others hold the session; 0: not at all. At most an hour. Default `'10s'`. */
  readonly wait?: Duration
  /** How long the function may run until others may take over. At most an hour. Default `'30s'`. */
  readonly lease?: Duration
}

const OPTIONS = namesOf<ExclusiveOptions>({ wait: true, lease: true })

/** The function that runs while no other `exclusive()` of the session does. */
export type ExclusiveWork<Result> = (signal: AbortSignal) => Result | Promise<Result>

export interface ExclusiveParts {
  readonly settings: RequestSettings
  readonly writer: Writer
  save(state: RequestState): Promise<'done' | 'gone'>
}

/** The sessions that this chain of asynchronous calls holds, the last one first. */
interface Held {
  readonly state: RequestState
  readonly outer: Held | undefined
}

const held = new AsyncLocalStorage<Held>()

/** See `Session.exclusive()`. */
export async function runExclusive<Result>(
  parts: ExclusiveParts,
  state: RequestState,
  work: ExclusiveWork<Result>,
  options: ExclusiveOptions,
): Promise<Result> {
  const times = timesFrom(options)
  const store = leaseStoreFrom(parts.settings.store)
  refuseNested(state)
  await state.response.begun.turn()
  await saveBefore(parts, state)
  const { stored } = state
  const begun = parts.settings.now()
  // No other request can have a session that is not stored; calls of this request run one after the other.
  if (stored === null) {
    const before = alone.get(state)
    if (before === undefined) return await runAlone(parts, state, work, times.lease)
    await within(before, times.wait)
    const wait = Math.max(0, times.wait - (parts.settings.now() - begun))
    if (alone.get(state) === before) throw takenError(times.wait)
    // The session may be stored by now.
    return await runExclusive(parts, state, work, { ...times, wait })
  }
  const { key } = stored.record
  const endTurn = await nextTurn(store, key, times.wait)
  try {
    const wait = Math.max(0, times.wait - (parts.settings.now() - begun))
    const clock = new LeaseClock(times.lease)
    const lease = await Lease.take(store, parts.settings, key, { ...times, wait })
    clock.start(endTurn)
    try {
      return await runUnder(parts, state, lease, () =>
        held.run({ state, outer: held.getStore() }, () => work(clock.signal)),
      )
    } finally {
      clock.stop()
    }
  } finally {
    endTurn()
  }
}

/** Stores the earlier changes first, and moves a session from its source to our store. */
async function saveBefore({ save }: ExclusiveParts, state: RequestState): Promise<void> {
  if (state.isGone) throw new SessionGoneError()
  const { stored } = state
  if (stored !== null && hasNewId(stored)) state.wishes.force()
  if (state.changed && (await save(state)) === 'gone') throw new SessionGoneError()
  const source = state.stored?.source ?? null
  if (source === null || (source.storing === null && source.ending === null)) return
  throw new SessionConfigError(
    'exclusive() does not work for sessions that another system uses at the same time: that system does not know the lease',
  )
}

/** The `exclusive()` calls that run on sessions which are not stored. */
const alone = new WeakMap<RequestState, Promise<void>>()

async function runAlone<Result>(
  { save }: ExclusiveParts,
  state: RequestState,
  work: ExclusiveWork<Result>,
  lease: number,
): Promise<Result> {
  const clock = new LeaseClock(lease)
  let end = (): void => {}
  const own = new Promise<void>((resolve) => {
    end = () => {
      if (alone.get(state) === own) alone.delete(state)
      resolve()
    }
  })
  alone.set(state, own)
  clock.start(end)
  try {
    const result = await held.run({ state, outer: held.getStore() }, () => work(clock.signal))
    await state.response.begun.turn()
    if (state.changed && (await save(state)) === 'gone') throw new SessionGoneError()
    return result
  } catch (error) {
    state.wishes.withdraw()
    throw error
  } finally {
    clock.stop()
    end()
  }
}

async function runUnder<Result>(
  parts: ExclusiveParts,
  state: RequestState,
  lease: Lease,
  work: () => Result | Promise<Result>,
): Promise<Result> {
  state.lease = lease
  try {
    await reload(parts.writer, state)
    const result = await work()
    await state.response.begun.turn()
    // A later call of this session object has taken over. Its lease must not cover the changes of this call.
    if (state.lease !== lease) throw lostError()
    lease.letGo()
    const isWork = state.changed
    if (isWork && (await parts.save(state)) === 'gone') throw new SessionGoneError()
    if ((await lease.release()) === 'lost' && !isWork) throw lostError()
    return result
  } catch (error) {
    // Changes that were not stored under the lease must not be stored without it. Changes under another lease belong to
    // the later call.
    if (state.lease === lease || state.lease === null) state.wishes.withdraw()
    await lease.release()
    throw error
  } finally {
    if (state.lease === lease) state.lease = null
  }
}

/** Loads the session as the previous holders have left it. */
async function reload(writer: Writer, state: RequestState): Promise<void> {
  const { stored } = state
  if (stored === null) return
  const found = await writer.within(state.budget).again(stored)
  if (found !== null && found.record === null) throw unreadableSession(found.why)
  const { policy, now } = state.settings
  if (found === null || !isFoundAlive(found as Loaded, policy, now())) {
    state.settleGone()
    throw new SessionGoneError()
  }
  state.refresh(found as Loaded)
}

/** Fires the signal of the function when its lease runs out. */
class LeaseClock {
  readonly #controller = new AbortController()
  readonly #lease: number
  #timer: NodeJS.Timeout | null = null

  constructor(lease: number) {
    this.#lease = lease
  }

  get signal(): AbortSignal {
    return this.#controller.signal
  }

  /** Starts the time of the lease. `then`: called when the lease runs out. */
  start(then: () => void): void {
    this.#timer = setTimeout(() => {
      then()
      this.#controller.abort(
        new SessionError('the lease of exclusive() has run out: other requests may take over'),
      )
    }, this.#lease)
    this.#timer.unref?.()
  }

  stop(): void {
    if (this.#timer !== null) clearTimeout(this.#timer)
  }
}

/** The last waiting call of this process for each session, by its key: a call lines up behind it at once. */
const queues = new WeakMap<SessionStore, Map<SessionKey, Promise<void>>>()

/**
 * Waits for the earlier calls of this process, but at most for `wait` milliseconds. Returns the function that ends the
 * turn of this call.
 */
async function nextTurn(store: SessionStore, key: SessionKey, wait: number): Promise<() => void> {
  const queue = queues.get(store) ?? new Map<SessionKey, Promise<void>>()
  queues.set(store, queue)
  const before = queue.get(key)
  let end = (): void => {}
  const own = new Promise<void>((resolve) => {
    end = resolve
  })
  const behind = before === undefined ? own : before.then(() => own)
  queue.set(key, behind)
  void behind.then(() => {
    if (queue.get(key) === behind) queue.delete(key)
  })
  if (before !== undefined) await within(before, wait)
  return end
}

/** A call that has waited in vain still asks for the lease, so that its error names the holder. */
function within(before: Promise<void>, wait: number): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, wait)
    void before.then(() => {
      clearTimeout(timer)
      resolve()
    })
  })
}

/**
 * Refuses a nested call, which would wait for itself. Another session object of the same session waits like any other
 * request.
 */
function refuseNested(state: RequestState): void {
  for (let each = held.getStore(); each !== undefined; each = each.outer) {
    if (each.state !== state) continue
    throw new SessionError(
      'exclusive() within exclusive() of the same session: the outer call holds the session already, so call the function directly',
    )
  }
}

function leaseStoreFrom(store: SessionStore): LeaseStore {
  if (typeof store.writeWithNote === 'function') return store as LeaseStore
  throw new SessionConfigError(
    `exclusive() needs a store with writeWithNote(), which ${store.name} does not have`,
  )
}

function timesFrom(options: ExclusiveOptions): { wait: number; lease: number } {
  checkOptions('exclusive()', options, OPTIONS)
  const { wait = '10s', lease = '30s' } = options
  const times = { wait: parseDuration(wait), lease: parseDuration(lease) }
  if (times.wait === null || times.wait > LONGEST_LEASE) {
    throw wrongOption('exclusive(): wait', 'must be a duration of at most an hour', wait)
  }
  if (times.lease === null || times.lease < 1 || times.lease > LONGEST_LEASE) {
    throw wrongOption(
      'exclusive(): lease',
      'must be a duration above 0 and of at most an hour',
      lease,
    )
  }
  return { wait: times.wait, lease: times.lease }
}
