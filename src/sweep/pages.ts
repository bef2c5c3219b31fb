import { DeleteSessionsIter } from './delete-sessions-iter.ts'
import { entryWork } from './page-work/entry-work.ts'
import { Pace } from './pace.ts'
import {
  type PageContext,
  type PageWork,
  FruitlessPages,
  type PageParts,
} from './page-work/page-work.ts'
import { Problems } from '../end/problems.ts'
import type { IteratorClass, QueryIter } from './query-iter.ts'
import { isSweep, type Lane, type RunState } from './run.ts'
import { sideBySide } from '../base/parallel.ts'
import { emptyByKeys, keySweep, recordSweep, securityKeyPurge } from './page-work/sweep-work.ts'

/** How many lanes are walked side by side once one of them has filled a page. */
const SIDE_BY_SIDE = 8

/** One step of a run: goes over pages until the lanes are empty or the time is up, and notes in the state how far it came. */
export class RunPages<Data extends object> {
  readonly #context: PageContext<Data>
  readonly #work: (lane: Lane) => PageWork
  readonly #purge: PageWork
  readonly #pace: Pace
  #pages = 0
  #failed = false

  constructor(
    parts: PageParts<Data>,
    state: RunState,
    Iter: IteratorClass,
    iter: QueryIter<Data>,
    deadline: number,
  ) {
    state.problems ??= []
    const problems = new Problems(state.problems)
    const limit = Iter.pageSize
    const context = { ...parts, state, problems, limit, deadline, fruitless: new FruitlessPages() }
    this.#context = context
    const isWhole = isSweep(state) && !hasOwnHandler(iter)
    const { events, outsideIds } = parts.settings
    const byRecord = isWhole ? recordSweep(context) : entryWork(context, iter, Iter.concurrency)
    const byKey = keySweep(context)
    // What can live again is deleted as it was read.
    const isByKey = isWhole && !events && !outsideIds
    const outside = emptyByKeys(context, byRecord)
    this.#work = (lane) => (!isByKey ? byRecord : lane.outside === true ? outside : byKey)
    this.#purge = securityKeyPurge(context)
    const { sweepRate = Number.POSITIVE_INFINITY } = parts.settings.store
    this.#pace = new Pace(
      state,
      isSweep(state) ? sweepRate : Number.POSITIVE_INFINITY,
      parts.settings,
    )
  }

  /**
   * One lane after the other, which is cheap where there is little to do, as there mostly is; side by side as soon
   * as one of them has filled a page. At least one page, so that every step gets on.
   */
  async run(): Promise<void> {
    const { state } = this.#context
    // The sessions first: what may go wrong with security keys is to keep none of them from ending.
    await this.#walk(state.lanes, this.#work)
    await this.#walk(state.keyLanes, () => this.#purge)
  }

  async #walk(lanes: readonly Lane[], work: (lane: Lane) => PageWork): Promise<void> {
    const { state } = this.#context
    for (const lane of lanes) {
      while (!lane.done && !state.large && this.#mayGoOn) await this.#page(lane, work(lane))
    }
    if (!state.large) return
    const open = lanes.filter(({ done }) => !done)
    await sideBySide(open, SIDE_BY_SIDE, async (lane) => {
      while (!lane.done && this.#mayGoOn) await this.#page(lane, work(lane))
    })
  }

  get #mayGoOn(): boolean {
    const { settings, state, deadline } = this.#context
    return state.error === null && !this.#failed && (this.#pages === 0 || settings.now() < deadline)
  }

  async #page(lane: Lane, work: PageWork): Promise<void> {
    const { state, limit } = this.#context
    const deadline = this.#pages === 0 ? Number.POSITIVE_INFINITY : this.#context.deadline
    this.#pages += 1
    if (!(await this.#pace.turn(limit, deadline))) return
    try {
      const { size, cursor } = await work(lane)
      this.#pace.spent(size, limit)
      if (size === limit) state.large = true
      if (size === 0) lane.done = true
      else if (cursor !== null) lane.cursor = cursor
    } catch (error) {
      this.#failed = true
      throw error
    }
  }
}

/** Whether the app does something of its own with entries; without that a sweep need not look at single ones. */
function hasOwnHandler<Data extends object>(iter: QueryIter<Data>): boolean {
  return iter.handleEntry !== DeleteSessionsIter.prototype.handleEntry
}
