import { randomBytes } from 'node:crypto'
import { describe, expect, expectTypeOf, it } from 'vitest'
import { createCookieSessions, type CookieSession } from '../../src/cookie-sessions/index.ts'
import { type FetchSessionOptions, withSession } from '../../src/fetch/index.ts'
import {
  createSessions,
  memoryStore,
  type Session,
  type Sessions,
  type SessionsOptions,
  SessionStoreError,
} from '../../src/index.ts'
import { type FailingStore, failingStore, fakeClock } from '../../src/testing/index.ts'
import { STORE_KINDS } from '../setup/stores.ts'

interface Shop {
  views?: number
  late?: string
}

const FATAL = {
  method: 'write',
  error: new SessionStoreError('no', { effect: 'none', retryable: false }),
} as const

interface Setup {
  readonly sessions: Sessions<Shop>
  readonly store: FailingStore
}

function setup(options: SessionsOptions<Shop> = {}): Setup {
  const clock = fakeClock()
  const store = failingStore(memoryStore({ now: clock.now }))
  const logger = { warn: () => {} }
  const sessions = createSessions<Shop>({ store, now: clock.now, logger, ...options })
  return { sessions, store }
}

function asked(headers: Record<string, string> = {}, url = 'https://shop.example/'): Request {
  return new Request(url, { headers })
}

/** The Cookie header for the next request. */
/** The value that SvelteKit throws: an instance of its own class, which is not an Error. */
class Redirect {
  readonly status: number
  readonly location: string

  constructor(status: number, location: string) {
    this.status = status
    this.location = location
  }
}

function cookieOf(response: Response): string {
  const [cookie = ''] = response.headers.getSetCookie()
  return cookie.split(';', 1)[0] as string
}

type Handler = (session: Session<Shop>, request: Request) => Response | Promise<Response>

const count: Handler = (session) => {
  session.set('views', (session.get('views') ?? 0) + 1)
  return new Response(String(session.get('views')))
}

const show: Handler = (session) =>
  Response.json({ user: session.user, ...Object.fromEntries(session) })

async function stored(sessions: Sessions<Shop>): Promise<string> {
  return cookieOf(await withSession(sessions, asked(), count))
}

async function seen(sessions: Sessions<Shop>, cookie: string): Promise<unknown> {
  return await (await withSession(sessions, asked({ cookie }), show)).json()
}

describe.each(STORE_KINDS)('withSession() of fetch, on $name', ({ make }) => {
  it('stores what the handler changed, and gives the cookie that opens it', async () => {
    const store = make()
    const sessions = createSessions<Shop>({ store })
    const first = await withSession(sessions, asked(), count)
    expect(await first.text()).toBe('1')
    expect(first.headers.get('set-cookie')).toMatch(/^__Host-viur-session=.*; Secure/)
    expect(first.headers.get('cache-control')).toBe('no-store')
    expect(first.headers.get('vary')).toBe('Cookie')
    const cookie = cookieOf(first)
    expect(await (await withSession(sessions, asked({ cookie }), count)).text()).toBe('2')
    await withSession(sessions, asked({ cookie }), async (session) => {
      await session.logout()
      return Response.redirect('https://shop.example/bye', 303)
    })
    expect(await seen(sessions, cookie)).toEqual({ user: '__guest__' })
    await store.close()
  })
})

// Not those of Response.redirect(): @hono/node-server, which other files of the process use, replaces Response.
const { headers: IMMUTABLE } = await fetch('data:,')

