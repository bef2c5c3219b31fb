import { SessionConfigError } from './errors.ts'

/** Whether somebody could wait for it. */
export function isThenable(value: unknown): value is PromiseLike<unknown> {
  return (
    (typeof value === 'object' || typeof value === 'function') &&
    value !== null &&
    typeof (value as { then?: unknown }).then === 'function'
  )
}

/** Nobody waits for it: its failure must not end the process. */
export function letGo(promise: PromiseLike<unknown>): void {
  Promise.resolve(promise).catch(() => {})
}

/**
 * What a function of the app gave that has to answer at once. Throws where it gave a promise, which nobody would wait
 * for. `what`: the function, as in `userOf`. `Refusal`: what is thrown.
 */
export function atOnce<Value>(
  what: string,
  given: Value,
  Refusal: new (message: string) => Error = SessionConfigError,
): Value {
  if (!isThenable(given)) return given
  letGo(given)
  throw new Refusal(
    `${what} must answer at once, but gave a promise: write it as a function that is not async`,
  )
}
