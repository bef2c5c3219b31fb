import { randomBytes } from 'node:crypto'
import cookieParser from 'cookie-parser'
import { sign } from 'cookie-signature'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Session, SessionsOptions } from '../../src/index.ts'
import { cookieJar } from '../../src/testing/index.ts'
import { DAY, Harness, HOUR, idOf, keyOfCookie, maxAge, NAME, SECOND } from './harness.ts'

type Data = Record<string, unknown>

const OLD = randomBytes(32).toString('base64url')
const NEW = randomBytes(32).toString('base64url')

describe('the cookie of a new session', () => {
  it('carries the id and nothing else, with every attribute', async () => {
    const { setCookie } = await new Harness<Data>().visit((s) => s.set('a', 1))
    expect(setCookie).toHaveLength(1)
    expect(setCookie[0]).toMatch(
      /^__Host-viur-session=[\w-]{43}; Max-Age=3600; Path=\/; HttpOnly; Secure; SameSite=Lax$/,
    )
  })

  it('is accepted by a browser, and sent back to the same host', async () => {
    const app = new Harness<Data>()
    const jar = cookieJar({ now: app.clock.now })
    const { setCookie, cookie } = await app.visit((s) => s.set('a', 1))
    jar.set(setCookie, 'https://shop.example/login')
    expect(jar.header('https://shop.example/cart')).toBe(cookie)
    expect(jar.header('https://www.shop.example/')).toBeUndefined()
    app.clock.advance(HOUR)
    expect(jar.header('https://shop.example/')).toBeUndefined()
  })

  it.each<[string, NonNullable<SessionsOptions['cookie']>, RegExp]>([
    [
      'a name',
      { name: 'sid' },
      /^sid=[\w-]{43}; Max-Age=3600; Path=\/; HttpOnly; Secure; SameSite=Lax$/,
    ],
    [
      'a path',
      { name: '__Secure-sid', path: '/shop' },
      /^__Secure-sid=.*; Path=\/shop; HttpOnly; Secure; SameSite=Lax$/,
    ],
    ['a domain', { name: 'sid', domain: 'shop.example' }, /; Domain=shop\.example; Path=\/; /],
    ['strict', { sameSite: 'strict' }, /; SameSite=Strict$/],
    [
      'none and partitioned',
      { sameSite: 'none', partitioned: true },
      /; Secure; Partitioned; SameSite=None$/,
    ],
    ['no SameSite', { sameSite: null }, /; Secure$/],
    ['a script may read it', { httpOnly: false }, /; Path=\/; Secure; SameSite=Lax$/],
    ['a priority', { priority: 'high' }, /; Priority=High/],
    [
      'never Secure',
      { secure: false },
      /^viur-session=[\w-]{43}; Max-Age=3600; Path=\/; HttpOnly; SameSite=Lax$/,
    ],
  ])('follows the options: %s', async (_, cookie, form) => {
    const { setCookie } = await new Harness<Data>({ cookie }).visit((s) => s.set('a', 1))
    expect(setCookie[0]).toMatch(form)
  })

  it('is removed with the attributes with which it was set', async () => {
    const app = new Harness<Data>({
      cookie: {
        name: 'sid',
        path: '/shop',
        domain: 'shop.example',
        sameSite: 'none',
        partitioned: true,
      },
    })
    const { cookie, setCookie } = await app.visit((s) => s.set('a', 1))
    const removal = await app.visit((s) => s.logout(), { cookie })
    const attributes = (text: string | undefined): string =>
      (text ?? '').replace(/^sid=[^;]*/, '').replace(/Max-Age=[0-9]+/, '')
    expect(attributes(removal.setCookie[0])).toBe(attributes(setCookie[0]))
    expect(maxAge(removal.setCookie)).toBe(0)
  })
})

