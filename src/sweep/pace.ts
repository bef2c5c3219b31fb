import type { PaceState, RunState } from './run.ts'

const GROWTH = 1.5

/** Milliseconds. */
const GROWS_EVERY = 5 * 60 * 1000

/** The share of a rate that has to be used before the rate grows. */
const USED = 0.5

/** How long a reached rate is kept for the next sweep: ranges that were split under load stay split for about a day. */
const KEPT_FOR = 24 * 60 * 60 * 1000

export interface PaceSettings {
  readonly now: () => number
  readonly sleep: (duration: number) => Promise<void>
}

/** Takes over the pace of the previous sweep, if that is not too long ago. */
export function inheritPace(state: RunState, before: RunState | null, now: number): void {
  if (before?.pace === undefined || now - before.updated > KEPT_FOR) return
  state.pace = { ...before.pace }
}

/** Delays the pages of one step to keep the pace. */
export class Pace {
  readonly #state: RunState
  readonly #start: number
  readonly #settings: PaceSettings

  /** `start`: sessions per second at the beginning; `Infinity`: there is no limit. */
  constructor(state: RunState, start: number, settings: PaceSettings) {
    this.#state = state
    this.#start = start
    this.#settings = settings
  }

  /**
   * Waits until a page of this size may begin. Returns `false` if that would be at or after the deadline; then it has
   * waited until the deadline.
   */
  async turn(size: number, deadline: number): Promise<boolean> {
    if (this.#start === Number.POSITIVE_INFINITY) return this.#settings.now() < deadline
    const now = this.#settings.now()
    const pace = this.#grown(now)
    const at = Math.max(pace.next, now)
    const begins = at < deadline
    // Set before the wait, so that parallel lanes wait for one another.
    if (begins) pace.next = at + (size / pace.rate) * 1000
    const wait = Math.min(at, deadline) - now
    if (wait > 0) await this.#settings.sleep(Math.ceil(wait))
    return begins
  }

  /** Records how many sessions were on a page that had reserved `size`. */
  spent(count: number, size: number): void {
    const { pace } = this.#state
    if (pace === undefined) return
    pace.done += count
    pace.next -= ((size - count) / pace.rate) * 1000
  }

  #grown(now: number): PaceState {
    const { pace } = this.#state
    if (pace === undefined || pace.start !== this.#start || pace.since > now) {
      this.#state.pace = { start: this.#start, rate: this.#start, since: now, done: 0, next: now }
      return this.#state.pace
    }
    if (now - pace.since < GROWS_EVERY) return pace
    // A rate that was not used has split no ranges.
    if (pace.done >= USED * pace.rate * (GROWS_EVERY / 1000)) pace.rate *= GROWTH
    pace.since = now
    pace.done = 0
    return pace
  }
}
