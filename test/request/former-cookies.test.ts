import { describe, expect, it } from 'vitest'
import { type CookieOptions, SessionConfigError, type SessionsOptions } from '../../src/index.ts'
import { cookieJar } from '../../src/testing/index.ts'
import { Harness, idOf } from './harness.ts'

const URL = 'https://shop.example.com/'
const SECRETS = ['0123456789abcdefghijklmnopqrstuv']

/** Two releases of an app on the same store, in one browser. */
function releases(
  before: CookieOptions,
  after: CookieOptions,
): { old: Harness; next: Harness; browser: ReturnType<typeof cookieJar> } {
  const old = new Harness({ cookie: before })
  const options: SessionsOptions = { cookie: after, store: old.store }
  const next = new Harness(options, old.clock)
  return { old, next, browser: cookieJar({ now: old.clock.now }) }
}

type Work = Parameters<Harness['visit']>[0]

async function go(
  harness: Harness,
  browser: ReturnType<typeof cookieJar>,
  work: Work = (s) => s.get('views'),
  status = 200,
): Promise<{ outcome: unknown; user: string; setCookie: string[]; id: string | undefined }> {
  const visit = await harness.visit(work, { cookie: browser.header(URL), status })
  browser.set(visit.setCookie, URL)
  const header = browser.header(URL)
  return {
    outcome: visit.session.loadOutcome,
    user: visit.session.user,
    setCookie: visit.setCookie,
    id: header === undefined ? undefined : idOf(header),
  }
}

