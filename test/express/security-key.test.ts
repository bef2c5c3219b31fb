import type { RequestHandler } from 'express'
import express from 'express'
import { describe, expect, it } from 'vitest'
import {
  requireSecurityKey,
  type SecurityKeyCheckOptions,
  sessionMiddleware,
} from '../../src/express/index.ts'
import {
  RequestRefusedError,
  SessionConfigError,
  SessionStoreError,
  type SessionsOptions,
} from '../../src/index.ts'
import { HOST, UNSAFE } from '../corpus/same-origin.ts'
import { type Express, frameworks, listen, type Setup, setup, storedCookie } from './helpers.ts'
import { type PostOptions, reported, type Sent, status, table } from './origin-harness.ts'

const FORM = { 'Content-Type': 'application/x-www-form-urlencoded' }
const JSON_BODY = { 'Content-Type': 'application/json' }
const OWN = { Origin: `http://${HOST}` }
const STATIC = 'Sec-X-ViUR-StaticSessionKey'

/** A well-formed key that was never made. */
const STRANGE = 'A'.repeat(43)

const PASS_ON: RequestHandler = (_req, _res, next) => next()

interface Site extends Setup {
  readonly port: number
  /** The errors that reached the error handler. */
  readonly errors: unknown[]
  /** Counts how often the handler behind the check ran. */
  readonly passed: () => number
  /** A cookie of a guest session. */
  guest(): Promise<string>
  /** A cookie of a login, and its static key. */
  native(): Promise<{ cookie: string; key: string }>
  /** A one-time key of the session of this cookie. */
  key(cookie: string, purpose?: string): Promise<string>
  post(headers: Sent, options?: PostOptions): Promise<number>
}

interface SiteOptions extends Omit<SecurityKeyCheckOptions, 'sessions'> {
  readonly framework?: Express | 'http'
  readonly load?: 'eager' | 'lazy'
  readonly before?: RequestHandler[]
  readonly sessions?: SessionsOptions
}

async function site(options: SiteOptions = {}): Promise<Site> {
  const { framework = express, load = 'eager', before = [], sessions: more, ...rules } = options
  const made = setup(more)
  const { sessions } = made
  const errors: unknown[] = []
  let passed = 0
  const check = requireSecurityKey(rules)
  const middleware = sessionMiddleware(sessions, { load })
  const answer = (error: unknown): number => {
    if (error === undefined) {
      passed += 1
      return 200
    }
    errors.push(error)
    return (error as Partial<RequestRefusedError>).status ?? 500
  }
  const port =
    framework === 'http'
      ? await listen((req, res) =>
          middleware(req, res, () =>
            check(req, res, (error) => {
              res.statusCode = answer(error)
              res.end()
            }),
          ),
        )
      : await listen(
          framework()
            .use(middleware)
            .use(express.urlencoded({ extended: true, limit: '3mb' }), express.json())
            .use(...(before.length > 0 ? before : [PASS_ON]))
            .use(check)
            .use(((_req, res) => void res.sendStatus(answer(undefined))) as RequestHandler)
            .use(((error, _req, res, _next) => {
              expect(res.headersSent).toBe(false)
              res.sendStatus(answer(error))
            }) as express.ErrorRequestHandler),
        )
  const opened = (cookie?: string) =>
    sessions.open({ loopback: true, ...(cookie !== undefined && { cookie }) }).load()
  return {
    ...made,
    port,
    errors,
    passed: () => passed,
    guest: () => storedCookie(sessions),
    native: async () => {
      const session = await opened()
      await session.login('ann')
      const key = session.staticSecurityKey()
      const { setCookie } = await sessions.commit(session)
      return { cookie: (setCookie[0] as string).split(';')[0] as string, key }
    },
    key: async (cookie, purpose = '') => (await opened(cookie)).getSecurityKey({ purpose }),
    post: (headers, asked) => status(port, 'POST', headers, asked),
  }
}

const servers: [string, Express | 'http'][] = [...frameworks, ['plain http', 'http']]

