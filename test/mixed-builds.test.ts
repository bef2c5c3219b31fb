import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync, symlinkSync } from 'node:fs'
import type { RequestListener } from 'node:http'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import express, { type RequestHandler } from 'express'
import expressSession from 'express-session'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { buildInto } from './built-package.ts'
import { ask, listen } from './express/helpers.ts'
import type { Sessions, SessionStore } from '../src/index.ts'
import { EMULATORS, uniqueSpace } from './setup/stores.ts'

/** Both builds of each entry in one process, as in an app that is only partly CommonJS. */

const folder = mkdtempSync(join(tmpdir(), 'viur-mixed-'))
const root = fileURLToPath(new URL('..', import.meta.url))

interface Entries {
  index: typeof import('../src/index.ts')
  datastore: typeof import('../src/store/datastore/index.ts')
  sqlite: typeof import('../src/store/sqlite/index.ts')
  express: typeof import('../src/express/index.ts')
  node: typeof import('../src/node/index.ts')
  fetch: typeof import('../src/fetch/index.ts')
  migrate: typeof import('../src/migrate/index.ts')
  tasks: typeof import('../src/cloud-tasks/index.ts')
  testing: typeof import('../src/testing/index.ts')
  'cookie-sessions': typeof import('../src/cookie-sessions/index.ts')
  /** Its types and those of the Express adapter cannot both declare `req.session`. */
  'express-session': {
    readonly DatastoreSessionStore: new (
      options: object,
    ) => expressSession.Store & {
      readonly sessions: Sessions
    }
  }
}
type Build = { readonly [Entry in keyof Entries]: Entries[Entry] }

const entriesModule = new URL('../scripts/entries.mjs', import.meta.url).href
const { ENTRIES } = (await import(entriesModule)) as { ENTRIES: Record<string, string> }
const NAMES = Object.keys(ENTRIES)

const builds: Record<string, Build> = {}

beforeAll(async () => {
  buildInto(folder)
  symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'))
  const pathOf = (name: string, extension: string) =>
    join(folder, 'dist/lib', `${name}.${extension}`)
  const required = createRequire(import.meta.url)
  const modules: Record<string, unknown> = {}
  const commonjs: Record<string, unknown> = {}
  for (const name of NAMES) {
    modules[name] = await import(/* @vite-ignore */ pathToFileURL(pathOf(name, 'js')).href)
    commonjs[name] = required(pathOf(name, 'cjs'))
  }
  builds['ES modules'] = modules as unknown as Build
  builds['CommonJS'] = commonjs as unknown as Build
})

afterAll(() => rmSync(folder, { recursive: true, force: true }))

const PLAIN = { cookie: { secure: false } } as const

it('are two copies', () => {
  const [modules, commonjs] = [builds['ES modules'], builds['CommonJS']]
  for (const name of NAMES as (keyof Entries)[]) {
    const of = (build: Build | undefined) => Object.keys(build?.[name] ?? {}).filter(isNamed)
    expect(of(commonjs), name).toEqual(of(modules))
  }
  expect(commonjs?.index.createSessions).not.toBe(modules?.index.createSessions)
  expect(commonjs?.index.SessionError).not.toBe(modules?.index.SessionError)
})

const isNamed = (name: string): boolean => name !== 'default' && name !== 'module.exports'