describe('a cookie is sent', () => {
  it('not for a change of data', async () => {
    const app = new Harness<Data>()
    const cookie = await app.given()
    expect((await app.visit((s) => s.set('views', 2), { cookie })).setCookie).toEqual([])
  })

  it('with the same value when use is stored, since its lifetime changes', async () => {
    const app = new Harness<Data>()
    const cookie = await app.given()
    app.clock.advance('10m')
    const visit = await app.visit((s) => s.get('views'), { cookie })
    expect(visit.cookie).toBe(cookie)
    expect(maxAge(visit.setCookie)).toBe(HOUR / SECOND)
  })

  it('not when use is stored without a change of the lifetime, at the absolute limit', async () => {
    const app = new Harness<Data>({ lifetime: '1d', absoluteLifetime: '1d' })
    const cookie = await app.given()
    app.clock.advance('10m')
    const { setCookie } = await app.visit((s) => s.get('views'), { cookie })
    expect([app.store.writes, setCookie]).toEqual([1, []])
  })

  it('with the time that is left until the absolute limit', async () => {
    const app = new Harness<Data>({ lifetime: '20h', absoluteLifetime: '1d' })
    const cookie = await app.given()
    app.clock.advance('10h')
    const { setCookie } = await app.visit((s) => s.get('views'), { cookie })
    expect(maxAge(setCookie)).toBe((14 * HOUR) / SECOND)
  })

  it('not for an unknown or expired session, whatever the request reads', async () => {
    const app = new Harness<Data>()
    const cookie = await app.given()
    app.clock.advance('2h')
    for (const sent of [cookie, `${NAME}=${'B'.repeat(43)}`, `${NAME}=junk`]) {
      const { setCookie } = await app.visit((s) => [s.get('a'), s.user, s.size], { cookie: sent })
      expect(setCookie).toEqual([])
    }
  })

  it('so that a slow anonymous response cannot log out a newer login', async () => {
    const app = new Harness<Data>()
    const jar = cookieJar({ now: app.clock.now })
    const url = 'https://shop.example/'
    const expired = await app.given()
    jar.set(`${expired}; Secure; Path=/`, url)
    app.clock.advance('2h')
    const slow = await app.load(jar.header(url))
    const login = await app.visit((s) => s.login('alice'), { cookie: jar.header(url) })
    jar.set(login.setCookie, url)
    slow.get('views')
    jar.set((await app.sessions.commit(slow)).setCookie, url)
    expect((await app.load(jar.header(url))).user).toBe('alice')
  })

  it('for a change of expiry', async () => {
    const app = new Harness<Data>()
    const cookie = await app.given()
    const { setCookie } = await app.visit((s) => s.setExpiry('10m'), { cookie })
    expect(maxAge(setCookie)).toBe(600)
    const { setCookie: closing } = await app.visit((s) => s.setExpiry(0), { cookie })
    expect(closing).toHaveLength(1)
    expect(maxAge(closing)).toBeNull()
  })

  it('once with the last id when a request takes several', async () => {
    const app = new Harness<Data>()
    const { setCookie, session } = await app.visit(async (s) => {
      s.set('a', 1)
      await s.save()
      await s.login('alice')
      await s.save()
      await s.cycleKey()
    })
    expect(setCookie).toHaveLength(1)
    expect(session.key).toBe(keyOfCookie((setCookie[0] as string).split(';')[0] as string))
  })

  it('not for a session that was stored and ended in one request, without a cookie from before', async () => {
    const app = new Harness<Data>()
    const { setCookie } = await app.visit(async (s) => {
      s.set('a', 1)
      await s.save()
      await s.logout()
    })
    expect(setCookie).toEqual([])
  })
})

describe('a request that came through Firebase Hosting', () => {
  it.each(['shop.web.app', 'shop.firebaseapp.com', 'SHOP--preview-1a2b.WEB.APP'])(
    'logs one warning where the cookie has a name that is not passed on: %s',
    async (forwardedHost) => {
      const app = new Harness<Data>()
      for (let visits = 0; visits < 3; visits++) await app.visit((s) => s.user, { forwardedHost })
      expect(app.warnings).toEqual([
        expect.stringMatching(/Firebase Hosting.*__session.*"__Host-viur-session"/),
      ])
    },
  )

  it('logs none by the name that is passed on, by another host, or where the cookie came', async () => {
    const named = new Harness<Data>({ cookie: { name: '__session' } })
    await named.visit((s) => s.user, { forwardedHost: 'shop.web.app' })
    const app = new Harness<Data>()
    for (const forwardedHost of [
      'shop.example',
      'shopweb.app',
      'web.app.shop.example',
      'web.app',
      undefined,
    ]) {
      await app.visit((s) => s.user, { forwardedHost })
    }
    const cookie = await app.given()
    await app.visit((s) => s.user, { forwardedHost: 'shop.web.app', cookie })
    expect([...named.warnings, ...app.warnings]).toEqual([])
  })
})

