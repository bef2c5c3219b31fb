import type { Json } from '../base/json.ts'
import { LEEWAY } from '../record/expiry.ts'
import type { SessionStore } from '../store/store.ts'
import { freshLane, type Lane, type RunState } from './run.ts'

/** The times up to which shards are known to be empty, so that a sweep skips the ranges that earlier ones emptied. */
interface State {
  readonly v: 1
  /** The largest number of shards that was ever used: sessions of that time stay in their shards. */
  shards: number
  /** The time for each shard, in milliseconds. */
  low: Record<string, number>
  /** When a run last read from the very start. */
  full: number
}

/** The names of the notes: for sessions, for sessions whose id came from outside, and for security keys. */
export type WatermarksName = 'watermarks' | 'watermarks:keys' | 'watermarks:outside'

/** The number of values of two hex digits. */
const MAX_SHARDS = 256

/** The time between two runs from the very start, which find sessions left by wrong clocks or restored backups. */
const FULL_EVERY = 7 * 24 * 60 * 60 * 1000

/** The low watermarks of an expiry index. They only save work: no session is lost without them. */
export class Watermarks {
  readonly #store: SessionStore
  readonly #name: WatermarksName

  constructor(store: SessionStore, name: WatermarksName = 'watermarks') {
    this.#store = store
    this.#name = name
  }

  /**
   * Returns the lanes of a sweep: every shard that was ever used, each from the time up to which it is known to be
   * empty.
   */
  async lanes(now: number, after: number | null): Promise<Lane[]> {
    const { state } = await this.#read()
    // Watermarks by a clock that was ahead say nothing about sessions that expire later.
    const isFull = now - state.full >= FULL_EVERY || isAhead(state, now)
    return Array.from({ length: state.shards }, (_, shard) =>
      freshLane(
        shard,
        after ?? (isFull ? null : (state.low[shard] ?? null)),
        this.#name === 'watermarks:outside',
      ),
    )
  }

  /** Whether watermarks were ever stored. */
  async areKept(): Promise<boolean> {
    return (await this.#read()).recorded > 0
  }

  /** Returns the time up to which a shard is known to be empty, in milliseconds. */
  async low(shard: number, now: number): Promise<number | null> {
    const { state } = await this.#read()
    return isAhead(state, now) ? null : (state.low[shard] ?? null)
  }

  /** Stores the present number of shards, so that they are still swept when there are fewer later. */
  async recordShards(): Promise<void> {
    const { recorded } = await this.#read()
    if (recorded >= this.#store.shards) return
    // `#read` takes the store's own number into the state, so that nothing else has to change.
    await this.#change(() => {})
  }

  /** Records the ranges that a finished sweep has emptied. */
  async passed({ query, started }: RunState, lanes: readonly Lane[]): Promise<void> {
    if (query.select !== 'expired' || query.after !== null || lanes.length === 0) return
    await this.#change((state) => {
      for (const { shard, after, clean, done } of lanes) {
        if (shard === null || !done) continue
        const low = state.low[shard] ?? null
        // A run from the very start replaces any earlier watermark.
        if (clean) state.low[shard] = Math.max(after === null ? 0 : (low ?? 0), query.before)
        // A full run has found a session below the watermark: the next sweep has to find it too.
        else if (after === null) delete state.low[shard]
        else if (low !== null) state.low[shard] = Math.min(low, after)
      }
      // `query.before` is computed a few calls before `started`, so this allows a little more than LEEWAY.
      const isWhole = query.before >= started - 2 * LEEWAY
      if (isWhole && lanes.every(({ after }) => after === null)) state.full = started
    })
  }

  async #read(): Promise<{ state: State; version: string | null; recorded: number }> {
    const note = await this.#store.notes.get(this.#name)
    const value = note?.value as Partial<State> | null | undefined
    const isOurs =
      value?.v === 1 &&
      Number.isInteger(value.shards) &&
      typeof value.low === 'object' &&
      typeof value.full === 'number'
    const recorded = isOurs ? (value.shards as number) : 0
    const state: State = {
      v: 1,
      shards: Math.min(Math.max(recorded, this.#store.shards), MAX_SHARDS),
      low: isOurs ? { ...value.low } : {},
      full: isOurs ? (value.full as number) : 0,
    }
    return { state, version: note?.version ?? null, recorded }
  }

  async #change(change: (state: State) => void): Promise<void> {
    // Two sweeps may end at the same time. After five lost tries the watermarks are left to the next sweep.
    for (let tries = 0; tries < 5; tries++) {
      const { state, version } = await this.#read()
      change(state)
      const result = await this.#store.notes.put(this.#name, state as unknown as Json, version)
      if (result.outcome === 'applied') return
    }
  }
}

/** The watermarks of everything that a sweep reads. */
export interface AllWatermarks {
  readonly sessions: Watermarks
  /** The watermarks of sessions whose id came from outside. */
  readonly outside: Watermarks
  readonly securityKeys: Watermarks
}

export function watermarksIn(store: SessionStore): AllWatermarks {
  return {
    sessions: new Watermarks(store),
    outside: new Watermarks(store, 'watermarks:outside'),
    securityKeys: new Watermarks(store, 'watermarks:keys'),
  }
}

/** Returns the lanes where ended sessions may wait. Usually no session or every session has an id from outside. */
export async function expiryLanes(
  { sessions, outside }: AllWatermarks,
  now: number,
  after: number | null,
): Promise<Lane[]> {
  const own = await sessions.lanes(now, after)
  return [...own, ...(await outside.lanes(now, after))]
}

function isAhead({ full, low }: State, now: number): boolean {
  return full > now + LEEWAY || Object.values(low).some((mark) => mark > now)
}
