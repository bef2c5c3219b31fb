import express, { type ErrorRequestHandler, type RequestHandler } from 'express'
import passport from 'passport'
import { describe, expect, it } from 'vitest'
import { incidentOf } from '../src/base/common-cause.ts'
import * as ours from '../src/express/index.ts'
import * as core from '../src/index.ts'
import { environment } from './express/caller-harness.ts'
import { ask, listen } from './express/helpers.ts'
import { type Copy, copyOf } from './setup/copy.ts'

const COPIES = [
  ['an ES module', await copyOf({ format: 'esm' })],
  ['a CommonJS module', await copyOf({ format: 'cjs' })],
] as const satisfies readonly (readonly [string, Copy])[]

describe.each(COPIES)('another copy of the package, %s', (_name, other) => {
  it('recognises errors of the other copy as instances of its own classes and their base classes', () => {
    const error = new other.core.SessionStoreError('it is down')
    expect(error).toBeInstanceOf(core.SessionStoreError)
    expect(error).toBeInstanceOf(core.SessionError)
    expect(error).not.toBeInstanceOf(core.SessionGoneError)
    expect(new other.core.SessionError('x')).not.toBeInstanceOf(core.SessionStoreError)
    class Mine extends core.SessionStoreError {}
    expect(new Mine('x')).toBeInstanceOf(Mine)
    expect(new Mine('x')).toBeInstanceOf(other.core.SessionStoreError)
    expect(error).not.toBeInstanceOf(Mine)
    expect(new core.SessionStoreError('x')).not.toBeInstanceOf(Mine)
    expect(
      [null, undefined, {}, new Error('x')].some((each) => each instanceof core.SessionError),
    ).toBe(false)
  })

  it('reads from an error of a store of the other copy whether to retry', async () => {
    const store = core.memoryStore()
    const down = new other.core.SessionStoreError('it is down', {
      effect: 'none',
      retryable: false,
    })
    let finds = 0
    store.find = async () => {
      finds += 1
      throw down
    }
    const sessions = core.createSessions({ store, cookie: { secure: false } })
    const session = sessions.open({ cookie: `viur-session=${'A'.repeat(42)}A` })
    await expect(session.load()).rejects.toBe(down)
    expect(finds).toBe(1)
  })

  it('knows which failures of a store of the other copy belong to the same incident', () => {
    const error = new Error('the connection is lost')
    const incident = {}
    other.incident.markIncident(error, incident)
    expect(incidentOf(new core.SessionStoreError('x', { cause: error }))).toBe(incident)
  })

  it('runs iterators and sweeps that extend classes of the other copy', async () => {
    const seen: string[] = []
    class Mine extends other.core.QueryIter {
      static override readonly id = 'mine'
      override handleEntry(entry: core.SessionEntry): void {
        seen.push(entry.user)
      }
    }
    class Sweep extends other.core.DeleteSessionsIter {}
    const store = core.memoryStore()
    const sessions = core.createSessions({
      store,
      iterators: [Mine],
      sweep: Sweep,
      cookie: { secure: false },
    })
    const session = await sessions.open({}).load()
    await session.login('ann')
    await sessions.commit(session)
    await sessions.startIterOnQuery(Mine, { select: 'all' })
    expect(seen).toEqual(['ann'])
    expect((await sessions.startClearSessions()).state).toBe('finished')
    expect(() =>
      core.createSessions({ iterators: [other.core.QueryIter as unknown as typeof Mine] }),
    ).toThrow(core.SessionConfigError)
  })

  it('serves sessions of this copy with its middleware, and the guards of this copy see their login', async () => {
    const sessions = core.createSessions({ cookie: { secure: false } })
    const port = await serve([
      other.express.sessionMiddleware(sessions),
      ours.requireLogin({ sessions }),
    ])
    expect((await ask(port)).status).toBe(401)
    const cookie = await cookieOf(sessions)
    expect(await ask(port, { headers: { Cookie: cookie } })).toMatchObject({
      status: 200,
      body: '"ann"',
      headers: { vary: 'Cookie', 'cache-control': 'private, no-cache' },
    })
  })

  it('guards sessions that this copy serves, with each of its guards', async () => {
    const sessions = core.createSessions({ cookie: { secure: false } })
    const cookie = await cookieOf(sessions)
    const middleware = ours.sessionMiddleware(sessions)
    const guards = [
      other.express.requireLogin(),
      other.express.requireLogin({ sessions }),
      other.express.requireSecurityKey({ sessions }),
    ]
    for (const guard of guards) {
      const port = await serve([middleware, guard])
      expect((await ask(port, { headers: { Cookie: cookie } })).status).toBe(200)
      expect((await ask(port, { method: 'POST', headers: { Cookie: cookie } })).status).toBe(
        guard === guards[2] ? 403 : 200,
      )
    }
  })

  it('does nothing twice when it is mounted beside this copy for the same sessions', async () => {
    const sessions = core.createSessions({ cookie: { secure: false } })
    const one = ours.sessionMiddleware(sessions)
    const port = await serve([one, other.express.sessionMiddleware(sessions)])
    const { setCookie, status } = await ask(port, { method: 'PUT' })
    expect(status).toBe(200)
    expect(setCookie).toHaveLength(1)
  })

  it('bridges sessions of this copy to Passport, served by either copy', async () => {
    for (const server of [ours, other.express]) {
      const sessions = core.createSessions({ cookie: { secure: false } })
      const auth = new passport.Passport()
      auth.serializeUser((user, done) => done(null, user))
      auth.deserializeUser((user, done) => done(null, user as never))
      const login: RequestHandler = (req, res, next) => {
        if (req.method !== 'POST') return next()
        const { login: logIn } = req as unknown as { login: LogIn }
        logIn.call(req, 'ann', (error) => (error ? next(error) : res.send(req.session.user)))
      }
      const bridge = other.express.passportBridge(sessions, { userOf: (user) => `u-${user}` })
      const port = await serve([
        server.sessionMiddleware(sessions),
        bridge,
        auth.session() as RequestHandler,
        login,
      ])
      const answer = await ask(port, { method: 'POST' })
      expect(answer.body).toBe('u-ann')
      const [cookie = ''] = answer.setCookie[0]?.split(';') ?? []
      expect((await ask(port, { headers: { Cookie: cookie } })).body).toBe('"u-ann"')
    }
  })

  it('runs the sweep of sessions of this copy, for callers of this copy', async () => {
    environment({ NODE_ENV: 'test' })
    const sessions = core.createSessions({ cookie: { secure: false } })
    const logger = { warn() {}, error() {} }
    const routes = other.express.cleanupRoutes(sessions, { caller: ours.localOnly(), logger })
    const port = await serve([routes as unknown as RequestHandler])
    expect((await ask(port, { path: '/cron' })).status).toBe(200)
    const headers = { 'Content-Type': 'application/json' }
    const refused = await ask(port, {
      method: 'POST',
      path: '/task',
      headers,
      body: '{"no":"task"}',
    })
    expect(refused.status).toBe(400)
  })

  it('does not commit a session of this copy, and says why', async () => {
    const sessions = core.createSessions({ cookie: { secure: false } })
    const session = await sessions.open({}).load()
    const others = other.core.createSessions({ cookie: { secure: false } })
    await expect(others.commit(session)).rejects.toThrow(
      new core.SessionConfigError(
        'commit() takes a session that open() of the same createSessions() returned, not an object',
      ),
    )
  })
})

