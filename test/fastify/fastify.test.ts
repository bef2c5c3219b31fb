import { once } from 'node:events'
import { get, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Readable } from 'node:stream'
import fastifyCompress from '@fastify/compress'
import fastifyCookie from '@fastify/cookie'
import fastifyFormbody from '@fastify/formbody'
import fastifyWebsocket from '@fastify/websocket'
import fastify5, {
  type FastifyInstance,
  type FastifyPluginCallback,
  type FastifyReply,
  type FastifyRequest,
} from 'fastify'
import fastify4 from 'fastify4'
import { describe, expect, expectTypeOf, it, onTestFinished } from 'vitest'
import { WebSocket } from 'ws'
import { createCookieSessions } from '../../src/cookie-sessions/index.ts'
import { requireSameOrigin } from '../../src/express/index.ts'
import { fastifySession } from '../../src/fastify/index.ts'
import {
  createSessions,
  memoryStore,
  type Session,
  type Sessions,
  SessionStoreError,
} from '../../src/index.ts'
import { type FailingStore, failingStore } from '../../src/testing/index.ts'
import { gate } from '../setup/gate.ts'

declare module '../../src/fastify/index.ts' {
  interface NamedSessions {
    adminSession: { role: string }
  }
}

const FATAL = {
  method: 'write',
  error: new SessionStoreError('no', { effect: 'none', retryable: false }),
} as const

type Framework = typeof fastify5

const frameworks: [string, Framework][] = [
  ['Fastify 5', fastify5],
  ['Fastify 4', fastify4 as unknown as Framework],
]

interface Setup {
  readonly app: FastifyInstance
  readonly sessions: Sessions
  readonly store: FailingStore
  /** Returns the cookie of a session with one visit. */
  cookie(): Promise<string>
}

function setup(framework: Framework = fastify5): Setup {
  const store = failingStore(memoryStore())
  const sessions = createSessions({ store, logger: { warn: () => {} } })
  const app = framework()
  onTestFinished(() => app.close())
  const cookie = async (): Promise<string> => {
    const session = await sessions.open({ loopback: true }).load()
    session.set('visits', 1)
    const { setCookie } = await sessions.commit(session)
    return (setCookie[0] as string).split(';', 1)[0] as string
  }
  return { app, sessions, store, cookie }
}

const visits = (session: Session): number => (session.get('visits') as number | undefined) ?? 0

const count = async (request: FastifyRequest) => {
  request.session.set('visits', visits(request.session) + 1)
  return String(visits(request.session))
}

const read = async (request: FastifyRequest) => String(visits(request.session))

/** A plugin of the app, with its own instance. */
function inside(body: (app: FastifyInstance) => void): FastifyPluginCallback {
  return (app, _options, done) => {
    body(app)
    done()
  }
}

function cookies(headers: Readonly<Record<string, unknown>>): string[] {
  return [headers['set-cookie'] ?? []].flat() as string[]
}

async function listening(app: FastifyInstance): Promise<number> {
  await app.listen({ port: 0, host: '127.0.0.1' })
  return (app.server.address() as AddressInfo).port
}