describe('a request that is not secure', () => {
  const insecure = { secure: false }

  it('stores nothing and sends nothing, with one warning', async () => {
    const app = new Harness<Data>()
    for (let visits = 0; visits < 3; visits++) {
      const { setCookie } = await app.visit((s) => s.set('a', 1), insecure)
      expect(setCookie).toEqual([])
    }
    await app.visit((s) => s.login('alice'), insecure)
    expect(app.store.calls).toEqual([])
    expect(app.warnings).toHaveLength(1)
    expect(app.warnings[0]).toMatch(/not secure.*trust proxy.*trustProxy.*cookie\.secure.*address/)
  })

  it('logs no warning while it only reads', async () => {
    const app = new Harness<Data>()
    await app.visit((s) => s.get('a'), insecure)
    expect(app.warnings).toEqual([])
  })

  it('may change and end the session that it names, and gets no cookie', async () => {
    const app = new Harness<Data>()
    const cookie = await app.given()
    const changed = await app.visit((s) => s.set('views', 2), { cookie, ...insecure })
    expect(changed.setCookie).toEqual([])
    expect(app.warnings).toEqual([])
    expect(await app.data(cookie)).toEqual({ views: 2 })
    const ended = await app.visit((s) => s.logout(), { cookie, ...insecure })
    expect(ended.setCookie).toEqual([])
    expect((await app.load(cookie)).loadOutcome).toBe('unknown')
  })

  it('stores no session in place of one that it ends', async () => {
    for (const method of ['logout', 'reset'] as const) {
      const app = new Harness<Data>({ persistentFieldsOnLogout: ['views'] })
      const cookie = await app.given()
      await app.visit((s) => s[method](), { cookie, ...insecure })
      expect((await app.store.page({ by: 'all' }, { limit: 10 })).entries).toEqual([])
    }
  })

  it.each(['login', 'cycleKey'] as const)(
    'does not change the session at %s, whose id could not be sent',
    async (method) => {
      const app = new Harness<Data>()
      const cookie = await app.given()
      const { setCookie } = await app.visit((s) => s[method]('alice'), { cookie, ...insecure })
      expect([app.store.writes, setCookie]).toEqual([0, []])
      expect(await app.data(cookie)).toEqual({ views: 1 })
      expect(app.warnings).toHaveLength(1)
    },
  )

  it('gets a plain cookie over a loopback socket', async () => {
    const app = new Harness<Data>()
    const { setCookie, cookie } = await app.visit((s) => s.set('a', 1), {
      secure: false,
      loopback: true,
    })
    expect(setCookie[0]).toMatch(
      /^viur-session=[\w-]{43}; Max-Age=3600; Path=\/; HttpOnly; SameSite=Lax$/,
    )
    const { session } = await app.visit(() => {}, { cookie, secure: false, loopback: true })
    expect(session.loadOutcome).toBe('live')
    expect((await app.load(cookie)).loadOutcome).toBe('none')
  })

  it('gets none over a loopback socket where cookie.secure is true', async () => {
    const app = new Harness<Data>({ cookie: { secure: true } })
    const { setCookie } = await app.visit((s) => s.set('a', 1), { secure: false, loopback: true })
    expect(setCookie).toEqual([])
  })

  describe('in production', () => {
    const before = process.env['NODE_ENV']
    beforeEach(() => {
      process.env['NODE_ENV'] = 'production'
    })
    afterEach(() => {
      process.env['NODE_ENV'] = before
    })

    it('gets none over a loopback socket', async () => {
      const app = new Harness<Data>()
      const { setCookie } = await app.visit((s) => s.set('a', 1), { secure: false, loopback: true })
      expect(setCookie).toEqual([])
    })
  })

  it.each([1, 'true', 'yes', {}, null])('is one whose secure is %j', async (secure) => {
    const app = new Harness<Data>()
    const session = app.sessions.open({ secure: secure as never })
    await session.load()
    session.set('a', 1)
    expect((await app.sessions.commit(session)).setCookie).toEqual([])
  })
})

