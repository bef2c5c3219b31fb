import { once } from 'node:events'
import { MessageChannel } from 'node:worker_threads'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { passingTrouble } from '../../../src/base/store-errors.ts'
import { Connection } from '../../../src/store/datastore/connection.ts'
import type { OpenClient } from '../../../src/store/datastore/client.ts'

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

const unsent = passingTrouble('no token')
const never = (): Promise<never> => new Promise(() => undefined)
const isProbe = (request: object): boolean => JSON.stringify(request).includes('viur-session-probe')

interface Behaviour {
  /** The answer to the lookup that tests the connection. */
  readonly probe: () => Promise<unknown>
  /** The answer to all other calls. */
  readonly call: () => Promise<unknown>
  readonly close?: () => Promise<void>
}

/** A connection whose first clients behave as given, in order. All further clients behave like the last one. */
function connectionOf(...behaviours: readonly Behaviour[]) {
  const closed: number[] = []
  const calls: number[] = []
  const opened = (at: number): OpenClient => {
    const { probe, call, close } = behaviours[Math.min(at, behaviours.length - 1)] as Behaviour
    const ask = (request: object): Promise<unknown> => {
      if (isProbe(request)) return probe()
      calls.push(at)
      return call()
    }
    return {
      client: {
        lookup: ask,
        commit: ask,
        runQuery: ask,
        close: async () => {
          closed.push(at)
          await close?.()
        },
      },
      projectId: 'p',
      projectFrom: 'a test',
      address: 'nowhere',
      transport: { name: 'client', version: null },
      owned: true,
      another: async () => opened(at + 1),
    }
  }
  const connection = new Connection({
    open: async () => opened(0),
    databaseId: '',
    namespace: '',
    deadline: 5000,
  })
  const ask = (): Promise<unknown> =>
    connection
      .call('lookup', () => ({}))
      .then(
        () => 'answered',
        (error: Error) => error.message,
      )
  return { connection, ask, calls, closed }
}

const answers = async (): Promise<unknown> => [{}]
const withoutToken = async (): Promise<never> => {
  await new Promise((resolve) => setTimeout(resolve, 10))
  throw unsent
}

describe('a silent connection', () => {
  test('is replaced by a new one if the lookup that tests it was not sent', async () => {
    const { ask, calls } = connectionOf(
      { probe: withoutToken, call: never },
      { probe: answers, call: answers },
    )
    const first = ask()
    await vi.advanceTimersByTimeAsync(2500)
    expect(await first).toBe('answered')
    expect(calls).toEqual([0, 1])
  })

  test('is not replaced by one on which no call could be sent', async () => {
    const { ask, calls, closed } = connectionOf(
      { probe: never, call: never },
      { probe: withoutToken, call: answers },
    )
    const first = ask()
    await vi.advanceTimersByTimeAsync(2500)
    expect(calls).toEqual([0])
    expect(closed).not.toContain(0)
    expect(closed).toContain(1)
    await vi.advanceTimersByTimeAsync(5000)
    expect(await first).toMatch(/did not answer/)
  })
})

test('a connection whose answer came while the process was too busy to read it is not dead', async () => {
  vi.useRealTimers()
  const { port1: server, port2: client } = new MessageChannel()
  const heard = once(client, 'message')
  const late = async (): Promise<unknown> => (await heard) && [{}]
  const { ask, calls, closed } = connectionOf(
    { probe: late, call: late },
    {
      probe: async () => {
        // After the answer of the new connection, the old one gets a pause of 200 ms, during all of which the process
        // is busy. After that the event loop first runs its timers, and only then reads what was received.
        setImmediate(() => {
          server.postMessage('an answer')
          const until = performance.now() + 250
          while (performance.now() < until);
        })
        return [{}]
      },
      call: answers,
    },
  )
  expect(await ask()).toBe('answered')
  // The new connection is no longer needed. On a slow machine a second new one may have been tried too.
  await expect.poll(() => closed).not.toEqual([])
  server.close()
  expect(new Set(closed)).toEqual(new Set([1]))
  expect(calls).toEqual([0])
})

describe('closing a connection', () => {
  test('closes all open clients, even if a replaced one cannot be closed', async () => {
    const { connection, ask, closed } = connectionOf(
      { probe: never, call: never, close: () => Promise.reject(new Error('it is gone')) },
      { probe: answers, call: answers },
    )
    const first = ask()
    await vi.advanceTimersByTimeAsync(2500)
    expect(await first).toBe('answered')
    expect(closed).not.toContain(1)
    const closing = connection.close()
    await vi.advanceTimersByTimeAsync(1)
    await closing
    expect(closed).toContain(0)
    expect(closed).toContain(1)
  })
})
