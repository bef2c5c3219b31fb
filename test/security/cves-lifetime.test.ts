import { describe, expect, it } from 'vitest'
import { idOf, keyOfCookie } from '../request/harness.ts'
import { site } from '../setup/site.ts'
import { STORE_KINDS } from '../setup/stores.ts'

const DEAD = {
  user: '__guest__',
  outcome: expect.stringMatching(/^(unknown|ended|expired)$/),
  data: {},
}

describe.each(STORE_KINDS)('how long a session lives, on $name', (kind) => {
  describe.skipIf(kind.missing !== null)('against what went wrong elsewhere', () => {
    it('CVE-2024-35220: loading an expired session does not renew it', async () => {
      const s = await site(kind, { lifetime: '10m', touchEvery: '1m', events: true })
      await s.get('/login/alice')
      const cookie = s.cookie()
      const [stored] = await s.records()
      s.advance(11)
      for (let visit = 0; visit < 3; visit++) {
        const page = await s.get('/read', { jar: s.jarWith(cookie) })
        expect(JSON.parse(page.body)).toEqual({ user: '__guest__', outcome: 'expired', data: {} })
        expect(page.setCookie).toEqual([])
      }
      expect(await s.records()).toEqual([stored])
      s.advance(120)
      await s.get('/_sessions/cron', { jar: s.jarWith(undefined) })
      expect(await s.count()).toBe(0)
      expect(s.events.map(({ reason }) => reason)).toEqual(['expired'])
    })

    it('CVE-2024-31999: a cookie from before the logout is useless, at once and for ever', async () => {
      const s = await site(kind)
      await s.get('/login/alice')
      const cookie = s.cookie()
      await s.get('/logout')
      for (const minutes of [0, 59, 2, 60 * 24 * 40]) {
        s.advance(minutes)
        expect(await s.read(s.jarWith(cookie))).toEqual(DEAD)
      }
      expect(await s.count()).toBe(0)
    })

    it.each(['/login/bob', '/reset', '/cycleKey', '/logout'])(
      '@fastify/session regenerate: after %s the old record is gone from the store',
      async (path) => {
        const s = await site(kind)
        await s.get('/login/alice')
        await s.get('/set/seed')
        const old = s.cookie() as string
        await s.get(path)
        expect((await s.records()).map(({ key }) => key)).not.toContain(keyOfCookie(old))
        expect(await s.dump()).not.toContain(keyOfCookie(old))
        expect(await s.read(s.jarWith(old))).toEqual(DEAD)
      },
    )

    it.each(['CVE-2022-25896', 'CVE-2023-29019'])(
      '%s: a login does not log in the planted cookie from before it',
      async () => {
        const s = await site(kind)
        // The attacker plants their own session in the browser of the victim.
        await s.get('/set/seed')
        const planted = s.cookie() as string
        await s.get('/login/alice')
        expect(idOf(s.cookie() as string)).not.toBe(idOf(planted))
        expect(await s.read(s.jarWith(planted))).toEqual(DEAD)
        expect((await s.read()).user).toBe('alice')
        // The same holds for a logout, after which another visitor uses the browser.
        const loggedIn = s.cookie() as string
        await s.get('/logout')
        await s.get('/set/seed')
        expect(idOf(s.cookie() as string)).not.toBe(idOf(loggedIn))
        expect(await s.read(s.jarWith(loggedIn))).toEqual(DEAD)
      },
    )

    it('CVE-2022-25896: the redirect of a login leaves after the login is stored, in each process', async () => {
      const s = await site(kind)
      const other = await site(kind, { beside: s })
      const page = await s.get('/login/alice')
      expect([page.status, page.headers.get('location')]).toEqual([303, '/read'])
      expect((await other.read()).user).toBe('alice')
    })

    it.each(['CVE-2025-46336', 'CVE-2025-32441'])(
      '%s: a request that is still running at the logout does not store the session again',
      async () => {
        const s = await site(kind)
        await s.get('/login/alice')
        const cookie = s.cookie()
        const slow = await s.held('/set/late')
        await s.get('/logout')
        expect((await slow.finish({ keep: false })).setCookie).toEqual([])
        expect(await s.count()).toBe(0)
        expect(await s.read(s.jarWith(cookie))).toEqual(DEAD)
      },
    )

    it('CVE-2018-1000814: the server limits the age of a session, whatever the client does with the cookie', async () => {
      const s = await site(kind, { lifetime: '20m', absoluteLifetime: '1h' })
      await s.get('/login/alice')
      const cookie = s.cookie()
      for (let visits = 0; visits < 6; visits++) {
        s.advance(10)
        expect((await s.read(s.jarWith(cookie))).user).toBe('alice')
      }
      s.advance(1)
      expect(await s.read(s.jarWith(cookie))).toEqual(DEAD)
    })

    it('CVE-2023-20862: the removal of the last key is stored, and so is a logout', async () => {
      const s = await site(kind, { persistentFieldsOnLogout: ['seed'] })
      await s.get('/set/seed')
      await s.get('/delete/seed')
      expect(await s.read()).toEqual({ user: '__guest__', outcome: 'live', data: {} })
      await s.get('/login/alice')
      const cookie = s.cookie()
      await s.get('/logout')
      expect((await s.read()).user).toBe('__guest__')
      expect(await s.read(s.jarWith(cookie))).toEqual(DEAD)
    })

    it('iron-session: a logout ends the session on the server, also for a client that keeps the cookie', async () => {
      const s = await site(kind, { sessionCookie: true })
      await s.get('/login/alice')
      const cookie = s.cookie()
      const page = await s.get('/logout', { keep: false })
      expect(page.setCookie).toHaveLength(1)
      expect(await s.read(s.jarWith(cookie))).toEqual(DEAD)
      // A session whose cookie has no Max-Age still has a limited age.
      await s.get('/login/bob')
      const kept = s.cookie()
      s.advance(61)
      expect(await s.read(s.jarWith(kept))).toEqual(DEAD)
    })

    it('Remix: a new id always ends the old one, and a save of an ended session creates nothing', async () => {
      const s = await site(kind)
      await s.get('/login/alice')
      const old = s.cookie() as string
      expect(Buffer.from(idOf(old), 'base64url')).toHaveLength(32)
      await s.get('/cycleKey')
      expect(await s.count()).toBe(1)
      await s.get('/set/a', { jar: s.jarWith(old), keep: false })
      // The writer with the invalid cookie has got a new session with a new id.
      expect((await s.records()).map(({ key }) => key)).not.toContain(keyOfCookie(old))
      const slow = await s.held('/set/late')
      await s.sessions.killAllSessions()
      await slow.finish({ keep: false })
      expect(await s.count()).toBe(0)
    })
  })
})
