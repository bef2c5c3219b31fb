import { SessionStoreError } from '../base/errors.ts'
import type { SessionStore } from './store.ts'

/** How long a request waits for a store that does not say so itself, in milliseconds. */
const DEFAULT_DEADLINE = 5000

/** After so many milliseconds a session that outlives requests, as that of a WebSocket, has the whole budget again. */
const RENEWED_AFTER = 60_000

/** How long one call of long work may take, in milliseconds. */
export const LONG_CALL = 30_000

/** How much later than the store we give up, in milliseconds: what the store has to say of the failure is worth more. */
const SLACK = 20

/** What is known of a call that was given up: a read changes nothing in any case. */
export type Effect = 'none' | 'unknown'

/** Bounds how long somebody waits for the store. */
export interface Limit {
  /** How long a call that begins now may take, in milliseconds; 0: none is to be begun. */
  readonly left: number
  /**
   * What the call gives; it hears how long it may take, in milliseconds. Rejects with a `SessionStoreError` when that
   * time is over; what comes of the call after that, nobody hears. `effect`: what is known of it then.
   */
  wait<Result>(call: (left: number) => Promise<Result>, effect: Effect): Promise<Result>
}

/**
 * How long one request waits for the store, all in all: its load, its saves and its commit, with every try and every
 * pause between tries. Waiting time and not the time of a clock: what the app does in between is not counted, and waits
 * that overlap count once. A minute after the first wait it begins anew, for sessions that outlive a request, as those of
 * a WebSocket do.
 */
export class Budget implements Limit {
  readonly #most: number
  readonly #now: () => number
  #spent = 0
  #waits = 0
  /** Since when at least one wait is under way. */
  #since = 0
  /** When the first wait of the budget began; `null` before. */
  #begun: number | null = null

  /** `most`: milliseconds. `now`: a monotonic clock, in milliseconds. */
  constructor(most: number, now: () => number = () => performance.now()) {
    this.#most = most
    this.#now = now
  }

  get left(): number {
    const now = this.#now()
    this.#renew(now)
    const running = this.#waits === 0 ? 0 : now - this.#since
    return Math.max(0, this.#most - this.#spent - running)
  }

  async wait<Result>(call: (left: number) => Promise<Result>, effect: Effect): Promise<Result> {
    const { left } = this
    if (left <= 0) throw spentError(this.#most, 'none')
    this.#waits += 1
    if (this.#waits === 1) this.#since = this.#now()
    this.#begun ??= this.#since
    try {
      return await race(call, left, () => spentError(this.#most, effect))
    } finally {
      this.#waits -= 1
      if (this.#waits === 0) this.#spent += this.#now() - this.#since
    }
  }

  #renew(now: number): void {
    if (this.#waits > 0 || this.#begun === null || now - this.#begun < RENEWED_AFTER) return
    this.#begun = null
    this.#spent = 0
  }
}

/** A budget for one request to this store. */
export function budgetFor(store: Pick<SessionStore, 'deadline'>): Budget {
  return new Budget(store.deadline ?? DEFAULT_DEADLINE)
}

/** For what no request waits for: each call has so much time (milliseconds), however many there are. */
export function perCall(most: number): Limit {
  return {
    left: most,
    wait: (call, effect) => race(call, most, () => unansweredError(most, effect)),
  }
}

/** For one call on behalf of several: as long as anybody waits for it. Each of them counts its own time. */
export function longestOf(limits: readonly Limit[]): Limit {
  const [only, ...more] = limits
  if (only !== undefined && more.length === 0) return only
  const left = (): number => Math.max(0, ...limits.map((limit) => limit.left))
  return {
    get left() {
      return left()
    },
    wait: async (call, effect) => {
      const most = left()
      if (most <= 0) throw unansweredError(most, 'none')
      return await race(call, most, () => unansweredError(most, effect))
    },
  }
}

function race<Result>(
  call: (left: number) => Promise<Result>,
  left: number,
  late: () => SessionStoreError,
): Promise<Result> {
  return new Promise((resolve, reject) => {
    const answer = call(left)
    const timer = setTimeout(
      // An answer that came while the process was too busy to read it is read before this.
      () => setImmediate(() => reject(late())),
      Math.ceil(left) + SLACK,
    )
    void answer.then(resolve, reject).then(() => clearTimeout(timer))
  })
}

function spentError(most: number, effect: Effect): SessionStoreError {
  return new SessionStoreError(
    `the ${most} ms that a request waits for the session store are over: look at its latency, or raise its deadline`,
    { effect, retryable: true },
  )
}

function unansweredError(most: number, effect: Effect): SessionStoreError {
  return new SessionStoreError(
    `the session store did not answer within ${Math.round(most)} ms: look at its latency, or raise its deadline`,
    { effect, retryable: true },
  )
}