describe('a cookie that had another name', () => {
  const NEW: CookieOptions = { formerly: [{ name: 'sid' }] }

  it.each([
    ['as it is', {}],
    ['signed', { secrets: SECRETS }],
  ])(
    'is found under it, and one response sends the same id under the new name, %s',
    async (_, signing) => {
      const { old, next, browser } = releases({ name: 'sid', ...signing }, { ...NEW, ...signing })
      const first = await go(old, browser, (s) => s.set('views', 1))
      const second = await go(next, browser)
      expect(second).toMatchObject({ outcome: 'live', id: first.id })
      expect(second.setCookie).toEqual([
        expect.stringMatching(
          /^__Host-viur-session=.+; Max-Age=[1-9]\d*; Path=\/; HttpOnly; Secure/,
        ),
        'sid=; Max-Age=0; Path=/; HttpOnly; Secure; SameSite=Lax',
      ])
      expect(browser.header(URL)).toMatch(/^__Host-viur-session=/)
      expect(await go(next, browser)).toMatchObject({ outcome: 'live', setCookie: [] })
    },
  )

  it('is not changed by a request that does not use its session', async () => {
    const { old, next, browser } = releases({ name: 'sid' }, NEW)
    await go(old, browser, (s) => s.set('views', 1))
    const visit = await next.visit(() => {}, { cookie: browser.header(URL) })
    expect([visit.setCookie, visit.vary]).toEqual([[], false])
  })

  it('is not read where a new one came, and is removed with the next use', async () => {
    const { old, next, browser } = releases({ name: 'sid' }, NEW)
    await go(next, browser, (s) => s.login('alice'))
    await go(old, browser, (s) => s.login('mallory'))
    const both = await go(next, browser)
    expect(both.user).toBe('alice')
    expect(both.setCookie).toEqual(['sid=; Max-Age=0; Path=/; HttpOnly; Secure; SameSite=Lax'])
  })

  it('gives way to the new id at a login, and is gone after a logout', async () => {
    for (const [work, expected] of [
      [(s) => s.login('alice'), /^__Host-viur-session=/],
      [(s) => s.logout(), /^$/],
    ] as const satisfies readonly (readonly [Work, RegExp])[]) {
      const { old, next, browser } = releases({ name: 'sid' }, NEW)
      await go(old, browser, (s) => s.set('views', 1))
      await go(next, browser, work)
      expect(browser.header(URL) ?? '').toMatch(expected)
    }
  })

  it('is not changed where its session is unknown or has expired', async () => {
    const { old, next, browser } = releases({ name: 'sid' }, NEW)
    browser.set(`sid=${'A'.repeat(43)}; Path=/`, URL)
    expect(await go(next, browser)).toMatchObject({ outcome: 'unknown', setCookie: [] })
    await go(old, browser, (s) => s.set('views', 1))
    const cookie = browser.header(URL) as string
    old.clock.advance('2h')
    const { session, setCookie } = await next.visit((s) => s.get('views'), { cookie })
    expect([session.loadOutcome, setCookie]).toEqual(['expired', []])
  })

  it('is ignored where two different ones came under the former name', async () => {
    const { next } = releases({ name: 'sid' }, NEW)
    const cookie = `sid=${'A'.repeat(43)}; sid=${'B'.repeat(43)}`
    const { session } = await next.visit((s) => s.get('views'), { cookie })
    expect(session.loadOutcome).toBe('malformed')
    expect(next.store.finds).toBe(0)
    expect(next.warnings).toEqual([])
    const rubbish = await next.visit(() => {}, { cookie: 'sid=rubbish' })
    expect([rubbish.session.loadOutcome, rubbish.setCookie]).toEqual(['malformed', []])
  })

  it('is removed by the logout of a client with two different ones, since one may come alone next time', async () => {
    const { next } = releases({ name: 'sid' }, NEW)
    const cookie = `sid=${'A'.repeat(43)}; sid=${'B'.repeat(43)}`
    const { setCookie } = await next.visit((s) => s.logout(), { cookie })
    expect(setCookie).toContain('sid=; Max-Age=0; Path=/; HttpOnly; Secure; SameSite=Lax')
  })

  it('can have one of several names, and its own domain and path', async () => {
    const former = { name: 'old', domain: 'example.com', path: '/' }
    const { old, next, browser } = releases(former, { formerly: [{ name: 'sid' }, former] })
    await go(old, browser, (s) => s.set('views', 1))
    const { setCookie } = await go(next, browser)
    expect(setCookie[1]).toBe(
      'old=; Max-Age=0; Domain=example.com; Path=/; HttpOnly; Secure; SameSite=Lax',
    )
    expect(browser.header(URL)).not.toMatch(/old=/)
  })

  it('is not removed by a request that is not secure', async () => {
    const { next } = releases({ name: 'sid' }, NEW)
    const cookie = `sid=${'A'.repeat(43)}`
    const visit = await next.visit((s) => s.get('views'), { cookie, secure: false })
    expect(visit.setCookie).toEqual([])
  })

  it('is found without its prefix on a request over loopback', async () => {
    const old = new Harness({ cookie: { name: '__Host-sid' } })
    const next = new Harness(
      { store: old.store, cookie: { formerly: [{ name: '__Host-sid' }] } },
      old.clock,
    )
    const plain = { secure: false, loopback: true }
    const first = await old.visit((s) => s.set('views', 1), plain)
    const second = await next.visit((s) => s.get('views'), { ...plain, cookie: first.cookie })
    expect(second.setCookie).toEqual([
      expect.stringMatching(/^viur-session=/),
      'sid=; Max-Age=0; Path=/; HttpOnly; SameSite=Lax',
    ])
  })
})