describe('a signed cookie', () => {
  const signed = { cookie: { secrets: [NEW, OLD] } }

  it('has the format of cookie-parser, which reads the id from it', async () => {
    const app = new Harness<Data>(signed)
    const { cookie, session } = await app.visit((s) => s.set('a', 1))
    const value = decodeURIComponent((cookie as string).slice(NAME.length + 1))
    const id = cookieParser.signedCookie(value, [NEW])
    expect(id).toMatch(/^[\w-]{43}$/)
    expect(value).toBe(`s:${sign(id as string, NEW)}`)
    expect(keyOfCookie(`${NAME}=${String(id)}`)).toBe(session.key)
    expect((await app.load(cookie)).loadOutcome).toBe('live')
  })

  it('by an older secret is sent again under the newest with the same id, at the next access', async () => {
    const before = new Harness<Data>({ cookie: { secrets: [OLD] } })
    const cookie = await before.given()
    const app = new Harness<Data>({ ...signed, store: before.store }, before.clock)
    app.clock.advance('1m')
    expect((await app.visit(() => {}, { cookie })).setCookie).toEqual([])
    const visit = await app.visit((s) => s.get('views'), { cookie })
    expect(visit.setCookie).toHaveLength(1)
    expect(maxAge(visit.setCookie)).toBe((HOUR - 60 * SECOND) / SECOND)
    expect(app.store.writes).toBe(0)
    expect(idOf(visit.cookie as string)).toBe(idOf(cookie))
    const alone = new Harness<Data>({ cookie: { secrets: [NEW] }, store: app.store }, app.clock)
    expect((await alone.load(visit.cookie)).loadOutcome).toBe('live')
    expect((await alone.load(cookie)).loadOutcome).toBe('malformed')
    expect((await app.visit((s) => s.get('views'), { cookie: visit.cookie })).setCookie).toEqual([])
  })

  it('is signed only by the first secret', async () => {
    const app = new Harness<Data>(signed)
    const cookie = await app.given()
    const old = new Harness<Data>({ cookie: { secrets: [OLD] }, store: app.store }, app.clock)
    expect((await old.load(cookie)).loadOutcome).toBe('malformed')
  })

  it('is read in one pair of quotes, and beside a copy without them', async () => {
    const app = new Harness<Data>(signed)
    const id = idOf(await app.given())
    const value = encodeURIComponent(`s:${sign(id, NEW)}`)
    for (const header of [`${NAME}="${value}"`, `${NAME}="${value}"; ${NAME}=${value}`]) {
      expect((await app.load(header)).loadOutcome).toBe('live')
    }
  })

  it.each<[string, (id: string) => string]>([
    ['is not signed', (id) => id],
    ['has an empty signature', (id) => `s%3A${id}.`],
    ['is signed by another secret', (id) => encodeURIComponent(`s:${sign(id, 'x'.repeat(32))}`)],
    [
      'is signed for another id',
      (id) => encodeURIComponent(`s:${id}.${sign('A'.repeat(43), NEW).slice(44)}`),
    ],
    ['has no mark of a signature', (id) => encodeURIComponent(sign(id, NEW))],
    ['is cut', (id) => encodeURIComponent(`s:${sign(id, NEW)}`).slice(0, -1)],
    ['is longer', (id) => `${encodeURIComponent(`s:${sign(id, NEW)}`)}A`],
    ['has half its quotes', (id) => `"${encodeURIComponent(`s:${sign(id, NEW)}`)}`],
    ['has escaped quotes', (id) => `%22${encodeURIComponent(`s:${sign(id, NEW)}`)}%22`],
    ['is signed twice', (id) => encodeURIComponent(`s:${sign(sign(id, NEW), NEW)}`)],
    ['signs no id', () => encodeURIComponent(`s:${sign('admin', NEW)}`)],
    ['signs a longer id', (id) => encodeURIComponent(`s:${sign(`${id}A`, NEW)}`)],
    ['is JSON', (id) => encodeURIComponent(`j:${JSON.stringify(id)}`)],
    ['is huge', (id) => `s%3A${id}.${'A'.repeat(15_000)}`],
    ['has bad escapes', (id) => `s%3A${id}.%E0%A4%A`],
  ])('that %s costs no lookup', async (_, forge) => {
    const app = new Harness<Data>(signed)
    const id = idOf(await app.given())
    const session = await app.load(`${NAME}=${forge(id)}`)
    expect([session.loadOutcome, session.isNew]).toEqual(['malformed', true])
    expect(app.store.calls).toEqual([])
  })

  it('may come unescaped, as some agents send it', async () => {
    const app = new Harness<Data>(signed)
    const id = idOf(await app.given())
    expect((await app.load(`${NAME}=s:${sign(id, NEW)}`)).loadOutcome).toBe('live')
  })

  it('counts once when it comes signed by both secrets', async () => {
    const app = new Harness<Data>(signed)
    const id = idOf(await app.given())
    const header = [OLD, NEW].map((secret) => `${NAME}=s:${sign(id, secret)}`).join('; ')
    const { setCookie, session } = await app.visit((s) => s.get('views'), { cookie: header })
    expect(session.loadOutcome).toBe('live')
    expect(setCookie).toHaveLength(1)
  })

  it('is not required without secrets, and then a signed one is malformed', async () => {
    const app = new Harness<Data>()
    const id = idOf(await app.given())
    expect((await app.load(`${NAME}=s%3A${sign(id, NEW)}`)).loadOutcome).toBe('malformed')
  })
})

