import { SessionStoreError } from '../base/errors.ts'
import type { SessionStore } from './store.ts'

/** The longest time that a request waits for a store without a `deadline`, in milliseconds. */
const DEFAULT_DEADLINE = 5000

/**
 * The budget is renewed after this time, in milliseconds, for sessions that outlive a request, such as that of a
 * WebSocket.
 */
const RENEWED_AFTER = 60_000

/** The longest time for one call of long work, in milliseconds. */
export const LONG_CALL = 30_000

/** Extra time after the store's own deadline, in milliseconds, because the store's error says more than ours. */
const SLACK = 20

/** The possible effect of a call that was given up: `'none'` for a read, `'unknown'` for a write. */
export type Effect = 'none' | 'unknown'

/** Limits how long a caller waits for the store. */
export interface Limit {
  /** The longest time for a call that starts now, in milliseconds; 0: no call may start. */
  readonly left: number
  /**
   * Makes the call and returns its result. The call gets its deadline in milliseconds. When that time is over, rejects
   * with a `SessionStoreError`, and ignores the later result of the call. `effect`: the effect that the error states.
   */
  wait<Result>(call: (left: number) => Promise<Result>, effect: Effect): Promise<Result>
  /**
   * Counts the time until the returned function is called, for work of several calls that the caller waits for. Each of
   * these calls has its own `wait()`.
   */
  hold(): () => void
}

/**
 * The total time that one request may wait for the store: its load, its saves and its commit, with every try and every
 * pause between tries. Only waiting time counts, not the app's own work in between. Overlapping waits count once. A
 * minute after the first wait the budget is renewed, for sessions that outlive a request, such as that of a WebSocket.
 */
export class Budget implements Limit {
  readonly #most: number
  readonly #now: () => number
  #spent = 0
  #waits = 0
  /** When the current wait started, or the first of several overlapping waits. */
  #since = 0
  /** When the first wait of the budget started; `null` before. */
  #begun: number | null = null

  /** `most`: the whole budget, in milliseconds. `now`: a monotonic clock, in milliseconds. */
  constructor(most: number, now: () => number = () => performance.now()) {
    this.#most = most
    this.#now = now
  }

  get left(): number {
    return this.#leftAt(this.#now())
  }

  #leftAt(now: number): number {
    this.#renew(now)
    const running = this.#waits === 0 ? 0 : now - this.#since
    return Math.max(0, this.#most - this.#spent - running)
  }

  wait<Result>(call: (left: number) => Promise<Result>, effect: Effect): Promise<Result> {
    const now = this.#now()
    const left = this.#leftAt(now)
    if (left <= 0) return Promise.reject(spentError(this.#most, 'none'))
    this.#begin(now)
    return race(call, left, () => spentError(this.#most, effect), this.#waited)
  }

  hold(): () => void {
    const now = this.#now()
    this.#renew(now)
    this.#begin(now)
    return this.#waited
  }

  #begin(now: number): void {
    this.#waits += 1
    if (this.#waits === 1) this.#since = now
    this.#begun ??= this.#since
  }

  readonly #waited = (): void => {
    this.#waits -= 1
    if (this.#waits === 0) this.#spent += this.#now() - this.#since
  }

  #renew(now: number): void {
    if (this.#waits > 0 || this.#begun === null || now - this.#begun < RENEWED_AFTER) return
    this.#begun = null
    this.#spent = 0
  }
}

/** Makes the budget of one request for this store. */
export function budgetFor(store: Pick<SessionStore, 'deadline'>): Budget {
  return new Budget(store.deadline ?? DEFAULT_DEADLINE)
}

/** Makes a limit for work that no request waits for: each call has this time, in milliseconds. */
export function perCall(most: number): Limit {
  return {
    left: most,
    wait: (call, effect) => race(call, most, () => unansweredError(most, effect)),
    hold: () => nothing,
  }
}

/**
 * Makes a limit for one call on behalf of several callers: the longest of their limits. Each caller counts its own
 * time.
 */
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
    hold: () => nothing,
  }
}

/**
 * Makes the call and returns its result, or rejects when it takes too long. `over`: called once, before the result is
 * given.
 */
function race<Result>(
  call: (left: number) => Promise<Result>,
  left: number,
  late: () => SessionStoreError,
  over: () => void = nothing,
): Promise<Result> {
  return new Promise((resolve, reject) => {
    let isOver = false
    const end = (): boolean => {
      if (isOver) return false
      isOver = true
      clearTimeout(timer)
      over()
      return true
    }
    const timer = setTimeout(
      // `setImmediate`: an answer that arrived while the process was busy is read first.
      () => setImmediate(() => end() && reject(late())),
      Math.ceil(left) + SLACK,
    )
    const fail = (error: unknown): void => {
      if (end()) reject(error)
    }
    try {
      call(left).then((result) => {
        if (end()) resolve(result)
      }, fail)
    } catch (error) {
      fail(error)
    }
  })
}

function nothing(): void {}

function spentError(most: number, effect: Effect): SessionStoreError {
  return new SessionStoreError(
    `the request has waited ${most} ms for the session store and waits no longer: look at the latency of the store, or raise its deadline`,
    { effect, retryable: true },
  )
}

function unansweredError(most: number, effect: Effect): SessionStoreError {
  return new SessionStoreError(
    `the session store did not answer within ${Math.round(most)} ms: look at the latency of the store, or raise its deadline`,
    { effect, retryable: true },
  )
}
