import { request as requestOf } from 'node:http'
import { runInThisContext } from 'node:vm'
import type { RequestHandler } from 'express'
import { describe, expect, it } from 'vitest'
import { type SessionMiddleware, sessionMiddleware } from '../../src/express/index.ts'
import { createSessions, SessionConfigError, type Sessions } from '../../src/index.ts'
import { environment } from './caller-harness.ts'
import {
  ask,
  codeOf,
  frameworks,
  gate,
  listen,
  serve,
  setup,
  storedCookie,
  wire,
} from './helpers.ts'

describe('sessionMiddleware()', () => {
  it.each([
    ['nothing', undefined],
    ['null', null],
    ['options', { store: {} }],
    ['express-session', () => {}],
    ['a lookalike', { open() {}, commit() {}, get() {} }],
  ])('refuses %s in place of sessions', (_what, sessions) => {
    expect(() => sessionMiddleware(sessions as unknown as Sessions)).toThrow(SessionConfigError)
  })

  it.each([
    ['an unknown way to load', { load: 'later' }, /load must be 'eager' or 'lazy', but is "later"/],
    ['an unknown option', { secret: 'x' }, /has no option "secret"/],
    ['null', null, /takes an object of options/],
  ])('refuses %s', (_what, options, message) => {
    const mount = () => sessionMiddleware(createSessions(), options as { load: 'lazy' })
    expect(mount).toThrow(SessionConfigError)
    expect(mount).toThrow(message)
  })

  it('returns a function with a name and three parameters, of the type of a request handler', () => {
    const middleware: SessionMiddleware = sessionMiddleware(createSessions())
    const handler: RequestHandler = middleware
    expect(handler.name).toBe('viurSession')
    expect(handler.length).toBe(3)
  })

  it('serves a plain http server', async () => {
    const { sessions } = setup()
    const middleware = sessionMiddleware(sessions)
    const port = await listen((req, res) =>
      middleware(req, res, () => {
        const { session } = req as unknown as Express.Request
        const views = ((session.get('views') as number | undefined) ?? 0) + 1
        session.set('views', views)
        res.end(String(views))
      }),
    )
    const first = await ask(port)
    expect(first.body).toBe('1')
    const cookie = first.setCookie[0]?.split(';')[0]
    expect((await ask(port, { cookie })).body).toBe('2')
  })
})

