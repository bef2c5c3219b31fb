/** How much shorter the wait is in a queue that has not been empty for as long as the wait. */
const STANDING = 5

/**
 * Watches over a queue: says when what waits in it has waited too long, also while nothing leaves the queue. A short
 * queue smooths a burst; one that stands for long only makes all that pass through it late, and fails the same number in
 * the end. So in a standing queue they fail sooner (the idea of CoDel, RFC 8289). One timer, only while something waits,
 * and it keeps no process alive.
 */
export class QueueTimeout {
  readonly #longest: number
  readonly #expire: (overdue: number) => number | null
  #timer: NodeJS.Timeout | null = null
  /** Since when the queue has not been empty, on the monotonic clock. */
  #standingSince: number | null = null

  /**
   * `longest`: how long anything may wait, in milliseconds. `expire` gets the instant before which things have come
   * too long ago, lets go of them, and gives the instant of the oldest that still waits, or `null`.
   */
  constructor(longest: number, expire: (overdue: number) => number | null) {
    this.#longest = longest
    this.#expire = expire
  }

  /** Something waits; the oldest has come at this instant of the monotonic clock. */
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

  /** Lets go of what has waited too long; for a process that was too busy for its timers. */
  check(): void {
    const now = performance.now()
    const oldest = this.#expire(now - this.#longestAt(now))
    if (oldest === null) this.rest()
    else this.watch(oldest)
  }

  /** Nothing waits any more. */
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
