import { describe, expect, it } from 'vitest'
import { createSessions, SessionGoneError, type SessionRecord } from '../../src/index.ts'
import { STORE_KINDS } from '../setup/stores.ts'

/** Orders by the time of login, then the key; the newest comes first. */
function newestFirst(a: SessionRecord, b: SessionRecord): number {
  const [first, second] = [a.authenticated ?? 0, b.authenticated ?? 0]
  return second - first || (a.key < b.key ? 1 : -1)
}

const OVER_THE_WIRE = [0, 3, 6, 7, 14, 18]

describe.each(STORE_KINDS)('logins of one user at the same time on $name', (kind) => {
  describe.skipIf(kind.missing !== null)('over two processes', () => {
    it('leave exactly the number of sessions of the limit, the newest by one order', async () => {
      // Each round has its own user. Where each call uses the network there are few rounds: every limit, few logins and
      // many.
      const rounds = kind.host === null ? Array.from({ length: 200 }, (_, at) => at) : OVER_THE_WIRE
      let now = Date.UTC(2026, 0, 1)
      const clock = (): number => now
      const store = kind.make({ now: clock })
      const inserted = new Map<string, SessionRecord>()
      const write = store.write.bind(store)
      store.write = async (...given) => {
        const [mutation] = given
        if (mutation.kind === 'insert') inserted.set(mutation.record.key, mutation.record)
        return await write(...given)
      }
      for (const round of rounds) {
        const limit = 1 + (round % 5)
        const user = `user${round}`
        inserted.clear()
        const processes = [0, 1].map(() =>
          createSessions({
            store,
            maxSessionsPerUser: limit,
            events: round % 2 === 0,
            now: clock,
            logger: { warn: () => {} },
          }),
        )
        const count = 2 + (round % 19)
        const cookies = await Promise.all(
          Array.from({ length: count }, async (_unused, index) => {
            const sessions = processes[index % 2] as (typeof processes)[0]
            // Every third round all log in at the same millisecond.
            if (round % 3 !== 0) now += index % 3
            const session = await sessions.open({ secure: true }).load()
            await session.login(user)
            try {
              return (await sessions.commit(session)).setCookie[0]
            } catch (error) {
              if (error instanceof SessionGoneError) return undefined
              throw error
            }
          }),
        )
        const live: string[] = []
        const [reader] = processes as [(typeof processes)[0]]
        for await (const { key } of reader.listSessionsByUser(user)) live.push(key)
        const newest = [...inserted.values()].sort(newestFirst).slice(0, limit)
        expect(inserted.size).toBe(count)
        expect(live.sort(), `${count} logins, limit ${limit}`).toEqual(
          newest.map(({ key }) => key as string).sort(),
        )
        // Every living session has its cookie.
        const known = await Promise.all(
          cookies.map((cookie) =>
            cookie === undefined ? null : reader.open({ cookie, secure: true }).load(),
          ),
        )
        for (const session of known) expect([user, '__guest__', undefined]).toContain(session?.user)
        expect(known.filter((session) => session?.user === user)).toHaveLength(
          Math.min(limit, count),
        )
      }
      await store.close()
    })
  })
})
