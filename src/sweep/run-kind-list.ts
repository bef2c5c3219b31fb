import { show } from '../base/duration.ts'
import { SessionConfigError } from '../base/errors.ts'
import { checkIterator } from './iterator-checks.ts'
import { killRun, sweepRun } from './sweep-run.ts'
import type { IteratorClass } from './query-iter.ts'
import type { RunState } from './run.ts'
import type { RunKind, RunParts } from './run-kind.ts'
import { entryWork } from './page-work/entry-work.ts'
import { pageContext } from './page-work/page-work.ts'

/** All kinds of runs that this process can execute. */
export class RunKinds<Data extends object> {
  readonly sweep: RunKind
  readonly kills: RunKind
  readonly #iterators: ReadonlyMap<IteratorClass, RunKind>

  constructor(parts: RunParts<Data>) {
    this.sweep = sweepRun(parts)
    this.kills = killRun(parts)
    this.#iterators = new Map(
      parts.settings.iterators.map((Iter) => [Iter, iteratorRun(Iter, parts)]),
    )
  }

  /** Returns the kind of a run; `null` for an iterator that this process does not have. */
  of(state: RunState): RunKind | null {
    const kinds = [this.kills, this.sweep, ...this.#iterators.values()]
    return kinds.find((kind) => kind.owns(state)) ?? null
  }

  /** Returns the kind for a class of the app. Throws where tasks would not find the class. */
  iterator(Iter: IteratorClass): RunKind {
    checkIterator(Iter, 'startIterOnQuery: the iterator')
    if (Iter.id === this.sweep.name) {
      throw new SessionConfigError(
        'startIterOnQuery: startClearSessions() starts the sweep, and the option sweep takes a class for it; an iterator needs its own static id',
      )
    }
    // Found by the class and not only by its id: a subclass inherits the id of its parent.
    const kind = this.#iterators.get(Iter)
    if (kind?.name === Iter.id) return kind
    throw new SessionConfigError(
      `the iterator ${show(Iter.id)} is not in the option "iterators", or does not have its own id`,
    )
  }
}

/** Makes the kind of run for an iterator of the app. */
function iteratorRun<Data extends object>(Iter: IteratorClass, parts: RunParts<Data>): RunKind {
  const { id, queueName } = Iter
  return {
    name: id,
    queueName,
    owns: ({ iter }) => iter === id,
    async work(state, pages, deadline) {
      const { pageSize, concurrency } = Iter
      const iter = new Iter()
      iter.logger = parts.settings.logger
      const context = pageContext(parts, state, pageSize, deadline)
      const work = entryWork(context, iter, { concurrency, endsDamaged: false })
      if (!(await pages.goOver(work))) return false
      await iter.handleFinish(state.totals.scanned, state.customData)
      return true
    },
  }
}
