import { SessionConfigError } from './errors.ts'

/** Whether the value has a `then` method and can be awaited. */
export function isThenable(value: unknown): value is PromiseLike<unknown> {
  return (
    (typeof value === 'object' || typeof value === 'function') &&
    value !== null &&
    typeof (value as { then?: unknown }).then === 'function'
  )
}

/** Ignores the result of a promise that is not awaited: a rejection must not end the process. */
export function letGo(promise: PromiseLike<unknown>): void {
  Promise.resolve(promise).catch(() => {})
}

/**
 * Checks the return value of an app's function that must be synchronous, and returns it. Throws for a promise, which
 * would not be awaited. `what`: the name of the function, such as `userOf`. `Refusal`: the class of the error.
 */
export function atOnce<Value>(
  what: string,
  given: Value,
  Refusal: new (message: string) => Error = SessionConfigError,
): Value {
  if (!isThenable(given)) return given
  letGo(given)
  throw new Refusal(
    `${what} must answer at once, but returned a promise: write it as a function that is not async`,
  )
}
