import { once } from 'node:events'
import type { IncomingMessage, ServerResponse } from 'node:http'
import * as http2 from 'node:http2'
import type { AddressInfo } from 'node:net'
import Koa from 'koa'
import { afterEach, beforeEach, describe, expect, expectTypeOf, it, vi } from 'vitest'
import type { Session } from '../../src/index.ts'
import { memoryStore, createSessions, SessionStoreError } from '../../src/index.ts'
import { createCookieSessions, type CookieSession } from '../../src/cookie-sessions/index.ts'
import { type NodeSessionOptions, type TrustProxy, withSession } from '../../src/node/index.ts'
import { failingStore } from '../../src/testing/index.ts'
import { ask, listen, onCleanup, setup, storedCookie } from '../express/helpers.ts'

const FATAL = {
  method: 'write',
  error: new SessionStoreError('no', { effect: 'none', retryable: false }),
} as const

type Handler = (req: IncomingMessage & { session: Session }, res: ServerResponse) => unknown
type Options = NodeSessionOptions<IncomingMessage, ServerResponse>

const count: Handler = (req, res) => {
  req.session.set('views', ((req.session.get('views') as number) ?? 0) + 1)
  res.setHeader('Cache-Control', 'public, max-age=60')
  res.setHeader('Set-Cookie', 'own=1')
  res.end(String(req.session.get('views')))
}

let logged: unknown[][]

beforeEach(() => {
  logged = []
  vi.spyOn(console, 'error').mockImplementation((...said) => void logged.push(said))
})

afterEach(() => {
  vi.restoreAllMocks()
})