type LogIn = (user: unknown, done: (error?: unknown) => void) => void

/** An app that answers with the user, or with the message of an error. */
async function serve(handlers: readonly unknown[]): Promise<number> {
  const app = express()
  app.set('env', 'test')
  for (const handler of handlers) app.use(handler as RequestHandler)
  app.use((req, res) => {
    if (req.method === 'PUT') (req.session as core.Session<Record<string, unknown>>).set('n', 1)
    res.json(req.session.user)
  })
  const answer: ErrorRequestHandler = (error, _req, res, _next) => {
    res.status(error.status ?? 500).send(String(error.message))
  }
  app.use(answer)
  return await listen(app)
}

async function cookieOf(sessions: core.Sessions): Promise<string> {
  const session = await sessions.open({}).load()
  await session.login('ann')
  const { setCookie } = await sessions.commit(session)
  return setCookie[0]?.split(';')[0] as string
}

describe('another major of the package', async () => {
  const next = await copyOf({ format: 'esm', major: 2 })
  const SAID =
    'an object made by viur-session 2: this is viur-session 1, and all parts that an app uses must have the same major version'

  it('is named by functions of this one that get its sessions', () => {
    const sessions = next.core.createSessions({ cookie: { secure: false } })
    const uses: (() => unknown)[] = [
      () => ours.sessionMiddleware(sessions),
      () => ours.cleanupRoutes(sessions, { caller: ours.localOnly() }),
      () => ours.passportBridge(sessions, { userOf: () => 'ann' }),
      () => ours.requireLogin({ sessions }),
      () => ours.requireSecurityKey({ sessions }),
    ]
    for (const use of uses) {
      expect(use).toThrow(core.SessionConfigError)
      expect(use).toThrow(SAID)
    }
  })

  it('is named when another object that it created is given to this one', async () => {
    const sessions = core.createSessions({ cookie: { secure: false } })
    const foreign = next.core.createSessions({ cookie: { secure: false } })
    class Mine extends next.core.QueryIter {
      static override readonly id = 'mine'
      override handleEntry(): void {}
    }
    expect(() => core.createSessions({ store: next.core.memoryStore() })).toThrow(SAID)
    expect(() => core.createSessions({ iterators: [Mine] })).toThrow(SAID)
    expect(() => core.createSessions({ sweep: next.core.DeleteSessionsIter })).toThrow(SAID)
    expect(() => ours.cleanupRoutes(sessions, { caller: next.express.localOnly() })).toThrow(SAID)
    await expect(sessions.commit(foreign.open({}))).rejects.toThrow(SAID)
  })

  it('is named when its middleware has created the session of the request', async () => {
    const foreign = next.core.createSessions({ cookie: { secure: false } })
    const sessions = core.createSessions({ cookie: { secure: false } })
    const others: unknown[] = [
      ours.requireLogin(),
      ours.passportBridge(sessions, { userOf: () => 'ann' }),
      ours.sessionMiddleware(sessions),
    ]
    for (const handler of others) {
      const port = await serve([next.express.sessionMiddleware(foreign), handler])
      const { status, body } = await ask(port)
      expect(status).toBe(500)
      expect(body).toContain(SAID)
    }
  })
})
