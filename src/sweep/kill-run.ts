import { Problems } from '../end/problems.ts'
import { OpenKills } from './page-work/kill-work.ts'
import type { Pages } from './pages.ts'
import { type RunState, SWEEP_ID } from './run.ts'
import type { RunKind, RunParts } from './run-kind.ts'

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
export async function finishKills<Data extends object>(
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
