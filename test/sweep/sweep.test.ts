import { describe, expect, it } from 'vitest'
import type { SessionKey } from '../../src/index.ts'
import { STORE_KINDS } from '../setup/stores.ts'
import { expectAllEnded } from './ends.ts'
import { HOUR, place } from './harness.ts'

/** A full page takes seconds on an emulator: one of each program here, and all in large-sweeps.slow.test.ts. */
const COUNTS: Readonly<Record<string, readonly number[]>> = {
  'Datastore emulator': [0, 1, 501],
  'Firestore emulator': [0, 1, 500],
}

describe.each(STORE_KINDS)('startClearSessions on $name', (kind) => {
  describe.skipIf(kind.missing !== null)('with a local queue', () => {
    it.each(COUNTS[kind.name] ?? [0, 1, 500, 501])(
      'ends %i expired sessions, each with one event, and none of those alive',
      (count) => expectAllEnded(kind, count),
    )

    it('ends them only by their keys without observers', async () => {
      const p = place(kind)
      const sessions = p.process({ events: false })
      await p.fill(30, 2 * HOUR)
      await p.fill(3, null)
      expect(await sessions.startClearSessions()).toMatchObject({ state: 'finished', ended: 30 })
      expect(p.store.calls.filter(({ method }) => method === 'page')).toEqual([])
      expect(await p.count()).toBe(3)
    })

    it('keeps sessions that expired less than the leeway ago, or that are in an open bucket', async () => {
      const p = place(kind)
      const sessions = p.process()
      await p.fill(5, 4 * 60 * 1000)
      expect(await sessions.startClearSessions()).toMatchObject({ ended: 0 })
      expect(await p.count()).toBe(5)
      p.now += 90 * 60 * 1000
      expect(await sessions.startClearSessions()).toMatchObject({ ended: 5 })
    })

    it('reports a login, a logout, a reset and a kill, and never cycleKey', async () => {
      const p = place(kind)
      const sessions = p.process()
      const start = async (): Promise<string> => {
        const session = await sessions.open({ secure: true }).load()
        session.set('n', 1)
        return ((await sessions.commit(session)).setCookie[0] as string).split(';')[0] as string
      }
      for (const method of ['login', 'logout', 'reset', 'cycleKey'] as const) {
        const session = await sessions.open({ cookie: await start(), secure: true }).load()
        await session[method]('alice')
        await sessions.commit(session)
      }
      const infos = []
      for await (const one of sessions.listSessionsByUser('alice')) infos.push(one)
      const key = infos[0]?.key as SessionKey
      expect(await sessions.killSession(key)).toBe(true)
      expect(await sessions.killSession(key)).toBe(false)
      expect(p.events.map(({ reason }) => reason)).toEqual(['login', 'logout', 'reset', 'killed'])
      expect(p.events[0]?.data).toEqual({ n: 1 })
      expect(await p.count()).toBe(2)
    })

    it('kills all sessions of a user but one', async () => {
      const p = place(kind)
      const sessions = p.process()
      const [keep] = await p.fill(3, null, 'alice')
      await p.fill(2, null, 'bob')
      expect(await sessions.killSessionByUser('alice', { except: keep as never })).toEqual({
        ended: 2,
        handedOn: false,
      })
      expect(p.events.map(({ user, reason }) => [user, reason])).toEqual([
        ['alice', 'killed'],
        ['alice', 'killed'],
      ])
      expect(await sessions.killAllSessions()).toEqual({ ended: 3, handedOn: false })
      expect(await p.count()).toBe(0)
      // Both wait for a last look, for logins that were under way.
      const open = async () =>
        (await p.plain.notes.list('fence', 10)).filter(
          ({ value }) => (value as { kill: unknown }).kill !== null,
        )
      expect(await open()).toHaveLength(2)
      p.now += 6 * 60 * 1000
      await sessions.startClearSessions()
      expect(await open()).toEqual([])
    })

    it('changes all sessions of a user', async () => {
      const p = place(kind)
      const sessions = p.process()
      const keys = await p.fill(3, null, 'alice')
      expect(
        await sessions.updateSessionsByUser('alice', (data) => {
          data['role'] = 'admin'
        }),
      ).toEqual({ changed: 3 })
      expect(
        await sessions.updateSessionsByUser('alice', (data) => {
          data['role'] = 'admin'
        }),
      ).toEqual({ changed: 0 })
      expect(keys).toHaveLength(3)
    })

    it('reports its state', async () => {
      const p = place(kind)
      const sessions = p.process()
      await p.fill(12, 2 * HOUR)
      expect(await sessions.status()).toMatchObject({
        store: 'reachable',
        backlog: 12,
        lastSweep: null,
      })
      await sessions.startClearSessions()
      const status = await sessions.status()
      expect(status).toMatchObject({
        backlog: 0,
        oldestExpired: null,
        lastSweep: { state: 'finished', ended: 12 },
      })
    })
  })
})
