import { show } from '../base/duration.ts'
import { SessionConfigError } from '../base/errors.ts'
import { checkIterator } from './iterator-checks.ts'
import { KillRun, SweepRun } from './sweep-run.ts'
import type { IteratorClass } from './query-iter.ts'
import type { RunState } from './run.ts'
import type { RunKind, RunParts } from './run-kind.ts'
import { entryWork } from './page-work/entry-work.ts'
import { pageContext } from './page-work/page-work.ts'
import type { Pages } from './pages.ts'

/** All kinds of runs that this process can work on. */
export class RunKinds<Data extends object> {
  readonly sweep: RunKind
  readonly kills: RunKind
  readonly #iterators: readonly IteratorRun<Data>[]

  constructor(parts: RunParts<Data>) {
    this.sweep = new SweepRun(parts)
    this.kills = new KillRun(parts)
    this.#iterators = parts.settings.iterators.map((Iter) => new IteratorRun(Iter, parts))
  }

  /** The kind of a run; `null` for one of an iterator that this process does not have. */
  of(state: RunState): RunKind | null {
    const kinds = [this.kills, this.sweep, ...this.#iterators]
    return kinds.find((kind) => kind.owns(state)) ?? null
  }

  /** The kind of a class of the app's own. Throws where tasks would not find it. */
  iterator(Iter: IteratorClass): RunKind {
    checkIterator(Iter, 'startIterOnQuery: the iterator')
    if (Iter.id === this.sweep.name) {
      throw new SessionConfigError(
        'startIterOnQuery: the sweep is started by startClearSessions(), and a class of its own for it goes into the option sweep; an iterator needs a static id of its own',
      )
    }
    // By the class and not by its id alone: a subclass inherits the id of its parent.
    const kind = this.#iterators.find((run) => run.Iter === Iter && run.name === Iter.id)
    if (kind !== undefined) return kind
    throw new SessionConfigError(
      `the iterator ${show(Iter.id)} is not in the option "iterators", or not under an id of its own`,
    )
  }
}

/** A run of an iterator of the app's own. */
class IteratorRun<Data extends object> implements RunKind {
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
