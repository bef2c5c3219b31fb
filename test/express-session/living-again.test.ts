import { describe, expect, it } from 'vitest'
import { STORE_KINDS } from '../setup/stores.ts'
import { DAY, HOUR, sidOf, siteOn } from './harness.ts'

/** The cookies last one hour, so the session has expired by now, and its bucket is closed. */
async function expired(...[kind, store]: Parameters<typeof siteOn>) {
  const site = await siteOn(kind, store)
  await site.get('/set?user=alice')
  const sid = sidOf(site.jar)
  site.advance(3 * HOUR)
  return { site, sid }
}

const cookie = (now: number) => ({
  originalMaxAge: DAY,
  expires: new Date(now + DAY),
  path: '/',
})

describe.each(STORE_KINDS)('an id that comes again on $name', ({ missing, ...kind }) => {
  const on = it.skipIf(missing !== null)
  const base = { missing, ...kind }

  on.each([
    ['a sweep', {}],
    ['a sweep on the side', { sweepProbability: 1 }],
  ])('keeps its session, though %s had found it expired', async (what, store) => {
    const { site, sid } = await expired(base, { store })
    const isAside = what !== 'a sweep'
    const gate = site.below.hold({ method: 'writeEach' })
    let found = false
    const sweep = (async () => {
      // A side sweep picks one of up to sixteen shards.
      for (let round = 0; isAside && !found && round < 1000; round++)
        await site.store.set(`other-${round}`, { cookie: cookie(site.now()) } as never)
      if (!isAside) await site.store.sessions.startClearSessions()
    })()
    await Promise.race([gate.reached.then(() => (found = true)), sweep])
    expect(found).toBe(true)
    await site.store.set(sid, { cookie: cookie(Date.now() + 3 * HOUR), back: true } as never)
    gate.release()
    await sweep
    expect(await site.store.get(sid)).toMatchObject({ back: true })
  })

  on('is refused with events, as long as its end is not told', async () => {
    const { site, sid } = await expired(base, { store: { events: true } })
    const reasons: string[] = []
    site.store.sessions.onDelete(({ reason }) => void reasons.push(reason))
    const gate = site.below.hold({ method: 'writeEach' })
    const sweep = site.store.sessions.startClearSessions()
    await gate.reached
    const again = site.store.set(sid, { cookie: cookie(site.now()), back: true } as never)
    await expect(again).rejects.toThrow('genid')
    gate.release()
    expect(await sweep).toMatchObject({ ended: 1 })
    expect(reasons).toEqual(['expired'])
    expect(await site.store.get(sid)).toBeNull()
  })

  on('ends with an event of its own, once the end before it was told', async () => {
    const { site, sid } = await expired(base, { store: { events: true } })
    const ends: { id: string; reason: string }[] = []
    site.store.sessions.onDelete(({ id, reason }) => void ends.push({ id, reason }))
    expect(await site.store.sessions.startClearSessions()).toMatchObject({ ended: 1 })
    // Twice with one reason: observers that use the id must get both.
    for (let time = 0; time < 2; time++) {
      await site.store.set(sid, { cookie: cookie(site.now()) } as never)
      await site.store.destroy(sid)
    }
    expect(ends.map(({ reason }) => reason)).toEqual(['expired', 'logout', 'logout'])
    expect(new Set(ends.map(({ id }) => id)).size).toBe(3)
  })

  on(
    'ends with one event, however often observers are called and the session is written in between',
    async () => {
      const site = await siteOn(base, { store: { events: true } })
      await site.get('/set?user=alice')
      const ids: string[] = []
      site.store.sessions.onDelete(({ id }) => {
        ids.push(id)
        if (ids.length < 3) throw new Error('not yet')
      })
      await site.get('/set?more=1')
      await site.store.destroy(sidOf(site.jar))
      for (let sweeps = 0; sweeps < 2; sweeps++) {
        site.advance(3 * HOUR)
        await site.store.sessions.startClearSessions()
      }
      expect(ids).toHaveLength(3)
      expect(new Set(ids).size).toBe(1)
    },
  )

  on('is swept by a process that has ids of ours alone, as it was read', async () => {
    const { site } = await expired(base, {})
    const { createSessions } = await import('../../src/index.ts')
    const other = createSessions({ store: site.below, now: site.now, sleep: async () => {} })
    site.below.clearCalls()
    expect(await other.startClearSessions()).toMatchObject({ ended: 1 })
    const kinds = site.below.calls.flatMap((call) => call.kinds)
    expect(kinds).toEqual(['delete'])
  })

  on('ends as an event where another process of the deployment has events', async () => {
    const { createSessions } = await import('../../src/index.ts')
    const site = await siteOn(base, {})
    await site.get('/set?user=alice')
    const sid = sidOf(site.jar)
    const app = createSessions({ store: site.below, now: site.now, events: true })
    const session = await app.open({ secure: true }).load()
    session.set('n', 1)
    await app.commit(session)
    await site.store.destroy(sid)
    const told: string[] = []
    app.onDelete(({ reason }) => void told.push(reason))
    // The session has ended, and its observers have not been called.
    const again = site.store.set(sid, { cookie: cookie(site.now()) } as never)
    await expect(again).rejects.toThrow('genid')
    // A life of one hour, and then the rest of its bucket, at any minute.
    site.advance(3 * HOUR)
    await app.startClearSessions()
    expect(told.sort()).toEqual(['expired', 'logout'])
  })
})
