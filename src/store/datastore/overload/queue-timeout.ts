/** The divisor of the longest wait in a queue that was not empty for at least that time. */
const STANDING = 5

/**
 * Limits the waiting time in a queue, also while no entry leaves the queue. A short queue smooths a burst. A queue that
 * is never empty only delays all its entries, and the same number of them fails in the end. So entries of such a queue
 * fail sooner (the idea of CoDel, RFC 8289). One timer runs only while entries wait, and does not keep the process
 * alive.
 */
export class QueueTimeout {
  readonly #longest: number
  readonly #expire: (overdue: number) => number | null
  #timer: NodeJS.Timeout | null = null
  /** The time since which the queue has not been empty, on the monotonic clock; `null` if it is empty. */
  #standingSince: number | null = null

  /**
   * `longest`: the longest wait, in milliseconds. `expire`: gets a time, removes all entries that came before it, and
   * returns when the oldest remaining entry came, or `null`.
   */
  constructor(longest: number, expire: (overdue: number) => number | null) {
    this.#longest = longest
    this.#expire = expire
  }

  /** Starts the timer if it does not run. `since`: when the oldest entry came, on the monotonic clock. */
  watch(since: number): void {
    this.#standingSince ??= since
    if (this.#timer !== null) return
    const wait = Math.max(0, since + this.#longestAt(performance.now()) - performance.now())
    this.#timer = setTimeout(() => {
      this.#timer = null
      this.check()
    }, Math.ceil(wait) + 1)
    this.#timer.unref()
  }

  /** Removes entries that have waited too long. Also called directly, since a busy process may run its timers late. */
  check(): void {
    const now = performance.now()
    const oldest = this.#expire(now - this.#longestAt(now))
    if (oldest === null) this.rest()
    else this.watch(oldest)
  }

  /** Stops the timer, because the queue is empty. */
  rest(): void {
    this.#standingSince = null
    if (this.#timer !== null) clearTimeout(this.#timer)
    this.#timer = null
  }

  #longestAt(now: number): number {
    const stands = this.#standingSince !== null && now - this.#standingSince > this.#longest
    return stands ? this.#longest / STANDING : this.#longest
  }
}
