import { SessionStoreError } from '../errors.ts'
import type { Settings } from '../options.ts'
import { LEEWAY } from '../session/expiry.ts'
import type {
  Found,
  PageOptions,
  SecurityKeySelection,
  Selection,
  SessionRecord,
  Unreadable,
} from '../stores/store.ts'
import { DeleteSessionsIter } from './delete-sessions-iter.ts'
import type { Ending } from './ending.ts'
import type { Entries } from './entries.ts'
import { Pace } from './pace.ts'
import type { IteratorClass, QueryIter } from './query-iter.ts'
import type { Lane, RunQuery, RunState } from './run.ts'
import { sideBySide } from './side-by-side.ts'
import { standIn } from './stand-in.ts'

/** How many lanes are walked side by side once one of them has filled a page. */
const SIDE_BY_SIDE = 8

/** How often a lane is begun again because its cursor was refused; beyond that something else is wrong. */
const MAX_RESTARTS = 3

/** After how many pages in a row, of which nothing could be ended, a step fails: the store takes no writes. */
const MAX_FRUITLESS = 3

export interface WalkParts<Data extends object> {
  readonly settings: Pick<Settings, 'store' | 'events' | 'now' | 'sleep' | 'logger'>
  readonly ending: Ending<Data>
  readonly entries: Entries<Data>
}

/** One step of a run: goes over pages until the lanes are empty or the time is up, and notes in the state how far it came. */
export class Walk<Data extends object> {
  readonly #parts: WalkParts<Data>
  readonly #state: RunState
  readonly #iter: QueryIter<Data>
  readonly #limit: number
  readonly #concurrency: number
  readonly #deadline: number
  readonly #pace: Pace
  #pages = 0
  #fruitless = 0
  #failed = false

  constructor(
    parts: WalkParts<Data>,
    state: RunState,
    Iter: IteratorClass,
    iter: QueryIter<Data>,
    deadline: number,
  ) {
    this.#parts = parts
    this.#state = state
    this.#iter = iter
    this.#limit = Iter.pageSize
    this.#concurrency = Iter.concurrency
    this.#deadline = deadline
    const { sweepRate = Number.POSITIVE_INFINITY } = parts.settings.store
    const isSweep = Iter.id === DeleteSessionsIter.id
    this.#pace = new Pace(state, isSweep ? sweepRate : Number.POSITIVE_INFINITY, parts.settings)
  }

  /**
   * One lane after the other, which is cheap where there is little to do, as there mostly is; side by side as soon
   * as one of them has filled a page. At least one page, so that every step gets on.
   */
  async run(): Promise<void> {
    // The sessions first: what may go wrong with security keys is to keep none of them from ending.
    await this.#walk(this.#state.lanes)
    await this.#walk(this.#state.keyLanes)
  }

  async #walk(lanes: readonly Lane[]): Promise<void> {
    const state = this.#state
    for (const lane of lanes) {
      while (!lane.done && !state.large && this.#mayGoOn) await this.#page(lane)
    }
    if (!state.large) return
    const open = lanes.filter(({ done }) => !done)
    await sideBySide(open, SIDE_BY_SIDE, async (lane) => {
      while (!lane.done && this.#mayGoOn) await this.#page(lane)
    })
  }

  get #mayGoOn(): boolean {
    const { now } = this.#parts.settings
    return (
      this.#state.error === null && !this.#failed && (this.#pages === 0 || now() < this.#deadline)
    )
  }

  async #page(lane: Lane): Promise<void> {
    const deadline = this.#pages === 0 ? Number.POSITIVE_INFINITY : this.#deadline
    this.#pages += 1
    if (!(await this.#pace.turn(this.#limit, deadline))) return
    try {
      const isOfKeys = this.#state.keyLanes.includes(lane)
      const { size, cursor } = await (isOfKeys ? this.#purged(lane) : this.#worked(lane))
      this.#pace.spent(size, this.#limit)
      if (size === this.#limit) this.#state.large = true
      if (size === 0) lane.done = true
      else if (cursor !== null) lane.cursor = cursor
    } catch (error) {
      this.#failed = true
      throw error
    }
  }

  /** Works one page off; `cursor: null`: it is to be read again, for what the time did not suffice for. */
  async #worked(lane: Lane): Promise<{ size: number; cursor: string | null }> {
    const { store, events } = this.#parts.settings
    const state = this.#state
    const selection = selectionOf(state.query, lane)
    if (state.iter === DeleteSessionsIter.id && !events) {
      const { keys, cursor } = await this.#read(lane, (options) =>
        store.pageKeys(selection, options),
      )
      const results = await this.#parts.ending.writeEach(
        keys.map((key) => ({ kind: 'remove', key })),
      )
      const failed = results.filter(({ outcome }) => outcome !== 'applied').length
      state.totals.scanned += keys.length
      state.totals.ended += keys.length - failed
      state.totals.failed += failed
      if (failed > 0) lane.clean = false
      this.#bear(failed, keys.length)
      return { size: keys.length, cursor }
    }
    const { entries, cursor } = await this.#read(lane, (options) => store.page(selection, options))
    if (state.iter !== DeleteSessionsIter.id) {
      await this.#handle(entries)
      state.totals.scanned += entries.length
      return { size: entries.length, cursor }
    }
    const left = await this.#finish(lane, entries)
    state.totals.scanned += entries.length - left
    return { size: entries.length, cursor: left > 0 ? null : cursor }
  }

