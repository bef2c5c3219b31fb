import { describe, expect, it } from 'vitest'
import {
  createSessions,
  type DefaultData,
  type Session,
  SessionConfigError,
  SessionTooLargeError,
  SessionValueError,
} from '../../src/index.ts'
import { ask, frameworks, serve, setup, storedCookie } from '../express/helpers.ts'
import { Harness } from '../request/harness.ts'
import { site } from '../setup/site.ts'
import { STORE_KINDS } from '../setup/stores.ts'

type Access = (session: Session<DefaultData>) => unknown

/** All methods that show something about a session. */
const ACCESS: Readonly<Record<string, Access>> = {
  get: (s) => s.get('views'),
  'get of a missing key': (s) => s.get('nothing'),
  has: (s) => s.has('views'),
  'has of a missing key': (s) => s.has('nothing'),
  keys: (s) => s.keys(),
  values: (s) => s.values(),
  entries: (s) => s.entries(),
  size: (s) => s.size,
  'for of': (s) => {
    for (const _ of s) break
  },
  spread: (s) => [...s],
  'JSON.stringify': (s) => JSON.stringify(s),
  user: (s) => s.user,
  key: (s) => s.key,
  isNew: (s) => s.isNew,
  loadOutcome: (s) => s.loadOutcome,
  authenticated: (s) => s.authenticated,
  created: (s) => s.created,
  lastSeen: (s) => s.lastSeen,
  expires: (s) => s.expires,
  isFresh: (s) => s.isFresh('5m'),
  expiryAge: (s) => s.expiryAge(),
  expiryDate: (s) => s.expiryDate(),
  expireAtBrowserClose: (s) => s.expireAtBrowserClose(),
  'a scope': (s) => s.scope('shop').get('cart'),
  validateSecurityKey: (s) => s.validateSecurityKey('x'),
  validateStaticSecurityKey: (s) => s.validateStaticSecurityKey('x'),
}

/** Members that show nothing about a session, so that they need not count as use. */
const NO_ACCESS: Readonly<Record<string, Access>> = {
  in: (s) => 'views' in s || 'nothing' in s,
  'Object.keys': (s) => Object.keys(s).join(),
  template: (s) => `${s}`,
  'a copy': (s) => JSON.stringify({ ...s }),
}

describe('headers of a response about the cookie', () => {
  it.each(Object.entries(ACCESS))(
    'CVE-2026-27205: %s counts as use, and the response varies by the cookie',
    async (_, access) => {
      const { sessions } = setup()
      const cookie = await storedCookie(sessions)
      for (const [, express] of frameworks) {
        const { port } = await serve({ express, sessions }, async (req, res) => {
          await access(req.session)
          res.send('page')
        })
        const { headers } = await ask(port, { cookie })
        expect(headers.vary).toBe('Cookie')
        expect(headers['cache-control']).toBe('private, no-cache')
      }
    },
  )

  it.each(Object.entries(NO_ACCESS))(
    'CVE-2026-27205: %s shows nothing of a session, also to a response that does not vary',
    async (_, access) => {
      const app = new Harness()
      const cookie = await app.given({ views: 'the data' })
      const shown = await app.visit(
        (s) => expect(String(access(s))).not.toMatch(/the data|^true/),
        { cookie },
      )
      expect(shown.vary).toBe(false)
    },
  )

  it.each(frameworks)(
    'CVE-2023-30861: on %s a response that only renews the cookie varies, and caches may not store it',
    async (_name, express) => {
      const { sessions, clock } = setup()
      const cookie = await storedCookie(sessions)
      const { port } = await serve({ express, sessions }, (req, res) => {
        // The page contains nothing of the session.
        void req.session.user
        res.set('Cache-Control', 'public, max-age=600').send('page')
      })
      clock.advance(10 * 60_000)
      const { headers, setCookie } = await ask(port, { cookie })
      expect(setCookie).toHaveLength(1)
      expect(headers.vary).toBe('Cookie')
      expect(headers['cache-control']).toBe('no-store')
    },
  )

  describe.each(frameworks)('on %s', (_name, express) => {
    const OWN = 'theirs=1; Path=/'
    it.each([
      ['a list of names and values', ['Set-Cookie', OWN, 'X-Mine', 'kept']],
      [
        'a list of pairs',
        [
          ['Set-Cookie', OWN],
          ['X-Mine', 'kept'],
        ],
      ],
      ['an object', { 'Set-Cookie': OWN, 'X-Mine': 'kept' }],
      ['an object with a list', { 'set-cookie': [OWN, 'more=2'], 'X-Mine': 'kept' }],
    ])('CVE-2025-7339: writeHead with %s loses no header', async (_form, headers) => {
      const { sessions } = setup()
      const { port } = await serve({ express, sessions }, (req, res) => {
        req.session.set('views', 1)
        res.writeHead(200, headers as never)
        res.end('page')
      })
      const answer = await ask(port)
      expect(answer.headers['x-mine']).toBe('kept')
      expect(answer.setCookie[0]).toBe(OWN)
      expect(answer.setCookie.at(-1)).toMatch(/^viur-session=[\w-]{43};/)
      expect(answer.setCookie).toHaveLength(Array.isArray((headers as never)['set-cookie']) ? 3 : 2)
    })
  })
})