describe('a cookie that had another domain or path', () => {
  const NAME = 'sid'

  it.each<[string, CookieOptions, CookieOptions]>([
    ['a domain that is gone', { domain: 'example.com' }, {}],
    ['a domain that is new', {}, { domain: 'example.com' }],
    ['another path', { path: '/' }, { path: '/shop' }],
  ])('lets nobody be locked out, with %s', async (_, before, after) => {
    const url = 'https://shop.example.com/shop/cart'
    const { old, next, browser } = releases(
      { name: NAME, ...before },
      { name: NAME, ...after, formerly: [before] },
    )
    const visit = async (harness: Harness, work: Work): Promise<string> => {
      const { session, setCookie } = await harness.visit(work, { cookie: browser.header(url) })
      browser.set(setCookie, url)
      return session.user
    }
    await visit(old, (s) => s.login('alice'))
    // The same id, whichever cookie carried it.
    expect(await visit(next, (s) => s.get('views'))).toBe('alice')
    await visit(next, (s) => s.login('alice'))
    expect(browser.header(url)?.split('; ')).toHaveLength(1)
    expect(await visit(next, (s) => s.get('views'))).toBe('alice')
  })

  it('is removed by any response to a request with two different ones, which has no session', async () => {
    const { old, next, browser } = releases(
      { name: NAME, domain: 'example.com' },
      { name: NAME, formerly: [{ domain: 'example.com' }] },
    )
    const lone = new Harness({ cookie: { name: NAME }, store: old.store }, old.clock)
    browser.set((await old.visit((s) => s.set('views', 1))).setCookie, URL)
    browser.set((await lone.visit((s) => s.login('alice'))).setCookie, URL)
    const { session, setCookie, vary } = await next.visit(() => {}, { cookie: browser.header(URL) })
    expect(setCookie).toEqual([
      'sid=; Max-Age=0; Domain=example.com; Path=/; HttpOnly; Secure; SameSite=Lax',
    ])
    expect([vary, session.loadOutcome]).toEqual([true, 'malformed'])
    browser.set(setCookie, URL)
    expect((await go(next, browser)).user).toBe('alice')
    expect(next.warnings).toEqual([])
  })

  it('logs one warning for two different ones without cookie.formerly', async () => {
    const h = new Harness()
    const name = '__Host-viur-session'
    const cookie = `${name}=${'A'.repeat(43)}; ${name}=${'B'.repeat(43)}`
    for (let n = 0; n < 3; n++) await h.visit(() => {}, { cookie })
    // The same value twice, or an invalid one beside it, are no two sessions.
    const same = new Harness()
    await same.visit(() => {}, { cookie: `${name}=${'A'.repeat(43)}; ${name}=${'A'.repeat(43)}` })
    await same.visit(() => {}, { cookie: `${name}=${'A'.repeat(43)}; ${name}=rubbish` })
    expect(h.warnings).toEqual([
      expect.stringMatching(/two different session cookies.*cookie\.formerly/),
    ])
    expect(same.warnings).toEqual([])
  })
})

describe('the option cookie.formerly', () => {
  it.each<[unknown, RegExp]>([
    ['sid', /cookie\.formerly must be an array/],
    [[null], /cookie\.formerly\[0\] takes an object/],
    [[{ nmae: 'sid' }], /it takes name, domain and path/],
    [[{ name: 'a b' }], /cookie\.formerly\[0\]\.name must be a token/],
    [[{ name: 'a' }, { domain: 'a;b' }], /cookie\.formerly\[1\]\.domain must be a domain name/],
    [[{ name: 'a', path: 'x' }], /cookie\.formerly\[0\]\.path must start with/],
    [[{}], /cookie\.formerly\[0\] is the present cookie/],
    [[{ name: '__Host-viur-session', path: '/' }], /is the present cookie/],
    [[{ domain: 'example.com' }], /starts with "__Host-"/],
  ])('refuses %j', (formerly, message) => {
    const make = (): unknown => new Harness({ cookie: { formerly } as CookieOptions })
    expect(make).toThrow(SessionConfigError)
    expect(make).toThrow(message)
  })

  it('treats a leading dot of a domain and capital letters like a browser', () => {
    const cookie = { name: 'sid', domain: 'example.com', formerly: [{ domain: '.Example.com' }] }
    expect(() => new Harness({ cookie })).toThrow(/is the present cookie/)
  })
})

describe('cookieOptions()', () => {
  it('returns the attributes of the session cookie of a request, without using the session', async () => {
    const h = new Harness({ cookie: { sameSite: 'none', partitioned: true, priority: 'high' } })
    const secure = { path: '/', secure: true, httpOnly: true, priority: 'high' }
    expect(h.sessions.cookieOptions({ secure: true })).toEqual({
      ...secure,
      sameSite: 'none',
      partitioned: true,
    })
    expect(h.sessions.cookieOptions({ loopback: true })).toEqual({
      ...secure,
      secure: false,
      sameSite: 'lax',
    })
    const session = h.open()
    expect(h.sessions.cookieOptions(session).secure).toBe(true)
    expect(session.accessed).toBe(false)
  })

  it('has the domain and the path of the cookie, and no sameSite where it has none', () => {
    const cookie = { name: 'sid', domain: 'example.com', path: '/a', sameSite: null } as const
    expect(new Harness({ cookie }).sessions.cookieOptions({ secure: true })).toEqual({
      path: '/a',
      domain: 'example.com',
      secure: true,
      httpOnly: true,
    })
  })

  it('refuses a value that is no request, and the session of another createSessions()', () => {
    const h = new Harness()
    expect(() => h.sessions.cookieOptions({ headers: {} } as never)).toThrow(SessionConfigError)
    expect(() => h.sessions.cookieOptions(new Harness().open())).toThrow(SessionConfigError)
  })
})
