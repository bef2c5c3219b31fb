import { IncomingMessage, ServerResponse } from 'node:http'
import { readdirSync, readFileSync } from 'node:fs'
import { once } from 'node:events'
import { type AddressInfo, Socket } from 'node:net'
import { fileURLToPath } from 'node:url'
import express, { type ErrorRequestHandler } from 'express'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { cloudTasks } from '../src/cloud-tasks/index.ts'
import {
  cleanupRoutes,
  iap,
  localOnly,
  oidc,
  sessionMiddleware,
  type SessionMiddlewareOptions,
} from '../src/express/index.ts'
import {
  createSessions,
  DeleteSessionsIter,
  localTasks,
  memoryStore,
  QueryIter,
  SessionConfigError,
  type SessionKey,
} from '../src/index.ts'
import { createCookieSessions } from '../src/cookie-sessions/index.ts'
import { withSession as withNodeSession } from '../src/node/index.ts'
import { withSession as withFetchSession } from '../src/fetch/index.ts'
import { convertedOf } from '../src/migrate/old-entities.ts'
import type { OldSystem } from '../src/migrate/old-system.ts'
import { datastoreStore } from '../src/store/datastore/index.ts'
import { cookieJar, failingStore } from '../src/testing/index.ts'
import { cookieApp, newKey } from './cookie-sessions/harness.ts'
import { ANN, passportSite } from './express/passport-harness.ts'
import { consoleApp } from './express/console/harness.ts'
import { Harness } from './request/harness.ts'

/** A function of an app that was written with `async`, and fails. */
const late = (): never => (async () => Promise.reject(new Error('of the app')))() as never

const AT_ONCE = /must answer at once, but returned a promise/

const unheard: unknown[] = []
const note = (error: unknown): void => void unheard.push(error)
beforeAll(() => void process.on('unhandledRejection', note))
afterAll(() => void process.off('unhandledRejection', note))

/** Waits until the event loop has reported rejections without a handler. */
async function turn(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve))
  await new Promise((resolve) => setImmediate(resolve))
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await turn()
}

