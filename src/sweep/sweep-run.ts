import { hasOwnHandler } from './query-iter.ts'
import { Pace } from './pace.ts'
import { entryWork } from './page-work/entry-work.ts'
import { pageContext } from './page-work/page-work.ts'
import { securityKeyPurge, sweepWork } from './page-work/sweep-work.ts'
import type { Pages } from './pages.ts'
import { type RunState, SWEEP_ID } from './run.ts'
import type { RunKind, RunParts } from './run-kind.ts'
import { Problems } from '../end/problems.ts'
import { OpenKills } from './page-work/kill-work.ts'

/** A sweep: finishes kills that are open, ends the sessions whose time has run out, and deletes security keys. */
export class SweepRun<Data extends object> implements RunKind {
  readonly name: string = SWEEP_ID
  readonly queueName: string
  readonly #parts: RunParts<Data>

  constructor(parts: RunParts<Data>) {
    this.#parts = parts
    this.queueName = parts.settings.sweep.queueName
  }

  owns({ iter, query }: RunState): boolean {
    return iter === this.name && query.select === 'expired'
  }

  async requireAble(): Promise<void> {
    await this.#parts.ender.requireObservers()
  }

  async work(state: RunState, pages: Pages, deadline: number): Promise<boolean> {
    if (!state.intentsDone) {
      // What has to be left is tried again by the next one.
      const { isDone } = await finishKills(this.#parts, state, pages, deadline)
      if (!isDone) return false
      state.intentsDone = true
    }
    const { settings } = this.#parts
    const { sweep: Sweep, logger, store } = settings
    const iter = new Sweep()
    iter.logger = logger
    const context = pageContext(this.#parts, state, Sweep.pageSize, deadline)
    const { concurrency } = Sweep
    const work = hasOwnHandler(iter)
      ? entryWork(context, iter, { concurrency, endsDamaged: true })
      : sweepWork(context)
    const pace = new Pace(state, store.sweepRate ?? Number.POSITIVE_INFINITY, settings)
    // The sessions first: what may go wrong with security keys is to keep none of them from ending.
    if (!(await pages.goOver(work, pace))) return false
    if (!(await pages.goOver(securityKeyPurge(context), pace))) return false
    await iter.handleFinish(state.totals.scanned, state.customData)
    await this.#notePassed(state)
    return true
  }

  async #notePassed(state: RunState): Promise<void> {
    const { settings, watermarks } = this.#parts
    const outside = state.lanes.filter((lane) => lane.outside === true)
    const own = state.lanes.filter((lane) => lane.outside !== true)
    await watermarks.sessions.passed(state, own)
    // Where there never were any, nothing has to be kept.
    if (settings.outsideIds || outside.some(({ cursor }) => cursor !== null)) {
      await watermarks.outside.passed(state, outside)
    }
    await watermarks.securityKeys.passed(state, state.keyLanes)
  }
}

/** A run that finishes kills which are open, and does nothing else. */
export class KillRun<Data extends object> implements RunKind {
  readonly name: string = SWEEP_ID
  readonly queueName: string
  readonly #parts: RunParts<Data>

  constructor(parts: RunParts<Data>) {
    this.#parts = parts
    this.queueName = parts.settings.sweep.queueName
  }

  owns({ query }: RunState): boolean {
    return query.select === 'none'
  }

  async requireAble(): Promise<void> {}

  async work(state: RunState, pages: Pages, deadline: number): Promise<boolean> {
    const { isDone, fault } = await finishKills(this.#parts, state, pages, deadline)
    // The queue tries again.
    if (isDone && fault !== null) throw fault
    return isDone
  }
}

/** Finishes kills that are open. `fault`: why some had to be left for the next run. */
async function finishKills<Data extends object>(
  { massKill, settings }: RunParts<Data>,
  state: RunState,
  pages: Pages,
  deadline: number,
): Promise<{ readonly isDone: boolean; readonly fault: unknown }> {
  const problems = new Problems()
  const work = new OpenKills(massKill, settings, deadline, problems)
  try {
    return { isDone: await pages.goOver(work), fault: work.fault }
  } finally {
    state.totals.ended += work.ended
    problems.log(settings.logger)
  }
}
