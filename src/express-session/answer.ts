/** How express-session hears of the end of a call: an error first, then the result. */
export type Callback<Result> = (error: unknown, result?: Result) => void

/**
 * Hands the outcome to the callback, once, later, and outside of any promise, so that an error that the callback
 * throws is the app's own. Without a callback it gives a promise, whose failure may go unheard; `unheard` hears of it.
 */
export function answer<Result>(
  result: Promise<Result>,
  callback: unknown,
  unheard: (error: unknown) => void,
): Promise<Result> | undefined {
  if (typeof callback !== 'function') {
    result.catch(unheard)
    return result
  }
  const call = callback as Callback<Result>
  result.then(
    (value) => process.nextTick(() => call(null, value)),
    (error: unknown) => process.nextTick(() => call(error)),
  )
  return undefined
}
