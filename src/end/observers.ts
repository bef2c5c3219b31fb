import { type Duration, positiveDuration, show } from '../base/duration.ts'
import { SessionConfigError } from '../base/errors.ts'
import { checkOptions, namesOf } from '../base/option-checks.ts'
import type { ValueCodec } from '../record/codec.ts'
import type { SessionRecord } from '../record/record.ts'
import { eventOf, type SessionDeleteEvent } from './events.ts'
import { type Problems, sayingOf } from './problems.ts'

/** Runs for every session that ends, at least once each. It may run again for the same `event.id`. */
export type DeleteObserver<Data extends object> = (
  event: SessionDeleteEvent<Data>,
) => void | Promise<void>

/** Options of `sessions.onDelete()`. */
export interface ObserverOptions {
  /** How long one call may take until it counts as failed. Default 10 seconds. */
  readonly timeout?: Duration
}

const OPTIONS = namesOf<ObserverOptions>({ timeout: true })

interface Registered<Data extends object> {
  /** The name for the log. */
  readonly name: string
  readonly observer: DeleteObserver<Data>
  readonly timeout: number
}

const DEFAULT_TIMEOUT = 10_000

/** The longest time of a Node timer, in milliseconds. */
const LONGEST_TIMER = 2 ** 31 - 1

/** `'late'`: the caller had too little time, and the observers did not fail. */
export type Told = 'told' | 'failed' | 'late'

/** The `onDelete` observers of this process. */
export class Observers<Data extends object> {
  readonly #codec: ValueCodec
  #registered: readonly Registered<Data>[] = []
  #count = 0

  /** `codec`: decodes the data of events. */
  constructor(codec: ValueCodec) {
    this.#codec = codec
  }

  get isEmpty(): boolean {
    return this.#registered.length === 0
  }

  /** Registers an observer, and returns a function that removes it. */
  add(observer: DeleteObserver<Data>, options: ObserverOptions = {}): () => void {
    if (typeof observer !== 'function') {
      throw new SessionConfigError(`onDelete() takes a function, not ${show(observer)}`)
    }
    checkOptions('onDelete()', options, OPTIONS)
    const timeout = positiveDuration('onDelete: timeout', options.timeout ?? DEFAULT_TIMEOUT)
    this.#count += 1
    const name = `onDelete observer ${this.#count}${observer.name === '' ? '' : ` (${observer.name})`}`
    const registered: Registered<Data> = { name, observer, timeout }
    this.#registered = [...this.#registered, registered]
    return () => {
      this.#registered = this.#registered.filter((other) => other !== registered)
    }
  }

  /**
   * Runs all observers, in the order of their registration. An observer that throws, rejects or takes too long stops
   * neither the others nor the caller. Returns `'told'` when there are observers and all of them succeeded.
   */
  async tell(
    record: SessionRecord,
    problems: Problems,
    within: number = Number.POSITIVE_INFINITY,
  ): Promise<Told> {
    const registered = this.#registered
    let told: Told = registered.length > 0 ? 'told' : 'failed'
    const end = performance.now() + within
    for (const { name, observer, timeout } of registered) {
      // A separate event for each observer: a change of one observer to the data is not visible to the next one.
      const event = eventOf<Data>(record, this.#codec)
      const left = Math.min(timeout, end - performance.now(), LONGEST_TIMER)
      const problem = left <= 0 ? 'no time left' : await outcomeOf(observer, event, left)
      if (problem === null) continue
      const isLate = left < timeout && performance.now() >= end - 5
      if (told !== 'failed') told = isLate ? 'late' : 'failed'
      problems.note({
        message:
          'an onDelete observer failed; the sessions stay stored, and a later sweep reports them again',
        of: name,
        example: { event: event.id, key: event.key, problem },
      })
    }
    return told
  }
}

/** Runs one observer. Returns the problem, or `null`. */
async function outcomeOf<Data extends object>(
  observer: DeleteObserver<Data>,
  event: SessionDeleteEvent<Data>,
  timeout: number,
): Promise<string | null> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<string>((resolve) => {
    timer = setTimeout(() => resolve(`took more than ${Math.ceil(timeout)} ms`), timeout)
  })
  try {
    const told = Promise.resolve(observer(event)).then(() => null)
    // Otherwise a rejection after the time limit would be unhandled.
    told.catch(() => {})
    return await Promise.race([told, late])
  } catch (error) {
    return sayingOf(error)
  } finally {
    clearTimeout(timer)
  }
}
