import { describe, expect, it } from 'vitest'
import { DEFAULT_SHARDS } from '../../src/record/buckets.ts'
import { EMULATORS, STORE_KINDS } from '../setup/stores.ts'
import { HOUR, place } from './harness.ts'
import { drain, TestQueue } from './task-queue.ts'

/** The speed of the emulator does not matter here; the run as a whole has a time limit. */
const NO_LIMIT = 0

describe.each(STORE_KINDS)('20,000 expired sessions on $name', (kind) => {
  it.skipIf(kind.missing !== null)(
    'end by one call, each with one event',
    async () => {
      const p = place(kind, DEFAULT_SHARDS)
      const sessions = p.process()
      const expired = await p.fill(20_000, 2 * HOUR)
      await p.fill(10, null)
      expect(await sessions.startClearSessions()).toMatchObject({
        state: 'finished',
        ended: 20_000,
      })
      expect(p.events.map(({ key }) => key).sort()).toEqual(expired.sort())
      expect(await p.count()).toBe(10)
    },
    NO_LIMIT,
  )
})

describe.each(EMULATORS)('20,000 expired sessions on $name', (kind) => {
  it.skipIf(kind.missing !== null)(
    'end in one task',
    async () => {
      const p = place(kind, DEFAULT_SHARDS)
      const queue = new TestQueue()
      const sessions = p.process({ tasks: queue })
      await p.fill(20_000, 2 * HOUR)
      await p.fill(11, null)
      await sessions.startClearSessions()
      await drain(sessions, queue, HOUR)
      expect(queue.added).toHaveLength(1)
      expect(new Set(p.events.map(({ id }) => id)).size).toBe(20_000)
      expect(p.events).toHaveLength(20_000)
      expect(await p.count()).toBe(11)
    },
    NO_LIMIT,
  )
})