/** Every function that an app passes in, with the expected result if it returns a rejected promise. */
const CASES: Record<string, () => unknown> = {
  'SessionsOptions.now': async () => {
    const app = new Harness({ now: late })
    await expect(app.visit((one) => one.set('n', 1))).rejects.toThrow(AT_ONCE)
  },
  'SessionsOptions.randomBytes': async () => {
    const app = new Harness({ randomBytes: late })
    await expect(app.visit((one) => one.set('n', 1))).rejects.toThrow(AT_ONCE)
  },
  'SessionsOptions.sleep': async () => {
    const app = new Harness({ sleep: late })
    const cookie = await new Harness({}).given()
    app.store.failNext('before')
    await expect(app.load(cookie)).rejects.toMatchObject({ cause: { message: 'of the app' } })
  },
  'SessionsOptions.logger': async () => {
    const told = vi.spyOn(console, 'error').mockImplementation(() => {})
    const logger = { warn: vi.fn(late), error: vi.fn(late), info: vi.fn(late) }
    const sessions = createSessions({ store: memoryStore(), logger, lifetime: 1000 })
    const forbidden = sessions.open({ secure: false })
    await forbidden.load()
    forbidden.set('n', 1)
    await sessions.commit(forbidden)
    await turn()
    expect(logger.warn.mock.calls.length).toBeGreaterThan(1)
    expect(told.mock.calls).toEqual([
      [expect.stringContaining('the logger of the app failed'), { problem: 'of the app' }],
    ])
    told.mockRestore()
  },
  'SessionsOptions.validate': async () => {
    const validate = { '~standard': { version: 1 as const, vendor: 'own', validate: late } }
    const app = new Harness({ validate })
    const cookie = await new Harness({ store: app.store }).given()
    await expect(app.load(cookie)).rejects.toThrow('the option "validate" threw')
  },
  'SessionsOptions.properties': async () => {
    const app = new Harness({ properties: late })
    await expect(app.visit((one) => one.set('n', 1))).rejects.toThrow(AT_ONCE)
  },
  'IdTransportOptions.id': async () => {
    expect(await answered({ id: late, onId: () => {} })).toMatch(AT_ONCE)
  },
  'IdTransportOptions.onId': async () => {
    expect(await answered({ id: () => undefined, onId: late })).toMatch(AT_ONCE)
  },
  'NodeSessionOptions.onError': async () => {
    const thrown = () => Promise.reject(new Error('of the handler'))
    const serve = withNodeSession(createSessions(), thrown, { onError: late })
    const req = new IncomingMessage(new Socket())
    await expect(serve(req, new ServerResponse(req))).rejects.toThrow('of the app')
  },
  'FetchSessionOptions.onError': async () => {
    const thrown = () => Promise.reject(new Error('of the handler'))
    const answer = withFetchSession(createSessions(), new Request('http://a/'), thrown, {
      onError: late,
    })
    await expect(answer).rejects.toThrow('of the app')
  },
  'SessionsOptions.tasks': async () => {
    const add = vi.fn(late)
    const sessions = createSessions({ store: memoryStore(), tasks: { add, close: late } })
    await expect(sessions.startClearSessions()).rejects.toThrow('of the app')
    expect(add).toHaveBeenCalled()
    await expect(sessions.close()).rejects.toThrow('of the app')
    const connecting = { add, connect: late }
    expect(() => createSessions({ store: memoryStore(), tasks: connecting })).toThrow(AT_ONCE)
  },
  'SessionsOptions.iterators': async () => {
    class Failing extends QueryIter {
      static override readonly id = 'failing'
      override handleEntry = late
      override handleError = late
      override handleFinish = late
    }
    for (const given of [1, 0]) {
      const app = new Harness({ iterators: [Failing] })
      for (let n = 0; n < given; n++) await app.given()
      await app.sessions.startIterOnQuery(Failing, { select: 'all' }).catch(() => {})
      const { runs } = await app.sessions.status()
      expect(runs).toEqual([
        expect.objectContaining({
          error: expect.stringMatching(/handleError|handleFinish|of the app/),
        }),
      ])
    }
  },
  'SessionsOptions.sweep': async () => {
    class Failing extends DeleteSessionsIter {
      override handleEntry = late
      override handleError = late
    }
    const app = new Harness({ sweep: Failing })
    await app.given()
    app.clock.advance('3h')
    await app.sessions.startClearSessions().catch(() => {})
    const { runs } = await app.sessions.status()
    expect(runs).toEqual([
      expect.objectContaining({ error: expect.stringContaining('handleError') }),
    ])
  },
  'Sessions.onDelete': async () => {
    const app = new Harness({ events: true })
    app.sessions.onDelete(late)
    const cookie = await app.given()
    await app.visit((one) => one.logout(), { cookie })
    expect(app.warnings).toContainEqual(expect.stringContaining('an onDelete observer failed'))
  },
  'Sessions.updateSessionsByUser': async () => {
    const app = new Harness()
    await app.given({ n: 1 }, (one) => one.login('ann'))
    await expect(app.sessions.updateSessionsByUser('ann', late)).rejects.toThrow('not be async')
  },
  'PassportBridgeOptions.userOf': async () => {
    const errors: unknown[] = []
    const site = await passportSite({
      userOf: late,
      onError: (error) => {
        errors.push(error)
        return 500
      },
      routes: {
        '/in': (req, res) =>
          req.login(ANN, {}, (error: unknown) => res.status(error ? 500 : 200).json({})),
      },
    })
    expect((await site.visitor().ask('POST', '/in')).status).toBe(500)
  },
  'OldSessionsOptions.convert': () => {
    const source = { convert: late } as unknown as OldSystem
    const old = { user: 'ann', data: {}, written: 0, expires: 1, staticKey: null, cookie: null }
    // The session does not count as damaged, which would log everybody out.
    expect(() => convertedOf(source, old)).toThrow(SessionConfigError)
    expect(() => convertedOf(source, old)).toThrow(AT_ONCE)
  },
  'CleanupOptions.logger': async () => {
    const told = vi.spyOn(console, 'error').mockImplementation(() => {})
    const warn = vi.fn(late)
    const app = express()
    const sessions = createSessions({ store: memoryStore() })
    app.use(cleanupRoutes(sessions, { caller: localOnly(), logger: { warn } }))
    const server = app.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = server.address() as AddressInfo
    const { status } = await fetch(`http://127.0.0.1:${port}/cron`, {
      headers: { 'X-Forwarded-For': '192.0.2.1' },
    })
    server.close()
    expect(status).toBe(403)
    await turn()
    expect(warn).toHaveBeenCalled()
    expect(told).toHaveBeenCalledOnce()
    told.mockRestore()
  },
  'LocalTasksOptions.sleep': async () => {
    const tasks = localTasks({ sleep: late })
    tasks.connect?.(async () => {})
    await expect(tasks.add({ name: 'a', body: {}, delay: 10 })).rejects.toThrow('of the app')
  },
  'CloudTasksOptions.now': async () => {
    const queue = cloudTasks({ ...QUEUE, client: { createTask: async () => [] }, now: late })
    await expect(queue.add({ name: 'a', body: {}, delay: 10 })).rejects.toThrow(AT_ONCE)
  },
  'CloudTasksOptions.sleep': async () => {
    const createTask = async () => Promise.reject(Object.assign(new Error('away'), { code: 14 }))
    const queue = cloudTasks({ ...QUEUE, client: { createTask }, sleep: late })
    await expect(queue.add({ name: 'a', body: {} })).rejects.toThrow('of the app')
  },
  'CloudTasksOptions.client': async () => {
    const queue = cloudTasks({ ...QUEUE, client: { createTask: late }, sleep: async () => {} })
    await expect(queue.add({ name: 'a', body: {} })).rejects.toThrow()
    await queue.close()
  },
  'DatastoreStoreOptions.client': async () => {
    for (const initialize of [late, async () => {}]) {
      const client = { lookup: late, commit: late, runQuery: late, initialize, close: late }
      const store = datastoreStore({ client, projectId: 'p' })
      await expect(createSessions({ store }).ready()).rejects.toThrow()
      await store.close()
    }
  },
  'ConsoleOptions.allow': async () => {
    const { get } = await consoleApp({ allow: late })
    expect((await get('/')).status).toBe(403)
  },
  'ConsoleOptions.logger': async () => {
    const told = vi.spyOn(console, 'error').mockImplementation(() => {})
    const { get } = await consoleApp({ allow: () => false, logger: { warn: late } })
    expect((await get('/')).status).toBe(403)
    await turn()
    expect(told).toHaveBeenCalledOnce()
    told.mockRestore()
  },
  'IapOptions.client': async () => {
    const client = { getIapPublicKeys: late, verifySignedJwtWithCertsAsync: late }
    const allow = iap({ audience: '/projects/1/apps/a', users: ['a@b.c'], client })
    const rawHeaders = ['X-Goog-IAP-JWT-Assertion', 'eyJhbGciOiJFUzI1NiJ9.e30.x']
    await expect(allow({ rawHeaders } as never)).rejects.toThrow('could not be verified')
  },
  'IapOptions.users': async () => {
    const aud = '/projects/1/apps/a'
    const payload = { aud, iss: 'https://cloud.google.com/iap', email: 'a@b.c' }
    const client = {
      getIapPublicKeys: async () => ({ pubkeys: {} }),
      verifySignedJwtWithCertsAsync: async () => ({ getPayload: () => payload }),
    }
    const allow = iap({ audience: aud, users: late, client })
    const rawHeaders = ['X-Goog-IAP-JWT-Assertion', 'eyJhbGciOiJFUzI1NiJ9.e30.x']
    await expect(allow({ rawHeaders } as never)).rejects.toThrow('of the app')
  },
  'OidcOptions.client': async () => {
    const client = { verifyIdToken: late }
    const caller = oidc({ audience: 'a', serviceAccounts: ['a@b.iam.gserviceaccount.com'], client })
    const headers = { authorization: 'Bearer a.b.c' }
    await expect(caller.check({ headers } as never, 'task')).rejects.toThrow()
  },
  'MemoryStoreOptions.now': async () => {
    const app = createSessions({ store: memoryStore({ now: late, maxSessions: 1 }) })
    for (const _ of [1, 2]) {
      const one = await app.open({ secure: true }).load()
      one.set('n', 1)
      await app.commit(one).catch((error: Error) => expect(error.message).toMatch(AT_ONCE))
    }
  },
  'CookieSessionsOptions.now': async () => {
    const { visit } = cookieApp({ now: late })
    await expect(visit(undefined, (one) => one.set('n', 1))).rejects.toThrow(AT_ONCE)
  },
  'CookieSessionsOptions.randomBytes': async () => {
    const { visit } = cookieApp({ randomBytes: late })
    await expect(visit(undefined, (one) => one.set('n', 1))).rejects.toThrow(AT_ONCE)
  },
  'CookieSessionsOptions.validate': async () => {
    const validate = { '~standard': { version: 1 as const, vendor: 'own', validate: late } }
    const keys = [newKey()]
    const { cookie } = await cookieApp({ keys }).visit(undefined, (one) => one.set('n', 1))
    const loaded = cookieApp({ keys, validate }).visit(cookie)
    await expect(loaded).rejects.toThrow('the option "validate" threw')
  },
  'CookieSessionsOptions.logger': async () => {
    const told = vi.spyOn(console, 'error').mockImplementation(() => {})
    const warn = vi.fn(late)
    const sessions = createCookieSessions({ keys: [newKey()], logger: { warn } })
    const forbidden = sessions.open({ secure: false })
    await forbidden.load()
    forbidden.set('n', 1)
    await sessions.commit(forbidden)
    await turn()
    expect(warn).toHaveBeenCalled()
    expect(told.mock.calls).toEqual([
      [expect.stringContaining('the logger of the app failed'), { problem: 'of the app' }],
    ])
    told.mockRestore()
  },
  'WatchOptions.onError': async () => {
    const warn = vi.fn()
    const store = failingStore(memoryStore())
    const sessions = createSessions({ store, sleep: async () => {}, logger: { warn } })
    store.failAlways('before')
    sessions.watchSession('k'.repeat(43) as SessionKey, () => {}, { every: '1s', onError: late })
    await until(() => warn.mock.calls.length > 1)
    expect(warn.mock.calls).toContainEqual([
      'onError of watchSession() failed',
      { error: 'of the app' },
    ])
    await sessions.close()
  },
  'CookieJarOptions.now': () => {
    const jar = cookieJar({ now: late })
    expect(() => jar.set('a=1; Max-Age=5', 'http://localhost/')).toThrow(AT_ONCE)
  },
}

