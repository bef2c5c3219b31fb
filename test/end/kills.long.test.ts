import { describe, expect, it, vi } from 'vitest'
import type { SessionKey } from '../../src/index.ts'
import { HOUR, place } from '../sweep/harness.ts'
import { drain, TestQueue } from '../sweep/task-queue.ts'
import { Life } from './mortal.ts'

describe('a kill of many', () => {
  it('of 5,000 that crashes half-way is finished by the next sweep', async () => {
    const p = place()
    const keys = await p.fill(5000, null, 'alice')
    const [stranger] = await p.fill(1, null, 'bob')
    const life = new Life(9, 'after')
    const dying = p.process({ store: life.store(p.store) })
    void dying.killSessionByUser('alice')
    await life.died
    const sessions = p.process()
    let alive = 0
    for await (const _ of sessions.listSessionsByUser('alice')) alive += 1
    expect(alive).toBeGreaterThan(0)
    expect(alive).toBeLessThan(5000)
    p.now += HOUR
    await sessions.startClearSessions()
    for await (const info of sessions.listSessionsByUser('alice')) throw new Error(info.key)
    p.now += 2 * HOUR
    await sessions.startClearSessions()
    expect(await p.count()).toBe(1)
    expect(await sessions.get(stranger as SessionKey)).not.toBeNull()
    expect(p.events.map(({ key }) => key).sort()).toEqual(keys.sort())
    expect(p.events.every(({ reason }) => reason === 'killed')).toBe(true)
  })

  it('continues in tasks when its time has run out, progresses with each step, and ends all sessions', async () => {
    const p = place()
    const queue = new TestQueue()
    // Marked records stay stored here, and must not be read from the start again and again.
    const sessions = p.process({ tasks: queue, observed: false })
    await p.fill(3000, null, 'alice')
    const real = p.store.page.bind(p.store)
    const spy = vi.spyOn(p.store, 'page').mockImplementation(async (selection, options) => {
      p.now += 11_000
      return await real(selection, options)
    })
    expect(await sessions.killAllSessions()).toEqual({ ended: 500, handedOn: true })
    await drain(sessions, queue, 10_000)
    // The last run looks for logins of other processes that did not know of it yet.
    await drain(sessions, queue, 10_000)
    spy.mockRestore()
    for await (const info of sessions.listSessionsByUser('alice')) throw new Error(info.key)
    // Six pages each: the first pass, two that find no session, and two of the last look.
    expect(queue.added.length).toBeLessThanOrEqual(30)
    const { runs } = await sessions.status()
    expect(runs.map(({ state }) => state)).toEqual(['finished', 'finished'])
    expect(runs.reduce((sum, { ended }) => sum + ended, 0)).toBe(2500)
  })
})
