import type { AddressInfo } from 'node:net'
import express, { type ErrorRequestHandler, type Express } from 'express'
import { afterEach } from 'vitest'
import { cleanupRoutes, localOnly, sessionMiddleware } from '../../src/express/index.ts'
import {
  createSessions,
  type SessionDeleteEvent,
  type SessionRecord,
  type SessionStore,
  type Sessions,
  type SessionsOptions,
} from '../../src/index.ts'
import {
  type CookieJar,
  cookieJar,
  type FailingStore,
  failingStore,
} from '../../src/testing/index.ts'
import { dump } from './dump.ts'
import { type StoreKind, uniqueSpace } from './stores.ts'
import { type Gate, gate } from './gate.ts'

export interface Page {
  readonly status: number
  readonly headers: Headers
  readonly body: string
  readonly setCookie: string[]
}

export interface GetOptions {
  /** The cookie jar of the request. Default: that of the site's own visitor. */
  readonly jar?: CookieJar
  /** Whether the jar stores the cookies of the response. Default `true`. */
  readonly keep?: boolean
  readonly method?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string
  readonly signal?: AbortSignal
}

/** A request whose handler waits at a gate with its session loaded. */
export interface Held {
  /** Lets the handler continue. The visitor's jar stores the cookies of the response, unless `keep` is false. */
  finish(options?: { readonly keep?: boolean }): Promise<Page>
  /** Closes the client's connection, and then lets the handler continue. */
  abort(): Promise<void>
}

export interface Seen {
  readonly user: string
  readonly outcome: string
  readonly data: Record<string, unknown>
}

/** One process that serves a small shop, and a visitor with a cookie jar. */
export interface Site {
  readonly url: string
  readonly jar: CookieJar
  readonly sessions: Sessions<Record<string, unknown>>
  /** The store of this process, whose calls can be counted, failed and held. */
  readonly store: FailingStore
  /** The same store without counting. */
  readonly plain: SessionStore
  readonly events: SessionDeleteEvent<Record<string, unknown>>[]
  readonly clock: { now: number }
  /** Returns the number of stored sessions. */
  count(): Promise<number>
  records(): Promise<SessionRecord[]>
  /** Advances the time by this many minutes, for all processes. */
  advance(minutes: number): void
  get(path: string, options?: GetOptions): Promise<Page>
  held(path: string): Promise<Held>
  /** Makes a gate. A request whose path has this query waits there with its session loaded. */
  gate(): { readonly query: string; readonly gate: Gate }
  /** Returns the session that the next request of this jar sees. */
  read(jar?: CookieJar): Promise<Seen>
  /** Makes a jar with only this cookie, like a client that has kept it. */
  jarWith(cookie: string | undefined): CookieJar
  /** Returns the whole content of the store as text. */
  dump(): Promise<string>
  /** The Cookie header of the visitor. */
  cookie(): string | undefined
}

export interface SiteOptions extends SessionsOptions {
  /** Another process with the same store, the same visitor and the same clock. */
  readonly beside?: Site
  /** How far the clock of this process is ahead, in milliseconds. */
  readonly skew?: number
  /** Whether to register an observer that records the events. Default: the value of `events`. */
  readonly observed?: boolean
  /** Adds routes to the app. */
  readonly routes?: (app: Express, site: () => Site) => void
}

const closers: (() => Promise<void>)[] = []

afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close()
})

/** The start of the clock. Time passes only if a test advances it. */
const NOON = Date.UTC(2026, 0, 1, 12, 30)

