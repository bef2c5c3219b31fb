const { setImmediate: inCheckPhase, setTimeout: real } = process.getBuiltinModule('node:timers')

let current: Promise<void> | null = null

/**
 * Resolves when the event loop has read the input of this turn; for all callers of a turn at once, in the order of
 * their calls. The same code then runs for many requests in a row and stays in the caches of the processor
 * (bench/RESULTS.md, "Profile"). Returns `undefined`, so that nobody waits, while a test has replaced the timers: the
 * event loop does not go on with the clock of the test.
 */
export function endOfTurn(): Promise<void> | undefined {
  if (globalThis.setTimeout !== real) return undefined
  current ??= new Promise((resolve) => {
    inCheckPhase(() => {
      current = null
      resolve()
    })
  })
  return current
}
