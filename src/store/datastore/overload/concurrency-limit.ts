import { AsyncResource } from 'node:async_hooks'
import { storeCalls } from '../../store-calls.ts'
import { closedError, fullError, overdueError } from '../errors.ts'
import { QueueTimeout } from './queue-timeout.ts'
import { tellTurnedAway } from './turned-away.ts'

interface Waiting {
  readonly since: number
  start(): void
  reject(error: unknown): void
}

/**
 * Limits the number of concurrent tasks. Further tasks wait in a queue with a limited length and a limited waiting
 * time.
 */
export class ConcurrencyLimit {
  readonly #most: number
  readonly #mostWaiting: number
  readonly #queueTimeout: QueueTimeout
  readonly #waiting = new Set<Waiting>()
  #running = 0
  #closed = false

  /** `longest`: the longest wait of a task, in milliseconds. */
  constructor(most: number, mostWaiting: number, longest: number) {
    this.#most = most
    this.#mostWaiting = mostWaiting
    this.#queueTimeout = new QueueTimeout(longest, (overdue) => this.#expire(overdue))
  }

  /**
   * Runs the task and returns its result. The task gets the time that it has waited, in milliseconds. Rejects with a
   * `SessionStoreError` without effect if the task never ran.
   */
  run<Result>(task: (waited: number) => Promise<Result>): Promise<Result> {
    if (this.#closed) return Promise.reject(closedError())
    if (this.#running < this.#most) return this.#start(() => task(0))
    if (this.#waiting.size >= this.#mostWaiting) {
      tellTurnedAway('full')
      return Promise.reject(fullError(this.#mostWaiting))
    }
    return new Promise((resolve, reject) => {
      const since = performance.now()
      const start = (): void => resolve(this.#start(() => task(performance.now() - since)))
      // Keeps the async context of the caller. Otherwise the call would be published in the context of the previous
      // task.
      const own = storeCalls.isHeard ? AsyncResource.bind(start) : start
      this.#waiting.add({ since, start: own, reject })
      this.#queueTimeout.watch(since)
    })
  }

  /** Fails waiting tasks. Running tasks end by themselves. */
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
      tellTurnedAway('late')
      waiting.reject(overdueError())
    }
    return null
  }
}
