import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { SessionStoreError } from '../../src/base/errors.ts'
import { Budget, longestOf, perCall } from '../../src/store/budget.ts'

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] })
})

afterEach(() => {
  vi.useRealTimers()
})

/** Lets time pass, and returns the state of the promise: its value, its error, or `'waiting'`. */
async function outcomeAfter(time: number, promise: Promise<unknown>): Promise<unknown> {
  let state: unknown = 'waiting'
  promise.then(
    (value) => {
      state = value
    },
    (error: unknown) => {
      state = error
    },
  )
  await vi.advanceTimersByTimeAsync(time)
  // A wait is given up only after received data was read.
  await new Promise((resolve) => setImmediate(resolve))
  await new Promise((resolve) => setImmediate(resolve))
  return state
}

const never = (): Promise<never> => new Promise(() => {})

const taking = (time: number) => (): Promise<string> =>
  new Promise((resolve) => setTimeout(() => resolve('done'), time))

describe('a budget', () => {
  test('tells each call how much is left', async () => {
    const budget = new Budget(1000)
    const first = budget.wait(taking(300), 'none')
    expect(await outcomeAfter(300, first)).toBe('done')
    let left = 0
    await budget.wait(async (given) => {
      left = given
    }, 'none')
    expect(left).toBe(700)
    expect(budget.left).toBe(700)
  })

  test('does not count the time between waits', async () => {
    const budget = new Budget(1000)
    await outcomeAfter(300, budget.wait(taking(300), 'none'))
    await vi.advanceTimersByTimeAsync(10_000)
    expect(budget.left).toBe(700)
  })

  test('counts waits that overlap once', async () => {
    const budget = new Budget(1000)
    const both = Promise.all([
      budget.wait(taking(300), 'none'),
      budget.wait(taking(200), 'none'),
      budget.wait(taking(300), 'none'),
    ])
    await outcomeAfter(300, both)
    expect(budget.left).toBe(700)
  })

  test('counts the current wait', async () => {
    const budget = new Budget(1000)
    void budget.wait(taking(500), 'none')
    await vi.advanceTimersByTimeAsync(400)
    expect(budget.left).toBe(600)
  })

  test.each(['none', 'unknown'] as const)(
    'fails a running call at its end, with the effect %s',
    async (effect) => {
      const budget = new Budget(1000)
      const wait = budget.wait(never, effect)
      expect(await outcomeAfter(999, wait)).toBe('waiting')
      const error = await outcomeAfter(100, wait)
      expect(error).toBeInstanceOf(SessionStoreError)
      expect(error).toMatchObject({ effect, retryable: true })
      expect(budget.left).toBe(0)
    },
  )

  test('starts no call once it is used up, so that such a call has no effect', async () => {
    const budget = new Budget(1000)
    await outcomeAfter(1100, budget.wait(never, 'unknown'))
    const call = vi.fn(never)
    expect(await outcomeAfter(0, budget.wait(call, 'unknown'))).toMatchObject({ effect: 'none' })
    expect(call).not.toHaveBeenCalled()
  })

  test('ends all current waits at once', async () => {
    const budget = new Budget(1000)
    const first = budget.wait(never, 'unknown')
    await outcomeAfter(600, first)
    const second = budget.wait(never, 'unknown')
    expect(await outcomeAfter(500, second)).toBeInstanceOf(SessionStoreError)
    expect(await outcomeAfter(0, first)).toBeInstanceOf(SessionStoreError)
  })

  test('passes an error of the call on unchanged, and counts its time', async () => {
    const budget = new Budget(1000)
    const error = new Error('from the call')
    const failing = budget.wait(async () => {
      await taking(200)()
      throw error
    }, 'none')
    expect(await outcomeAfter(200, failing)).toBe(error)
    expect(budget.left).toBe(800)
  })

  test('causes no unhandled rejection if a call fails after it was given up', async () => {
    const budget = new Budget(100)
    const unhandled = vi.fn()
    process.on('unhandledRejection', unhandled)
    const late = budget.wait(async () => {
      await taking(500)()
      throw new Error('late')
    }, 'unknown')
    expect(await outcomeAfter(600, late)).toBeInstanceOf(SessionStoreError)
    process.off('unhandledRejection', unhandled)
    expect(unhandled).not.toHaveBeenCalled()
  })

  test('keeps no timer once the call has answered', async () => {
    const budget = new Budget(1000)
    await budget.wait(async () => 1, 'none')
    await Promise.resolve()
    expect(vi.getTimerCount()).toBe(0)
  })

  test('keeps no timer if the call throws at once', async () => {
    const budget = new Budget(1000)
    const throwing = budget.wait(() => {
      throw new Error('at once')
    }, 'none')
    await expect(throwing).rejects.toThrow('at once')
    expect(vi.getTimerCount()).toBe(0)
  })

  test('is renewed a minute after its first wait, for a session that outlives requests', async () => {
    const budget = new Budget(1000)
    await outcomeAfter(900, budget.wait(taking(900), 'none'))
    await vi.advanceTimersByTimeAsync(59_000)
    expect(budget.left).toBe(100)
    await vi.advanceTimersByTimeAsync(100)
    expect(budget.left).toBe(1000)
  })

  test('is not renewed while a caller waits', async () => {
    const budget = new Budget(90_000)
    const wait = budget.wait(never, 'none')
    await outcomeAfter(80_000, wait)
    expect(budget.left).toBe(10_000)
  })
})

describe('a call on behalf of several', () => {
  test('may take as long as the caller with the longest limit waits', async () => {
    const [short, long] = [new Budget(100), new Budget(1000)]
    void short.wait(never, 'unknown').catch(() => {})
    void long.wait(never, 'unknown').catch(() => {})
    const limit = longestOf([short, long])
    const call = limit.wait(never, 'unknown')
    expect(limit.left).toBe(1000)
    expect(await outcomeAfter(500, call)).toBe('waiting')
    expect(limit.left).toBe(500)
    expect(await outcomeAfter(600, call)).toMatchObject({ effect: 'unknown' })
    expect(limit.left).toBe(0)
  })

  test('is not started once all callers have given up', async () => {
    const budget = new Budget(100)
    await outcomeAfter(200, budget.wait(never, 'unknown'))
    const call = vi.fn(never)
    const limit = longestOf([budget, budget])
    expect(await outcomeAfter(0, limit.wait(call, 'unknown'))).toMatchObject({ effect: 'none' })
    expect(call).not.toHaveBeenCalled()
  })
})

describe('a limit of each call', () => {
  test('gives every call the same time', async () => {
    const limit = perCall(1000)
    expect(await outcomeAfter(900, limit.wait(taking(900), 'none'))).toBe('done')
    expect(limit.left).toBe(1000)
    expect(await outcomeAfter(1100, limit.wait(never, 'none'))).toMatchObject({ effect: 'none' })
  })
})
