import type { AddressInfo } from 'node:net'
import express, { type ErrorRequestHandler } from 'express'
import { afterEach, describe, expect, it } from 'vitest'
import { sessionMiddleware } from '../../src/express/index.ts'
import { createSessions } from '../../src/index.ts'
import {
  type CookieJar,
  cookieJar,
  type FailingStore,
  failingStore,
} from '../../src/testing/index.ts'
import { STORE_KINDS, type StoreKind } from '../setup/stores.ts'

/** A page that a handler stands at until the test lets it go on. */
interface Gate {
  readonly reached: Promise<void>
  open(): void
  readonly opened: Promise<void>
  reach(): void
}

function gate(): Gate {
  let reach = (): void => {}
  let open = (): void => {}
  const reached = new Promise<void>((resolve) => {
    reach = resolve
  })
  const opened = new Promise<void>((resolve) => {
    open = resolve
  })
  return { reached, opened, reach, open }
}

interface Page {
  readonly status: number
  readonly body: string
  readonly setCookie: string[]
}

interface Site {
  readonly store: FailingStore
  /** How many sessions are stored. */
  count(): Promise<number>
  /** Time passes by this many minutes. */
  advance(minutes: number): void
  /** One request with the cookies of the jar; takes over what the response sets, unless told not to. */
  get(path: string, options?: { jar?: CookieJar; keep?: boolean }): Promise<Page>
  /** A request whose handler stops after it has loaded its session: resolves when it stands there. */
  held(path: string): Promise<{ finish(options?: { keep?: boolean }): Promise<Page> }>
  readonly jar: CookieJar
  readonly url: string
}

const closers: (() => Promise<void>)[] = []

afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close()
})

async function site(kind: StoreKind): Promise<Site> {
  let now = Date.UTC(2026, 0, 1)
  const plain = kind.make({ now: () => now })
  const store = failingStore(plain)
  const sessions = createSessions({
    store,
    now: () => now,
    persistentFieldsOnLogin: ['seed'],
    logger: { warn: () => {} },
  })
  const gates = new Map<string, Gate>()
  const app = express()
  app.set('env', 'test')
  app.use(sessionMiddleware(sessions))
  app.use(async (req, _res, next) => {
    const waiting = gates.get(String(req.query['gate']))
    waiting?.reach()
    await waiting?.opened
    next()
  })
  app.get('/set/:key', (req, res) => {
    req.session.set(req.params.key, req.query['to'] ?? 'set')
    res.send('stored')
  })
  app.get('/read', (req, res) => {
    res.json({
      user: req.session.user,
      outcome: req.session.loadOutcome,
      data: Object.fromEntries(req.session),
    })
  })
  app.get('/login/:user', async (req, res) => {
    await req.session.login(req.params.user)
    res.redirect(303, '/read')
  })
  for (const method of ['logout', 'reset', 'cycleKey'] as const) {
    app.get(`/${method}`, async (req, res) => {
      await req.session[method]()
      res.send(method)
    })
  }
  const onError: ErrorRequestHandler = (error, _req, res, _next) => {
    res.status(500).send(String(error.code))
  }
  app.use(onError)
  const server = app.listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  closers.push(() => store.close())
  closers.push(
    () =>
      new Promise<void>((resolve) => {
        server.closeAllConnections()
        server.close(() => resolve())
      }),
  )
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const shared = cookieJar({ now: () => now })
  const get: Site['get'] = async (path, { jar = shared, keep = true } = {}) => {
    const cookie = jar.header(url)
    const response = await fetch(url + path, {
      redirect: 'manual',
      headers: cookie === undefined ? {} : { cookie },
    })
    const setCookie = response.headers.getSetCookie()
    if (keep) jar.set(setCookie, url)
    return { status: response.status, body: await response.text(), setCookie }
  }
  let drawn = 0
  const held: Site['held'] = async (path) => {
    drawn += 1
    const mine = gate()
    gates.set(String(drawn), mine)
    const jar = cookieJar({ now: () => now })
    const cookie = shared.header(url)
    if (cookie !== undefined) jar.set(`${cookie}; Path=/`, url)
    const done = get(`${path}${path.includes('?') ? '&' : '?'}gate=${drawn}`, { jar })
    await mine.reached
    return {
      finish: async ({ keep = true } = {}) => {
        mine.open()
        const page = await done
        if (keep) shared.set(page.setCookie, url)
        return page
      },
    }
  }
  return {
    store,
    url,
    jar: shared,
    get,
    held,
    count: async () => (await plain.page({ by: 'all' }, { limit: 10 })).entries.length,
    advance: (minutes) => {
      now += minutes * 60_000
    },
  }
}