describe('the response', () => {
  it('is unchanged when the session adds no header', async () => {
    const { sessions, store } = setup()
    const plain = new Response('static')
    expect(await withSession(sessions, asked(), () => plain)).toBe(plain)
    expect(store.calls.length).toBe(0)
  })

  it('keeps the status, body, cookies, Vary and Cache-Control of the handler', async () => {
    const { sessions } = setup()
    const own = new Headers({ Vary: 'Accept', 'Cache-Control': 'max-age=60' })
    own.append('Set-Cookie', 'a=1')
    own.append('Set-Cookie', 'b=2; Path=/')
    const make: Handler = (session) => {
      void session.user
      return new Response('made', { status: 201, statusText: 'Made', headers: own })
    }
    const read = await withSession(sessions, asked(), make)
    expect([read.status, read.statusText, await read.text()]).toEqual([201, 'Made', 'made'])
    expect(read.headers.get('vary')).toBe('Accept, Cookie')
    expect(read.headers.get('cache-control')).toBe('max-age=60')
    expect(read.headers.getSetCookie()).toEqual(['a=1', 'b=2; Path=/'])
    const changed = await withSession(sessions, asked(), (session, request) => {
      session.set('views', 1)
      return make(session, request)
    })
    expect(changed.headers.get('cache-control')).toBe('no-store')
    expect(changed.headers.getSetCookie()).toEqual([
      'a=1',
      'b=2; Path=/',
      expect.stringContaining('__Host-viur-session='),
    ])
  })

  it('may have headers that cannot be changed, such as those of a redirect', async () => {
    const { sessions } = setup()
    const response = await withSession(sessions, asked(), async (session) => {
      await session.login('alice')
      return Response.redirect('https://shop.example/in', 303)
    })
    expect([response.status, response.headers.get('location')]).toEqual([
      303,
      'https://shop.example/in',
    ])
    expect(await seen(sessions, cookieOf(response))).toEqual({ user: 'alice' })
  })

  it('never gives the cookie of one visitor to the next when both get one Response', async () => {
    const { sessions } = setup()
    const shared = new Response(null, { status: 204 })
    const first = await withSession(sessions, asked(), (session) => {
      session.set('views', 1)
      return shared
    })
    expect(first.headers.getSetCookie()).toHaveLength(1)
    expect(shared.headers.getSetCookie()).toEqual([])
    const second = await withSession(sessions, asked(), () => shared)
    expect(second.headers.getSetCookie()).toEqual([])
  })

  it('is thrown again with the cookie when it was thrown', async () => {
    const { sessions } = setup()
    const thrown = await withSession(sessions, asked(), async (session) => {
      await session.login('alice')
      throw Response.redirect('https://shop.example/in')
    }).catch((error: unknown) => error as Response)
    expect(thrown).toBeInstanceOf(Response)
    expect(await seen(sessions, cookieOf(thrown))).toEqual({ user: 'alice' })
  })

  it.each([
    ['redirect() of Next.js', { digest: 'NEXT_REDIRECT;replace;/in?a=1;b;307;' }, 307, '/in?a=1;b'],
    ['redirect() of a server action', { digest: 'NEXT_REDIRECT;push;/in;303;' }, 303, '/in'],
    ['notFound() of Next.js', { digest: 'NEXT_HTTP_ERROR_FALLBACK;404' }, 404, null],
    ['redirect() of SvelteKit', new Redirect(308, '/in'), 308, '/in'],
    ['redirect() to a choice', new Redirect(300, '/in'), 300, '/in'],
  ])('is made of what %s throws, and what was changed is stored', async (_of, own, status, to) => {
    const { sessions } = setup()
    const thrown = 'digest' in own ? Object.assign(new Error('NEXT'), own) : own
    const onError = (): never => {
      throw new Error('it is no error')
    }
    const response = await withSession(
      sessions,
      asked(),
      async (session) => {
        await session.login('alice')
        throw thrown
      },
      { onError },
    )
    expect([response.status, response.headers.get('location')]).toEqual([status, to])
    expect(await seen(sessions, cookieOf(response))).toEqual({ user: 'alice' })
  })

  it.each([
    ['an error of Next.js', Object.assign(new Error('x'), { digest: '1234567' })],
    ['a page that is to be dynamic', Object.assign(new Error('x'), { digest: 'NEXT_REDIRECT' })],
    ['error() of SvelteKit', { status: 404, body: { message: 'x' } }],
    ['an error of a client', Object.assign(new Error('x'), { status: 302, location: '/in' })],
    ['an answer that says it is a redirect', JSON.parse('{"status":302,"location":"//evil.test"}')],
    ['an answer that says it is of Next.js', { digest: 'NEXT_REDIRECT;push;//evil.test;303;' }],
    ['one without a prototype', Object.assign(Object.create(null), { status: 302, location: '/' })],
    ['a Redirect of no status', new Redirect(309, '/in')],
    ['a text', 'NEXT_REDIRECT;push;/in;303;'],
    ['nothing', null],
  ])('is not made of %s, which is thrown on', async (_of, thrown) => {
    const { sessions, store } = setup()
    const serving = withSession(sessions, asked(), (session) => {
      session.set('views', 1)
      throw thrown
    })
    await expect(serving).rejects.toBe(thrown)
    expect(store.writes).toBe(0)
  })

  it('of the status 500 drops changes, and keeps a logout', async () => {
    const { sessions, store } = setup()
    const cookie = await stored(sessions)
    for (const broken of [new Response('x', { status: 500 }), Response.error()]) {
      await withSession(sessions, asked({ cookie }), (session) => {
        session.set('views', 99)
        return broken
      })
    }
    expect(await seen(sessions, cookie)).toEqual({ user: '__guest__', views: 1 })
    const out = await withSession(sessions, asked({ cookie }), async (session) => {
      await session.logout()
      return new Response('x', { status: 503 })
    })
    expect(out.headers.get('set-cookie')).toContain('Max-Age=0')
    expect(await seen(sessions, cookie)).toEqual({ user: '__guest__' })
    expect(store.writes).toBeGreaterThan(0)
  })

  it.each([
    ['nothing', undefined],
    ['a text', 'page'],
    ['no response', {}],
  ])('has to be one: %s is refused, and nothing is stored', async (_what, given) => {
    const { sessions, store } = setup()
    const serving = withSession(sessions, asked(), (session) => {
      session.set('views', 1)
      return given as never
    })
    await expect(serving).rejects.toThrow('must give a Response')
    expect(store.writes).toBe(0)
  })

  it.each([
    ['takes headers gets them', new Headers(), 1],
    ['takes none warns once', IMMUTABLE, 0],
  ])('that goes on as a WebSocket and %s', async (_what, headers, cookies) => {
    const warnings: string[] = []
    const { sessions } = setup({ logger: { warn: (message) => void warnings.push(message) } })
    // The response of a server that upgrades; no constructor makes one.
    const upgraded = { status: 101, statusText: '', headers, body: null, bodyUsed: false }
    for (let times = 0; times < 2; times++) {
      const response = await withSession(sessions, asked(), (session) => {
        session.set('views', 1)
        return upgraded as unknown as Response
      })
      expect(response).toBe(upgraded)
      expect(response.headers.getSetCookie()).toHaveLength(cookies)
    }
    expect(warnings).toEqual(cookies === 0 ? [expect.stringContaining('status 101')] : [])
  })

  it('warns once when Firebase Hosting removes the cookie', async () => {
    const warnings: string[] = []
    const { sessions } = setup({ logger: { warn: (message) => void warnings.push(message) } })
    for (let times = 0; times < 2; times++) {
      await withSession(sessions, asked({ 'x-forwarded-host': 'shop.web.app' }), show)
    }
    expect(warnings).toEqual([expect.stringContaining('__session')])
  })

  it('whose body was read is refused before anything is stored', async () => {
    const { sessions, store } = setup()
    const serving = withSession(sessions, asked(), async (session) => {
      session.set('views', 1)
      const read = new Response('page')
      await read.text()
      return read
    })
    await expect(serving).rejects.toThrow('return a clone')
    expect(store.writes).toBe(0)
  })
})

