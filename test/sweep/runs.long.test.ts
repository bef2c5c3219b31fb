import { describe, expect, it, vi } from 'vitest'
import { HOUR, place } from './harness.ts'
import { drain, TestQueue } from './task-queue.ts'

describe('the pages of a sweep', () => {
  it('are read one after the other where little is due, and side by side where a page is full', async () => {
    const p = place()
    const queue = new TestQueue()
    const sessions = p.process({ tasks: queue })
    let most = 0
    let now = 0
    const real = p.store.page.bind(p.store)
    vi.spyOn(p.store, 'page').mockImplementation(async (selection, options) => {
      now += 1
      most = Math.max(most, now)
      const page = await real(selection, options)
      now -= 1
      return page
    })
    await p.fill(300, 2 * HOUR)
    await sessions.startClearSessions()
    await drain(sessions, queue, HOUR)
    expect(most).toBe(1)
    expect(queue.added).toHaveLength(1)
    p.now += 4 * HOUR
    await p.fill(12_000, 2 * HOUR)
    await sessions.startClearSessions()
    await drain(sessions, queue, HOUR)
    expect(most).toBe(8)
    expect(await p.count()).toBe(0)
  })
})
