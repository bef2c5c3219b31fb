import type { ErrorRequestHandler, Request, RequestHandler } from 'express'
import express from 'express'
import { describe, expect, it } from 'vitest'
import {
  passportBridge,
  requireLogin,
  requireSecurityKey,
  sessionMiddleware,
} from '../../src/express/index.ts'
import {
  createSessions,
  memoryStore,
  RequestRefusedError,
  type Session,
  SessionConfigError,
  SessionLateChangeError,
  type Sessions,
  SessionStoreError,
} from '../../src/index.ts'
import { type FailingStore, failingStore } from '../../src/testing/index.ts'
import { gate } from '../setup/gate.ts'
import { type Answer, ask, type Express, frameworks, listen, settle } from './helpers.ts'
import { reported } from './origin-harness.ts'

type Data = Record<string, unknown>
type Two = Request & { adminSession: Session<Data> }
type Handler = (req: Two, res: Parameters<RequestHandler>[1]) => unknown

interface Site {
  readonly port: number
  readonly shop: Sessions<Data>
  readonly admin: Sessions<Data>
  readonly shopStore: FailingStore
  readonly adminStore: FailingStore
  readonly errors: unknown[]
  readonly warnings: string[]
}

interface SiteOptions {
  readonly framework?: Express
  readonly load?: 'eager' | 'lazy'
  readonly between?: readonly RequestHandler[]
  readonly after?: (site: Omit<Site, 'port'>) => readonly RequestHandler[]
}

async function site(handler: Handler, options: SiteOptions = {}): Promise<Site> {
  const { framework = express, load = 'eager', between = [], after = () => [] } = options
  const warnings: string[] = []
  const logger = { warn: (message: string) => void warnings.push(message) }
  const shopStore = failingStore(memoryStore())
  const adminStore = failingStore(memoryStore())
  const sleep = async (): Promise<void> => {}
  const shop = createSessions<Data>({ store: shopStore, logger, sleep })
  const admin = createSessions<Data>({
    store: adminStore,
    logger,
    sleep,
    cookie: { name: '__Host-admin' },
  })
  const errors: unknown[] = []
  const made = { shop, admin, shopStore, adminStore, errors, warnings }
  const app = framework()
  app.set('env', 'test')
  app.use(sessionMiddleware(shop, { load }))
  for (const each of between) app.use(each)
  app.use(sessionMiddleware(admin, { as: 'adminSession', load }))
  for (const each of after(made)) app.use(each)
  app.use(((req, res, next) => {
    // Handles rejections as Express 5 does, for Express 4 too.
    Promise.resolve()
      .then(() => handler(req as Two, res))
      .catch(next)
  }) as RequestHandler)
  app.use(((error, _req, res, _next) => {
    errors.push(error)
    res.status(error.status ?? 500).send('failed')
  }) as ErrorRequestHandler)
  return { ...made, port: await listen(app) }
}

const both: Handler = async (req, res) => {
  await req.session.load()
  await req.adminSession.load()
  req.session.set('n', (Number(req.session.get('n')) || 0) + 1)
  req.adminSession.set('m', (Number(req.adminSession.get('m')) || 0) + 10)
  res.send(`${req.session.get('n')} ${req.adminSession.get('m')}`)
}

function cookiesOf({ setCookie }: Answer): string {
  return setCookie.map((each) => each.split(';')[0]).join('; ')
}

function namesOf({ setCookie }: Answer): string[] {
  return setCookie.map((each) => each.split('=')[0] as string).sort()
}

async function stored(store: FailingStore): Promise<number> {
  return (await store.page({ by: 'all' }, { limit: 100 })).entries.length
}

