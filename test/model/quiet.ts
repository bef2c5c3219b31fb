import { afterAll, beforeAll, vi } from 'vitest'

/**
 * Stops real time for a file of walks. On a machine that stands still for seconds, the calls that a walk holds would
 * otherwise run out of the time of their requests. The memory store answers without waiting for the event loop then.
 */
export function withoutRealTime(): void {
  beforeAll(() => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] })
  })

  afterAll(() => {
    vi.useRealTimers()
  })
}

/** Waits until all actors wait for their turn: they only need microtasks. */
export async function quiet(): Promise<void> {
  if (!vi.isFakeTimers()) throw new Error('a walk needs withoutRealTime()')
  await new Promise((resolve) => setImmediate(resolve))
}

/** Ends a walk: removes the timers of actors that crashed, and with them all that these actors hold. */
export function forget(): void {
  vi.clearAllTimers()
}