describe.each([
  ['ES modules', 'CommonJS'],
  ['CommonJS', 'ES modules'],
] as const)('sessions of %s, the other entries of %s', (mine, theirs) => {
  const core = () => (builds[mine] as Build).index
  const other = (): Build => builds[theirs] as Build

  it('are served by each part of the Express adapter', async () => {
    const sessions = core().createSessions({ ...PLAIN, events: true })
    const ends: string[] = []
    sessions.onDelete((event) => {
      ends.push(`${event.user} ${event.reason}`)
    })
    const app = express().set('env', 'test')
    app.use(other().express.sessionMiddleware(sessions))
    app.post('/', async (req, res) => {
      await req.session.login('ann')
      await req.session.exclusive(() => req.session.change(count))
      res.send(String(sessions.of(req) === (req.session as unknown)))
    })
    app.get('/', other().express.requireLogin({ sessions }), (req, res) =>
      res.json(sessions.of(req).get('n')),
    )
    const port = await listen(app)
    expect((await ask(port)).status).toBe(401)
    const login = await ask(port, { method: 'POST' })
    expect(login.body).toBe('true')
    const Cookie = login.setCookie[0]?.split(';')[0] ?? ''
    expect(await ask(port, { headers: { Cookie } })).toMatchObject({ status: 200, body: '1' })
    expect((await sessions.killSessionByUser('ann')).ended).toBe(1)
    expect((await ask(port, { headers: { Cookie } })).status).toBe(401)
    expect(ends).toContain('ann killed')
  })

  it('are served by Node, inside and beside an adapter of their own build', async () => {
    const sessions = core().createSessions(PLAIN)
    const admin = core().createSessions({ cookie: { name: 'admin', secure: false } })
    const app = express().use((builds[mine] as Build).express.sessionMiddleware(sessions))
    app.use(
      other().express.sessionMiddleware(admin, { as: 'adminSession' } as never) as RequestHandler,
    )
    app.use((req, res) => {
      req.session.set('n', 1)
      ;(req as unknown as { adminSession: typeof req.session }).adminSession.set('n', 2)
      res.write('o')
      res.end('k')
    })
    const answer = await ask(await listen(app))
    expect(answer.body).toBe('ok')
    expect(answer.setCookie.map((cookie) => cookie.split('=')[0]).toSorted()).toEqual([
      'admin',
      'viur-session',
    ])
    const outer = other().node.withSession(sessions, (req, res) => {
      const inner = (builds[mine] as Build).node.withSession(sessions, (again, response) => {
        response.end(
          String(again.session === (req.session as unknown) && again.session.set('n', 3).get('n')),
        )
      })
      return inner(req, res)
    })
    const nested = await ask(await listen(outer as RequestListener))
    expect(nested).toMatchObject({ status: 200, body: '3' })
    expect(nested.setCookie).toHaveLength(1)
  })

  it('are served over fetch, also after the response of an adapter of their own build', async () => {
    const sessions = core().createSessions(PLAIN)
    const request = new Request('https://shop.example/')
    const handler = (session: { set(name: string, value: unknown): unknown }) => {
      session.set('n', 1)
      return new Response('ok')
    }
    const first = await (builds[mine] as Build).fetch.withSession(sessions, request, handler)
    const second = await other().fetch.withSession(sessions, request, handler)
    for (const response of [first, second]) {
      expect(response.headers.getSetCookie()[0]).toMatch(/^viur-session=/)
    }
  })

  it('are kept in a cookie, by each adapter', async () => {
    const keys = [{ id: 'k', key: randomBytes(32) }]
    const sessions = (builds[mine] as Build)['cookie-sessions'].createCookieSessions({
      ...PLAIN,
      keys,
    })
    const app = express().use(other().express.sessionMiddleware(sessions) as RequestHandler)
    app.use((req, res) => {
      const count = ((req.session.get('n') as number | undefined) ?? 0) + 1
      req.session.set('n', count)
      res.json(count)
    })
    const serve = other().node.withSession(sessions, (req, res) => {
      res.end(String(req.session.get('n')))
    })
    const first = await ask(await listen(app))
    const Cookie = first.setCookie[0]?.split(';')[0] ?? ''
    expect((await ask(await listen(createHandler(serve)), { headers: { Cookie } })).body).toBe('1')
    const request = new Request('http://127.0.0.1/', { headers: { Cookie } })
    const response = await other().fetch.withSession(sessions, request, (session) =>
      Response.json(session.get('n')),
    )
    expect(await response.json()).toBe(1)
  })

  it('are kept in a store of the other build', async () => {
    const stores = [
      () => other().index.memoryStore(),
      () => other().testing.failingStore(core().memoryStore()),
    ]
    if (process.getBuiltinModule('node:sqlite') !== undefined) {
      stores.push(() => other().sqlite.sqliteStore({ file: ':memory:' }))
    }
    for (const make of stores) await tryStore(core(), make())
  })

  for (const { name, host, missing } of EMULATORS) {
    it.skipIf(missing !== null)(
      `are kept on the ${name}, with the reader of an old system`,
      async () => {
        const before = process.env['DATASTORE_EMULATOR_HOST']
        process.env['DATASTORE_EMULATOR_HOST'] = host as string
        try {
          const store = other().datastore.datastoreStore({
            projectId: 'mixed',
            namespace: uniqueSpace(),
          })
          const legacy = (builds[mine] as Build).migrate.viurCoreSessions({ cookie: 'old' })
          await tryStore(core(), store, { legacy })
        } finally {
          if (before === undefined) delete process.env['DATASTORE_EMULATOR_HOST']
          else process.env['DATASTORE_EMULATOR_HOST'] = before
        }
      },
    )
  }

  it('throw their own error when a store of the other build is down', async () => {
    const store = other().testing.failingStore(core().memoryStore())
    const error = new (other().index.SessionStoreError)('down', { retryable: false })
    store.failAlways('before', { error })
    const sessions = core().createSessions({ ...PLAIN, store })
    const cookie = `viur-session=${'A'.repeat(42)}A`
    const failure = await sessions
      .open({ cookie })
      .load()
      .catch((error: unknown) => error)
    expect(failure).toBeInstanceOf(core().SessionStoreError)
    expect(failure).toMatchObject({ message: 'down', status: 503 })
  })

  it('are swept by routes and a queue of the other build', async () => {
    const sent: unknown[] = []
    const queue = other().tasks.cloudTasks({
      queue: 'q',
      location: 'l',
      projectId: 'p',
      target: { appEngine: {} },
      client: { createTask: async (request: object) => void sent.push(request) },
    } as never)
    const clock = other().testing.fakeClock()
    const sessions = core().createSessions({ ...PLAIN, tasks: queue, now: clock.now })
    expect((await sessions.startClearSessions()).state).toMatch(/^(finished|running)$/)
    expect(() =>
      other().express.cleanupRoutes(sessions, {
        caller: (builds[mine] as Build).express.localOnly(),
      }),
    ).not.toThrow()
  })

  it('work as a store of express-session', async () => {
    const { DatastoreSessionStore } = (builds[mine] as Build)['express-session']
    const store = new DatastoreSessionStore({ store: other().index.memoryStore() })
    expect(store).toBeInstanceOf(expressSession.Store)
    const options = { store, secret: 's', resave: false, saveUninitialized: false }
    const app = express().use(expressSession(options) as unknown as RequestHandler)
    app.use((req, res) => {
      const session = req.session as unknown as { n?: number }
      session.n = (session.n ?? 0) + 1
      res.json(session.n)
    })
    const port = await listen(app)
    const first = await ask(port)
    const Cookie = first.setCookie[0]?.split(';')[0] ?? ''
    expect((await ask(port, { headers: { Cookie } })).body).toBe('2')
    const caller = other().express.localOnly()
    expect(() => other().express.cleanupRoutes(store.sessions, { caller })).not.toThrow()
  })
})