describe.each(frameworks)('two sessions in one request on %s', (_name, framework) => {
  it.each(['eager', 'lazy'] as const)(
    'are both stored before the response is sent, loaded %s',
    async (load) => {
      const { port } = await site(both, { framework, load })
      const first = await ask(port)
      expect(first.body).toBe('1 10')
      expect(namesOf(first)).toEqual(['admin', 'viur-session'])
      expect(first.headers.vary).toBe('Cookie')
      expect(first.headers['cache-control']).toBe('no-store')
      const second = await ask(port, { cookie: cookiesOf(first) })
      expect(second.body).toBe('2 20')
      expect(second.setCookie).toEqual([])
      expect(second.headers['cache-control']).toBe('private, no-cache')
    },
  )

  it('hold the response until both are done', async () => {
    const made = await site(both, { framework })
    const held = made.adminStore.hold({ method: 'write' })
    let isAnswered = false
    const answer = ask(made.port).then((page) => {
      isAnswered = true
      return page
    })
    await held.reached
    await settle()
    expect(isAnswered).toBe(false)
    expect(await stored(made.shopStore)).toBe(1)
    held.release()
    expect((await answer).body).toBe('1 10')
  })

  it.each(['shopStore', 'adminStore'] as const)(
    'are an error of the request when the %s fails',
    async (which) => {
      const made = await site(both, { framework })
      made[which].failAlways('before', { method: 'write' })
      const answer = await ask(made.port)
      expect(answer.status).toBe(503)
      expect(answer.body).toBe('failed')
      expect(made.errors).toEqual([expect.any(SessionStoreError)])
      // A session that was stored before the other one failed keeps its cookie, which no cache may store.
      expect(namesOf(answer)).toEqual(which === 'adminStore' ? ['viur-session'] : [])
      if (which === 'adminStore') expect(answer.headers['cache-control']).toBe('no-store')
      else expect(await stored(made.adminStore)).toBe(0)
      expect(answer.headers.vary).toBe('Cookie')
    },
  )

  it('end alone', async () => {
    const made = await site(
      async (req, res) => {
        if (req.url === '/out') await req.session.logout()
        else if (req.url !== '/who') {
          await req.session.login('ann')
          await req.adminSession.login('bob')
        }
        res.send(`${req.session.user} ${req.adminSession.user}`)
      },
      { framework },
    )
    const cookie = cookiesOf(await ask(made.port))
    const out = await ask(made.port, { path: '/out', cookie })
    expect(out.setCookie).toEqual([expect.stringMatching(/^viur-session=; Max-Age=0/)])
    expect((await ask(made.port, { path: '/who', cookie })).body).toBe('__guest__ bob')
  })

  it('wait for calls that were not awaited', async () => {
    const made = await site(
      (req, res) => {
        void req.adminSession.login('bob')
        void req.session.login('ann')
        res.send('both')
      },
      { framework, load: 'lazy' },
    )
    const first = await ask(made.port)
    expect(namesOf(first)).toEqual(['admin', 'viur-session'])
    made.adminStore.failAlways('before', { method: 'find' })
    const failed = await ask(made.port, { cookie: cookiesOf(first) })
    expect(failed.status).toBe(503)
  })

  it('drop both changes when the answer is a server error', async () => {
    const made = await site(
      (req, res) => {
        req.session.set('n', 1)
        req.adminSession.set('m', 1)
        res.status(500).send('no')
      },
      { framework },
    )
    expect((await ask(made.port)).setCookie).toEqual([])
    expect(await stored(made.shopStore)).toBe(0)
    expect(await stored(made.adminStore)).toBe(0)
  })

  it('refuse changes that come too late', async () => {
    const late = gate()
    const caught: unknown[] = []
    const made = await site(
      async (req, res) => {
        res.on('finish', () => {
          for (const session of [req.session as Session<Data>, req.adminSession]) {
            try {
              session.set('late', 1)
            } catch (error) {
              caught.push(error)
            }
          }
          late.open()
        })
        res.send('x')
      },
      { framework },
    )
    await ask(made.port)
    await late.opened
    expect(caught).toEqual([expect.any(SessionLateChangeError), expect.any(SessionLateChangeError)])
  })

  it('go to the nearest error handler', async () => {
    const shop = createSessions({ logger: { warn: () => {} } })
    const store = failingStore(memoryStore())
    const admin = createSessions<Data>({
      store,
      cookie: { name: '__Host-admin' },
      sleep: async () => {},
      logger: { warn: () => {} },
    })
    const router = framework.Router()
    router.use(sessionMiddleware(admin, { as: 'adminSession' }))
    router.get('/set', ((req: Two, res: Parameters<RequestHandler>[1]) => {
      req.adminSession.set('m', 1)
      res.send('set')
    }) as unknown as RequestHandler)
    router.use(
      ((_error, _req, res, _next) =>
        void res.status(503).send('of the router')) as ErrorRequestHandler,
    )
    const app = framework().use(sessionMiddleware(shop)).use('/admin', router)
    app.use(((req: Two, res: Parameters<RequestHandler>[1]) => {
      req.adminSession?.set('m', 1)
      res.send('outside')
    }) as unknown as RequestHandler)
    app.use(
      ((_error, _req, res, _next) =>
        void res.status(503).send('of the app')) as ErrorRequestHandler,
    )
    const port = await listen(app)
    store.failAlways('before', { method: 'write' })
    expect((await ask(port, { path: '/admin/set' })).body).toBe('of the router')
    expect((await ask(port, { path: '/admin/else' })).body).toBe('of the app')
    expect((await ask(port, { path: '/else' })).body).toBe('outside')
  })

  it('are distinguished by guards', async () => {
    const made = await site(
      async (req, res) => {
        await Promise.all([req.session.load(), req.adminSession.load()])
        if (req.path === '/in') await req.adminSession.login('bob')
        if (req.path === '/shop') await req.session.login('ann')
        res.send(
          `${req.session.user} ${req.adminSession.user} ${await req.adminSession.getSecurityKey()}`,
        )
      },
      {
        framework,
        load: 'lazy',
        after: ({ admin }) => [
          (req, res, next) =>
            req.path.startsWith('/admin')
              ? requireLogin({ sessions: admin, redirect: '/in' })(req, res, next)
              : next(),
          requireSecurityKey({ sessions: admin, origins: ['http://a.example'] }),
        ],
      },
    )
    const shop = cookiesOf(await ask(made.port, { path: '/shop' }))
    expect((await ask(made.port, { path: '/admin', cookie: shop })).status).toBe(401)
    expect(
      (await ask(made.port, { path: '/admin', cookie: shop, headers: { Accept: 'text/html' } }))
        .headers.location,
    ).toBe('/in?returnTo=%2Fadmin')
    const admin = await ask(made.port, { path: '/in' })
    const cookie = cookiesOf(admin)
    const page = await ask(made.port, { path: '/admin', cookie })
    expect(page.status).toBe(200)
    const headers = {
      Origin: 'http://a.example',
      'X-Security-Key': page.body.split(' ')[2] as string,
    }
    expect((await ask(made.port, { method: 'POST', cookie: shop, headers })).status).toBe(403)
    expect((await ask(made.port, { method: 'POST', cookie, headers })).status).toBe(200)
    expect(made.errors).toEqual([expect.any(RequestRefusedError), expect.any(RequestRefusedError)])
  })
})

