import { pause } from '../base/clock.ts'
import { type Duration, positiveDuration } from '../base/duration.ts'
import { SessionConfigError } from '../base/errors.ts'
import type { Json } from '../base/json.ts'
import { checkOptions, functionOption, namesOf } from '../base/option-checks.ts'

/** A step of long work. The queue delivers its body to `sessions.handleTask(body)`. */
export interface Task {
  /**
   * The name, of letters, digits, hyphens and underscores. A queue delivers tasks of one name only once, as far as it
   * can.
   */
  readonly name: string
  /** The argument of `sessions.handleTask()`. Holds no secret and no data of a session. */
  readonly body: Json
  /** The `queueName` of the iterator, where it has one and the task queue has several. */
  readonly queue?: string
  /** The shortest time until the delivery. */
  readonly delay?: Duration
}

/** Delivers tasks, at least once each, in any order. */
export interface TaskQueue {
  /** `'exists'`: a task of this name was added before; that counts as success. */
  add(task: Task): Promise<'added' | 'exists'>
  /**
   * For a queue that works within this process: `createSessions` calls it once, with the function that executes a task.
   * Long work with such a queue adds no follow-up tasks: each run is finished inside the call that started it.
   */
  connect?(handle: (body: Json) => Promise<unknown>): void
  /** Closes connections. */
  close?(): Promise<void>
}

/** Options of {@link localTasks}. */
export interface LocalTasksOptions {
  /** The largest number of tries of a task. Default 5. */
  readonly maxAttempts?: number
  /** The wait before the second try; each further one doubles it. Default 100 ms. */
  readonly minBackoff?: Duration
  /** The longest wait between tries. Default 10 seconds. */
  readonly maxBackoff?: Duration
  /** Waits between tries; gets milliseconds. Default: a timer. */
  readonly sleep?: (duration: number) => Promise<void>
}

const OPTIONS = namesOf<LocalTasksOptions>({
  maxAttempts: true,
  minBackoff: true,
  maxBackoff: true,
  sleep: true,
})

/** The number of names that are remembered to recognise repeated tasks. */
const REMEMBERED = 10_000

/** Executes tasks within this process: `add` settles when the task is done, or has failed for good. */
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
    this.#sleep = functionOption('localTasks: sleep', options.sleep) ?? pause
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
      // The task has failed for good, so it may be added again.
      this.#names.delete(task.name)
      throw error
    }
    return 'added'
  }

  async #deliver(task: Task): Promise<void> {
    const handle = this.#handle
    if (handle === null)
      throw new SessionConfigError('this localTasks() queue belongs to no createSessions()')
    // A copy, as it would arrive over the network: no task may rely on sharing objects with its maker.
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
