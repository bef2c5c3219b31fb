import { describe, expect, test } from 'vitest'
import {
  createSessions,
  localTasks,
  memoryStore,
  type SessionKey,
  SessionStoreError,
} from '../../../src/index.ts'
import type { SessionStore } from '../../../src/store/store.ts'
import { type FakeClock, fakeClock, sampleRecord } from '../../../src/testing/index.ts'

const SECOND = 1000
const MINUTE = 60 * SECOND
const HOUR = 60 * MINUTE

interface Place {
  readonly clock: FakeClock
  /** The deletes with their times, in milliseconds since the start of the sweep. */
  readonly deletes: { readonly at: number; readonly count: number }[]
  /** The number of pages that were read. */
  pages: number
  fill(count: number): Promise<void>
  sweep(): Promise<number>
  /** Returns the deletes per second between two times. */
  rate(from: number, to: number): number
}

/** A store with a `sweepRate` that answers without taking time. */
function place(
  sweepRate: number | null,
  { shards = 1, writeEach }: Partial<Pick<SessionStore, 'shards' | 'writeEach'>> = {},
): Place {
  const clock = fakeClock()
  const inner = memoryStore({ now: clock.now, maxSessions: 1_000_000 })
  let began = clock.now()
  const store: SessionStore = {
    name: inner.name,
    // One lane, since parallel lanes would all advance the same clock when they wait.
    shards,
    ...(sweepRate !== null && { sweepRate }),
    notes: inner.notes,
    keys: inner.keys,
    find: (key) => inner.find(key),
    write: (mutation) => inner.write(mutation),
    writeTogether: (mutations) => inner.writeTogether(mutations),
    writeEach: (mutations) => {
      made.deletes.push({ at: clock.now() - began, count: mutations.length })
      return (writeEach ?? ((all) => inner.writeEach(all)))(mutations)
    },
    page: (selection, options) => inner.page(selection, options),
    pageKeys: (selection, options) => {
      made.pages += 1
      return inner.pageKeys(selection, options)
    },
    close: () => inner.close(),
  }
  const sessions = createSessions({
    store,
    now: clock.now,
    sleep: clock.sleep,
    tasks: localTasks({ sleep: clock.sleep }),
    logger: { warn() {}, error() {} },
  })
  const made: Place = {
    clock,
    deletes: [],
    pages: 0,
    fill: async (count) => {
      const expires = clock.now() - 2 * HOUR
      for (let at = 0; at < count; at += 500) {
        const records = Array.from({ length: Math.min(500, count - at) }, () => {
          const record = sampleRecord({ created: expires - HOUR, expires })
          return { ...record, key: `AA${record.key.slice(2)}` as SessionKey }
        })
        await inner.writeEach(records.map((record) => ({ kind: 'insert', record })))
      }
    },
    sweep: async () => {
      began = clock.now()
      made.deletes.length = 0
      const run = await sessions.startClearSessions()
      expect(run.state).toBe('finished')
      return run.ended
    },
    rate: (from, to) => {
      const within = made.deletes.filter(({ at }) => at >= from && at < to)
      return within.reduce((sum, { count }) => sum + count, 0) / ((to - from) / SECOND)
    },
  }
  return made
}

describe('a sweep of a store that asks for 500 sessions a second', () => {
  test('does not wait for its first page, and keeps the rate after that', async () => {
    const p = place(500)
    await p.fill(5000)
    expect(await p.sweep()).toBe(5000)
    expect(p.deletes[0]).toEqual({ at: 0, count: 500 })
    let done = 0
    for (const { at, count } of p.deletes) {
      done += count
      expect(done).toBeLessThanOrEqual(500 + (at / SECOND) * 500)
    }
    expect(p.deletes.at(-1)?.at).toBe(9 * SECOND)
  })

  test('waits only for the sessions that it has ended, however many shards there are', async () => {
    const p = place(500, { shards: 16 })
    await p.fill(20)
    const before = p.clock.now()
    expect(await p.sweep()).toBe(20)
    // Each shard once, that of the sessions twice, and also the shards of ids from outside.
    expect(p.pages).toBe(17 + 16)
    expect(p.clock.now() - before).toBe((20 / 500) * SECOND)
  })

  test('raises the rate by half every five minutes while there is much to do', async () => {
    const p = place(20)
    await p.fill(14_000)
    expect(await p.sweep()).toBe(14_000)
    expect(p.rate(0, 5 * MINUTE) / 20).toBeCloseTo(1, 1)
    expect(p.rate(5.5 * MINUTE, 9 * MINUTE) / 30).toBeCloseTo(1, 1)
  })

  test('does not raise the rate while there is little to do', async () => {
    const p = place(20)
    for (let hour = 0; hour < 5; hour++) {
      await p.fill(600)
      await p.sweep()
      p.clock.advance(HOUR)
    }
    await p.fill(6000)
    await p.sweep()
    expect(p.rate(MINUTE, 4 * MINUTE) / 20).toBeCloseTo(1, 1)
  })

  test('continues at the reached rate in the next sweep, for a day', async () => {
    const p = place(20)
    await p.fill(7000)
    await p.sweep()
    const rateAfter = async (pause: number): Promise<number> => {
      p.clock.advance(pause)
      await p.fill(7000)
      await p.sweep()
      return p.rate(MINUTE, 3 * MINUTE)
    }
    expect(await rateAfter(HOUR)).toBeGreaterThan(25)
    expect(await rateAfter(25 * HOUR)).toBeLessThan(25)
  })
})

test('a sweep of a store without a sweepRate does not wait', async () => {
  const p = place(null)
  await p.fill(5000)
  expect(await p.sweep()).toBe(5000)
  expect(p.deletes.every(({ at }) => at === 0)).toBe(true)
})

test('a sweep of a store that refuses all writes stops reading after three pages', async () => {
  const error = new SessionStoreError('down', { effect: 'none' })
  const p = place(null, {
    writeEach: async (mutations) => mutations.map(() => ({ outcome: 'failed', error })),
  })
  await p.fill(20_000)
  await expect(p.sweep()).rejects.toThrow(/accepts no writes/)
  // In each of the five tries of the queue, and one read of the empty shard of ids from outside.
  expect(p.pages).toBe(5 * 3 + 1)
})