describe.each(frameworks)('fastifySession in %s', (_name, framework) => {
  it('passes an error of the commit to the error handler, once', async () => {
    const { app, sessions, store, cookie } = setup(framework)
    const seen: unknown[] = []
    app.setErrorHandler((error, _request, reply) => {
      seen.push((error as SessionStoreError).code)
      return reply.code(502).send('try again')
    })
    await app.register(fastifySession, { sessions })
    app.get('/', async (request, reply) => {
      request.session.set('visits', 2)
      return reply.code(303).header('Location', '/next').header('X-Own', '1').send('page')
    })
    const headers = { cookie: await cookie() }
    store.failNext('before', FATAL)
    const failed = await app.inject({ url: '/', headers })
    expect([failed.statusCode, failed.body, seen]).toEqual([
      502,
      'try again',
      ['ERR_SESSION_STORE'],
    ])
    expect(failed.headers).toMatchObject({ 'x-own': '1' })
    expect(failed.headers['location']).toBeUndefined()
    expect((await app.inject({ url: '/', headers })).statusCode).toBe(303)
  })

  it('lets Fastify answer an error of the commit, with its status and Retry-After', async () => {
    const { app, sessions, store, cookie } = setup(framework)
    await app.register(fastifySession, { sessions })
    app.get('/', count)
    const headers = { cookie: await cookie() }
    store.failNext('before', FATAL)
    const failed = await app.inject({ url: '/', headers })
    expect(failed.statusCode).toBe(503)
    expect(failed.headers['retry-after']).toBe('1')
    expect(failed.json()).toMatchObject({ code: 'ERR_SESSION_STORE', statusCode: 503 })
    expect(cookies(failed.headers)).toEqual([])
  })

  it('gives the status of the error to an error handler that sets none', async () => {
    const { app, sessions, store, cookie } = setup(framework)
    const seen: number[] = []
    app.setErrorHandler((error, _request, reply) => {
      seen.push(reply.statusCode)
      return reply.send({ code: (error as SessionStoreError).code })
    })
    await app.register(fastifySession, { sessions })
    app.get('/', async (request, reply) => {
      request.session.set('visits', 2)
      return reply.code(303).header('Location', '/next').send('')
    })
    const functions: object[] = []
    app.get('/unkept', async (request) => {
      request.session.set('list', functions)
      functions.push(() => {})
      return 'page'
    })
    const headers = { cookie: await cookie() }
    store.failNext('before', FATAL)
    const failed = await app.inject({ url: '/', headers })
    expect([failed.statusCode, failed.json()]).toEqual([503, { code: 'ERR_SESSION_STORE' }])
    expect((await app.inject({ url: '/unkept', headers })).statusCode).toBe(500)
    expect(seen).toEqual([503, 500])
  })

  it('sends an id to a client without cookies by a hijacked reply', async () => {
    const { app, sessions } = setup(framework)
    await app.register(fastifySession, {
      sessions,
      id: (request) => request.headers['x-session-id'],
      onId: (reply, id) => void reply.header('X-Session-Id', id ?? ''),
    })
    app.get('/raw', async (request, reply) => {
      const page = await count(request)
      reply.header('X-Own', 'of nobody').hijack()
      reply.raw.end(page)
    })
    const first = await app.inject('/raw')
    const id = first.headers['x-session-id'] as string
    expect(first.headers['x-own']).toBeUndefined()
    const second = await app.inject({ url: '/raw', headers: { 'x-session-id': id } })
    expect(second.body).toBe('2')
  })

  it('answers when the changes of the error handler cannot be stored either', async () => {
    const { app, sessions, store, cookie } = setup(framework)
    app.setErrorHandler((_error, request, reply) => {
      request.session.set('failed', true)
      return reply.code(400).send('no')
    })
    await app.register(fastifySession, { sessions })
    app.get('/', async () => {
      throw new Error('boom')
    })
    const headers = { cookie: await cookie() }
    store.failNext('before', FATAL)
    const failed = await app.inject({ url: '/', headers })
    expect([failed.statusCode, cookies(failed.headers)]).toEqual([503, []])
  })

  it('closes a stream whose response was dropped', async () => {
    const { app, sessions, store, cookie } = setup(framework)
    await app.register(fastifySession, { sessions })
    const body = Readable.from(['never', 'read'])
    const closed = once(body, 'close')
    app.get('/', async (request, reply) => {
      request.session.set('visits', 2)
      return reply.send(body)
    })
    const headers = { cookie: await cookie() }
    store.failNext('before', FATAL)
    expect((await app.inject({ url: '/', headers })).statusCode).toBe(503)
    await closed
    expect(body.destroyed).toBe(true)
  })

  it('serves missing pages: those of Fastify, and those of the app', async () => {
    const { app, sessions } = setup(framework)
    await app.register(fastifySession, { sessions })
    await app.register(
      inside((shop) => {
        shop.setNotFoundHandler(async (request, reply) =>
          reply.code(404).send(await count(request)),
        )
      }),
      { prefix: '/shop' },
    )
    const plain = await app.inject('/nowhere')
    expect([plain.statusCode, cookies(plain.headers)]).toEqual([404, []])
    const own = await app.inject('/shop/nowhere')
    expect([own.statusCode, own.body, cookies(own.headers).length]).toEqual([404, '1', 1])
  })

  it('applies to the instance that it is registered with, and to those below', async () => {
    const { app, sessions } = setup(framework)
    await app.register(
      inside((shop) => {
        shop.register(fastifySession, { sessions })
        shop.get('/inside', count)
        shop.register(
          inside((below) => void below.get('/page', count)),
          { prefix: '/below', logLevel: 'warn' },
        )
      }),
    )
    app.get('/outside', async (request) => String(request.session))
    const [within, below, outside] = await Promise.all(
      ['/inside', '/below/page', '/outside'].map((url) => app.inject(url)),
    )
    expect([within?.body, below?.body, outside?.body]).toEqual(['1', '1', 'undefined'])
    expect(outside?.headers['vary']).toBeUndefined()
  })

  it('keeps two sessions of one request apart, and commits both for one response', async () => {
    const { app, sessions, store } = setup(framework)
    const own = failingStore(memoryStore())
    const admin = createSessions({ store: own, cookie: { name: 'admin', secure: false } })
    await app.register(fastifySession, { sessions })
    await app.register(
      inside((office) => {
        office.register(fastifySession, { sessions: admin, as: 'adminSession' })
        office.get('/admin', async (request) => {
          await count(request)
          expectTypeOf(request.adminSession).toEqualTypeOf<Session<{ role: string }>>()
          request.adminSession.set('role', 'boss')
          return `${visits(request.session)} ${request.adminSession.get('role')}`
        })
      }),
    )
    const page = await app.inject('/admin')
    expect(page.body).toBe('1 boss')
    expect(cookies(page.headers).map((one) => one.split('=', 1)[0])).toEqual([
      'viur-session',
      'admin',
    ])
    own.failNext('before', FATAL)
    const failed = await app.inject('/admin')
    expect(failed.statusCode).toBe(503)
    expect(store.writes).toBe(2)
  })

  it('holds the response of a hijacked reply', async () => {
    const { app, sessions, store, cookie } = setup(framework)
    await app.register(fastifySession, { sessions })
    app.get('/raw', async (request, reply) => {
      await count(request)
      reply.hijack()
      reply.raw.setHeader('Content-Type', 'text/event-stream')
      reply.raw.write('data: 1\n\n')
      reply.raw.end(`data: ${reply.raw.headersSent}\n\n`)
    })
    app.get('/visits', read)
    const headers = { cookie: await cookie() }
    const port = await listening(app)
    const first = await fetch(`http://127.0.0.1:${port}/raw`)
    expect(first.headers.getSetCookie()).toHaveLength(1)
    expect(first.headers.get('cache-control')).toBe('no-store')
    expect(await first.text()).toBe('data: 1\n\ndata: true\n\n')
    store.failNext('before', FATAL)
    const failed = await fetch(`http://127.0.0.1:${port}/raw`, { headers })
    expect([failed.status, await failed.text()]).toEqual([500, 'Internal Server Error'])
    expect((await app.inject({ url: '/visits', headers })).body).toBe('1')
  })

  it('loads at first use when load is lazy, and stores only by save() when save is manual', async () => {
    const { app, sessions, store, cookie } = setup(framework)
    await app.register(fastifySession, { sessions, load: 'lazy', save: 'manual' })
    app.get('/plain', async (request) => String(request.session.loaded))
    app.get('/drop', async (request) => count({ session: await request.session.load() } as never))
    app.get('/save', async (request) => {
      const session = await request.session.load()
      session.set('visits', 7)
      await session.save()
      return 'saved'
    })
    app.get('/visits', async (request) => String(visits(await request.session.load())))
    const headers = { cookie: await cookie() }
    store.clearCalls()
    const ask = async (url: string) => (await app.inject({ url, headers })).body
    expect([await ask('/plain'), store.finds]).toEqual(['false', 0])
    expect([await ask('/drop'), await ask('/visits')]).toEqual(['2', '1'])
    expect([await ask('/save'), await ask('/visits')]).toEqual(['saved', '7'])
  })

  it('gives its session to sessions.of(), for the Fastify request and for the Node request', async () => {
    const { app, sessions } = setup(framework)
    await app.register(fastifySession, { sessions })
    app.get('/', async (request) => {
      const { session } = request
      return [sessions.of(request), sessions.of(request.raw)].map((one) => one === session)
    })
    expect((await app.inject('/')).json()).toEqual([true, true])
  })

  it('does nothing when it is registered again', async () => {
    const { app, sessions, store } = setup(framework)
    await app.register(fastifySession, { sessions })
    await app.register(fastifySession, { sessions })
    app.get('/', count)
    expect(cookies((await app.inject('/')).headers)).toHaveLength(1)
    expect(store.writes).toBe(1)
  })

  const other = createSessions({ store: memoryStore() })
  const ids = { id: () => undefined, onId: () => {} }
  it.each<[string, object, string]>([
    ['other sessions of the same name', { sessions: other }, 'another createSessions()'],
    ['the same sessions by another name', { as: 'shopSession' }, 'registered as request.session'],
    ['the same sessions by an id too', ids, 'with the option id and without'],
    ['invalid sessions', { sessions: {} }, 'needs the result of createSessions()'],
    ['an option that is none', { lod: 'lazy' }, 'did you mean "load"?'],
    ['another way to load', { load: 'no' }, "'eager' or 'lazy'"],
    ['another way to save', { save: 'no' }, "'auto' or 'manual'"],
    ['a name of Fastify', { sessions: other, as: 'body' }, 'which something else is called'],
    ['a name of the log', { sessions: other, as: 'log' }, 'which something else is called'],
  ])('refuses %s', async (_what, options, message) => {
    const { app, sessions } = setup(framework)
    await app.register(fastifySession, { sessions })
    const register = async () =>
      await app.register(fastifySession, { sessions, ...options } as never)
    await expect(register()).rejects.toThrow(message)
  })

  it('refuses to replace another plugin, or a session with the same cookie', async () => {
    const { app, sessions } = setup(framework)
    app.decorateRequest('session', null as never)
    await expect((async () => await app.register(fastifySession, { sessions }))()).rejects.toThrow(
      'belongs to another plugin',
    )
    const second = setup(framework)
    const twin = createSessions({ store: memoryStore() })
    await second.app.register(fastifySession, { sessions })
    await second.app.register(fastifySession, { sessions: twin, as: 'twinSession' })
    second.app.get('/', count)
    const page = await second.app.inject('/')
    expect([page.statusCode, page.json().message]).toEqual([
      500,
      expect.stringContaining('have one cookie name'),
    ])
  })

  it('keeps a session from being replaced', async () => {
    const { app, sessions } = setup(framework)
    await app.register(fastifySession, { sessions })
    app.get('/', async (request) => {
      request.session = {} as never
    })
    expect((await app.inject('/')).json().message).toContain('session cannot be replaced')
  })

  it('stores changes of earlier onSend hooks, and refuses those of later ones', async () => {
    const { app, sessions, cookie } = setup(framework)
    const late: unknown[] = []
    app.addHook('onSend', async (request: FastifyRequest) => {
      request.session.set('hook', true)
    })
    await app.register(fastifySession, { sessions })
    app.addHook('onSend', async (request) => {
      try {
        request.session.set('late', true)
      } catch (error) {
        late.push((error as { code?: unknown }).code)
      }
    })
    app.get('/', async (request) => [...request.session.keys()])
    const headers = { cookie: await cookie() }
    await app.inject({ url: '/', headers })
    expect((await app.inject({ url: '/', headers })).json()).toEqual(['visits', 'hook'])
    expect(late).toEqual(['ERR_SESSION_LATE_CHANGE', 'ERR_SESSION_LATE_CHANGE'])
  })

  it('keeps the cookie on an error response when another hook threw after the commit', async () => {
    const { app, sessions } = setup(framework)
    await app.register(fastifySession, { sessions })
    let hasFailed = false
    app.addHook('onSend', async () => {
      if (hasFailed) return
      hasFailed = true
      throw new Error('boom')
    })
    app.get('/', count)
    app.get('/visits', read)
    const failed = await app.inject('/')
    expect(failed.statusCode).toBe(500)
    const cookie = cookies(failed.headers)[0]?.split(';', 1)[0]
    expect((await app.inject({ url: '/visits', headers: { cookie } })).body).toBe('1')
  })

  it('accepts sessions in cookies', async () => {
    const { app } = setup(framework)
    const keys = [{ id: 'a', key: Buffer.from(Array.from({ length: 32 }, (_, at) => at)) }]
    await app.register(fastifySession, { sessions: createCookieSessions({ keys }) })
    app.get('/', count)
    const cookie = cookies((await app.inject('/')).headers)[0]?.split(';', 1)[0]
    expect((await app.inject({ url: '/', headers: { cookie } })).body).toBe('2')
  })

  it('works with requireSameOrigin()', async () => {
    const { app, sessions } = setup(framework)
    await app.register(fastifySession, { sessions })
    const sameOrigin = requireSameOrigin()
    app.addHook('onRequest', (request, reply, done) =>
      sameOrigin(request.raw, reply.raw, done as (error?: unknown) => void),
    )
    app.post('/', count)
    const from = (site: string) =>
      app.inject({ url: '/', method: 'POST', headers: { 'sec-fetch-site': site } })
    expect((await from('cross-site')).statusCode).toBe(403)
    expect((await from('same-origin')).body).toBe('1')
  })
})