describe.each(servers)('requireSecurityKey() on %s', (_name, framework) => {
  it('accepts a key in the header once', async () => {
    const { guest, key, post, errors } = await site({ framework })
    const Cookie = await guest()
    const headers = { ...OWN, Cookie, 'X-Security-Key': await key(Cookie) }
    expect(await post(headers)).toBe(200)
    expect(await post(headers)).toBe(403)
    expect(errors).toEqual([expect.any(RequestRefusedError)])
  })

  it('checks the origin too, and uses no key for a page of another origin', async () => {
    const { port, guest, key, store } = await site({ framework })
    const Cookie = await guest()
    let keys = 0
    const made = await table(port, 'POST', async () => {
      keys += 1
      return { Cookie, 'X-Security-Key': await key(Cookie) }
    })
    expect(made).toEqual(UNSAFE)
    const passes = UNSAFE.join('').replaceAll('-', '').length
    // An insert for each key, and a find and a use for each accepted one.
    expect(store.calls.filter(({ method }) => method === 'key')).toHaveLength(keys + 2 * passes)
  })

  it('accepts a static key without origin headers, and not with a wrong origin', async () => {
    const { port, native } = await site({ framework })
    const { cookie, key } = await native()
    const made = await table(port, 'POST', () => ({ Cookie: cookie, [STATIC]: key }))
    expect(made).toEqual([`+${(UNSAFE[0] as string).slice(1)}`, ...UNSAFE.slice(1)])
  })

  it('accepts one of ten parallel requests with one key', async () => {
    const { guest, key, post, passed } = await site({ framework })
    const Cookie = await guest()
    const headers = { ...OWN, Cookie, 'X-Security-Key': await key(Cookie) }
    const answers = await Promise.all(Array.from({ length: 10 }, () => post(headers)))
    expect(answers.filter((answer) => answer === 200)).toHaveLength(1)
    expect(answers.filter((answer) => answer === 403)).toHaveLength(9)
    expect(passed()).toBe(1)
  })

  it.each(['GET', 'HEAD', 'OPTIONS', 'TRACE'])('lets %s pass and uses no key', async (method) => {
    const { port, guest, key, post, store } = await site({ framework })
    const Cookie = await guest()
    const headers = { ...OWN, Cookie, 'X-Security-Key': await key(Cookie) }
    store.clearCalls()
    expect(await status(port, method, headers)).toBe(200)
    expect(store.calls.filter(({ method: called }) => called === 'key')).toEqual([])
    expect(await post(headers)).toBe(200)
  })

  it.each([
    ['no key', {}],
    ['an empty key', { 'X-Security-Key': '' }],
    ['a key that nobody was given', { 'X-Security-Key': STRANGE }],
    ['a key in a cookie', { Cookie: `skey=${STRANGE}` }],
    ['the marker alone', { 'X-Security-Key': 'STATIC_SESSION_KEY' }],
    [
      'the marker and an empty static key',
      { 'X-Security-Key': 'STATIC_SESSION_KEY', [STATIC]: '' },
    ],
    ['a static key that nobody was given', { [STATIC]: STRANGE }],
    ['a static key in the other header', { 'X-Static-Session-Key': STRANGE }],
  ])('refuses %s', async (_what, headers: Sent) => {
    const { guest, post, errors, passed } = await site({ framework })
    const Cookie = await guest()
    expect(await post({ Cookie, ...OWN, ...headers })).toBe(403)
    expect(errors).toEqual([expect.any(RequestRefusedError)])
    expect(passed()).toBe(0)
  })
})

