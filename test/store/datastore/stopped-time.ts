import { onTestFinished, vi } from 'vitest'

/**
 * For this test time passes only where the test says so, so that a busy machine makes nothing late. What it gives lets
 * time pass, one millisecond after the other, until this has settled.
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
      // What happens without time happens first.
      for (let turns = 0; turns < 3; turns++) await new Promise((resolve) => setImmediate(resolve))
      await vi.advanceTimersByTimeAsync(1)
    }
    return await work
  }
}