describe('withSession() of node', () => {
  it('gives plain http its session, and its response the headers of both', async () => {
    const { sessions } = setup()
    const port = await listen(withSession(sessions, count))
    const first = await ask(port)
    expect(first).toMatchObject({ status: 200, body: '1', headers: { vary: 'Cookie' } })
    expect(first.headers['cache-control']).toBe('no-store')
    expect(first.setCookie).toEqual(['own=1', expect.stringMatching(/^viur-session=/)])
    const cookie = first.setCookie[1]?.split(';', 1)[0]
    expect((await ask(port, { cookie })).body).toBe('2')
  })

  it('serves http2', async () => {
    const { sessions } = setup()
    const serve = withSession(
      sessions,
      (req: http2.Http2ServerRequest & { session: Session }, res: http2.Http2ServerResponse) => {
        req.session.set('views', 1)
        res.end(req.session.user)
      },
    )
    const server = http2.createServer((req, res) => void serve(req, res))
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const client = http2.connect(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)
    onCleanup(async () => {
      client.destroy()
      await new Promise((resolve) => server.close(resolve))
    })
    const stream = client.request({ ':path': '/' })
    const [head] = (await once(stream, 'response')) as [http2.IncomingHttpHeaders]
    let body = ''
    for await (const chunk of stream) body += String(chunk)
    expect(body).toBe('__guest__')
    expect(head['set-cookie']).toEqual([expect.stringMatching(/^viur-session=/)])
  })

  it('answers 500 when the commit fails, and logs the reason on the console', async () => {
    const { sessions, store } = setup()
    store.failNext('before', FATAL)
    const port = await listen(withSession(sessions, count))
    const answer = await ask(port)
    expect(answer).toMatchObject({
      status: 500,
      body: 'Internal Server Error',
      setCookie: ['own=1'],
    })
    expect(answer.headers['cache-control']).toBe('private, no-cache')
    expect(logged).toHaveLength(1)
  })

  it('answers 500 when the handler throws: changes are dropped, a logout stays valid', async () => {
    const { sessions } = setup()
    const cookie = await storedCookie(sessions)
    const port = await listen(
      withSession(sessions, async (req, res) => {
        if (req.url === '/read') return void res.end(String(req.session.get('views')))
        req.session.set('views', 99)
        if (req.url === '/logout') await req.session.logout()
        throw new Error('boom')
      }),
    )
    expect(await ask(port, { cookie })).toMatchObject({ status: 500, setCookie: [] })
    expect((await ask(port, { path: '/read', cookie })).body).toBe('1')
    const out = await ask(port, { path: '/logout', cookie })
    expect(out).toMatchObject({ status: 500, setCookie: [expect.stringContaining('Max-Age=0')] })
    expect((await ask(port, { path: '/read', cookie })).body).toBe('undefined')
  })

  it('closes the connection when the handler throws half way', async () => {
    const { sessions } = setup()
    const port = await listen(
      withSession(sessions, (_req, res) => {
        res.write('half')
        throw new Error('boom')
      }),
    )
    await expect(ask(port)).rejects.toThrow()
  })

  it('does not change a response that was complete when the handler threw', async () => {
    const { sessions } = setup()
    const onError = vi.fn()
    const port = await listen(
      withSession(
        sessions,
        (req, res) => {
          count(req, res)
          throw new Error('boom')
        },
        { onError },
      ),
    )
    expect(await ask(port)).toMatchObject({ status: 200, body: '1' })
    expect(onError).not.toHaveBeenCalled()
    expect(logged).toHaveLength(1)
  })

  it.each<[string, Handler]>([
    ['the commit', count],
    [
      'the handler',
      () => {
        throw new SessionStoreError('no', { effect: 'none', retryable: false })
      },
    ],
  ])('asks onError for the answer to an error of %s', async (_of, handler) => {
    const { sessions, store } = setup()
    store.failNext('before', FATAL)
    const onError: Options['onError'] = (error, _req, res) => {
      res.statusCode = (error as SessionStoreError).status
      res.end('try again')
    }
    const port = await listen(withSession(sessions, handler, { onError }))
    expect(await ask(port)).toMatchObject({ status: 503, body: 'try again' })
    expect(logged).toEqual([])
  })

  it('answers 500 when the response of onError cannot be stored either', async () => {
    const { sessions, store } = setup()
    store.failNext('before', FATAL)
    const port = await listen(
      withSession(
        sessions,
        () => {
          throw new Error('boom')
        },
        {
          onError: (_error, req, res) => {
            ;(req as unknown as { session: Session }).session.set('x', 1)
            res.statusCode = 404
            res.end('not there')
          },
        },
      ),
    )
    expect(await ask(port)).toMatchObject({ status: 500, body: 'Internal Server Error' })
  })

  it('rejects with the error of onError, for frameworks that answer themselves', async () => {
    const { sessions, store } = setup()
    store.failNext('before', FATAL)
    const serve = withSession(sessions, count, {
      onError: (error) => {
        throw error
      },
    })
    const port = await listen((req, res) => {
      serve(req, res).catch((error: SessionStoreError) => {
        res.statusCode = 502
        res.end(error.code)
      })
    })
    expect(await ask(port)).toMatchObject({ status: 502, body: 'ERR_SESSION_STORE' })
  })

  it('resolves when the response is stored', async () => {
    const { sessions, store } = setup()
    const held = store.hold({ method: 'write' })
    const steps: string[] = []
    const serve = withSession(sessions, count)
    const port = await listen((req, res) => {
      void serve(req, res).then(() => steps.push('resolved'))
    })
    const asking = ask(port)
    await held.reached
    expect(steps).toEqual([])
    steps.push('released')
    held.release()
    expect((await asking).body).toBe('1')
    expect(steps).toEqual(['released', 'resolved'])
  })

  it('gives a nested call the same session, and refuses one of other sessions', async () => {
    const { sessions } = setup()
    const inner = withSession(sessions, count)
    const port = await listen(
      withSession(sessions, async (req, res) => {
        const { session } = req
        await inner(req, res)
        expect(req.session).toBe(session)
      }),
    )
    expect((await ask(port)).setCookie).toHaveLength(2)
    const other = withSession(setup().sessions, count)
    const clash = await listen(withSession(sessions, (req, res) => other(req, res)))
    expect((await ask(clash)).status).toBe(500)
    expect(String((logged[0] as [string, { error: Error }])[1].error)).toContain(
      'another createSessions()',
    )
  })

  it('loads at first use when load is lazy, and reads the id of a client without cookies', async () => {
    const { sessions, store } = setup()
    const cookie = await storedCookie(sessions)
    const lazy = withSession(
      sessions,
      async (req, res) => {
        if (req.url === '/use') await req.session.load()
        res.end(String(req.session.loaded))
      },
      { load: 'lazy' },
    )
    const port = await listen(lazy)
    expect((await ask(port, { cookie })).body).toBe('false')
    expect(store.finds).toBe(0)
    expect((await ask(port, { path: '/use', cookie })).body).toBe('true')
    const byId = withSession(sessions, count, {
      id: (req) => req.headers['x-session'],
      onId: (res, id) => res.setHeader('X-Session', id ?? ''),
    })
    const other = await listen(byId)
    const first = await ask(other)
    expect(first.setCookie).toEqual(['own=1'])
    const headers = { 'X-Session': String(first.headers['x-session']) }
    expect((await ask(other, { headers })).body).toBe('2')
  })

  it('types the session of each kind of sessions', () => {
    interface Shop {
      views: number
    }
    withSession(createSessions<Shop>({ store: memoryStore() }), (req) => {
      expectTypeOf(req.session).toEqualTypeOf<Session<Shop>>()
    })
    const keys = [{ id: 'a', key: Buffer.from(Array.from({ length: 32 }, (_, at) => at)) }]
    const serve = withSession(createCookieSessions<Shop>({ keys }), (req) => {
      expectTypeOf(req.session).toEqualTypeOf<CookieSession<Shop>>()
    })
    expect(serve).toBeTypeOf('function')
    expectTypeOf(serve).parameters.toEqualTypeOf<[IncomingMessage, ServerResponse]>()
  })
})