function count(data: Record<string, unknown>): void {
  data['n'] = 1
}

function createHandler(serve: unknown): RequestListener {
  return serve as RequestListener
}

/** Writes, reads, changes and ends a session. */
async function tryStore(
  { createSessions }: Entries['index'],
  store: SessionStore,
  options: object = {},
): Promise<void> {
  const sessions = createSessions({
    ...PLAIN,
    ...options,
    store,
    readCache: { maxAge: '10s' } as never,
  })
  await sessions.ready()
  const session = await sessions.open({}).load()
  await session.login('ann')
  session.set('list', [new Map([[1n, new Date(0)]])])
  const { setCookie } = await sessions.commit(session)
  const cookie = setCookie[0]?.split(';')[0] ?? ''
  const again = await sessions.open({ cookie }).load()
  expect(again.user).toBe('ann')
  expect(again.get('list')).toEqual([new Map([[1n, new Date(0)]])])
  const fresh = await sessions.open({ cookie }).load({ fresh: true })
  await fresh.exclusive(() => fresh.change(count))
  await sessions.commit(fresh)
  expect((await sessions.killSessionByUser('ann')).ended).toBe(1)
  expect((await sessions.open({ cookie }).load({ fresh: true })).isGuest).toBe(true)
  await sessions.close()
}
