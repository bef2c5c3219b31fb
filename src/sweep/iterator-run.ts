import { entryWork } from './page-work/entry-work.ts'
import { pageContext } from './page-work/page-work.ts'
import type { Pages } from './pages.ts'
import type { IteratorClass } from './query-iter.ts'
import type { RunState } from './run.ts'
import type { RunKind, RunParts } from './run-kind.ts'

/** A run of an iterator of the app's own. */
export class IteratorRun<Data extends object> implements RunKind {
  readonly Iter: IteratorClass
  readonly name: string
  readonly queueName: string
  readonly #parts: RunParts<Data>

  constructor(Iter: IteratorClass, parts: RunParts<Data>) {
    this.Iter = Iter
    this.name = Iter.id
    this.queueName = Iter.queueName
    this.#parts = parts
  }

  owns({ iter }: RunState): boolean {
    return iter === this.name
  }

  async requireAble(): Promise<void> {}

  async work(state: RunState, pages: Pages, deadline: number): Promise<boolean> {
    const { pageSize, concurrency } = this.Iter
    const iter = new this.Iter()
    iter.logger = this.#parts.settings.logger
    const context = pageContext(this.#parts, state, pageSize, deadline)
    const work = entryWork(context, iter, { concurrency, endsDamaged: false })
    if (!(await pages.goOver(work))) return false
    await iter.handleFinish(state.totals.scanned, state.customData)
    return true
  }
}