describe('sessions under another name', () => {
  async function errorOf(...middleware: RequestHandler[]): Promise<unknown> {
    const errors: unknown[] = []
    const port = await listen(
      express()
        .use(...middleware)
        .use(((_req, res) => void res.send('passed')) as RequestHandler)
        .use(((error, _req, res, _next) => {
          errors.push(error)
          res.send('failed')
        }) as ErrorRequestHandler),
    )
    await ask(port)
    return errors[0]
  }
  const named = (name: string, store = memoryStore()) =>
    createSessions({ store, cookie: { name }, logger: { warn: () => {} } })

  it('may be the only ones', async () => {
    const admin = named('a')
    expect(
      await errorOf(sessionMiddleware(admin, { as: 'adminSession' }), (req, _res, next) => {
        expect(req.session).toBeUndefined()
        expect((req as Two).adminSession.isGuest).toBe(true)
        next()
      }),
    ).toBeUndefined()
    expect(
      String(await errorOf(sessionMiddleware(admin, { as: 'adminSession' }), requireLogin())),
    ).toMatch(/option sessions/)
  })

  it('may be three, mounted in any order', async () => {
    const port = await listen(
      express()
        .use(sessionMiddleware(named('a'), { as: 'one' }))
        .use(sessionMiddleware(named('b')))
        .use(sessionMiddleware(named('c'), { as: 'three' }))
        .use(((req, res) => {
          const all = req as unknown as Record<string, Session<Data>>
          for (const name of ['one', 'session', 'three']) all[name]?.set('n', name)
          res.send('x')
        }) as RequestHandler),
    )
    expect(namesOf(await ask(port))).toEqual(['a', 'b', 'c'])
  })

  it('do nothing the second time, and are refused under a second name', async () => {
    const shop = named('a')
    const as = (name: string) => sessionMiddleware(shop, { as: name })
    expect(await errorOf(as('one'), as('one'))).toBeUndefined()
    expect(await errorOf(as('session'), sessionMiddleware(shop))).toBeUndefined()
    for (const second of [as('two'), sessionMiddleware(shop)]) {
      const error = await errorOf(as('one'), second)
      expect(error).toBeInstanceOf(SessionConfigError)
      expect(String(error)).toMatch(
        /same sessions are mounted as req\.one and as req\.(?:two|session)/,
      )
    }
    expect(await errorOf(sessionMiddleware(shop), as('two'))).toBeInstanceOf(SessionConfigError)
  })

  it('are refused when the name is taken', async () => {
    const taken = await errorOf(
      sessionMiddleware(named('a'), { as: 'one' }),
      sessionMiddleware(named('b'), { as: 'one' }),
    )
    expect(String(taken)).toMatch(/req\.one belongs to the sessions of another createSessions\(\)/)
    const put: RequestHandler = (req, _res, next) => {
      Object.assign(req, { one: 1 })
      next()
    }
    expect(String(await errorOf(put, sessionMiddleware(named('a'), { as: 'one' })))).toMatch(
      /another middleware/,
    )
  })

  it.each([
    [undefined, undefined],
    ['a', 'a'],
    ['__Host-a', 'a'],
    ['__Host-a', '__Secure-a'],
  ])('are refused with one cookie name: %s and %s', async (one, other) => {
    const make = (name: string | undefined) =>
      createSessions({ store: memoryStore(), ...(name !== undefined && { cookie: { name } }) })
    const error = await errorOf(
      sessionMiddleware(make(one)),
      sessionMiddleware(make(other), { as: 'adminSession' }),
    )
    expect(error).toBeInstanceOf(SessionConfigError)
    expect(String(error)).toMatch(
      /req\.session and req\.adminSession have one cookie name, "(?:viur-session|a)"/,
    )
  })

  it('cause one warning when the cookie of one opens the other', async () => {
    const warnings: string[] = []
    const store = memoryStore()
    const make = (name: string) =>
      createSessions({
        store,
        cookie: { name },
        logger: { warn: (text) => void warnings.push(text) },
      })
    const [one, other] = [
      sessionMiddleware(make('a')),
      sessionMiddleware(make('b'), { as: 'other' }),
    ]
    expect(await errorOf(one, other)).toBeUndefined()
    expect(await errorOf(one, other)).toBeUndefined()
    expect(warnings.filter((text) => text.includes('one store'))).toHaveLength(1)
  })

  it.each([
    ...[
      'body',
      'url',
      'headers',
      'query',
      'params',
      'socket',
      'user',
      'cookies',
      'res',
      'next',
      'on',
      'ip',
      'get',
    ],
    ...[
      'stream',
      'authority',
      'rawHeaders',
      'constructor',
      'toString',
      '__proto__',
      '_events',
      '',
      'a-b',
      '1a',
      'prototype.x',
    ],
  ])('are refused under a name that is taken or none: %s', (as) => {
    expect(() => sessionMiddleware(named('a'), { as })).toThrow(SessionConfigError)
  })

  it.each([[null], [1], [['a']], [Symbol('a')]])('are refused under an invalid name: %s', (as) => {
    expect(() => sessionMiddleware(named('a'), { as: as as never })).toThrow(SessionConfigError)
  })

  it('cannot be replaced', async () => {
    const error = await errorOf(sessionMiddleware(named('a'), { as: 'one' }), ((
      req,
      _res,
      next,
    ) => {
      ;(req as unknown as { one: unknown }).one = {}
      next()
    }) as RequestHandler)
    expect(String(error)).toMatch(/req\.one cannot be replaced/)
  })

  it('are not usable for Passport', async () => {
    const admin = named('a')
    const bridge = passportBridge(admin, { userOf: () => 'a' }) as RequestHandler
    const error = await errorOf(sessionMiddleware(admin, { as: 'one' }), bridge)
    expect(String(error)).toMatch(/req\.one, but Passport works with req\.session/)
  })

  it('work beside a session that Passport uses', async () => {
    const [shop, admin] = [named('a'), named('b')]
    const seen: unknown[] = []
    expect(
      await errorOf(
        sessionMiddleware(shop),
        sessionMiddleware(admin, { as: 'one' }),
        passportBridge(shop, { userOf: () => 'a' }) as RequestHandler,
        (req, _res, next) => {
          ;(req.session as unknown as Data)['cart'] = 1
          const { one } = req as unknown as { one: Session<Data> }
          seen.push((req.session as unknown as Session<Data>).get('cart'), one.get('cart'))
          next()
        },
      ),
    ).toBeUndefined()
    expect(seen).toEqual([1, undefined])
  })

  it('are checked only where they are mounted', async () => {
    const [shop, admin] = [named('a'), named('b')]
    for (const guard of [requireLogin({ sessions: admin })]) {
      const error = await errorOf(sessionMiddleware(shop), guard)
      expect(error).toBeInstanceOf(SessionConfigError)
      expect(String(error)).toMatch(/option sessions/)
    }
    expect(() => requireLogin({ sessions: {} as never })).toThrow(SessionConfigError)
    expect(() => requireSecurityKey({ sessions: null as never })).toThrow(SessionConfigError)
  })

  it('report a refused security key', async () => {
    const made = await site((_req, res) => res.send('x'), {
      after: ({ admin }) => [
        requireSecurityKey({ sessions: admin, origins: ['http://a.example'] }),
      ],
    })
    const reports = reported('key-refused')
    const headers = { Origin: 'http://a.example' }
    expect((await ask(made.port, { method: 'POST', headers })).status).toBe(403)
    expect(reports).toEqual([{ kind: 'key-refused', key: null, why: 'missing' }])
  })
})
