import type { Json } from '../base/json.ts'
import { LEEWAY } from '../record/expiry.ts'
import type { SessionStore } from '../store/store.ts'
import { freshLane, type Lane, type RunState } from './run.ts'

/** Up to where the shards are known to be empty, so that a sweep does not start in what earlier ones deleted. */
interface State {
  readonly v: 1
  /** The largest number of shards that was ever used: sessions of then stay where they are. */
  shards: number
  /** By shard, milliseconds. */
  low: Record<string, number>
  /** When a run last walked from the very start. */
  full: number
}

/** In which note they are kept: those of sessions, of sessions whose id came from outside, and of security keys. */
export type WatermarksName = 'watermarks' | 'watermarks:keys' | 'watermarks:outside'

/** As many as two hex digits can tell apart. */
const MAX_SHARDS = 256

/** How often a run starts at the very start, for stragglers of broken clocks or restored backups. */
const FULL_EVERY = 7 * 24 * 60 * 60 * 1000

/** The low watermarks of an expiry index. They only save work: losing them loses nothing. */
export class Watermarks {
  readonly #store: SessionStore
  readonly #name: WatermarksName

  constructor(store: SessionStore, name: WatermarksName = 'watermarks') {
    this.#store = store
    this.#name = name
  }

  /** The lanes of a sweep: every shard that was ever used, each from where it is known to be empty. */
  async lanes(now: number, after: number | null): Promise<Lane[]> {
    const { state } = await this.#read()
    // Marks of a clock that was ahead know nothing of what is still to come.
    const isFull = now - state.full >= FULL_EVERY || isAhead(state, now)
    return Array.from({ length: state.shards }, (_, shard) =>
      freshLane(
        shard,
        after ?? (isFull ? null : (state.low[shard] ?? null)),
        this.#name === 'watermarks:outside',
      ),
    )
  }

  /** Whether anybody has ever written some down. */
  async areKept(): Promise<boolean> {
    return (await this.#read()).recorded > 0
  }

  /** Up to where a shard is known to be empty, in milliseconds. */
  async low(shard: number, now: number): Promise<number | null> {
    const { state } = await this.#read()
    return isAhead(state, now) ? null : (state.low[shard] ?? null)
  }

  /** Writes down how many shards there are now, so that they are still swept when there are fewer. */
  async recordShards(): Promise<void> {
    const { recorded } = await this.#read()
    if (recorded >= this.#store.shards) return
    // The change is in what `#read` makes of the store's own number.
    await this.#change(() => {})
  }

  /** Notes what a finished sweep has left empty. */
  async passed({ query, started }: RunState, lanes: readonly Lane[]): Promise<void> {
    if (query.select !== 'expired' || query.after !== null || lanes.length === 0) return
    await this.#change((state) => {
      for (const { shard, after, clean, done } of lanes) {
        if (shard === null || !done) continue
        const low = state.low[shard] ?? null
        // A walk from the very start knows better than any mark before it.
        if (clean) state.low[shard] = Math.max(after === null ? 0 : (low ?? 0), query.before)
        // A full run has met something below the mark: the next sweep is to meet it as well.
        else if (after === null) delete state.low[shard]
        else if (low !== null) state.low[shard] = Math.min(low, after)
      }
      // What a run ends before is read first, and when it starts is noted some calls later.
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
    // Two sweeps that end at the same time: whoever loses five times in a row leaves it to the next.
    for (let tries = 0; tries < 5; tries++) {
      const { state, version } = await this.#read()
      change(state)
      const result = await this.#store.notes.put(this.#name, state as unknown as Json, version)
      if (result.outcome === 'applied') return
    }
  }
}

/** The watermarks of all that a sweep goes over. */
export interface AllWatermarks {
  readonly sessions: Watermarks
  /** Those of sessions whose id came from outside. */
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

/** Where sessions may wait that have ended. Those whose id came from outside are few or all. */
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
