import { closedError, fullError, overdueError } from './datastore-errors.ts'

interface Waiting {
  readonly since: number
  start(): void
  reject(error: unknown): void
}

/** Lets so many tasks run at once, and a bounded number wait, none longer than a call may take. */
export class Slots {
  readonly #most: number
  readonly #mostWaiting: number
  readonly #longest: number
  readonly #waiting = new Set<Waiting>()
  #running = 0
  #closed = false

  /** `longest`: the most that a task waits, in milliseconds. */
  constructor(most: number, mostWaiting: number, longest: number) {
    this.#most = most
    this.#mostWaiting = mostWaiting
    this.#longest = longest
  }

  /** What the task gives. Rejects with a `SessionStoreError` without effect when it never ran. */
  run<Result>(task: () => Promise<Result>): Promise<Result> {
    if (this.#closed) return Promise.reject(closedError())
    if (this.#running < this.#most) return this.#start(task)
    if (this.#waiting.size >= this.#mostWaiting) return Promise.reject(fullError(this.#mostWaiting))
    return new Promise((resolve, reject) => {
      this.#waiting.add({
        since: performance.now(),
        start: () => resolve(this.#start(task)),
        reject,
      })
    })
  }

  /** Fails what waits. What runs ends by itself. */
  close(): void {
    this.#closed = true
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
    const overdue = performance.now() - this.#longest
    for (const waiting of this.#waiting) {
      if (this.#running >= this.#most) return
      this.#waiting.delete(waiting)
      if (waiting.since < overdue) waiting.reject(overdueError())
      else waiting.start()
    }
  }
}