describe('a reply of fastifySession', () => {
  const asResponse = (init: ResponseInit) => async (request: FastifyRequest) => {
    await count(request)
    return new Response('page', init)
  }

  it('uses status and headers of a Response', async () => {
    const { app, sessions, cookie } = setup()
    await app.register(fastifySession, { sessions })
    app.get(
      '/',
      asResponse({
        status: 201,
        headers: [
          ['Cache-Control', 'public, max-age=60'],
          ['Vary', 'Accept'],
          ['Set-Cookie', 'own=1'],
        ],
      }),
    )
    app.get('/broken', asResponse({ status: 503 }))
    app.get('/visits', read)
    const page = await app.inject('/')
    expect([page.statusCode, page.body]).toEqual([201, 'page'])
    expect(page.headers).toMatchObject({ 'cache-control': 'no-store', vary: 'Accept, Cookie' })
    expect(cookies(page.headers)).toEqual(['own=1', expect.stringMatching(/^viur-session=/)])
    const headers = { cookie: await cookie() }
    expect((await app.inject({ url: '/broken', headers })).statusCode).toBe(503)
    expect((await app.inject({ url: '/visits', headers })).body).toBe('1')
  })

  it.each([
    ['before', true],
    ['after', false],
  ])('keeps the cookies of @fastify/cookie that is registered %s it', async (_when, before) => {
    const { app, sessions, cookie } = setup()
    if (before) await app.register(fastifyCookie)
    await app.register(fastifySession, { sessions })
    if (!before) await app.register(fastifyCookie)
    app.get('/', async (request, reply) => {
      reply.setCookie('theme', 'dark').setCookie('size', 'small')
      return [await count(request), request.cookies['viur-session'] !== undefined]
    })
    const first = await app.inject('/')
    const names = cookies(first.headers).map((one) => one.split('=', 1)[0])
    expect(names.sort()).toEqual(['size', 'theme', 'viur-session'])
    const headers = { cookie: await cookie() }
    expect((await app.inject({ url: '/', headers })).json()).toEqual(['2', true])
  })

  it.each([
    ['before', true],
    ['after', false],
  ])('is packed by @fastify/compress that is registered %s it', async (_when, before) => {
    const { app, sessions } = setup()
    const compress = { global: true, threshold: 0, encodings: ['gzip' as const] }
    if (before) await app.register(fastifyCompress, compress)
    await app.register(fastifySession, { sessions })
    if (!before) await app.register(fastifyCompress, compress)
    const text = 'a page that is long enough. '.repeat(100)
    app.get('/', async (request, reply) => {
      await count(request)
      return reply.type('text/plain').send(text)
    })
    app.get('/stream', async (request, reply) => {
      await count(request)
      return reply.type('text/plain').send(Readable.from([text, text]))
    })
    const port = await listening(app)
    for (const [path, body] of [
      ['/', text],
      ['/stream', text + text],
    ]) {
      const page = await fetch(`http://127.0.0.1:${port}${path}`)
      expect(page.headers.get('content-encoding')).toBe('gzip')
      expect(page.headers.getSetCookie()).toHaveLength(1)
      expect(page.headers.get('vary')?.toLowerCase().split(', ').sort()).toEqual([
        'accept-encoding',
        'cookie',
      ])
      expect(await page.text()).toBe(body)
    }
  })

  it('answers a form that @fastify/formbody has read', async () => {
    const { app, sessions } = setup()
    await app.register(fastifyFormbody)
    await app.register(fastifySession, { sessions })
    app.post('/login', async (request, reply) => {
      await request.session.login((request.body as { user: string }).user)
      return reply.redirect('/who', 303)
    })
    app.get('/who', async (request) => request.session.user)
    const form = { 'content-type': 'application/x-www-form-urlencoded' }
    const login = await app.inject({
      url: '/login',
      method: 'POST',
      headers: form,
      payload: 'user=alice',
    })
    expect([login.statusCode, login.headers['location']]).toEqual([303, '/who'])
    const cookie = cookies(login.headers)[0]?.split(';', 1)[0]
    expect((await app.inject({ url: '/who', headers: { cookie } })).body).toBe('alice')
  })

  it('gives a socket of @fastify/websocket its session, which save() stores', async () => {
    const { app, sessions, cookie } = setup()
    await app.register(fastifyWebsocket)
    await app.register(fastifySession, { sessions })
    const saved = gate()
    app.get('/socket', { websocket: true }, (socket, request) => {
      socket.on('message', async () => {
        await count(request)
        await request.session.save()
        socket.send(String(visits(request.session)))
        saved.open()
      })
    })
    app.get('/visits', read)
    const headers = { cookie: await cookie() }
    const port = await listening(app)
    const socket = new WebSocket(`ws://127.0.0.1:${port}/socket`, { headers })
    await once(socket, 'open')
    socket.send('count')
    const [said] = (await once(socket, 'message')) as [Buffer]
    expect(String(said)).toBe('2')
    socket.close()
    await saved.opened
    expect((await app.inject({ url: '/visits', headers })).body).toBe('2')
  })

  it('stores the changes of a page whose client is gone, and keeps working', async () => {
    const { app, sessions, store, cookie } = setup()
    await app.register(fastifySession, { sessions })
    const begun = gate()
    app.get('/slow', async (request) => {
      begun.reach()
      await once(request.raw.socket, 'close')
      await begun.opened
      return await count(request)
    })
    app.get('/visits', read)
    const headers = { cookie: await cookie() }
    const port = await listening(app)
    // Not fetch(): after an abort it connects again, and keeps that connection open for four seconds.
    const asked = get(`http://127.0.0.1:${port}/slow`, { headers })
    const gone = once(asked, 'error')
    await begun.reached
    asked.destroy(new Error('gone'))
    expect(String(await gone)).toBe('Error: gone')
    const stored = store.hold({ method: 'write', when: 'after' })
    begun.open()
    await stored.reached
    stored.release()
    expect((await app.inject({ url: '/visits', headers })).body).toBe('2')
  })

  it('sends a client without cookies its id by a header of the reply', async () => {
    const { app, sessions } = setup()
    await app.register(fastifySession, {
      sessions,
      id: (request) => {
        expectTypeOf(request).toEqualTypeOf<FastifyRequest>()
        return request.headers['x-session-id']
      },
      onId: (reply, id) => {
        expectTypeOf(reply).toEqualTypeOf<FastifyReply>()
        reply.header('X-Session-Id', id ?? '')
      },
    })
    app.get('/', count)
    const first = await app.inject('/')
    const headers = { 'x-session-id': first.headers['x-session-id'] as string }
    expect((await app.inject({ url: '/', headers })).body).toBe('2')
  })

  it('uses trustProxy of Fastify to tell how a request came', async () => {
    const store = memoryStore()
    const sessions = createSessions({ store, logger: { warn: () => {} } })
    const app = fastify5({ trustProxy: 'loopback' })
    onTestFinished(() => app.close())
    await app.register(fastifySession, { sessions })
    app.get('/', async (request) => {
      await request.session.login('alice', { client: true })
      return request.protocol
    })
    const headers = { 'x-forwarded-proto': 'https', 'x-forwarded-for': '203.0.113.7' }
    const page = await app.inject({ url: '/', headers })
    expect(page.body).toBe('https')
    expect(cookies(page.headers)).toEqual([expect.stringMatching(/^__Host-.*; Secure/)])
    for await (const { client } of sessions.listSessionsByUser('alice')) {
      expect(client?.address).toBe('203.0.113.0')
    }
  })

  it('accepts sessions with the data type of the app', async () => {
    interface Shop {
      views: number
    }
    const sessions = createSessions<Shop>({ logger: { warn: () => {} } })
    const app = fastify5()
    onTestFinished(() => app.close())
    await app.register(fastifySession, { sessions })
    app.get('/', async (request) => {
      const session = sessions.of(request)
      expectTypeOf(session).toEqualTypeOf<Session<Shop>>()
      return session.get('views') ?? 0
    })
    expect((await app.inject('/')).body).toBe('0')
  })

  it('has a session with the data type of the app', () => {
    expectTypeOf<FastifyRequest['session']>().toEqualTypeOf<Session>()
    expectTypeOf<FastifyRequest['raw']>().toEqualTypeOf<IncomingMessage>()
    expect(fastifySession).toBeTypeOf('function')
  })
})