describe('options', () => {
  it.each([
    { name: 'sid; Domain=evil.example' },
    { name: 'sid=1; HttpOnly=' },
    { name: 'sid\r\nSet-Cookie: a=b' },
    { name: 'sid', path: '/; Domain=evil.example' },
    { name: 'sid', path: '/\r\nX: y' },
    { name: 'sid', domain: 'shop.example; Path=/' },
    { name: 'sid', domain: 'shop.example\r\nX: y' },
    { sameSite: 'lax; Domain=evil.example' },
    { priority: 'high; Domain=evil.example' },
  ])('CVE-2024-47764: %j brings no attribute into the cookie', (cookie) => {
    expect(() => createSessions({ cookie: cookie as never })).toThrow(SessionConfigError)
  })

  it.each([
    { absoluteLifetime: 0 },
    { absoluteLifetime: Number.POSITIVE_INFINITY },
    { absoluteLifetime: null },
    { lifetime: 0 },
    { lifetime: Number.POSITIVE_INFINITY },
  ])('iron-session: %j makes no session that never ends', (options) => {
    expect(() => createSessions(options as never)).toThrow(SessionConfigError)
  })
})

describe.each(STORE_KINDS)('data that cannot be stored, on $name', (kind) => {
  it.skipIf(kind.missing !== null)(
    'cookie-session: is an error for the app, and never a 200 without it',
    async () => {
      const s = await site(kind, {
        routes: (app) => {
          app.get('/large', (req, res) => {
            req.session.set('large', 'x'.repeat(2 ** 20))
            res.send('stored')
          })
          app.get('/function', (req, res) => {
            const value: Record<string, unknown> = {}
            req.session.set('value', value)
            value['late'] = () => {}
            res.send('stored')
          })
        },
      })
      await s.get('/set/seed')
      for (const [path, code] of [
        ['/large', 'ERR_SESSION_TOO_LARGE'],
        ['/function', 'ERR_SESSION_VALUE'],
      ]) {
        const page = await s.get(path as string)
        expect([page.status, page.body]).toEqual([500, code])
      }
      expect((await s.read()).data).toEqual({ seed: 'set' })
      // The client has only the id, and no data.
      expect(s.cookie()).toMatch(/^viur-session=[\w-]{43}$/)
    },
  )
})

describe('errors', () => {
  it('iron-session: have classes and codes, so that apps need not match messages', () => {
    const errors = [new SessionValueError('x'), new SessionTooLargeError(2, 1)]
    expect(errors.map(({ name, code }) => [name, code])).toEqual([
      ['SessionValueError', 'ERR_SESSION_VALUE'],
      ['SessionTooLargeError', 'ERR_SESSION_TOO_LARGE'],
    ])
  })
})
