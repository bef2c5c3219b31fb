import { randomInt } from 'node:crypto'
import { SessionStoreError } from '../errors.ts'

/** How often a call is tried when the store is in trouble. */
export const MAX_TROUBLE_TRIES = 3

/** How often a write is tried when others keep changing the record. */
export const MAX_CONTENTION_TRIES = 32

/** Milliseconds before the next try: growing, and drawn at random so that those who collided part. */
export function delayBefore(attempt: number, base: number, cap: number): number {
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

/** The error as a fault of the store; one that a store did not classify may have taken effect. */
export function asStoreError(error: unknown): SessionStoreError {
  if (error instanceof SessionStoreError) return error
  return new SessionStoreError('the session store failed', { cause: error })
}
