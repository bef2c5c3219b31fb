import assert from 'node:assert/strict'
import type { ExpressSessionCase } from './case.ts'
import { cookieOf, expiryOf, put, type SiteHandler, sidOf, stored } from './site.ts'

const HOUR = 60 * 60 * 1000

/** Shows the fields of the session's cookie; the query may change them first. */
const showCookie: SiteHandler = (req, res) => {
  const { searchParams } = new URL(req.url ?? '/', 'http://localhost')
  const { cookie } = req.session
  req.session['seen'] = ((req.session['seen'] as number) ?? 0) + 1
  for (const [name, value] of searchParams) {
    const changed = value === 'null' ? null : JSON.parse(value)
    Object.assign(cookie, {
      [name]: name === 'expires' && changed !== null ? new Date(changed) : changed,
    })
  }
  const { originalMaxAge, httpOnly, sameSite, secure, expires } = cookie
  res.end(JSON.stringify({ originalMaxAge, httpOnly, sameSite, secure, expires }))
}

/** Cases about the cookie's settings, from one request to the next. */
export const cookieCases: readonly ExpressSessionCase[] = [
  {
    name: 'keeps originalMaxAge the same over requests',
    async run({ store, open }) {
      const site = await open({ store, cookie: { maxAge: 2 * HOUR }, rolling: true }, showCookie)
      const first = await site.visit()
      const { originalMaxAge } = JSON.parse(first.body)
      assert.ok(
        Math.abs(originalMaxAge - 2 * HOUR) <= 50,
        `${originalMaxAge} ms is about two hours`,
      )
      for (const _ of [1, 2]) {
        const { body } = await site.visit('/', { cookie: first.cookie })
        // It is set again from the remaining time, so a tick of the clock between two lines reduces it by one.
        const drift = originalMaxAge - JSON.parse(body).originalMaxAge
        assert.ok(Math.abs(drift) <= 50, `${drift} ms off`)
      }
    },
  },
  {
    name: 'stores the expiry that is sent to the client',
    async run({ store, open }) {
      const site = await open({ store, cookie: { maxAge: HOUR } }, showCookie)
      const { setCookie, cookie } = await site.visit()
      const expires = await expiryOf(store, sidOf(cookie))
      const [, told = ''] = /Expires=([^;]*)/.exec(setCookie[0] ?? '') ?? []
      assert.equal(new Date(expires).toUTCString(), told)
    },
  },
  {
    name: 'keeps a maxAge that a request has changed',
    async run({ store, open }) {
      const site = await open({ store, cookie: { maxAge: HOUR } }, showCookie)
      const { cookie } = await site.visit()
      for (const maxAge of [5 * HOUR, 3_000_000_000]) {
        await site.visit(`/?maxAge=${maxAge}`, { cookie })
        const { originalMaxAge, expires } = JSON.parse((await site.visit('/', { cookie })).body)
        assert.ok(Math.abs(originalMaxAge - maxAge) <= 50, `${originalMaxAge} is about ${maxAge}`)
        assert.ok(Math.abs(Date.parse(expires) - Date.now() - maxAge) < 60_000)
      }
    },
  },
  {
    name: 'keeps a change of only the cookie, when the store has touch()',
    async run({ store, open }) {
      if (store.touch === undefined) return
      const site = await open({ store, cookie: { maxAge: HOUR } }, (req, res) => {
        if (req.url === '/set') req.session['a'] = 1
        if (req.url === '/longer') req.session.cookie.maxAge = 9 * HOUR
        res.end(String(Math.round((req.session.cookie.originalMaxAge ?? 0) / HOUR)))
      })
      const { cookie } = await site.visit('/set')
      await site.visit('/longer', { cookie })
      assert.equal((await site.visit('/', { cookie })).body, '9')
    },
  },
  {
    name: 'keeps a cookie without expiry without one, and turns one into it',
    async run({ store, open }) {
      const site = await open({ store }, showCookie)
      const { cookie, setCookie } = await site.visit()
      assert.doesNotMatch(setCookie[0] ?? '', /Expires/)
      const second = await site.visit('/', { cookie })
      assert.deepEqual(second.setCookie, [])
      assert.equal(JSON.parse(second.body).expires, null)
      assert.equal(JSON.parse(second.body).originalMaxAge, null)

      const other = await open({ store, cookie: { maxAge: HOUR } }, showCookie)
      const limited = await other.visit()
      await other.visit('/?expires=null', { cookie: limited.cookie })
      const after = JSON.parse((await other.visit('/', { cookie: limited.cookie })).body)
      assert.deepEqual([after.expires, after.originalMaxAge], [null, null])
    },
  },
  {
    name: 'ends a session whose cookie a request has let expire',
    async run({ store, open }) {
      const site = await open({ store, cookie: { maxAge: HOUR } }, showCookie)
      const { cookie } = await site.visit()
      await site.visit('/?expires=0', { cookie })
      assert.equal(await stored(store, sidOf(cookie)), null)
    },
  },
  {
    name: 'treats a cookie with an invalid date as one without expiry',
    async run({ store, open }) {
      await put(store, 'a', { cookie: { path: '/', expires: new Date(Number.NaN) } })
      assert.equal(cookieOf(await stored(store, 'a'))['expires'] ?? null, null)

      const options = { store, saveUninitialized: true, cookie: { expires: new Date(Number.NaN) } }
      const site = await open(options, (_req, res) => res.end('sent'))
      const { status, body } = await site.visit()
      assert.deepEqual([status, body], [200, 'sent'])
      // The only error is that of the cookie, not one of the store.
      assert.deepEqual(
        site.errors.map((error) => (error as Error).message),
        ['option expires is invalid'],
      )
    },
  },
  {
    name: 'keeps the attributes that a request has set',
    async run({ store, open }) {
      const site = await open({ store, cookie: { maxAge: HOUR, sameSite: 'strict' } }, showCookie)
      const { cookie, setCookie } = await site.visit('/?httpOnly=false')
      assert.match(setCookie[0] ?? '', /SameSite=Strict/)
      assert.doesNotMatch(setCookie[0] ?? '', /HttpOnly/)
      await site.visit('/?sameSite="lax"', { cookie })
      const { httpOnly, sameSite } = JSON.parse((await site.visit('/', { cookie })).body)
      assert.deepEqual([httpOnly, sameSite], [false, 'lax'])
    },
  },
  {
    name: 'sends a secure cookie only when the proxy says that the request was secure',
    async run({ store, open }) {
      const site = await open(
        { store, proxy: true, cookie: { secure: true, maxAge: HOUR } },
        showCookie,
      )
      assert.deepEqual((await site.visit()).setCookie, [])
      const headers = { 'x-forwarded-proto': 'https,http' }
      const { setCookie, cookie } = await site.visit('/', { headers })
      assert.match(setCookie[0] ?? '', /Secure/)
      assert.equal(JSON.parse((await site.visit('/', { headers, cookie })).body).secure, true)

      const distrusting = await open({ store, proxy: false, cookie: { secure: true } }, showCookie)
      assert.deepEqual((await distrusting.visit('/', { headers })).setCookie, [])

      const deciding = await open({ store, proxy: true, cookie: { secure: 'auto' } }, showCookie)
      assert.match((await deciding.visit('/', { headers })).setCookie[0] ?? '', /Secure/)
      assert.doesNotMatch((await deciding.visit('/')).setCookie[0] ?? 'Secure', /Secure/)
    },
  },
  {
    name: 'reads cookies of older secrets, and signs with the newest',
    async run({ store, open }) {
      const count: SiteHandler = (req, res) => {
        req.session['count'] = ((req.session['count'] as number) ?? 0) + 1
        res.end(String(req.session['count']))
      }
      const old = await open({ store, secret: 'the old one' }, count)
      const both = await open({ store, secret: ['the new one', 'the old one'] }, count)
      const fresh = await open({ store, secret: 'the new one' }, count)
      const { cookie } = await old.visit()
      assert.equal((await both.visit('/', { cookie })).body, '2')
      assert.equal((await fresh.visit('/', { cookie })).body, '1')
      assert.equal((await fresh.visit('/', { cookie: (await both.visit()).cookie })).body, '2')
    },
  },
]
