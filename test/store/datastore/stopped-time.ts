import { onTestFinished, vi } from 'vitest'

/**
 * Stops the time for this test, so that a busy machine delays nothing. Returns a function that lets time pass, one
 * millisecond after the other, until a promise has settled.
 */
export function stopTime(): <Result>(work: Promise<Result>) => Promise<Result> {
  vi.useFakeTimers({ toFake: ['performance', 'setTimeout', 'clearTimeout'] })
  onTestFinished(() => void vi.useRealTimers())
  return async (work) => {
    let isSettled = false
    const settle = (): void => {
      isSettled = true
    }
    work.then(settle, settle)
    for (let passed = 0; !isSettled; passed++) {
      if (passed > 60_000) throw new Error('a minute has passed, and nothing has settled')
      // Work that needs no time is done first.
      for (let turns = 0; turns < 3; turns++) await new Promise((resolve) => setImmediate(resolve))
      await vi.advanceTimersByTimeAsync(1)
    }
    return await work
  }
}
