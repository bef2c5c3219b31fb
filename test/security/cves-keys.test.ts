import { describe, expect, it } from 'vitest'
import { hashOfKey } from '../../src/request/security-keys.ts'
import { type Site, type SiteOptions, site } from '../setup/site.ts'
import { STORE_KINDS } from '../setup/stores.ts'

const routes: SiteOptions['routes'] = (app) => {
  app.get('/key', async (req, res) => void res.send(await req.session.getSecurityKey()))
  app.get('/static/:user', async (req, res) => {
    await req.session.login(req.params.user)
    res.send(req.session.staticSecurityKey())
  })
  app.get('/use/:key', async (req, res) => {
    const { key } = req.params
    const valid = await req.session.validateSecurityKey(key)
    res.json([valid, req.session.validateStaticSecurityKey(key)])
  })
}

/** Whether the key is valid for this cookie, as a one-time key and as a static key. */
async function use(s: Site, key: string, cookie = s.cookie()): Promise<unknown> {
  return JSON.parse((await s.get(`/use/${key}`, { jar: s.jarWith(cookie), keep: false })).body)
}

describe.each(STORE_KINDS)('security keys on $name', (kind) => {
  describe.skipIf(kind.missing !== null)('against what went wrong elsewhere', () => {
    it.each(['CVE-2023-29020', 'CVE-2022-24895'])(
      '%s: keys from before a login are not valid after it',
      async () => {
        const s = await site(kind, { routes })
        // The attacker knows the keys of the planted session.
        await s.get('/set/seed')
        const planted = s.cookie()
        const known = (await s.get('/key')).body
        await s.get('/login/alice')
        expect(await use(s, known)).toEqual([false, false])
        expect(await use(s, known, planted)).toEqual([false, false])
        expect(await use(s, known, undefined)).toEqual([false, false])
        // The same holds from login to login, also for the static key.
        const alice = (await s.get('/static/alice')).body
        const key = (await s.get('/key')).body
        expect(await use(s, alice)).toEqual([false, true])
        const bob = (await s.get('/static/bob')).body
        expect(await use(s, key)).toEqual([false, false])
        expect(await use(s, alice)).toEqual([false, false])
        expect(await use(s, bob)).toEqual([false, true])
        await s.get('/logout')
        expect(await use(s, bob)).toEqual([false, false])
      },
    )

    it.each(['CVE-2023-27495', 'CVE-2021-29624'])(
      '%s: a key of one session is refused in another, also when both are anonymous',
      async () => {
        const s = await site(kind, { routes })
        for (const path of ['/set/seed', '/login/alice']) {
          await s.get(path)
          const mine = s.cookie()
          const key = (await s.get('/key')).body
          for (const theirs of ['/set/seed', '/login/alice', '/login/bob']) {
            const jar = s.jarWith(undefined)
            await s.get(theirs, { jar })
            expect(await use(s, key, jar.header(s.url))).toEqual([false, false])
          }
          // No use has consumed it.
          expect(await use(s, key, mine)).toEqual([true, false])
        }
      },
    )

    it('csurf: no cookie contains a key or a secret for keys, and planted ones do not count', async () => {
      const s = await site(kind, { routes })
      await s.get('/set/seed')
      const page = await s.get('/key')
      expect(page.setCookie).toEqual([])
      expect(s.cookie()).toMatch(/^viur-session=[\w-]{43}$/)
      const jar = s.jarWith(s.cookie())
      const forged = 'A'.repeat(43)
      for (const name of ['_csrf', 'csrf', 'XSRF-TOKEN', 'skey', 'x-csrf-token']) {
        jar.set(`${name}=${forged}; Path=/`, s.url)
      }
      const headers = { 'x-csrf-token': forged, 'x-xsrf-token': forged, 'csrf-token': forged }
      const used = await s.get(`/use/${forged}`, { jar, headers })
      expect(JSON.parse(used.body)).toEqual([false, false])
      // The store contains a hash, which is useless to a reader.
      const stored = await s.dump()
      expect(stored).toContain(hashOfKey(page.body))
      expect(stored).not.toContain(page.body)
      expect(await use(s, hashOfKey(page.body))).toEqual([false, false])
    })
  })
})