describe('errors', () => {
  it('are thrown again: changes are dropped, a logout stays valid', async () => {
    const { sessions } = setup()
    const cookie = await stored(sessions)
    const boom = new Error('boom')
    await expect(
      withSession(sessions, asked({ cookie }), (session) => {
        session.set('views', 99)
        throw boom
      }),
    ).rejects.toBe(boom)
    expect(await seen(sessions, cookie)).toEqual({ user: '__guest__', views: 1 })
    await expect(
      withSession(sessions, asked({ cookie }), async (session) => {
        await session.logout()
        throw boom
      }),
    ).rejects.toBe(boom)
    expect(await seen(sessions, cookie)).toEqual({ user: '__guest__' })
  })

  it('of the commit reject, and cancel the body', async () => {
    const { sessions, store } = setup()
    store.failNext('before', FATAL)
    let why: unknown
    const body = new ReadableStream({
      cancel(reason) {
        why = reason
      },
    })
    const serving = withSession(sessions, asked(), (session) => {
      session.set('views', 1)
      return new Response(body)
    })
    await expect(serving).rejects.toMatchObject({ code: 'ERR_SESSION_STORE' })
    expect(why).toMatchObject({ code: 'ERR_SESSION_STORE' })
  })

  it('become the response of onError, of the handler and of the commit', async () => {
    const { sessions, store } = setup()
    const options: FetchSessionOptions = {
      onError: (error, request) =>
        new Response(`${(error as Error).message} at ${request.url}`, { status: 500 }),
    }
    const thrown = await withSession(
      sessions,
      asked(),
      () => {
        throw new Error('boom')
      },
      options,
    )
    expect([thrown.status, await thrown.text()]).toEqual([500, 'boom at https://shop.example/'])
    store.failNext('before', FATAL)
    const failed = await withSession(sessions, asked(), count, options)
    expect([failed.status, await failed.text()]).toEqual([500, 'no at https://shop.example/'])
    expect(failed.headers.getSetCookie()).toEqual([])
  })

  it('are sent with the cookie of a session that save() had stored before', async () => {
    const { sessions, store } = setup()
    const response = await withSession(
      sessions,
      asked(),
      async (session) => {
        session.set('views', 1)
        await session.save()
        session.set('views', 2)
        store.failNext('before', FATAL)
        return new Response('page')
      },
      { onError: () => new Response('sorry', { status: 500 }) },
    )
    expect(await response.text()).toBe('sorry')
    expect(await seen(sessions, cookieOf(response))).toEqual({ user: '__guest__', views: 1 })
  })

  it('of onError reject', async () => {
    const { sessions } = setup()
    const serving = withSession(sessions, asked(), () => Promise.reject(new Error('first')), {
      onError: () => Promise.reject(new Error('second')),
    })
    await expect(serving).rejects.toThrow('second')
  })

  it('of a store that is down affect only handlers that use the session', async () => {
    const { sessions, store } = setup()
    const cookie = await stored(sessions)
    const heal = store.failAlways('before')
    const plain = await withSession(sessions, asked({ cookie }), () => new Response('static'))
    expect(await plain.text()).toBe('static')
    await expect(withSession(sessions, asked({ cookie }), show)).rejects.toMatchObject({
      code: 'ERR_SESSION_STORE',
    })
    heal()
  })
})

