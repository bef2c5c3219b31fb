import { hasOwnHandler } from './delete-sessions-iter.ts'
import { finishKills } from './kill-run.ts'
import { Pace } from './pace.ts'
import { entryWork } from './page-work/entry-work.ts'
import { pageContext } from './page-work/page-work.ts'
import { securityKeyPurge } from './page-work/security-key-purge.ts'
import { sweepWork } from './page-work/sweep-work.ts'
import type { Pages } from './pages.ts'
import { type RunState, SWEEP_ID } from './run.ts'
import type { RunKind, RunParts } from './run-kind.ts'

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