/** The error of a request to an app that opens sessions by their id. */
async function answered(options: SessionMiddlewareOptions): Promise<string> {
  const app = express()
  app.use(sessionMiddleware(createSessions({ cookie: { secure: false } }), options))
  app.get('/', (req, res) => {
    req.session.set('n', 1)
    res.send('done')
  })
  const failed: ErrorRequestHandler = (error, _req, res, _next) => {
    res.send((error as Error).message)
  }
  app.use(failed)
  const server = app.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const text = await (await fetch(`http://127.0.0.1:${port}/`)).text()
  server.close()
  return text
}

const QUEUE = { queue: 'q', location: 'l', projectId: 'p', target: { appEngine: {} } } as never as {
  queue: string
  target: { appEngine: { relativeUri: string } }
}

describe('a function of the app that is written with async and fails', () => {
  test.each(Object.keys(CASES))('%s', async (name) => {
    await CASES[name]?.()
    await turn()
    expect(unheard.splice(0)).toEqual([])
  })

  test('has a case for each option that is a function or contains functions', () => {
    const named = functionsOfOptions()
    expect(named).toContain('SessionsOptions.logger')
    expect(named.filter((name) => !(name in CASES) && !NOT_HANDED.includes(name))).toEqual([])
  })
})

/**
 * Options without a case: objects that this package creates, stores, which have a contract, options with another test
 * (express-session/user-of), options of createSessions() that another function passes on, and options of the contract
 * of adapters.
 */