export async function site(kind: StoreKind, options: SiteOptions = {}): Promise<Site> {
  const { beside, skew = 0, observed = options.events === true, routes, ...rest } = options
  const clock = beside?.clock ?? { now: NOON }
  const space = uniqueSpace()
  const plain = beside?.plain ?? kind.make({ now: () => clock.now, space })
  if (beside === undefined) closers.push(() => plain.close())
  const store = failingStore(plain)
  const now = (): number => clock.now + skew
  const sessions = createSessions<Record<string, unknown>>({
    store,
    now,
    sleep: async () => {},
    persistentFieldsOnLogin: ['seed'],
    logger: { warn: () => {} },
    ...rest,
  })
  const events: Site['events'] = []
  if (observed) sessions.onDelete((event) => void events.push(event))

  const gates = new Map<string, Gate>()
  const app = shop(sessions, gates)
  routes?.(app, () => made)
  app.use(onError)
  const url = await served(app)

  const jar = beside?.jar ?? cookieJar({ now: () => clock.now })
  const jarWith = (cookie: string | undefined): CookieJar => {
    const kept = cookieJar({ now: () => clock.now })
    for (const pair of cookie?.split('; ') ?? []) kept.set(`${pair}; Path=/`, url)
    return kept
  }
  const get: Site['get'] = async (path, asked = {}) => {
    const { jar: used = jar, keep = true, headers = {}, ...init } = asked
    const cookie = used.header(url)
    const response = await fetch(url + path, {
      redirect: 'manual',
      ...init,
      headers: { ...(cookie !== undefined && { cookie }), ...headers },
    })
    const setCookie = response.headers.getSetCookie()
    if (keep) used.set(setCookie, url)
    const body = await response.text()
    return { status: response.status, headers: response.headers, body, setCookie }
  }
  const drawGate: Site['gate'] = () => {
    const name = String(gates.size + 1)
    const mine = gate()
    gates.set(name, mine)
    return { query: `gate=${name}`, gate: mine }
  }
  const held: Site['held'] = async (path) => {
    const { query, gate: mine } = drawGate()
    const client = new AbortController()
    const done = get(`${path}${path.includes('?') ? '&' : '?'}${query}`, {
      jar: jarWith(jar.header(url)),
      signal: client.signal,
    })
    // Errors are handled where the promise is awaited. A client that goes away must not cause an unhandled rejection.
    done.catch(() => {})
    await mine.reached
    return {
      finish: async ({ keep = true } = {}) => {
        mine.open()
        const page = await done
        if (keep) jar.set(page.setCookie, url)
        return page
      },
      abort: async () => {
        client.abort()
        await done.catch(() => {})
        mine.open()
      },
    }
  }
  const records: Site['records'] = async () => {
    const { entries } = await plain.page({ by: 'all' }, { limit: 1000 })
    return entries.flatMap(({ record }) => (record === null ? [] : [record]))
  }
  const made: Site = {
    url,
    jar,
    sessions,
    store,
    plain,
    events,
    clock,
    get,
    held,
    gate: drawGate,
    records,
    jarWith,
    count: async () => (await records()).length,
    advance: (minutes) => {
      clock.now += minutes * 60_000
    },
    read: async (used = jar) =>
      JSON.parse((await get('/read', { jar: used, keep: false })).body) as Seen,
    dump:
      beside?.dump ??
      (() => dump(plain, kind.host === null ? null : { host: kind.host, namespace: space })),
    cookie: () => jar.header(url),
  }
  return made
}

function shop(sessions: Sessions<Record<string, unknown>>, gates: Map<string, Gate>): Express {
  const app = express()
  app.set('env', 'test')
  app.use(
    '/_sessions',
    cleanupRoutes(sessions, { caller: localOnly(), logger: { warn: () => {} } }),
  )
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
  app.get('/delete/:key', (req, res) => {
    req.session.delete(req.params.key)
    res.send('deleted')
  })
  app.get('/static', (_req, res) => void res.send('static'))
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
  return app
}

const onError: ErrorRequestHandler = (error, _req, res, next) => {
  if (res.headersSent) next(error)
  else res.status(500).send(String(error.code))
}

async function served(app: Express): Promise<string> {
  const server = app.listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  closers.push(
    () =>
      new Promise<void>((resolve) => {
        server.closeAllConnections()
        server.close(() => resolve())
      }),
  )
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}
