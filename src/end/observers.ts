import { type Duration, positiveDuration, show } from '../base/duration.ts'
import { SessionConfigError } from '../base/errors.ts'
import { checkOptions, namesOf } from '../base/option-checks.ts'
import type { ValueCodec } from '../record/codec.ts'
import type { SessionRecord } from '../record/record.ts'
import { eventOf, type SessionDeleteEvent } from './events.ts'
import { type Problems, sayingOf } from './problems.ts'

/** Is told of every session that ends, at least once each. May be called again for the same `event.id`. */
export type DeleteObserver<Data extends object> = (
  event: SessionDeleteEvent<Data>,
) => void | Promise<void>

/** Options of `sessions.onDelete()`. */
export interface ObserverOptions {
  /** How long one call may take before it counts as failed. Default 10 seconds. */
  readonly timeout?: Duration
}

const OPTIONS = namesOf<ObserverOptions>({ timeout: true })

interface Registered<Data extends object> {
  /** What the log calls it. */
  readonly name: string
  readonly observer: DeleteObserver<Data>
  readonly timeout: number
}

const DEFAULT_TIMEOUT = 10_000

/** The longest that a timer of Node can run, in milliseconds. */
const LONGEST_TIMER = 2 ** 31 - 1

/** `'late'`: the caller had too little time, and the observers are not to blame. */
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

  /** Gives the function that takes the observer off again. */
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
   * Tells all observers, in the order of their registration. One that throws, rejects or takes too long keeps
   * neither the others nor the caller from going on. `'told'` when all of them have done their part, and there was one.
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
      // One of its own for each: what an observer does to the data is not what the next one sees.
      const event = eventOf<Data>(record, this.#codec)
      const left = Math.min(timeout, end - performance.now(), LONGEST_TIMER)
      const problem = left <= 0 ? 'no time left' : await outcomeOf(observer, event, left)
      if (problem === null) continue
      const isLate = left < timeout && performance.now() >= end - 5
      if (told !== 'failed') told = isLate ? 'late' : 'failed'
      problems.note({
        message:
          'an onDelete observer failed; the sessions stay stored, and a later sweep tells them again',
        of: name,
        example: { event: event.id, key: event.key, problem },
      })
    }
    return told
  }
}

/** What went wrong with one call, or `null`. */
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
    // A rejection that comes after the time is up has nobody else to catch it.
    told.catch(() => {})
    return await Promise.race([told, late])
  } catch (error) {
    return sayingOf(error)
  } finally {
    clearTimeout(timer)
  }
}
