import { pause } from '../base/clock.ts'
import { type Duration, positiveDuration } from '../base/duration.ts'
import { SessionConfigError } from '../base/errors.ts'
import type { Json } from '../base/json.ts'
import { checkOptions, namesOf, wrongOption } from '../base/option-checks.ts'

/** A step of long work, to be delivered to `sessions.handleTask(body)`. */
export interface Task {
  /** Letters, digits, hyphens and underscores. A queue delivers tasks of one name once, as far as it can. */
  readonly name: string
  /** What `sessions.handleTask()` gets. Holds no secret and no data of a session. */
  readonly body: Json
  /** The `queueName` of the iterator, where it has one and the task queue has several. */
  readonly queue?: string
  /** Not before this much time has passed. */
  readonly delay?: Duration
}

/** Carries tasks, at least once each, in any order. */
export interface TaskQueue {
  /** `'exists'`: a task of this name was added before; that counts as success. */
  add(task: Task): Promise<'added' | 'exists'>
  /**
   * For a queue that works within this process: called once, by `createSessions`, with what works a task off.
   * A queue that has it is never handed on to: each run works to its end inside the call that started it.
   */
  connect?(handle: (body: Json) => Promise<unknown>): void
  /** Lets go of connections. */
  close?(): Promise<void>
}

/** Options of {@link localTasks}. */
export interface LocalTasksOptions {
  /** How often a task is tried at the most. Default 5. */
  readonly maxAttempts?: number
  /** The wait before the second try; each further one doubles it. Default 100 ms. */
  readonly minBackoff?: Duration
  /** The longest wait between tries. Default 10 seconds. */
  readonly maxBackoff?: Duration
  /** Waits between tries; milliseconds. Default: a timer. */
  readonly sleep?: (duration: number) => Promise<void>
}

const OPTIONS = namesOf<LocalTasksOptions>({
  maxAttempts: true,
  minBackoff: true,
  maxBackoff: true,
  sleep: true,
})

/** How many names are remembered to recognise a task that was added before. */
const REMEMBERED = 10_000

/** Works tasks off within this process: `add` settles when the task is done, or has failed for good. */
export function localTasks(options: LocalTasksOptions = {}): TaskQueue {
  checkOptions('localTasks()', options, OPTIONS)
  return new LocalTasks(options)
}

class LocalTasks implements TaskQueue {
  readonly #maxAttempts: number
  readonly #minBackoff: number
  readonly #maxBackoff: number
  readonly #sleep: (duration: number) => Promise<void>
  readonly #names = new Set<string>()
  #handle: ((body: Json) => Promise<unknown>) | null = null

  constructor(options: LocalTasksOptions) {
    const { maxAttempts = 5 } = options
    if (!Number.isSafeInteger(maxAttempts) || maxAttempts < 1) {
      throw new SessionConfigError(
        `localTasks: maxAttempts must be a whole number above 0, but is ${maxAttempts}`,
      )
    }
    this.#maxAttempts = maxAttempts
    this.#minBackoff = positiveDuration('localTasks: minBackoff', options.minBackoff ?? 100)
    this.#maxBackoff = positiveDuration('localTasks: maxBackoff', options.maxBackoff ?? 10_000)
    if (options.sleep !== undefined && typeof options.sleep !== 'function') {
      throw wrongOption('localTasks: sleep', 'must be a function', options.sleep)
    }
    this.#sleep = options.sleep ?? pause
  }

  connect(handle: (body: Json) => Promise<unknown>): void {
    if (this.#handle !== null) {
      throw new SessionConfigError(
        'this localTasks() queue belongs to another createSessions() already',
      )
    }
    this.#handle = handle
  }

  async add(task: Task): Promise<'added' | 'exists'> {
    if (this.#names.has(task.name)) return 'exists'
    this.#remember(task.name)
    try {
      if (task.delay !== undefined) await this.#sleep(positiveDuration('task.delay', task.delay))
      await this.#deliver(task)
    } catch (error) {
      // It was given up, so it may come again.
      this.#names.delete(task.name)
      throw error
    }
    return 'added'
  }

  async #deliver(task: Task): Promise<void> {
    const handle = this.#handle
    if (handle === null)
      throw new SessionConfigError('this localTasks() queue belongs to no createSessions()')
    // A copy, as it would arrive over the wire: no task may rely on sharing objects with its maker.
    const body = JSON.stringify(task.body)
    for (let attempt = 1; ; attempt++) {
      try {
        await handle(JSON.parse(body) as Json)
        return
      } catch (error) {
        if (attempt >= this.#maxAttempts) throw error
        await this.#sleep(Math.min(this.#maxBackoff, this.#minBackoff * 2 ** (attempt - 1)))
      }
    }
  }

  #remember(name: string): void {
    this.#names.add(name)
    if (this.#names.size <= REMEMBERED) return
    const [oldest] = this.#names
    if (oldest !== undefined) this.#names.delete(oldest)
  }
}
