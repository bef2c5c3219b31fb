import { describe, expect, it } from 'vitest'
import { STORE_KINDS_BY_TRANSPORT } from '../setup/stores.ts'
import { type Site, site } from '../setup/site.ts'

describe.each(STORE_KINDS_BY_TRANSPORT)('races over HTTP on $name', (kind) => {
  describe.skipIf(kind.missing !== null)('held at a gate', () => {
    describe.each(['/logout', '/reset', '/login/alice', '/cycleKey'])('after %s', (end) => {
      it.each([
        ['a slow writer', '/set/late'],
        ['a slow toucher', '/read'],
        ['a slow cycleKey', '/cycleKey'],
        ['a slow reset', '/reset'],
        ['a slow logout', '/logout'],
      ])('%s does not bring the old session back', async (_, path) => {
        const s = await site(kind)
        await s.get('/set/seed')
        const old = s.jar.header(s.url)
        // From now on a touch is due.
        s.advance(6)
        const slow = await s.held(path)
        await s.get(end)
        const page = await slow.finish({ keep: false })
        expect(page.status).toBe(200)
        // No late response carries a cookie for a session, neither old nor new.
        expect(page.setCookie.filter((cookie) => !cookie.includes('Max-Age=0'))).toEqual([])
        expect(await s.read(s.jarWith(old))).toEqual({
          user: '__guest__',
          outcome: 'unknown',
          data: {},
        })
        if (end === '/login/alice') expect((await s.read()).user).toBe('alice')
      })

      it('a slow login gives a session of its own, with nothing of the old one', async () => {
        const s = await site(kind)
        await s.get('/set/seed')
        const old = s.jar.header(s.url)
        const slow = await s.held('/login/bob')
        await s.get(end)
        await slow.finish()
        expect(await s.read()).toEqual({ user: 'bob', outcome: 'live', data: {} })
        expect((await s.read(s.jarWith(old))).outcome).toBe('unknown')
      })
    })

    it('logs both of two logins from one guest session in, each with a session of its own', async () => {
      const s = await site(kind)
      await s.get('/set/seed')
      const [first, second] = [await s.held('/login/alice'), await s.held('/login/bob')]
      const pages = [await first.finish({ keep: false }), await second.finish({ keep: false })]
      for (const [index, user] of ['alice', 'bob'].entries()) {
        const cookie = pages[index]?.setCookie[0]?.split(';')[0]
        expect((await s.read(s.jarWith(cookie))).user).toBe(user)
      }
    })

    it('keeps the changes of two writers on different keys', async () => {
      const s = await site(kind)
      await s.get('/set/seed')
      const [first, second] = [await s.held('/set/a'), await s.held('/set/b')]
      await second.finish()
      await first.finish()
      expect((await s.read()).data).toEqual({ seed: 'set', a: 'set', b: 'set' })
    })

    it('lets the last of two writers on one key win', async () => {
      const s = await site(kind)
      await s.get('/set/seed')
      const [first, second] = [await s.held('/set/a?to=1'), await s.held('/set/a?to=2')]
      await second.finish()
      await first.finish()
      expect((await s.read()).data['a']).toBe('1')
    })

    it('loses neither a touch nor a write that meet', async () => {
      const s = await site(kind)
      await s.get('/set/seed')
      s.advance(6)
      const [toucher, writer] = [await s.held('/read'), await s.held('/set/a')]
      await writer.finish()
      await toucher.finish()
      expect((await s.read()).data).toEqual({ seed: 'set', a: 'set' })
      // Both requests have renewed the session, so that it lives longer than its first hour.
      s.advance(58)
      expect((await s.read()).outcome).toBe('live')
    })

    it('gives two first requests of one visitor a session each, and the browser keeps one', async () => {
      const s = await site(kind)
      const [first, second] = [await s.held('/set/a'), await s.held('/set/b')]
      await first.finish()
      await second.finish()
      expect((await s.read()).data).toEqual({ b: 'set' })
    })

    it('keeps a redirect back until the session is stored', async () => {
      const s = await site(kind)
      const stored = s.store.hold({ when: 'after' })
      let arrived = false
      const page = s.get('/login/alice').then((answer) => {
        arrived = true
        return answer
      })
      await stored.reached
      await new Promise((resolve) => setImmediate(resolve))
      expect(arrived).toBe(false)
      stored.release()
      expect((await page).status).toBe(303)
      expect((await s.read()).user).toBe('alice')
    })

    it('is a clear error before the response when others keep changing the session', async () => {
      const s = await site(kind)
      await s.get('/set/seed')
      const stop = s.store.conflictAlways()
      const page = await s.get('/set/a')
      expect([page.status, page.body, page.setCookie]).toEqual([500, 'ERR_SESSION_CONTENTION', []])
      stop()
      expect((await s.read()).data).toEqual({ seed: 'set' })
    })

    it('does not let a slow anonymous response undo a login', async () => {
      const s = await site(kind)
      s.jar.set(`viur-session=${'A'.repeat(43)}; Path=/`, s.url)
      const slow = await s.held('/read')
      await s.get('/login/alice')
      const page = await slow.finish()
      expect(page.setCookie).toEqual([])
      expect((await s.read()).user).toBe('alice')
    })
  })

  describe.skipIf(kind.missing !== null)('with each store call failing in turn', () => {
    /** The number of the call with which the first end (that of the login) reads whether ends have events. */
    const NOTE = 5
    const living = async ({ records }: Site): Promise<number> =>
      (await records()).filter(({ ended }) => ended === null).length
    const walk = ['/set/seed', '/login/alice', '/set/a', '/cycleKey', '/set/b', '/logout']

    it.each(
      (['before', 'after'] as const).flatMap((when) =>
        Array.from({ length: 12 }, (_, index) => [when, index + 1] as const),
      ),
    )(
      '%s effect, call %i: the next request finds a whole session and no duplicate',
      async (when, nth) => {
        const s = await site(kind)
        s.store.failAt(nth, when)
        let user = '__guest__'
        const data: Record<string, unknown> = {}
        for (const path of walk) {
          const page = await s.get(path)
          // One fault is survived, by a retry or by reading the outcome of the call.
          expect(page.status, path).toBeLessThan(400)
          if (path.startsWith('/set/')) data[path.slice(5)] = 'set'
          if (path === '/login/alice') user = 'alice'
          if (path === '/logout') break
          const cookie = s.jar.header(s.url)
          const seen = await s.read(s.jarWith(cookie))
          expect(seen, path).toEqual({ user, outcome: 'live', data })
          expect(await living(s), path).toBe(1)
        }
        expect(await living(s)).toBe(0)
        // Only if the note could not be read, ends of the next minute are stored as marks, which wait for a sweep.
        expect(await s.count()).toBe(nth === NOTE ? 2 : 0)
      },
    )

    it('is an error and no half session when the store stays away', async () => {
      const s = await site(kind)
      await s.get('/set/seed')
      for (const path of walk.slice(1)) {
        const heal = s.store.failAlways('before')
        const page = await s.get(path)
        heal()
        expect([page.status, page.body, page.setCookie], path).toEqual([
          500,
          'ERR_SESSION_STORE',
          [],
        ])
        expect(await s.read(), path).toEqual({
          user: '__guest__',
          outcome: 'live',
          data: { seed: 'set' },
        })
      }
    })
  })
})
