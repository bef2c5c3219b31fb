import { wrongOption } from '../base/option-checks.ts'
import { show } from '../base/duration.ts'
import { isNotedAs } from '../base/shared-copies.ts'
import { SessionConfigError } from '../base/errors.ts'
import { DeleteSessionsIter, type IteratorClass, type SweepClass } from './query-iter.ts'
import { SWEEP_ID } from './run.ts'

/** The largest page, and so the largest number of entries that can be handled at the same time. */
const MAX_PAGE = 1000

const HANDLERS = ['handleEntry', 'handleFinish', 'handleError'] as const

/** Throws `SessionConfigError` for a value that is no working iterator class. `where` names it in the message. */
export function checkIterator(iter: unknown, where: string): asserts iter is IteratorClass {
  if (typeof iter !== 'function' || !isNotedAs('iterator', baseOf(iter))) {
    throw wrongOption(where, 'must be a subclass of QueryIter', iter)
  }
  const Iter = iter as unknown as IteratorClass
  const { id, queueName, pageSize, concurrency } = Iter
  if (typeof id !== 'string' || !/^[A-Za-z0-9_-]{1,100}$/.test(id)) {
    throw new SessionConfigError(
      `${where}: an iterator needs its own static id of up to 100 letters, digits, hyphens and underscores, but ${nameOf(Iter)} has ${show(id)}`,
    )
  }
  if (typeof queueName !== 'string' || !/^[!-~]{0,500}$/.test(queueName)) {
    throw wrongOption(
      `queueName of the iterator ${id}`,
      'must be the name of a queue, or empty for the default one',
      queueName,
    )
  }
  for (const [name, value] of Object.entries({ pageSize, concurrency })) {
    if (Number.isInteger(value) && value >= 1 && value <= MAX_PAGE) continue
    throw wrongOption(
      `${name} of the iterator ${id}`,
      `must be a whole number from 1 to ${MAX_PAGE}`,
      value,
    )
  }
  checkHandlers(Iter)
}

/** The prototype of the parent class; `null` where there is none. */
function baseOf({ prototype }: { readonly prototype: unknown }): unknown {
  return typeof prototype === 'object' && prototype !== null
    ? Object.getPrototypeOf(prototype)
    : null
}

/** Throws for anything except `DeleteSessionsIter` and its subclasses. */
export function sweepFrom(sweep: unknown): SweepClass {
  if (sweep === undefined || sweep === DeleteSessionsIter) return DeleteSessionsIter
  if (typeof sweep !== 'function' || !isNotedAs('sweep', sweep.prototype)) {
    throw wrongOption('sweep', 'must be a subclass of DeleteSessionsIter', sweep)
  }
  checkIterator(sweep, 'sweep')
  return sweep as SweepClass
}

/** Checks the iterators of the app. Each needs its own id. */
export function iteratorsFrom(iterators: unknown): readonly IteratorClass[] {
  if (iterators === undefined) return []
  if (!Array.isArray(iterators)) {
    throw wrongOption('iterators', 'must be an array of classes', iterators)
  }
  const ids = new Set<string>()
  for (const iterator of iterators as readonly unknown[]) {
    checkIterator(iterator, 'iterators')
    const { id } = iterator
    if (id === SWEEP_ID) {
      throw new SessionConfigError(
        `iterators: ${nameOf(iterator)} has the id of the sweep: name it in the option sweep, or give it its own static id`,
      )
    }
    if (ids.has(id)) {
      throw new SessionConfigError(`iterators: two of them have the static id ${show(id)}`)
    }
    ids.add(id)
  }
  return [...iterators]
}

function checkHandlers(Iter: IteratorClass): void {
  const { prototype } = Iter as unknown as { prototype: Record<string, unknown> }
  // A handler may also be a property of each object, so an object has to be checked.
  const made: Record<string, unknown> = HANDLERS.every(
    (name) => typeof prototype[name] === 'function',
  )
    ? prototype
    : (new Iter() as unknown as Record<string, unknown>)
  for (const name of HANDLERS) {
    if (typeof made[name] === 'function') continue
    throw new SessionConfigError(
      `the iterator ${Iter.id} needs a method ${name}(), but has ${show(made[name])}`,
    )
  }
}

function nameOf(Iter: object): string {
  const { name } = Iter as { readonly name?: unknown }
  return typeof name === 'string' && name !== '' ? name : 'the class'
}
