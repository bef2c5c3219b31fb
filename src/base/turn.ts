/** Captured once, so that fake timers of tests do not stop it. */
const inCheckPhase: typeof setImmediate = process.getBuiltinModule('node:timers').setImmediate

let current: Promise<void> | null = null

/**
 * Resolves when the event loop has read the input of this turn; for all callers of a turn at once, in the order of
 * their calls. The same code then runs for many requests in a row and stays in the caches of the processor
 * (bench/RESULTS.md, "Profile").
 */
export function endOfTurn(): Promise<void> {
  current ??= new Promise((resolve) => {
    inCheckPhase(() => {
      current = null
      resolve()
    })
  })
  return current
}
