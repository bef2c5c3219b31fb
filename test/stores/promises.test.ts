import type { AddressInfo } from 'node:net'
import { createServer } from 'node:http'
import Koa from 'koa'
import koaSession from 'koa-session'
import fastify from 'fastify'
import { afterEach, describe, expect, it } from 'vitest'
import { SessionConfigError } from '../../src/index.ts'
import {
  fastifySessionStore,
  koaSessionStore,
  type OtherStore,
  type OtherStoreOptions,
} from '../../src/stores/index.ts'
import { gate, type Gate } from '../setup/gate.ts'
import { STORE_KINDS, type StoreKind } from '../setup/stores.ts'
import { Browser, type World, world } from './harness.ts'

// Its types and those of viur-session/fastify declare `request.session` differently.
const fastifySession = (await import('@fastify/session' as string)).default
const fastifyCookie = (await import('@fastify/cookie' as string)).default
const koaSession6 = (await import('koa-session6' as string)).default

const cleanups: (() => Promise<unknown> | unknown)[] = []

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
})

/** The operations of a request, the same for every middleware. */
interface Handling {
  session(): Record<string, unknown>
  end(): Promise<unknown>
  renew(): Promise<unknown>
}

/** Gates that stop a request after its session was loaded, until the test opens them. */
type Gates = Map<string, Gate>

async function handle(path: string, gates: Gates, of: Handling): Promise<string> {
  const [, what = '', name = '', value = '', at] = path.split('/')
  if (at !== undefined) {
    gates.get(at)?.reach()
    await gates.get(at)?.opened
  }
  if (what === 'set') of.session()[name] = value
  if (what === 'drop') delete of.session()[name]
  if (what === 'date') of.session()[name] = new Date(0)
  if (what === 'types') of.session()['types'] = [new Date(0), new Map([[1, 2]]), new Set([3])]
  if (what === 'kinds') {
    return JSON.stringify((of.session()['types'] as object[]).map((one) => one.constructor.name))
  }
  if (what === 'end') await of.end()
  if (what === 'renew') await of.renew()
  if (what === 'end' || what === 'renew') return what
  const shown = Object.entries(of.session()).filter(
    ([key, one]) => !/^_|^(?:isNew|cookie)$/.test(key) && typeof one !== 'function',
  )
  return JSON.stringify(Object.fromEntries(shown))
}

interface Kit {
  readonly name: string
  make(options: OtherStoreOptions): OtherStore
  serve(store: OtherStore, gates: Gates): Promise<string>
  /** Whether a session that gets another id keeps its data. */
  readonly takesOver: boolean
}

function koaKit(name: string, middleware: typeof koaSession): Kit {
  return {
    name,
    make: koaSessionStore,
    takesOver: true,
    serve: async (store, gates) => {
      const app = new Koa()
      app.silent = true
      app.keys = ['a secret of the tests']
      app.use(middleware({ store: store as never, maxAge: 3_600_000, rolling: true }, app))
      app.use(async (ctx) => {
        const of = ctx as unknown as { session: Record<string, unknown> | null }
        ctx.body = await handle(ctx.path, gates, {
          session: () => of.session as Record<string, unknown>,
          end: async () => {
            of.session = null
          },
          renew: async () => {
            const { regenerate } = of.session as { regenerate(): Promise<unknown> }
            await regenerate.call(of.session)
          },
        })
      })
      const server = createServer(app.callback())
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
      cleanups.push(() => {
        server.closeAllConnections()
        return new Promise((resolve) => server.close(resolve))
      })
      return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    },
  }
}

const KITS: Kit[] = [
  {
    name: '@fastify/session',
    make: fastifySessionStore,
    takesOver: false,
    serve: async (store, gates) => {
      const app = fastify()
      await app.register(fastifyCookie)
      await app.register(fastifySession, {
        store,
        secret: 'a secret of the tests, which is long enough',
        cookie: { secure: false, maxAge: 3_600_000 },
        saveUninitialized: false,
      })
      app.get('/*', async (request) => {
        const of = request as unknown as { session: Record<string, unknown> }
        const call = (name: string) => (of.session[name] as () => Promise<unknown>)()
        return await handle(request.url, gates, {
          session: () => of.session,
          end: () => call('destroy'),
          renew: () => call('regenerate'),
        })
      })
      cleanups.push(() => app.close())
      return await app.listen({ port: 0, host: '127.0.0.1' })
    },
  },
  koaKit('koa-session 7', koaSession),
  koaKit('koa-session 6', koaSession6),
]

const ON = STORE_KINDS.flatMap((kind) =>
  KITS.map((kit) => ({ kind, kit, name: kit.name, on: kind.name })),
)

