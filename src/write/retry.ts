import { randomInt } from 'node:crypto'
import { SessionStoreError } from '../base/errors.ts'
import { isHeard, tell } from '../record/happenings.ts'
import { type Limit, LONG_CALL, perCall } from '../store/budget.ts'
import { type Incident, incidentOf } from '../base/common-cause.ts'

/** Settings of retries: the budget that all requests share, and the function that waits before a retry. */
export interface RetrySettings {
  readonly retries: RetryBudget
  readonly sleep: (duration: number) => Promise<void>
}

/** How many times a call is tried while the store fails. */
export const MAX_TROUBLE_TRIES = 3

/** How many times a write is tried while others keep changing the record. */
export const MAX_CONTENTION_TRIES = 32

/**
 * Returns the pause before the next try, in milliseconds. It grows, and is random, so that colliding callers separate.
 */
function delayBefore(attempt: number, base: number, cap: number): number {
  return randomInt(1, Math.min(cap, base * 2 ** Math.min(attempt, 16)) + 1)
}

/** Returns the pause after a conflict, in milliseconds. It is short, because the other write has already finished. */
export function contentionDelay(attempt: number): number {
  return delayBefore(attempt, 4, 250)
}

/** Returns the pause after a failure of the store, in milliseconds. */
export function troubleDelay(attempt: number): number {
  return delayBefore(attempt, 50, 1000)
}

/** The limit of calls that no request waits for. */
export const LONG_WORK: Limit = perCall(LONG_CALL)

/**
 * Makes a read-only call and returns its result. Repeats the call a few times if the store fails, as long as the limit
 * allows. The call gets its deadline in milliseconds.
 */
export async function retried<Result>(
  settings: RetrySettings,
  call: (deadline: number) => Promise<Result>,
  limit: Limit = LONG_WORK,
): Promise<Result> {
  for (let tries = 1; ; tries++) {
    try {
      const result = await limit.wait(call, 'none')
      settings.retries.earn()
      return result
    } catch (cause) {
      const error = asStoreError(cause)
      if (tries >= MAX_TROUBLE_TRIES) throw error
      await pauseBefore(settings, error, troubleDelay(tries), limit)
    }
  }
}

/** Waits before the next try. Throws the error of the last try if no further one is allowed. */
export async function pauseBefore(
  { sleep, retries }: RetrySettings,
  error: SessionStoreError,
  delay: number,
  limit: Limit,
): Promise<void> {
  if (limit.left <= delay || !retries.take(error)) throw error
  if (isHeard('retry')) tell({ kind: 'retry', why: 'trouble' })
  await limit.wait(() => sleep(delay), 'none')
}

/** Returns the error as a `SessionStoreError`. A call whose error the store did not classify may have had an effect. */
export function asStoreError(error: unknown): SessionStoreError {
  if (error instanceof SessionStoreError) return error
  return new SessionStoreError('the session store failed', { cause: error })
}

/** Returns the error with the effect `'unknown'`, for a try after another one that may have had an effect. */
export function afterUnknown(error: SessionStoreError): SessionStoreError {
  if (error.effect === 'unknown') return error
  const { message, cause, retryable, retryAfter } = error
  return new SessionStoreError(message, {
    ...(cause === undefined ? {} : { cause }),
    effect: 'unknown',
    retryable,
    retryAfter,
  })
}

/** How many successful calls earn one retry. */
const PRICE = 10

/** The most retries in a row of all requests of a process, while no call succeeds. */
const MOST = 20

/**
 * Limits the load that retries add to a failing store. A single failed request may retry. If all requests fail, three
 * tries of each would triple the load of an overloaded store and delay its recovery.
 */
export class RetryBudget {
  /** Number of successful calls that were not yet spent on retries. */
  #earned = MOST * PRICE
  readonly #paid = new WeakSet<Incident>()

  /** Whether the failed call may be repeated now. If so, takes one retry from the budget. */
  take(error: SessionStoreError): boolean {
    // The store has set a time for the next try, which is too late for this request.
    if (!error.retryable || error.retryAfter !== null) return false
    const incident = incidentOf(error)
    // All calls that failed by one event, such as the loss of a connection, cost one retry together.
    if (incident !== null && this.#paid.has(incident)) return true
    if (this.#earned < PRICE) return false
    this.#earned -= PRICE
    if (incident !== null) this.#paid.add(incident)
    return true
  }

  /** Counts a successful call. */
  earn(): void {
    this.#earned = Math.min(MOST * PRICE, this.#earned + 1)
  }
}