const NOT_HANDED = [
  'AdapterContractOptions.makeSessions',
  'CookieSessionsOptions.logger',
  'CookieSessionsOptions.now',
  'CookieSessionsOptions.randomBytes',
  'CookieSessionsOptions.validate',
  'CleanupOptions.caller',
  'StoredSessionsOptions.userOf',
  'SessionsOptions.store',
  'SessionsOptions.legacy',
  'StoredSessionsOptions.store',
  'DatastoreSessionStoreOptions.legacy',
]

/** The members of all option types that are functions, or objects of the app that contain functions. */
function functionsOfOptions(): string[] {
  const src = fileURLToPath(new URL('../src', import.meta.url))
  const found: string[] = []
  for (const file of readdirSync(src, { recursive: true, encoding: 'utf8' })) {
    if (!file.endsWith('.ts') || /^(?:app|cloud-tasks-server)\b/.test(file)) continue
    const text = readFileSync(`${src}/${file}`, 'utf8')
    for (const [, name = '', body = ''] of text.matchAll(
      /^export interface (\w+Options)\b[^{]*\{\n(.*?)^\}/gms,
    )) {
      for (const [, member = '', type = ''] of body.matchAll(
        /^ {2}(?:readonly )?(\w+)\??(\(.*|: .*)$/gm,
      )) {
        if (
          /=>|^\(|\b(?:SessionLogger|StandardSchema|TaskQueue|Caller|SessionStore|OldSessions|\w+Client|\w+Class|\w*Bytes|UserOf|\w*Verifier|Convert\w+)\b/.test(
            type,
          )
        ) {
          found.push(`${name}.${member}`)
        }
      }
    }
  }
  return found.sort()
}
