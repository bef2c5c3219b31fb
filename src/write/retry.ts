import { randomInt } from 'node:crypto'
import { SessionStoreError } from '../base/errors.ts'
import { isHeard, tell } from '../record/happenings.ts'
import { type Limit, LONG_CALL, perCall } from '../store/budget.ts'
import { type Incident, incidentOf } from '../base/common-cause.ts'

/** What bounds retries over all requests, and waits before each. */
export interface RetrySettings {
  readonly retries: RetryBudget
  readonly sleep: (duration: number) => Promise<void>
}

/** How often a call is tried when the store is in trouble. */
export const MAX_TROUBLE_TRIES = 3

/** How often a write is tried when others keep changing the record. */
export const MAX_CONTENTION_TRIES = 32

/** Milliseconds before the next try: growing, and drawn at random so that those who collided part. */
function delayBefore(attempt: number, base: number, cap: number): number {
  return randomInt(1, Math.min(cap, base * 2 ** Math.min(attempt, 16)) + 1)
}

/** Before trying again on a conflict: the winner is done by now, so a short wait does. */
export function contentionDelay(attempt: number): number {
  return delayBefore(attempt, 4, 250)
}

/** Before trying again on an unavailable store. */
export function troubleDelay(attempt: number): number {
  return delayBefore(attempt, 50, 1000)
}

/** For calls that no request waits for. */
export const LONG_WORK: Limit = perCall(LONG_CALL)

/**
 * What a call without effect gives, asked for again a few times when the store is in trouble, as long as the limit
 * allows. The call hears how long it may take, in milliseconds.
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

/** Waits before the next try; throws the error of the last where there is to be none. */
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

/** The error as a fault of the store; one that a store did not classify may have taken effect. */
export function asStoreError(error: unknown): SessionStoreError {
  if (error instanceof SessionStoreError) return error
  return new SessionStoreError('the session store failed', { cause: error })
}

/** The error of a try after one that may have taken effect, whatever is known of this one. */
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

/** How many calls have to work to earn a retry. */
const PRICE = 10

/** How many retries there can be in a row, over all requests of a process, while nothing succeeds. */
const MOST = 20

/**
 * Bounds what retries add to the load of a store in trouble. One request alone may try again; when all of them fail,
 * each trying three times would triple the load of a store that has too much already, just when it is to recover.
 */
export class RetryBudget {
  /** Calls that worked and were not spent. */
  #earned = MOST * PRICE
  readonly #paid = new WeakSet<Incident>()

  /** Whether this failure may be tried again now; takes a retry from the budget if so. */
  take(error: SessionStoreError): boolean {
    // The store has said when: not within a request.
    if (!error.retryable || error.retryAfter !== null) return false
    const incident = incidentOf(error)
    // All that failed of one event, such as the loss of a connection, have one price: each is tried again.
    if (incident !== null && this.#paid.has(incident)) return true
    if (this.#earned < PRICE) return false
    this.#earned -= PRICE
    if (incident !== null) this.#paid.add(incident)
    return true
  }

  /** A call has succeeded. */
  earn(): void {
    this.#earned = Math.min(MOST * PRICE, this.#earned + 1)
  }
}