describe.each(ON)('the store under $name, on $on', ({ kind, kit }) => {
  async function site(
    options: OtherStoreOptions = {},
  ): Promise<World<OtherStore> & { browser: Browser; gates: Gates }> {
    const w = world(kind as StoreKind, kit.make, options)
    const gates: Gates = new Map([
      ['a', gate()],
      ['b', gate()],
    ])
    const url = await kit.serve(w.store, gates)
    cleanups.push(() => w.store.close())
    return { ...w, browser: new Browser(url), gates }
  }

  const json = async (browser: Browser): Promise<unknown> =>
    JSON.parse((await browser.get('/get')).text)

  it('stores keys that were set, changed and dropped', async () => {
    const { browser } = await site()
    await browser.get('/set/a/1')
    await browser.get('/set/b/2')
    await browser.get('/set/a/3')
    await browser.get('/drop/b/0')
    await browser.get('/date/at/0')
    expect(await json(browser)).toEqual({ a: '3', at: '1970-01-01T00:00:00.000Z' })
  })

  it('keeps the types that JSON loses', async () => {
    const { browser } = await site()
    await browser.get('/types')
    expect((await browser.get('/kinds')).text).toBe('["Date","Map","Set"]')
  })

  it('keeps both changes of two requests at the same time', async () => {
    const { browser, gates } = await site()
    await browser.get('/set/n/0')
    const [one, other] = [browser.beside(), browser.beside()]
    const requests = [one.get('/set/a/1/a'), other.get('/set/b/2/b')]
    for (const name of ['a', 'b']) await gates.get(name)?.reached
    for (const name of ['a', 'b']) gates.get(name)?.open()
    await Promise.all(requests)
    expect(await json(browser)).toEqual({ n: '0', a: '1', b: '2' })
  })

  it.each(['/end', '/renew'])('lets no slow request bring back a session after %s', async (how) => {
    const { browser, gates, store } = await site()
    await browser.get('/set/user/alice')
    const slow = browser.beside()
    const request = slow.get('/set/a/1/a')
    await gates.get('a')?.reached
    const before = browser.beside()
    await browser.get(how)
    gates.get('a')?.open()
    await request
    expect(await json(before)).toEqual({})
    expect(await json(slow)).toEqual({})
    const users: string[] = []
    for await (const { user } of store.sessions.listSessions()) users.push(user)
    // koa-session takes the data over to the new id.
    const isTakenOver = how === '/renew' && kit.takesOver
    expect(users.filter((user) => user === 'alice')).toEqual(isTakenOver ? ['alice'] : [])
  })

  it('lets no slow request bring back a killed session', async () => {
    const { browser, gates, store } = await site()
    await browser.get('/set/user/alice')
    const request = browser.beside().get('/set/a/1/a')
    await gates.get('a')?.reached
    expect(await store.sessions.killSessionByUser('alice')).toMatchObject({ ended: 1 })
    gates.get('a')?.open()
    await request
    expect(await json(browser)).toEqual({})
  })

  it('reports ends, with the user and the data', async () => {
    const { browser, events } = await site({ events: true })
    await browser.get('/set/user/alice')
    await browser.get('/end')
    await expect.poll(() => events.length).toBe(1)
    expect(events[0]).toMatchObject({ reason: 'logout', user: 'alice', data: { user: 'alice' } })
  })

  it('writes nothing when nothing has changed, although each request is a use', async () => {
    const { browser, behind } = await site()
    await browser.get('/set/a/1')
    await json(browser)
    behind.clearCalls()
    await json(browser)
    expect([behind.finds, behind.writes]).toEqual([1, 0])
  })

  it('fails with an error when it is down, never with "no session"', async () => {
    const { browser, behind } = await site()
    await browser.get('/set/a/1')
    const heal = behind.failAlways('before')
    expect((await browser.get('/get')).status).toBe(503)
    heal()
    expect(await json(browser)).toEqual({ a: '1' })
  })

  it('answers with an error when changes cannot be stored', async () => {
    const { browser, behind } = await site()
    await browser.get('/set/a/1')
    const heal = behind.failAlways('before', { method: 'write' })
    expect((await browser.get('/set/a/2')).status).toBe(503)
    heal()
    expect(await json(browser)).toEqual({ a: '1' })
  })

  it('stores nothing for a visitor who only reads', async () => {
    const { browser, behind } = await site()
    expect(await json(browser)).toEqual({})
    expect(behind.calls).toEqual([])
  })
})

describe.each(KITS)('the options of the store under $name', ({ make, name }) => {
  it('are refused when they are unknown, with the name of the middleware for options of its own', () => {
    const of = (options: object) => () => make(options as OtherStoreOptions)
    expect(of({ lifeTime: 1 })).toThrow(/did you mean "lifetime"/)
    expect(of({ rolling: true })).toThrow(`it is an option of ${name.split(' ')[0]} itself`)
    expect(of({ legacy: {} })).toThrow(SessionConfigError)
  })
})

it('the store under koa-session says which of its releases are too old', async () => {
  const store = koaSessionStore()
  const old = { rolling: false } as object
  await expect(store.get('key', 1000, old)).rejects.toThrow(/needs koa-session 6\.4 or newer/)
  await expect(store.set('key', {}, 1000, old)).rejects.toThrow(SessionConfigError)
  await store.close()
})