interface Seen {
  readonly user: string
  readonly outcome: string
  readonly data: Record<string, unknown>
}

async function read(s: Site, jar: CookieJar = s.jar): Promise<Seen> {
  return JSON.parse((await s.get('/read', { jar, keep: false })).body) as Seen
}

/** A jar that holds just this cookie: what somebody has who kept it. */
function jarWith(s: Site, cookie: string | undefined): CookieJar {
  const jar = cookieJar()
  if (cookie !== undefined) jar.set(`${cookie}; Path=/`, s.url)
  return jar
}

describe.each(STORE_KINDS)('races over HTTP on $name', (kind) => {
  describe.skipIf(kind.missing !== null)('held at a gate', () => {
    describe.each(['/logout', '/reset', '/login/alice', '/cycleKey'])('after %s', (end) => {
      it.each([
        ['a slow writer', '/set/late'],
        ['a slow toucher', '/read'],
        ['a slow cycleKey', '/cycleKey'],
        ['a slow reset', '/reset'],
        ['a slow logout', '/logout'],
      ])('%s does not bring the old session back', async (_, path) => {
        const s = await site(kind)
        await s.get('/set/seed')
        const old = s.jar.header(s.url)
        // From here on a touch is due.
        s.advance(6)
        const slow = await s.held(path)
        await s.get(end)
        const page = await slow.finish({ keep: false })
        expect(page.status).toBe(200)
        // Nothing that comes late carries a cookie for a session, whether old or new.
        expect(page.setCookie.filter((cookie) => !cookie.includes('Max-Age=0'))).toEqual([])
        expect(await read(s, jarWith(s, old))).toEqual({
          user: '__guest__',
          outcome: 'unknown',
          data: {},
        })
        if (end === '/login/alice') expect((await read(s)).user).toBe('alice')
      })

      it('a slow login gives a session of its own, with nothing of the old one', async () => {
        const s = await site(kind)
        await s.get('/set/seed')
        const old = s.jar.header(s.url)
        const slow = await s.held('/login/bob')
        await s.get(end)
        await slow.finish()
        expect(await read(s)).toEqual({ user: 'bob', outcome: 'live', data: {} })
        expect((await read(s, jarWith(s, old))).outcome).toBe('unknown')
      })
    })

    it('logs both of two logins from one guest session in, each with a session of its own', async () => {
      const s = await site(kind)
      await s.get('/set/seed')
      const [first, second] = [await s.held('/login/alice'), await s.held('/login/bob')]
      const pages = [await first.finish({ keep: false }), await second.finish({ keep: false })]
      for (const [index, user] of ['alice', 'bob'].entries()) {
        const cookie = pages[index]?.setCookie[0]?.split(';')[0]
        expect((await read(s, jarWith(s, cookie))).user).toBe(user)
      }
    })

    it('keeps the changes of two writers on different keys', async () => {
      const s = await site(kind)
      await s.get('/set/seed')
      const [first, second] = [await s.held('/set/a'), await s.held('/set/b')]
      await second.finish()
      await first.finish()
      expect((await read(s)).data).toEqual({ seed: 'set', a: 'set', b: 'set' })
    })

    it('lets the last of two writers on one key win', async () => {
      const s = await site(kind)
      await s.get('/set/seed')
      const [first, second] = [await s.held('/set/a?to=1'), await s.held('/set/a?to=2')]
      await second.finish()
      await first.finish()
      expect((await read(s)).data['a']).toBe('1')
    })

    it('loses neither a touch nor a write that meet', async () => {
      const s = await site(kind)
      await s.get('/set/seed')
      s.advance(6)
      const [toucher, writer] = [await s.held('/read'), await s.held('/set/a')]
      await writer.finish()
      await toucher.finish()
      expect((await read(s)).data).toEqual({ seed: 'set', a: 'set' })
      // Either of them has renewed the session: it lives on past its first hour.
      s.advance(58)
      expect((await read(s)).outcome).toBe('live')
    })

    it('gives two first requests of one visitor a session each, and the browser keeps one', async () => {
      const s = await site(kind)
      const [first, second] = [await s.held('/set/a'), await s.held('/set/b')]
      await first.finish()
      await second.finish()
      expect((await read(s)).data).toEqual({ b: 'set' })
    })

    it('keeps a redirect back until the session is stored', async () => {
      const s = await site(kind)
      const stored = s.store.hold({ when: 'after' })
      let arrived = false
      const page = s.get('/login/alice').then((answer) => {
        arrived = true
        return answer
      })
      await stored.reached
      await new Promise((resolve) => setImmediate(resolve))
      expect(arrived).toBe(false)
      stored.release()
      expect((await page).status).toBe(303)
      expect((await read(s)).user).toBe('alice')
    })

    it('is a clear error before the response when others keep changing the session', async () => {
      const s = await site(kind)
      await s.get('/set/seed')
      const stop = s.store.conflictAlways()
      const page = await s.get('/set/a')
      expect([page.status, page.body, page.setCookie]).toEqual([500, 'ERR_SESSION_CONTENTION', []])
      stop()
      expect((await read(s)).data).toEqual({ seed: 'set' })
    })

    it('does not let a slow anonymous response undo a login', async () => {
      const s = await site(kind)
      s.jar.set(`viur-session=${'A'.repeat(43)}; Path=/`, s.url)
      const slow = await s.held('/read')
      await s.get('/login/alice')
      const page = await slow.finish()
      expect(page.setCookie).toEqual([])
      expect((await read(s)).user).toBe('alice')
    })
  })

  describe.skipIf(kind.missing !== null)('with each store call failing in turn', () => {
    const walk = ['/set/seed', '/login/alice', '/set/a', '/cycleKey', '/set/b', '/logout']

    it.each(
      (['before', 'after'] as const).flatMap((when) =>
        Array.from({ length: 12 }, (_, index) => [when, index + 1] as const),
      ),
    )(
      '%s effect, call %i: the next request finds a whole session and no duplicate',
      async (when, nth) => {
        const s = await site(kind)
        s.store.failAt(nth, when)
        let user = '__guest__'
        const data: Record<string, unknown> = {}
        for (const path of walk) {
          const page = await s.get(path)
          // One fault is got over: by trying again, or by looking what became of the call.
          expect(page.status, path).toBeLessThan(400)
          if (path.startsWith('/set/')) data[path.slice(5)] = 'set'
          if (path === '/login/alice') user = 'alice'
          if (path === '/logout') break
          const cookie = s.jar.header(s.url)
          const seen = await read(s, jarWith(s, cookie))
          expect(seen, path).toEqual({ user, outcome: 'live', data })
          expect(await s.count(), path).toBe(1)
        }
        expect(await s.count()).toBe(0)
      },
    )

    it('is an error and no half session when the store stays away', async () => {
      const s = await site(kind)
      await s.get('/set/seed')
      for (const path of walk.slice(1)) {
        const heal = s.store.failAlways('before')
        const page = await s.get(path)
        heal()
        expect([page.status, page.body, page.setCookie], path).toEqual([
          500,
          'ERR_SESSION_STORE',
          [],
        ])
        expect(await read(s), path).toEqual({
          user: '__guest__',
          outcome: 'live',
          data: { seed: 'set' },
        })
      }
    })
  })
})