describe.each(frameworks)('%s', (_name, express) => {
  describe('loading', () => {
    it('costs nothing without a cookie, nor with one that is malformed', async () => {
      const { store, sessions } = setup()
      const { port } = await serve({ express, sessions }, (req, res) => {
        res.json({ loaded: req.session.loaded, outcome: req.session.loadOutcome })
      })
      expect((await ask(port)).body).toBe('{"loaded":true,"outcome":"none"}')
      const cookie = 'viur-session=x'
      expect((await ask(port, { cookie })).body).toBe('{"loaded":true,"outcome":"malformed"}')
      expect(store.calls).toEqual([])
    })

    it('without a cookie the handler runs in the same turn', async () => {
      const { sessions } = setup()
      const order: string[] = []
      const before: RequestHandler = (_req, _res, next) => {
        queueMicrotask(() => order.push('microtask'))
        next()
        order.push('next returned')
      }
      const { port } = await serve({ express, sessions, before: [before] }, (_req, res) => {
        order.push('handler')
        res.end()
      })
      await ask(port)
      expect(order).toEqual(['handler', 'next returned', 'microtask'])
    })

    it('is done before the handler runs', async () => {
      const { sessions, store } = setup()
      const cookie = await storedCookie(sessions, { views: 7 })
      store.clearCalls()
      const { port } = await serve({ express, sessions }, (req, res) => {
        res.json(req.session.get('views'))
      })
      expect((await ask(port, { cookie })).body).toBe('7')
      expect(store.finds).toBe(1)
    })

    it('lazy: the handler loads the session', async () => {
      const { sessions, store } = setup()
      const cookie = await storedCookie(sessions, { views: 7 })
      store.clearCalls()
      const { port } = await serve({ express, sessions, load: 'lazy' }, (req, res, next) => {
        if (req.path === '/static') res.send('no session')
        else if (req.path === '/forgot') res.send(String(req.session.get('views')))
        else req.session.load().then((session) => res.json(session.get('views')), next)
      })
      expect((await ask(port, { cookie, path: '/static' })).body).toBe('no session')
      expect(store.calls).toEqual([])
      expect((await ask(port, { cookie, path: '/forgot' })).body).toBe(
        'failed: ERR_SESSION_NOT_LOADED',
      )
      expect((await ask(port, { cookie })).body).toBe('7')
      expect(store.finds).toBe(1)
    })

    it('lazy: a handler without load() gets an error and not a guest session', async () => {
      const { sessions } = setup()
      const guest = await storedCookie(sessions)
      const { port, errors } = await serve(
        { express, sessions, load: 'lazy' },
        (req, res, next) => {
          if (req.path === '/me') res.send(req.session.user)
          else if (req.path === '/fresh') res.send(String(req.session.isFresh('5m')))
          else {
            Promise.resolve()
              .then(() => sessions.killSessionByUser(req.session.user))
              .then(() => res.send('ended'), next)
          }
        },
      )
      for (const path of ['/me', '/fresh', '/kill']) {
        const answer = await ask(port, { cookie: guest, path })
        expect(answer).toMatchObject({ status: 500, body: 'failed: ERR_SESSION_NOT_LOADED' })
      }
      expect(errors.map(codeOf)).toEqual(Array(3).fill('ERR_SESSION_NOT_LOADED'))
      expect((await sessions.open({ cookie: guest, loopback: true }).load()).loadOutcome).toBe(
        'live',
      )
    })

    it('lazy: a failure that the handler caught is thrown again where the session is used', async () => {
      const { sessions, store } = setup()
      const cookie = await storedCookie(sessions)
      store.failAlways('before')
      const { port } = await serve({ express, sessions, load: 'lazy' }, (req, res, next) => {
        req.session
          .load()
          .catch(() => {})
          .then(() => res.send(req.path === '/static' ? 'fine' : `hello ${req.session.user}`))
          .catch(next)
      })
      expect((await ask(port, { cookie, path: '/static' })).body).toBe('fine')
      expect((await ask(port, { cookie })).body).toBe('failed: ERR_SESSION_STORE')
    })

    it('a failure affects only pages that use the session', async () => {
      const { sessions, store } = setup()
      const cookie = await storedCookie(sessions)
      const recover = store.failAlways('before')
      const { port, errors } = await serve({ express, sessions }, (req, res) => {
        if (req.path === '/static') res.send('fine')
        else if (req.path === '/user') res.send(req.session.user)
        else res.send(String(req.session.get('views')))
      })
      expect(await ask(port, { cookie, path: '/static' })).toMatchObject({
        status: 200,
        body: 'fine',
        setCookie: [],
      })
      for (const path of ['/', '/user']) {
        const answer = await ask(port, { cookie, path })
        expect(answer).toMatchObject({ status: 500, body: 'failed: ERR_SESSION_STORE' })
        expect(answer.setCookie).toEqual([])
      }
      expect(errors.map(codeOf)).toEqual(['ERR_SESSION_STORE', 'ERR_SESSION_STORE'])
      recover()
      expect((await ask(port, { cookie })).body).toBe('1')
    })
  })

  describe('req.session', () => {
    it.each([
      ['null', null],
      ['an object', { views: 1 }],
      ['undefined', undefined],
    ])('cannot be set to %s', async (_what, value) => {
      const { sessions } = setup()
      const { port, errors } = await serve({ express, sessions }, (req, res) => {
        ;(req as { session: unknown }).session = value
        res.send('never')
      })
      expect((await ask(port)).body).toBe('failed: ERR_SESSION')
      expect(String(errors[0])).toContain('await req.session.logout()')
    })

    it('refuses new properties, also outside of strict mode, where they would be lost silently', async () => {
      const { sessions } = setup()
      const handler = runInThisContext(
        "(function (req, res) { req.session.userId = 7; res.send('logged in') })",
      ) as RequestHandler
      const { port, errors } = await serve({ express, sessions }, handler)
      expect((await ask(port)).status).toBe(500)
      expect(String(errors[0])).toContain("use req.session.set('userId', …)")
    })
  })

  describe('mounted twice', () => {
    it('with the same sessions, the second does nothing', async () => {
      const { sessions, store } = setup()
      const cookie = await storedCookie(sessions)
      store.clearCalls()
      const router = express.Router()
      router.use(sessionMiddleware(sessions))
      router.get('/', (req, res) => {
        req.session.set('views', 2)
        res.send('fine')
      })
      const after = [sessionMiddleware(sessions) as RequestHandler]
      const { port } = await serve({ express, sessions, after }, (req, res, next) => {
        const app = express()
        app.use('/sub', router)
        app(req, res, next)
      })
      const answer = await ask(port, { cookie, path: '/sub' })
      expect(answer.body).toBe('fine')
      expect(store.calls.map(({ method }) => method)).toEqual(['find', 'write'])
    })

    it('with other sessions, the second refuses and says what to do', async () => {
      const { sessions } = setup()
      const after = [sessionMiddleware(setup().sessions) as RequestHandler]
      const { port, errors } = await serve({ express, sessions, after }, (_req, res) => {
        res.send('never')
      })
      expect((await ask(port)).body).toBe('failed: ERR_SESSION_CONFIG')
      expect(String(errors[0])).toContain('another createSessions()')
    })

    it('refuses a req.session of another middleware', async () => {
      const { sessions } = setup()
      const before: RequestHandler = (req, _res, next) => {
        ;(req as { session: unknown }).session = { cookie: {} }
        next()
      }
      const { port, errors } = await serve({ express, sessions, before: [before] }, (_req, res) => {
        res.send('never')
      })
      expect((await ask(port)).body).toBe('failed: ERR_SESSION_CONFIG')
      expect(String(errors[0])).toContain('express-session')
    })

    it('with other sessions on another path, each has its own', async () => {
      const app = express()
      app.use('/a', sessionMiddleware(setup({ cookie: { name: 'a' } }).sessions))
      app.use('/b', sessionMiddleware(setup({ cookie: { name: 'b' } }).sessions))
      app.use((req, res) => {
        req.session.set('x', 1)
        res.end()
      })
      const port = await listen(app)
      expect((await ask(port, { path: '/a' })).setCookie[0]).toMatch(/^a=/)
      expect((await ask(port, { path: '/b' })).setCookie[0]).toMatch(/^b=/)
    })
  })

  it('mounted after the response was sent, refuses changes that would be lost', async () => {
    const { sessions, store } = setup()
    const done = gate()
    const codes: unknown[] = []
    const before: RequestHandler = (_req, res, next) => {
      res.send('early')
      next()
    }
    const { port } = await serve({ express, sessions, before: [before] }, (req) => {
      expect(req.session.get('views')).toBeUndefined()
      try {
        req.session.set('views', 1)
      } catch (error) {
        codes.push(codeOf(error))
      }
      done.reach()
    })
    expect((await ask(port)).body).toBe('early')
    await done.reached
    expect(codes).toEqual(['ERR_SESSION_LATE_CHANGE'])
    expect(store.calls).toEqual([])
  })

  describe('whether the request is secure', () => {
    const forwarded = { 'X-Forwarded-Proto': 'https' }

    async function cookieOf(trustProxy: boolean, headers: Record<string, string>) {
      const { sessions } = setup()
      const app = express()
      app.set('trust proxy', trustProxy)
      app.use(sessionMiddleware(sessions))
      app.use((req, res) => {
        req.session.set('x', 1)
        res.end()
      })
      return (await ask(await listen(app), { headers })).setCookie[0]
    }

    it('plain http over loopback gets the plain cookie', async () => {
      const cookie = await cookieOf(false, {})
      expect(cookie).toMatch(/^viur-session=/)
      expect(cookie).not.toMatch(/secure/i)
    })

    it('ignores X-Forwarded-Proto unless "trust proxy" is set', async () => {
      expect(await cookieOf(false, forwarded)).toBeUndefined()
    })

    it('uses it when "trust proxy" is set', async () => {
      expect(await cookieOf(true, forwarded)).toMatch(/^__Host-viur-session=.*; Secure/)
    })

    it.each([
      ['X-Forwarded-Proto', 'https'],
      ['Via', '1.1 proxy'],
      ['Forwarded', 'for=203.0.113.1'],
      ['X-Real-IP', '203.0.113.1'],
      ['CF-Connecting-IP', '203.0.113.1'],
      ['True-Client-IP', '203.0.113.1'],
      ['X-Cloud-Trace-Context', 'a/1'],
      ['X-AppEngine-Country', 'ZZ'],
    ])('a proxy on this machine that sends %s gets no plain cookie', async (name, value) => {
      expect(await cookieOf(false, { [name]: value })).toBeUndefined()
    })

    it('a proxy on this machine that speaks HTTP/1.0 gets no plain cookie', async () => {
      const { sessions } = setup()
      const { port } = await serve({ express, sessions }, (req, res) => {
        req.session.set('x', 1)
        res.end()
      })
      const { closed, text } = await wire(port, 'GET / HTTP/1.0\r\nHost: x\r\n\r\n')
      await closed
      expect(text()).toMatch(/^HTTP\/1.1 200 /)
      expect(text()).not.toContain('Set-Cookie')
    })

    it.each([
      'K_SERVICE',
      'K_REVISION',
      'GAE_ENV',
      'GAE_INSTANCE',
      'FUNCTION_TARGET',
      'FUNCTION_NAME',
    ])('there is no plain cookie where %s is set', async (sign) => {
      environment({ [sign]: 'x' })
      expect(await cookieOf(false, {})).toBeUndefined()
    })

    it('the Functions emulator gets the plain cookie', async () => {
      environment({ K_SERVICE: 'x', FUNCTIONS_EMULATOR: 'true' })
      expect(await cookieOf(false, {})).toMatch(/^viur-session=/)
    })

    it('does not treat a Host header as proof of loopback', async () => {
      const { sessions, warnings } = setup()
      const app = express()
      app.use((req, _res, next) => {
        Object.defineProperty(req.socket, 'remoteAddress', { value: '10.0.0.7' })
        next()
      })
      app.use(sessionMiddleware(sessions))
      app.use((req, res) => {
        req.session.set('x', 1)
        res.end('done')
      })
      const answer = await ask(await listen(app), { headers: { Host: 'localhost' } })
      expect(answer.body).toBe('done')
      expect(answer.setCookie).toEqual([])
      expect(warnings).toHaveLength(1)
    })
  })

  it('warns once when Firebase Hosting removes the cookie', async () => {
    const { sessions, warnings } = setup()
    const { port } = await serve({ express, sessions }, (_req, res) => void res.end())
    await ask(port, { headers: { 'X-Forwarded-Host': 'shop.web.app' } })
    await ask(port, { headers: { 'X-Forwarded-Host': 'shop.web.app' } })
    expect(warnings).toEqual([expect.stringContaining('__session')])
  })

  it('reads the raw header where cookie names repeat or several headers came', async () => {
    const { sessions } = setup()
    const cookie = await storedCookie(sessions)
    const { port } = await serve({ express, sessions }, (req, res) => {
      res.send(String(req.session.loadOutcome))
    })
    const bodies: string[] = []
    for (const headers of [
      [cookie, 'a=1'],
      [cookie, `viur-session=${'x'.repeat(43)}`],
    ]) {
      bodies.push(
        await new Promise((resolve, reject) => {
          const req = requestOf({ port, host: '127.0.0.1', agent: false }, (res) => {
            res.on('data', (chunk: Buffer) => resolve(chunk.toString()))
          })
          req.setHeader('Cookie', headers)
          req.on('error', reject)
          req.end()
        }),
      )
    }
    expect(bodies).toEqual(['live', 'malformed'])
  })
})