describe('a streamed body', () => {
  it('is sent after the commit, and stores its changes by save()', async () => {
    const { sessions, store } = setup()
    const cookie = await stored(sessions)
    const held = store.hold({ method: 'write' })
    let given = false
    const serving = withSession(sessions, asked({ cookie }), (session) => {
      session.set('views', 2)
      const body = new ReadableStream({
        async pull(controller) {
          await held.reached
          await committed
          session.set('late', 'yes')
          await session.save()
          controller.enqueue(new TextEncoder().encode('streamed'))
          controller.close()
        },
      })
      return new Response(body)
    })
    const committed = serving.then(() => {
      given = true
    })
    await held.reached
    expect(given).toBe(false)
    held.release()
    expect(await (await serving).text()).toBe('streamed')
    expect(await seen(sessions, cookie)).toEqual({ user: '__guest__', views: 2, late: 'yes' })
  })
})

describe('the request', () => {
  const COOKIE = '__Host-viur-session='

  it.each<[string, string, Record<string, string>, FetchSessionOptions, string | null]>([
    ['https', 'https://a.example/', {}, {}, COOKIE],
    ['http', 'http://a.example/', {}, {}, null],
    ['http, whatever the Host says', 'http://localhost/', {}, {}, null],
    ['http from loopback', 'http://a.example/', {}, { address: '127.0.0.1' }, 'viur-session='],
    ['http from elsewhere', 'http://a.example/', {}, { address: '192.0.2.1' }, null],
    [
      'http from a proxy on loopback',
      'http://a.example/',
      { 'X-Forwarded-For': '192.0.2.1' },
      { address: '::1' },
      null,
    ],
    [
      'https before a proxy that nobody trusts',
      'http://a.example/',
      { 'X-Forwarded-Proto': 'https' },
      {},
      null,
    ],
    [
      'https before a trusted proxy',
      'http://a.example/',
      { 'X-Forwarded-Proto': 'HTTPS, http' },
      { trustProxy: true },
      COOKIE,
    ],
    [
      'http before a trusted proxy that speaks https',
      'https://a.example/',
      { 'X-Forwarded-Proto': 'http' },
      { trustProxy: 1 },
      null,
    ],
    ['a trusted proxy that says nothing', 'https://a.example/', {}, { trustProxy: 1 }, COOKIE],
  ])('over %s gets the cookie that may travel', async (_how, url, headers, options, cookie) => {
    const { sessions, store } = setup()
    const response = await withSession(sessions, asked(headers, url), count, options)
    const [set = null] = response.headers.getSetCookie()
    expect(set?.slice(0, cookie?.length) ?? null).toBe(cookie)
    expect(store.writes).toBe(cookie === null ? 0 : 1)
  })

  it.each<[FetchSessionOptions, string | undefined]>([
    [{}, undefined],
    [{ address: '10.9.0.1' }, '10.9.0.0'],
    [{ address: '10.9.0.1', trustProxy: 1 }, '10.2.0.0'],
    [{ trustProxy: 2 }, '10.1.0.0'],
    [{ trustProxy: 3 }, '10.1.0.0'],
    [{ trustProxy: true }, '10.1.0.0'],
  ])('names the address of the client: with %j %s', async (options, address) => {
    const { sessions } = setup()
    let key: Session['key'] = null
    await withSession(
      sessions,
      asked({ 'X-Forwarded-For': '10.1.0.1, 10.2.0.1', 'User-Agent': 'test' }),
      async (session) => {
        await session.login('alice', { client: true })
        await session.save()
        key = session.key
        return new Response()
      },
      options,
    )
    const info = await sessions.get(key as never)
    expect(info?.client?.agent).toBe('test')
    expect(info?.client?.address).toBe(address)
  })

  it('leads to its session, inside of the handler and after it', async () => {
    const { sessions } = setup()
    const request = asked()
    await withSession(sessions, request, (session, given) => {
      expect(given).toBe(request)
      expect(sessions.of(request)).toBe(session)
      return new Response()
    })
    expect(sessions.of(request).loaded).toBe(true)
  })

  it('served twice at once has one session, which the outer call stores once', async () => {
    const { sessions, store } = setup()
    const request = asked()
    const response = await withSession(sessions, request, async (outer) => {
      const inner = await withSession(sessions, request, (session, again) => {
        expect(session).toBe(outer)
        return count(session, again)
      })
      expect(inner.headers.getSetCookie()).toEqual([])
      outer.set('late', 'not at all')
      return inner
    })
    expect(store.writes).toBe(1)
    expect(await seen(sessions, cookieOf(response))).toEqual({
      user: '__guest__',
      views: 1,
      late: 'not at all',
    })
    // A later call serves it again.
    expect(await (await withSession(sessions, request, count)).text()).toBe('1')
  })

  it('may have sessions of two kinds', async () => {
    const { sessions } = setup()
    const other = setup({ cookie: { name: 'admin' } }).sessions
    const request = asked()
    const response = await withSession(sessions, request, async (session) => {
      session.set('views', 1)
      return await withSession(other, request, (admin) => {
        admin.set('views', 2)
        return new Response()
      })
    })
    expect(response.headers.getSetCookie().map((one) => one.split('=', 1)[0])).toEqual([
      'admin',
      '__Host-viur-session',
    ])
    expect(response.headers.get('vary')).toBe('Cookie')
  })

  it('is not loaded before the handler asks for it, where load is lazy', async () => {
    const { sessions, store } = setup()
    const cookie = await stored(sessions)
    const before = store.finds
    const response = await withSession(
      sessions,
      asked({ cookie }),
      async (session) => {
        expect(store.finds).toBe(before)
        return new Response(String((await session.load()).get('views')))
      },
      { load: 'lazy' },
    )
    expect(await response.text()).toBe('1')
  })

  it('of a client without cookies sends an id, and gets one', async () => {
    const { sessions } = setup()
    const options: FetchSessionOptions = {
      id: (request) => request.headers.get('X-Session') ?? undefined,
      onId: (response, id) => response.headers.set('X-Session', id ?? ''),
    }
    const first = await withSession(sessions, asked(), count, options)
    const id = first.headers.get('X-Session') as string
    expect(id).toMatch(/^[\w-]{43}$/)
    expect(first.headers.getSetCookie()).toEqual([])
    expect([first.headers.get('vary'), first.headers.get('cache-control')]).toEqual([
      '*',
      'no-store',
    ])
    const again = await withSession(sessions, asked({ 'X-Session': id }), count, options)
    expect(await again.text()).toBe('2')
    expect(again.headers.has('X-Session')).toBe(false)
  })
})