describe('the id', () => {
  it('is 43 characters of 32 random bytes, and its hash is what is stored', async () => {
    const asked: number[] = []
    const app = new Harness<Data>({
      randomBytes: (size) => {
        asked.push(size)
        return randomBytes(size)
      },
    })
    const { cookie, session } = await app.visit((s) => s.set('a', 1))
    expect(asked).toContain(32)
    expect(idOf(cookie as string)).toMatch(/^[\w-]{43}$/)
    const record = await app.stored(cookie as string)
    expect(record?.key).toBe(session.key)
    expect(JSON.stringify(record)).not.toContain(idOf(cookie as string))
  })

  it('is drawn again when it is taken', async () => {
    const first = randomBytes(32)
    let draws = 0
    const app = new Harness<Data>({
      randomBytes: (size) => {
        if (size !== 32) return randomBytes(size)
        draws += 1
        return draws <= 2 ? first : randomBytes(32)
      },
    })
    const one = await app.visit((s) => s.set('n', 1))
    const two = await app.visit((s) => s.set('n', 2))
    expect(draws).toBe(3)
    expect(one.cookie).not.toBe(two.cookie)
    expect(await app.data(one.cookie)).toEqual({ n: 1 })
    expect(await app.data(two.cookie)).toEqual({ n: 2 })
  })

  it.each([
    ['too few bytes', () => new Uint8Array(8)],
    ['text', () => 'x'.repeat(32)],
    ['nothing', () => undefined],
    ['an array', () => Array.from({ length: 32 }, () => 7)],
  ])('is not made of %s', async (_, bytes) => {
    const app = new Harness<Data>({ randomBytes: bytes as never })
    await expect(app.visit((s) => s.set('a', 1))).rejects.toMatchObject({
      code: 'ERR_SESSION_CONFIG',
    })
    expect(app.store.writes).toBe(0)
  })

  it('is never in logs, errors or what is stored', async () => {
    const app = new Harness<Data>()
    const seen: string[] = []
    const cookie = await app.given()
    const run = async (work: (s: Session<Data>) => unknown): Promise<void> => {
      await app
        .visit(work, { cookie })
        .catch((error: Error) => seen.push(String(error.stack), JSON.stringify(error)))
    }
    await run((s) => s.set('f', () => {}))
    app.store.failAlways('after')
    await run((s) => s.set('a', 1))
    await run((s) => s.login('alice'))
    seen.push(JSON.stringify(app.log))
    expect(seen.join()).not.toContain(idOf(cookie))
    expect(seen.length).toBeGreaterThan(3)
  })

  it('of a session given to another manager is refused', async () => {
    const one = new Harness<Data>()
    const two = new Harness<Data>()
    await expect(two.sessions.commit(await one.load())).rejects.toMatchObject({
      code: 'ERR_SESSION_CONFIG',
    })
  })
})

it('keeps the cookie no longer than the session lives', async () => {
  const app = new Harness<Data>({ lifetime: '2d', absoluteLifetime: '3d' })
  let cookie = await app.given()
  for (let visits = 0; visits < 20; visits++) {
    const visit = await app.visit((s) => s.get('views'), { cookie })
    if (visit.session.loadOutcome !== 'live') break
    const age = maxAge(visit.setCookie)
    if (age !== null) {
      const { expires } = (await app.stored(cookie)) ?? { expires: 0 }
      expect(app.clock.now() + age * SECOND).toBe(expires)
    }
    cookie = visit.cookie as string
    app.clock.advance(DAY / 2)
  }
  expect((await app.load(cookie)).loadOutcome).toBe('expired')
})