describe.each(frameworks)('%s: a response with our cookie', (_name, express) => {
  it.each(['setHeader', 'writeHead'])('says no-store to every cache: by %s', async (way) => {
    const { sessions } = setup()
    const said = {
      'Cache-Control': 'public, max-age=60, no-transform',
      'CDN-Cache-Control': 'max-age=60',
      'Surrogate-Control': 'max-age=60',
      'Cloudflare-CDN-Cache-Control': 'max-age=60',
      Expires: new Date(Date.now() + 86_400_000).toUTCString(),
    }
    const { port } = await serve({ express, sessions }, (req, res) => {
      if (req.path === '/set') req.session.set('x', 1)
      else req.session.get('x')
      if (way === 'setHeader') res.set(said)
      else res.writeHead(200, said)
      res.end('page')
    })
    const { headers } = await ask(port, { path: '/set' })
    expect(headers['cache-control']).toBe('no-store, no-transform')
    for (const name of Object.keys(said).slice(1)) {
      expect(headers).not.toHaveProperty(name.toLowerCase())
    }
    // Without the session cookie the app decides.
    const read = await ask(port, { path: '/read' })
    for (const [name, value] of Object.entries(said)) {
      expect(read.headers[name.toLowerCase()]).toBe(value)
    }
  })
})