describe.each(frameworks)('the field skey on %s', (_name, framework) => {
  it.each([
    ['a form', FORM, (key: string) => `skey=${key}`],
    ['JSON', JSON_BODY, (key: string) => JSON.stringify({ skey: key })],
  ])('counts in %s', async (_what, type, bodyOf) => {
    const { guest, key, post } = await site({ framework })
    const Cookie = await guest()
    const body = bodyOf(await key(Cookie))
    expect(await post({ ...OWN, Cookie, ...type }, { body })).toBe(200)
    expect(await post({ ...OWN, Cookie, ...type }, { body })).toBe(403)
  })

  it.each([
    ['a list', FORM, (key: string) => `skey[]=${key}&skey[]=${key}`],
    ['two fields', FORM, (key: string) => `skey=${key}&skey=${key}`],
    ['an object', FORM, (key: string) => `skey[key]=${key}`],
    ['empty', FORM, () => 'skey='],
    ['1 MB', FORM, () => `skey=${'a'.repeat(1 << 20)}`],
    ['Unicode', FORM, () => `skey=${'%F0%9F%94%91'.repeat(43)}`],
    ['with a space at the end', FORM, (key: string) => `skey=${key}%20`],
    ['a JSON list', JSON_BODY, (key: string) => JSON.stringify({ skey: [key] })],
    ['a JSON number', JSON_BODY, () => '{"skey":1}'],
    ['a JSON null', JSON_BODY, () => '{"skey":null}'],
    ['a JSON true', JSON_BODY, () => '{"skey":true}'],
    ['in a prototype', JSON_BODY, (key: string) => `{"__proto__":{"skey":"${key}"}}`],
    ['in the query', FORM, () => 'other=1'],
    ['not parsed', { 'Content-Type': 'text/plain' }, (key: string) => `skey=${key}`],
  ])('is refused, and not used up: %s', async (_what, type, bodyOf) => {
    const { guest, key, post, errors } = await site({ framework })
    const Cookie = await guest()
    const given = await key(Cookie)
    const headers = { ...OWN, Cookie, ...type }
    expect(await post(headers, { path: `/?skey=${given}`, body: bodyOf(given) })).toBe(403)
    expect(errors).toEqual([expect.any(RequestRefusedError)])
    expect(await post({ ...OWN, Cookie, 'X-Security-Key': given })).toBe(200)
  })

  it('must equal the header when both are sent', async () => {
    const { guest, key, post } = await site({ framework })
    const Cookie = await guest()
    const [one, other] = [await key(Cookie), await key(Cookie)]
    const both = (header: string | string[], field: string): Promise<number> =>
      post({ ...OWN, Cookie, ...FORM, 'X-Security-Key': header }, { body: `skey=${field}` })
    expect(await both(one, other)).toBe(403)
    expect(await both('STATIC_SESSION_KEY', one)).toBe(403)
    expect(await both([one, one], one)).toBe(403)
    expect(await both(one, '')).toBe(403)
    expect(await both(one, one)).toBe(200)
    expect(await both(other, other)).toBe(200)
  })

  it.each([
    ['empty', FORM, 'skey='],
    ['a list', FORM, 'skey[]=STATIC_SESSION_KEY'],
    ['null', JSON_BODY, '{"skey":null}'],
    ['another text', FORM, 'skey=static_session_key'],
  ])('is not made up for by a static key: %s', async (_what, type, body) => {
    const { native, post } = await site({ framework })
    const { cookie: Cookie, key } = await native()
    expect(await post({ ...OWN, Cookie, ...type, [STATIC]: key }, { body })).toBe(403)
    expect(await post({ ...OWN, Cookie, ...type, [STATIC]: key })).toBe(200)
  })

  it('counts only as an own property of the body', async () => {
    const inherited: { skey?: string } = {}
    const inherit: RequestHandler = (req, _res, next) => {
      req.body = Object.create(inherited)
      next()
    }
    const { guest, key, post } = await site({ framework, before: [inherit] })
    const Cookie = await guest()
    inherited.skey = await key(Cookie)
    expect(await post({ ...OWN, Cookie })).toBe(403)
    expect(await post({ ...OWN, Cookie, 'X-Security-Key': inherited.skey })).toBe(200)
  })

  it('may hold the marker of the static key', async () => {
    const { native, post } = await site({ framework })
    const { cookie: Cookie, key } = await native()
    const body = 'skey=STATIC_SESSION_KEY'
    expect(await post({ Cookie, ...FORM, [STATIC]: key }, { body })).toBe(200)
    expect(await post({ ...OWN, Cookie, ...FORM, [STATIC]: key }, { body })).toBe(200)
    expect(await post({ ...OWN, Cookie, ...FORM }, { body })).toBe(403)
  })
})

