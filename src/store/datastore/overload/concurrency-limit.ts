import { closedError, fullError, overdueError } from '../errors.ts'
import { QueueTimeout } from './queue-timeout.ts'

interface Waiting {
  readonly since: number
  start(): void
  reject(error: unknown): void
}

/** Lets so many tasks run at once, and a bounded number wait, none longer than it may. */
export class ConcurrencyLimit {
  readonly #most: number
  readonly #mostWaiting: number
  readonly #queueTimeout: QueueTimeout
  readonly #waiting = new Set<Waiting>()
  #running = 0
  #closed = false

  /** `longest`: the most that a task waits, in milliseconds. */
  constructor(most: number, mostWaiting: number, longest: number) {
    this.#most = most
    this.#mostWaiting = mostWaiting
    this.#queueTimeout = new QueueTimeout(longest, (overdue) => this.#expire(overdue))
  }

  /**
   * What the task gives; it hears how long it has waited, in milliseconds. Rejects with a `SessionStoreError` without
   * effect when it never ran.
   */
  run<Result>(task: (waited: number) => Promise<Result>): Promise<Result> {
    if (this.#closed) return Promise.reject(closedError())
    if (this.#running < this.#most) return this.#start(() => task(0))
    if (this.#waiting.size >= this.#mostWaiting) return Promise.reject(fullError(this.#mostWaiting))
    return new Promise((resolve, reject) => {
      const since = performance.now()
      this.#waiting.add({
        since,
        start: () => resolve(this.#start(() => task(performance.now() - since))),
        reject,
      })
      this.#queueTimeout.watch(since)
    })
  }

  /** Fails what waits. What runs ends by itself. */
  close(): void {
    this.#closed = true
    this.#queueTimeout.rest()
    for (const { reject } of this.#waiting) reject(closedError())
    this.#waiting.clear()
  }

  async #start<Result>(task: () => Promise<Result>): Promise<Result> {
    this.#running += 1
    try {
      return await task()
    } finally {
      this.#running -= 1
      this.#next()
    }
  }

  #next(): void {
    if (this.#waiting.size === 0) return
    this.#queueTimeout.check()
    for (const waiting of this.#waiting) {
      if (this.#running >= this.#most) return
      this.#waiting.delete(waiting)
      waiting.start()
    }
    this.#queueTimeout.rest()
  }

  #expire(overdue: number): number | null {
    for (const waiting of this.#waiting) {
      if (waiting.since >= overdue) return waiting.since
      this.#waiting.delete(waiting)
      waiting.reject(overdueError())
    }
    return null
  }
}
