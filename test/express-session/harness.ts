import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import express, { type ErrorRequestHandler, type Express } from 'express'
import session from 'express-session'
import { afterEach } from 'vitest'
import {
  DatastoreSessionStore,
  type DatastoreSessionStoreOptions,
} from '../../src/express-session/index.ts'
import { memoryStore, type SessionStore } from '../../src/index.ts'
import {
  type CookieJar,
  cookieJar,
  type FailingStore,
  failingStore,
} from '../../src/testing/index.ts'
import { type Gate, gate } from '../setup/gate.ts'
import type { StoreKind } from '../setup/stores.ts'

export const MINUTE = 60_000
export const HOUR = 60 * MINUTE
export const DAY = 24 * HOUR

declare module 'express-session' {
  interface SessionData {
    [key: string]: unknown
  }
}

export interface Page {
  readonly status: number
  readonly body: string
  readonly setCookie: string[]
  /** Whether the response was cut off before its end. */
  readonly isBroken: boolean
}

export interface LogLine {
  readonly level: string
  readonly message: string
  readonly details: unknown
}

/** One process of an app with express-session, on a store that can be counted, held and made to fail. */
export interface Site {
  readonly app: Express
  readonly store: DatastoreSessionStore
  readonly below: FailingStore
  readonly url: string
  readonly jar: CookieJar
  readonly log: LogLine[]
  /** Errors that express handed to the app's own error handler. */
  readonly errors: unknown[]
  /** Moves the clock forward. */
  advance(duration: number): void
  now(): number
  get(path: string, options?: { jar?: CookieJar; keep?: boolean }): Promise<Page>
  /** Starts a request that waits before its handler; resolves when it waits there. */
  held(path: string, jar?: CookieJar): Promise<{ finish(keep?: boolean): Promise<Page> }>
}

export interface SiteOptions {
  readonly store?: DatastoreSessionStoreOptions
  readonly session?: Omit<session.SessionOptions, 'secret' | 'store'>
  readonly below?: SessionStore
}

const closers: (() => Promise<void>)[] = []

afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close()
})

function closeAfterwards(close: () => Promise<void>): void {
  closers.push(close)
}

/** A counted store of this kind, which is closed after the test. */
export function counted(kind: StoreKind, now?: () => number): FailingStore {
  const below = failingStore(kind.make(now === undefined ? {} : { now }))
  closeAfterwards(() => below.close())
  return below
}

export async function listen(app: Express): Promise<string> {
  const server: Server = await new Promise((resolve) => {
    const listening = app.listen(0, '127.0.0.1', () => resolve(listening))
  })
  closeAfterwards(async () => {
    const closed = new Promise<void>((resolve) => server.close(() => resolve()))
    server.closeAllConnections()
    await closed
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

/** Handlers for the tests; the query chooses their action. */
function routes(app: Express): void {
  app.get('/set', (req, res) => {
    for (const [key, value] of Object.entries(req.query)) {
      if (key !== 'gate' && key !== 'status') req.session[key] = value
    }
    res.status(Number(req.query['status'] ?? 200)).send('set')
  })
  app.get('/drop/:key', (req, res) => {
    delete req.session[req.params.key]
    res.send('dropped')
  })
  app.get('/read', (req, res) => {
    const { cookie: _, ...data } = req.session
    res.json(data)
  })
  app.get('/save', (req, res, next) => {
    req.session['saved'] = true
    req.session.save((error) => (error ? next(error) : res.send('saved')))
  })
  app.get('/login/:user', (req, res, next) => {
    req.session.regenerate((error) => {
      if (error) return next(error)
      req.session['user'] = req.params.user
      req.session.save((failure) => (failure ? next(failure) : res.redirect('/read')))
    })
  })
  app.get('/logout', (req, res, next) => {
    req.session.destroy((error) => (error ? next(error) : res.send('bye')))
  })
  app.get('/longer', (req, res) => {
    req.session.cookie.maxAge = 20 * HOUR
    res.send('longer')
  })
  app.get('/static', (_req, res) => {
    res.send('nothing of the session')
  })
}

export async function site(options: SiteOptions = {}): Promise<Site> {
  let offset = 0
  const now = (): number => Date.now() + offset
  const below = (options.below as FailingStore | undefined) ?? failingStore(memoryStore({ now }))
  const log: LogLine[] = []
  const line =
    (level: string) =>
    (message: string, details?: unknown): void => {
      log.push({ level, message, details })
    }
  const store = new DatastoreSessionStore({
    store: below,
    now,
    sleep: async () => {},
    logger: { info: line('info'), warn: line('warn'), error: line('error') },
    ...options.store,
  })
  const gates = new Map<string, Gate>()
  const errors: unknown[] = []
  const app = express()
  app.set('env', 'test')
  app.use(
    session({
      secret: 'for tests',
      resave: false,
      saveUninitialized: false,
      cookie: { maxAge: HOUR },
      ...options.session,
      store,
    }),
  )
  app.use(async (req, _res, next) => {
    const waiting = gates.get(String(req.query['gate']))
    waiting?.reach()
    await waiting?.opened
    next()
  })
  routes(app)
  const onError: ErrorRequestHandler = (error, _req, res, next) => {
    errors.push(error)
    if (res.headersSent) next(error)
    else res.status(500).send('sorry')
  }
  app.use(onError)
  const url = await listen(app)
  const jar = cookieJar()

  async function get(
    path: string,
    { jar: own = jar, keep = true }: { jar?: CookieJar; keep?: boolean } = {},
  ): Promise<Page> {
    const cookie = own.header(url)
    const response = await fetch(`${url}${path}`, {
      headers: cookie === undefined ? {} : { cookie },
      redirect: 'manual',
    })
    const setCookie = response.headers.getSetCookie()
    if (keep) own.set(setCookie, url)
    try {
      return { status: response.status, body: await response.text(), setCookie, isBroken: false }
    } catch {
      return { status: response.status, body: '', setCookie, isBroken: true }
    }
  }

  let count = 0
  return {
    app,
    store,
    below,
    url,
    jar,
    log,
    errors,
    now,
    advance: (duration) => {
      offset += duration
    },
    get,
    async held(path, own) {
      count += 1
      const name = `gate-${count}`
      const waiting = gate()
      gates.set(name, waiting)
      const separator = path.includes('?') ? '&' : '?'
      let keep = true
      const cookies = own ?? jar
      const page = get(`${path}${separator}gate=${name}`, { jar: cookies, keep: false })
      await waiting.reached
      return {
        async finish(wanted = true) {
          keep = wanted
          waiting.open()
          const answer = await page
          if (keep) cookies.set(answer.setCookie, url)
          return answer
        },
      }
    },
  }
}

/** The session id of the jar. */
export function sidOf(jar: CookieJar): string {
  const signed = decodeURIComponent(jar.value('connect.sid') ?? '')
  return signed.slice(2, signed.lastIndexOf('.'))
}

/** The options of a site on one kind of store. */
export async function siteOn(kind: StoreKind, options: SiteOptions = {}): Promise<Site> {
  return await site({ ...options, below: counted(kind) })
}