it('accepts sessions that live in their cookies, with their own type', async () => {
  const sessions = createCookieSessions<Shop>({ keys: [{ id: 'a', key: randomBytes(32) }] })
  const response = await withSession(sessions, asked(), (session) => {
    expectTypeOf(session).toEqualTypeOf<CookieSession<Shop>>()
    session.set('views', 7)
    return new Response()
  })
  const again = await withSession(sessions, asked({ cookie: cookieOf(response) }), (session) =>
    Response.json(session.get('views')),
  )
  expect(await again.json()).toBe(7)
  await withSession(setup().sessions, asked(), (session) => {
    expectTypeOf(session).toEqualTypeOf<Session<Shop>>()
    return new Response()
  })
})

describe('invalid arguments are refused', () => {
  it.each<[string, object, string]>([
    ['a misspelt option', { loads: 'lazy' }, 'did you mean "load"?'],
    ['another load', { load: 'never' }, "must be 'eager' or 'lazy'"],
    ['a list of proxies', { trustProxy: 'loopback' }, 'a number of proxies'],
    ['less than no proxy', { trustProxy: -1 }, 'a number of proxies'],
    ['half a proxy', { trustProxy: 0.5 }, 'a number of proxies'],
    ['an address that is none', { address: 5 }, 'must be a text'],
    ['id without onId', { id: () => 'x' }, 'id and onId go together'],
    ['onError that is no function', { onError: true }, 'must be a function'],
  ])('%s', async (_what, options, message) => {
    const { sessions } = setup()
    await expect(
      withSession(sessions, asked(), () => new Response(), options as never),
    ).rejects.toThrow(message)
  })

  it('invalid sessions', async () => {
    await expect(withSession({} as never, asked(), () => new Response())).rejects.toMatchObject({
      code: 'ERR_SESSION_CONFIG',
    })
  })
})