describe('trustProxy', () => {
  it.each<[TrustProxy | undefined, string, boolean, string]>([
    [undefined, 'https', false, '127.0.0.0'],
    [false, 'https', false, '127.0.0.0'],
    [0, 'https', false, '127.0.0.0'],
    [1, 'https', true, '10.2.0.0'],
    [1, 'HTTPS, http', true, '10.2.0.0'],
    [1, 'http', false, '10.2.0.0'],
    [2, 'https', true, '10.1.0.0'],
    [true, 'https', true, '10.1.0.0'],
    ['loopback', 'https', true, '10.2.0.0'],
    ['192.0.2.0/24', 'https', false, '127.0.0.0'],
    [['loopback', '10.2.0.0/16'], 'https', true, '10.1.0.0'],
    [(address) => address === '127.0.0.1', 'https', true, '10.2.0.0'],
  ])('%j: %s before it is secure: %s, from %s', async (trustProxy, proto, secure, address) => {
    const { sessions } = setup({ cookie: { secure: false } })
    const facts: unknown[] = []
    const real = sessions.open.bind(sessions)
    vi.spyOn(sessions, 'open').mockImplementation((request) => {
      facts.push(request.secure, request.ip)
      return real(request)
    })
    const port = await listen(
      withSession(sessions, (_req, res) => void res.end(), {
        ...(trustProxy !== undefined && { trustProxy }),
      }),
    )
    await ask(port, {
      headers: { 'X-Forwarded-Proto': proto, 'X-Forwarded-For': '10.1.0.0, 10.2.0.0' },
    })
    expect(facts).toEqual([secure, address === '127.0.0.0' ? '127.0.0.1' : address])
  })

  it.each([
    ['-1', -1],
    ['half', 0.5],
    ['a word', 'everybody'],
    ['an object', {}],
    ['a list', [1]],
  ])('is refused: %s', (_what, trustProxy) => {
    expect(() =>
      withSession(setup().sessions, () => {}, { trustProxy: trustProxy as never }),
    ).toThrow('a number of proxies')
  })
})

it('refuses unknown options, and invalid sessions', () => {
  const { sessions } = setup()
  expect(() => withSession(sessions, () => {}, { trustproxy: 1 } as never)).toThrow(
    'did you mean "trustProxy"?',
  )
  expect(() => withSession(sessions, () => {}, { load: 'no' as never })).toThrow("'eager'")
  expect(() => withSession(sessions, () => {}, { onError: 1 as never })).toThrow('a function')
  expect(() => withSession({} as never, () => {})).toThrow('needs the result of createSessions()')
})

it('serves Koa with two lines: Koa handles its own errors, and a failed commit is answered', async () => {
  const store = failingStore(memoryStore())
  const sessions = createSessions({ store, logger: { warn: () => {} } })
  const app = new Koa()
  app.silent = true
  const rethrow = (error: unknown): never => {
    throw error
  }
  app.use((ctx, next) =>
    withSession(sessions, () => next(), { onError: rethrow })(ctx.req, ctx.res),
  )
  app.use((ctx) => {
    const session = sessions.of(ctx.req)
    if (ctx.path === '/missing') ctx.throw(404)
    session.set('views', ((session.get('views') as number) ?? 0) + 1)
    ctx.body = String(session.get('views'))
  })
  const port = await listen(app.callback())
  const first = await ask(port)
  const cookie = first.setCookie[0]?.split(';', 1)[0]
  expect((await ask(port, { cookie })).body).toBe('2')
  expect((await ask(port, { path: '/missing', cookie })).status).toBe(404)
  store.failNext('before', FATAL)
  expect((await ask(port, { cookie })).status).toBe(500)
})