describe('requireSecurityKey()', () => {
  it('refuses the key of another session, and does not use it up', async () => {
    const { guest, key, post } = await site()
    const [mine, theirs] = [await guest(), await guest()]
    const given = await key(mine)
    expect(await post({ ...OWN, Cookie: theirs, 'X-Security-Key': given })).toBe(403)
    expect(await post({ ...OWN, 'X-Security-Key': given })).toBe(403)
    expect(await post({ ...OWN, Cookie: mine, 'X-Security-Key': given })).toBe(200)
  })

  it('refuses a key of another purpose, and does not use it up', async () => {
    const { guest, key, post } = await site({ purpose: 'pay' })
    const Cookie = await guest()
    const [pay, plain] = [await key(Cookie, 'pay'), await key(Cookie)]
    expect(await post({ ...OWN, Cookie, 'X-Security-Key': plain })).toBe(403)
    expect(await post({ ...OWN, Cookie, 'X-Security-Key': pay })).toBe(200)
    const other = await site()
    const cookie = await other.guest()
    const key2 = await other.key(cookie, 'pay')
    expect(await other.post({ ...OWN, Cookie: cookie, 'X-Security-Key': key2 })).toBe(403)
  })

  it.each(['login', 'logout', 'reset', 'cycleKey'] as const)(
    'refuses a key from before %s',
    async (method) => {
      const { sessions, guest, key, post } = await site()
      const Cookie = await guest()
      const given = await key(Cookie)
      const session = await sessions.open({ cookie: Cookie, loopback: true }).load()
      await session[method]('ann')
      const { setCookie } = await sessions.commit(session)
      const cookies = [Cookie, ...setCookie.map((text) => text.split(';')[0] as string)]
      for (const each of cookies)
        expect(await post({ ...OWN, Cookie: each, 'X-Security-Key': given })).toBe(403)
    },
  )

  it('refuses a key that has expired, to the millisecond', async () => {
    const { clock, guest, key, post } = await site({ sessions: { lifetime: '1h' } })
    const Cookie = await guest()
    const [late, intime] = [await key(Cookie), await key(Cookie)]
    clock.advance(60 * 60 * 1000 - 1)
    expect(await post({ ...OWN, Cookie, 'X-Security-Key': intime })).toBe(200)
    clock.advance(1)
    expect(await post({ ...OWN, Cookie, 'X-Security-Key': late })).toBe(403)
  })

  it('accepts only the static key of the session, sent once per request, any number of times', async () => {
    const { native, guest, post } = await site()
    const [one, other] = [await native(), await native()]
    const Cookie = one.cookie
    expect(await post({ Cookie, [STATIC]: other.key })).toBe(403)
    expect(await post({ Cookie, [STATIC]: [one.key, one.key] })).toBe(403)
    expect(await post({ Cookie, [STATIC]: `${one.key}A` })).toBe(403)
    expect(await post({ Cookie, [STATIC]: '' })).toBe(403)
    expect(await post({ [STATIC]: one.key })).toBe(403)
    expect(await post({ Cookie: await guest(), [STATIC]: one.key })).toBe(403)
    expect(await post({ Cookie, [STATIC]: one.key })).toBe(200)
    expect(await post({ Cookie, [STATIC]: one.key })).toBe(200)
  })

  it('lets a native client use one-time keys when it also sends its static key', async () => {
    const { native, key, post } = await site()
    const { cookie: Cookie, key: fixed } = await native()
    const given = await key(Cookie)
    expect(await post({ Cookie, 'X-Security-Key': given })).toBe(403)
    expect(await post({ Cookie, 'X-Security-Key': given, [STATIC]: STRANGE })).toBe(403)
    expect(await post({ Cookie, 'X-Security-Key': given, [STATIC]: fixed })).toBe(200)
    expect(await post({ Cookie, 'X-Security-Key': given, [STATIC]: fixed })).toBe(403)
  })

  it('accepts the origins that the app trusts', async () => {
    const { native, post } = await site({ origins: ['https://good.evil.com'] })
    const { cookie: Cookie, key } = await native()
    const from = (Origin: string) =>
      post({ Cookie, [STATIC]: key, Origin, 'Sec-Fetch-Site': 'cross-site' })
    expect(await from('https://good.evil.com')).toBe(200)
    expect(await from('https://evil.com')).toBe(403)
  })

  it('loads the session itself if needed', async () => {
    const { guest, key, post } = await site({ load: 'lazy' })
    const Cookie = await guest()
    expect(await post({ ...OWN, Cookie, 'X-Security-Key': await key(Cookie) })).toBe(200)
  })

  it('makes no store call when a request is refused for its origin, or has no key', async () => {
    const { guest, key, post, store } = await site({ load: 'lazy' })
    const Cookie = await guest()
    const given = await key(Cookie)
    store.clearCalls()
    expect(await post({ Cookie, 'X-Security-Key': given, Origin: 'null' })).toBe(403)
    expect(await post({ Cookie, 'X-Security-Key': given })).toBe(403)
    expect(await post({ ...OWN, Cookie })).toBe(403)
    expect(store.calls).toEqual([])
  })

  it.each(['eager', 'lazy'] as const)('passes on that the store is down: %s', async (load) => {
    const { guest, key, post, store, errors, passed } = await site({ load })
    const Cookie = await guest()
    const given = await key(Cookie)
    const restore = store.failAlways('before')
    expect(await post({ ...OWN, Cookie, 'X-Security-Key': given })).toBe(503)
    expect(await post({ Cookie, [STATIC]: STRANGE })).toBe(503)
    expect(errors).toEqual([expect.any(SessionStoreError), expect.any(SessionStoreError)])
    expect(passed()).toBe(0)
    restore()
    expect(await post({ ...OWN, Cookie, 'X-Security-Key': given })).toBe(200)
  })

  it('refuses a key whose use was stored when its answer was lost', async () => {
    const { guest, key, post, store, passed } = await site()
    const Cookie = await guest()
    const given = await key(Cookie)
    store.failAt(2, 'after', { method: 'key' })
    expect(await post({ ...OWN, Cookie, 'X-Security-Key': given })).toBe(403)
    expect(await post({ ...OWN, Cookie, 'X-Security-Key': given })).toBe(403)
    expect(passed()).toBe(0)
  })

  it.each([
    ['nothing', undefined],
    ['an object that is not sessions', { validateSecurityKey: () => true, load: () => {} }],
  ])('says what to mount where req.session is %s', async (_what, session) => {
    const check = requireSecurityKey()
    const errors: unknown[] = []
    const port = await listen((req, res) =>
      check(Object.assign(req, { session }), res, (error) => {
        errors.push(error)
        res.end()
      }),
    )
    await status(port, 'POST', { ...OWN, 'X-Security-Key': STRANGE })
    await status(port, 'GET', {})
    expect(errors).toEqual([expect.any(SessionConfigError), undefined])
    expect((errors[0] as Error).message).toContain('mount sessionMiddleware() before it')
  })

  it('checks both the sent method and the changed one', async () => {
    const override: RequestHandler = (req, _res, next) => {
      Object.assign(req, { originalMethod: req.method, method: 'GET' })
      next()
    }
    const { post, guest } = await site({ before: [override] })
    expect(await post({ ...OWN, Cookie: await guest() })).toBe(403)
  })

  it('reports what it refuses once, without the key', async () => {
    const logged: string[] = []
    const log = (...what: unknown[]): void => void logged.push(JSON.stringify(what))
    const { guest, native, key, post, errors } = await site({
      sessions: { logger: { warn: log, info: log } },
    })
    const reports = [reported('key-refused'), reported('origin-refused')] as const
    const Cookie = await guest()
    const given = await key(Cookie)
    const { cookie, key: fixed } = await native()
    await post({ ...OWN, Cookie })
    await post({ ...OWN, Cookie, 'X-Security-Key': [given, given] })
    await post({ ...OWN, Cookie: cookie, 'X-Security-Key': given })
    await post({ Cookie: cookie, [STATIC]: STRANGE })
    await post({ ...OWN, Cookie: cookie, 'X-Security-Key': 'STATIC_SESSION_KEY' })
    await post({ Cookie: cookie, [STATIC]: fixed, Origin: 'null' })
    expect((reports[0] as { why: string }[]).map(({ why }) => why)).toEqual([
      'missing',
      'malformed',
      'other-session',
      'static',
      'static',
    ])
    expect(reports[1]).toHaveLength(1)
    expect(logged).toHaveLength(6)
    expect(errors).toHaveLength(6)
    // The usual reason is a body without a parser.
    expect(String(errors[0])).toContain('a body that is parsed before')
    const told = [...logged, JSON.stringify(reports), ...errors.map(String)].join()
    for (const secret of [given, fixed, STRANGE, Cookie.split('=')[1] as string])
      expect(told).not.toContain(secret)
  })

  it.each([
    [{ purpos: 'a' }, /has no option "purpos": did you mean "purpose"/],
    [{ purpose: 7 }, /the purpose of a security key must be a text/],
    [{ purpose: 'a'.repeat(1501) }, /up to 1500 bytes/],
    [{ purpose: null }, /the purpose of a security key must be a text/],
    [{ origins: ['*'] }, /no wildcards/],
    [null, /takes an object of options/],
  ])('refuses the options %j', (options, rule) => {
    const make = (): unknown => requireSecurityKey(options as never)
    expect(make).toThrow(SessionConfigError)
    expect(make).toThrow(rule)
  })
})
