import { expect } from 'vitest'
import type { StoreKind } from '../setup/stores.ts'
import { HOUR, place } from './harness.ts'

/** Ends this many expired sessions by a sweep, beside some that are alive. */
export async function expectAllEnded(kind: StoreKind, count: number): Promise<void> {
  const p = place(kind)
  const sessions = p.process()
  const expired = await p.fill(count, 2 * HOUR)
  const alive = await p.fill(7, null)
  const run = await sessions.startClearSessions()
  expect(run).toMatchObject({
    state: 'finished',
    scanned: count,
    ended: count,
    skipped: 0,
    failed: 0,
  })
  expect(p.events.map(({ key }) => key).sort()).toEqual(expired.sort())
  expect(new Set(p.events.map(({ id }) => id)).size).toBe(count)
  expect(p.events.every(({ reason }) => reason === 'expired')).toBe(true)
  expect(await p.count()).toBe(alive.length)
}