  /** Deletes one page of security keys, of which nobody has to hear. */
  async #purged(lane: Lane): Promise<{ size: number; cursor: string | null }> {
    const { keys } = this.#parts.settings.store
    const { names, cursor } = await this.#read(lane, (options) =>
      keys.page(expiryOf(this.#state.query, lane), options),
    )
    if (names.length > 0) await keys.remove(names)
    this.#state.totals.securityKeys += names.length
    return { size: names.length, cursor }
  }

  /** Cursors can be refused after an update of the service: then the lane is walked again from its start. */
  async #read<Page>(lane: Lane, read: (options: PageOptions) => Promise<Page>): Promise<Page> {
    const limit = this.#limit
    if (lane.cursor === null) return await read({ limit })
    try {
      return await read({ limit, cursor: lane.cursor })
    } catch (error) {
      const isRefused = error instanceof SessionStoreError && !error.retryable
      if (!isRefused || lane.restarts >= MAX_RESTARTS) throw error
      lane.restarts += 1
      lane.cursor = null
      return await read({ limit })
    }
  }

  /** Ends what is due on the page; gives for how many the time did not suffice. */
  async #finish(lane: Lane, entries: readonly (Found | Unreadable)[]): Promise<number> {
    const { now } = this.#parts.settings
    const { totals } = this.#state
    const cut = now() - LEEWAY
    const due: Found[] = []
    for (const entry of entries) {
      const found = entry.record === null ? this.#standIn(entry, cut) : entry
      const { record } = found
      if (!isOver(record, cut)) {
        totals.skipped += 1
        lane.clean = false
        continue
      }
      due.push(found)
      if (record.ended === null && entry.record !== null) {
        this.#state.oldestExpired = Math.min(
          this.#state.oldestExpired ?? record.expires,
          record.expires,
        )
      }
    }
    const counts = await this.#parts.ending.finish(due, { deadline: this.#deadline })
    totals.ended += counts.ended
    totals.skipped += counts.skipped
    totals.failed += counts.failed
    totals.observersFailed += counts.observersFailed
    if (counts.stillThere > 0 || counts.failed > 0) lane.clean = false
    this.#bear(counts.failed, due.length - counts.left)
    return counts.left
  }

  /** Reading on would be paid for, and add to the load of a store that takes no writes: the queue tries again later. */
  #bear(failed: number, of: number): void {
    this.#fruitless = of > 0 && failed === of ? this.#fruitless + 1 : 0
    if (this.#fruitless < MAX_FRUITLESS) return
    throw new SessionStoreError('the store takes no writes: the sweep tries again later', {
      effect: 'unknown',
      retryable: true,
    })
  }

  /** For a damaged record, what an event can tell of it: its key. */
  #standIn({ key, version, why }: Unreadable, time: number): Found {
    this.#parts.settings.logger.warn(
      'a stored session that can not be read has expired; its event tells no more than its key',
      { key, why },
    )
    return { record: standIn(key, time), version }
  }

  async #handle(entries: readonly (Found | Unreadable)[]): Promise<void> {
    const { settings } = this.#parts
    const state = this.#state
    const { customData, totals } = state
    const cut = settings.now() - LEEWAY
    await sideBySide(entries, this.#concurrency, async (found) => {
      if (state.error !== null) return
      const entry =
        found.record === null
          ? null
          : state.query.select === 'expired'
            ? isOver(found.record, cut)
              ? this.#parts.entries.ofEnded(found)
              : null
            : this.#parts.entries.of(found)
      // What has ended is no session any more, though it is still stored.
      if (entry === null) {
        totals.skipped += 1
        return
      }
      try {
        await this.#iter.handleEntry(entry, customData)
      } catch (error) {
        totals.failed += 1
        if (!this.#goesOnAfter(entry, error)) state.error = 'handleError() ended the run'
      }
    })
  }

  #goesOnAfter(entry: Parameters<QueryIter<Data>['handleEntry']>[0], error: unknown): boolean {
    try {
      return this.#iter.handleError(entry, this.#state.customData, error)
    } catch (cause) {
      const message = cause instanceof Error ? cause.message : 'threw what is no Error'
      this.#parts.settings.logger.warn('handleError() of an iterator failed', { error: message })
      return false
    }
  }
}

/** Whether the sweep may end it: marked, or expired by what is stored and for so long that no request can save it. */
function isOver({ ended, expires }: SessionRecord, cut: number): boolean {
  return ended !== null || expires <= cut
}

function selectionOf(query: RunQuery, lane: Lane): Selection {
  if (query.select === 'user') return { by: 'user', user: query.user }
  return query.select === 'expired' ? { by: 'expiry', ...expiryOf(query, lane) } : { by: 'all' }
}

/** The buckets of a lane: whole ones, from one leeway after their end, so that all in them has expired by any clock. */
function expiryOf(query: RunQuery, { shard, after }: Lane): SecurityKeySelection {
  return {
    shard: shard ?? 0,
    upTo: query.select === 'expired' ? query.before : 0,
    ...(after !== null && { after }),
  }
}
