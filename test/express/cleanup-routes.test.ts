import { createServer } from 'node:http'
import express5 from 'express'
import express4 from 'express4'
import { describe, expect, it } from 'vitest'
import {
  appEngine,
  type CleanupOptions,
  cleanupRoutes,
  localOnly,
  sessionMiddleware,
} from '../../src/express/index.ts'
import {
  createSessions,
  DeleteSessionsIter,
  QueryIter,
  SessionConfigError,
  SessionStoreError,
  type Task,
  type TaskQueue,
} from '../../src/index.ts'
import { sampleRecord } from '../../src/testing/index.ts'
import { BODIES, DOUBLE_SLASHES, OTHER_METHODS, OTHER_PATHS, type Path } from '../corpus/callers.ts'
import { call, environment, type Routes, serveRoutes } from './caller-harness.ts'
import { frameworks, listen, started, wire } from './helpers.ts'

const JSON_TYPE = { 'Content-Type': 'application/json' }
const UNKNOWN_TASK = JSON.stringify({ v: 1, run: 'none', step: 1 })

/** A queue that keeps tasks for the test to deliver. */
function realQueue(): TaskQueue & { tasks: Task[] } {
  const tasks: Task[] = []
  return {
    tasks,
    add: async (task) => {
      if (tasks.some(({ name }) => name === task.name)) return 'exists'
      tasks.push(task)
      return 'added'
    },
  }
}

async function fill(routes: Routes, count: number): Promise<void> {
  const expires = routes.clock.now() - 2 * 60 * 60 * 1000
  const created = expires - 60 * 60 * 1000
  await routes.store.writeEach(
    Array.from({ length: count }, () => ({
      kind: 'insert',
      record: sampleRecord({ created, lastSeen: created, expires }),
    })),
  )
  routes.store.clearCalls()
}

function post(routes: Routes, task: Task | undefined) {
  const body = JSON.stringify(task?.body)
  return routes.call('/task', { method: 'POST', headers: JSON_TYPE, body })
}

describe.each(frameworks)('cleanupRoutes() under %s', (_name, express) => {
  it('sweeps in the request of /cron without a real queue, and answers with the result', async () => {
    const routes = await serveRoutes({ caller: localOnly(), express })
    await fill(routes, 30)
    const reply = await routes.call('/cron')
    expect(reply.status).toBe(200)
    expect(JSON.parse(reply.body)).toEqual({
      id: expect.any(String),
      state: 'finished',
      scanned: 30,
      ended: 30,
      skipped: 0,
      failed: 0,
      observersFailed: 0,
      securityKeys: 0,
    })
    expect(reply.headers).toMatchObject({
      'cache-control': 'no-store',
      'content-type': 'application/json; charset=utf-8',
    })
    const status = await routes.call('/status')
    expect(status.status).toBe(200)
    expect(status.headers['cache-control']).toBe('no-store')
    expect(JSON.parse(status.body)).toMatchObject({
      store: 'reachable',
      backlog: 0,
      lastSweep: { state: 'finished', ended: 30 },
    })
  })

  it('adds a task to a real queue, and runs its tasks', async () => {
    const tasks = realQueue()
    const routes = await serveRoutes({ caller: localOnly(), express, sessions: { tasks } })
    await fill(routes, 30)
    const reply = await routes.call('/cron')
    expect(reply.status).toBe(202)
    expect(JSON.parse(reply.body)).toMatchObject({ state: 'running', ended: 0 })
    expect(tasks.tasks).toHaveLength(1)
    const [task] = tasks.tasks
    expect(await post(routes, task)).toMatchObject({ status: 200, body: '{"outcome":"finished"}' })
    expect(JSON.parse((await routes.call('/status')).body)).toMatchObject({
      backlog: 0,
      lastSweep: { state: 'finished', ended: 30 },
    })
    expect(await post(routes, task)).toMatchObject({ status: 200, body: '{"outcome":"finished"}' })
    expect(tasks.tasks).toHaveLength(1)
  })

  it('starts one run for two calls at once', async () => {
    const tasks = realQueue()
    const routes = await serveRoutes({ caller: localOnly(), express, sessions: { tasks } })
    const replies = await Promise.all([routes.call('/cron'), routes.call('/cron')])
    expect(replies.map(({ status }) => status).sort()).toEqual([200, 202])
    expect(replies.map(({ body }) => JSON.parse(body).state as string).sort()).toEqual([
      'already-running',
      'running',
    ])
    expect(tasks.tasks).toHaveLength(1)
  })

  it('answers a second call at once while the first one works in its request', async () => {
    const routes = await serveRoutes({ caller: localOnly(), express })
    await fill(routes, 5)
    const gate = routes.store.hold({ method: 'writeEach' })
    const first = routes.call('/cron')
    await gate.reached
    const second = await routes.call('/cron')
    expect(second.status).toBe(200)
    expect(JSON.parse(second.body)).toMatchObject({ state: 'already-running' })
    gate.release()
    expect(JSON.parse((await first).body)).toMatchObject({ state: 'finished', ended: 5 })
  })

  it.each(BODIES)('answers $status to a task with $name', async ({ body, headers, status }) => {
    const routes = await serveRoutes({ caller: localOnly(), express })
    const reply = await routes.call('/task', {
      method: 'POST',
      headers: { ...JSON_TYPE, ...headers },
      body,
    })
    expect(reply.status).toBe(status)
    expect(reply.body.length).toBeLessThan(60)
    if (status !== 200) expect(routes.store.calls).toEqual([])
    expect(routes.logged).toHaveLength(status === 200 ? 0 : 1)
  })

  it.each(OTHER_METHODS)('answers 405 to $method $path', async ({ path, method }) => {
    const routes = await serveRoutes({ caller: localOnly(), express })
    const reply = await routes.call(path, { method, headers: JSON_TYPE })
    expect(reply.status).toBe(405)
    expect(reply.headers.allow).toBe(path === '/task' ? 'POST' : 'GET')
    expect(reply.headers['cache-control']).toBe('no-store')
    expect(routes.store.calls).toEqual([])
  })

  it.each(OTHER_METHODS)(
    'refuses an unknown caller of $method $path before anything else',
    async (one) => {
      const routes = await serveRoutes({ caller: appEngine(), express })
      const reply = await routes.call(one.path, { method: one.method })
      expect(reply.status).toBe(403)
      expect(reply.headers.allow).toBeUndefined()
      expect(routes.store.calls).toEqual([])
    },
  )

  it.each(OTHER_PATHS)('leaves %j to the app', async (path) => {
    for (const caller of [localOnly(), appEngine()]) {
      const routes = await serveRoutes({ caller, express })
      for (const method of ['GET', 'POST']) {
        const reply = await routes.call(path, { method })
        expect(reply).toMatchObject({ status: 404, body: 'elsewhere' })
      }
      expect(routes.store.calls).toEqual([])
    }
  })

  it.each(DOUBLE_SLASHES)('admits no caller by %s', async (path) => {
    const routes = await serveRoutes({ caller: appEngine(), express })
    for (const method of ['GET', 'POST']) {
      expect([403, 404]).toContain((await routes.call(path, { method })).status)
    }
    expect(routes.store.calls).toEqual([])
  })

  it.each(['/', '/_sessions', '/a/b/c', '/UPPER', '/with%20space'])(
    'checks the caller wherever it is mounted: %s',
    async (at) => {
      const refusing = await serveRoutes({ caller: appEngine(), express, at })
      const serving = await serveRoutes({ caller: localOnly(), express, at })
      for (const path of [
        '/cron',
        '/cron?x=1',
        '/cron?/status',
        '/status',
        '/status?_method=HEAD',
      ]) {
        expect((await refusing.call(path)).status).toBe(403)
        expect((await serving.call(path)).status).toBe(200)
      }
    },
  )

  it('ignores all ways to override the sent method', async () => {
    const routes = await serveRoutes({ caller: localOnly(), express })
    const headers = { 'X-HTTP-Method-Override': 'GET', 'X-Method-Override': 'GET' }
    const body = '_method=GET'
    for (const path of ['/cron', '/cron?_method=GET', '/status?_method=GET']) {
      expect((await routes.call(path, { method: 'POST', headers, body })).status).toBe(405)
    }
    const override = { 'X-HTTP-Method-Override': 'POST', ...JSON_TYPE }
    expect((await routes.call('/task?_method=POST', { headers: override })).status).toBe(405)
    expect(routes.store.calls).toEqual([])
  })

  it.each<[Path, string, string]>([
    ['/cron', 'POST', 'GET'],
    ['/task', 'GET', 'POST'],
    ['/cron', 'GET', 'POST'],
  ])('refuses %s when sent as %s and overridden to %s', async (path, method, overridden) => {
    const routes = await serveRoutes({
      caller: localOnly(),
      express,
      before: [
        (req, _res, next) => {
          Object.assign(req, { originalMethod: req.method })
          req.method = overridden
          next()
        },
      ],
    })
    expect((await routes.call(path, { method, headers: JSON_TYPE })).status).toBe(405)
    expect(routes.store.calls).toEqual([])
  })

  it.each([
    ['express.json()', express.json()],
    ['express.urlencoded(), which leaves JSON alone', express.urlencoded({ extended: false })],
    ['express.text()', express.text({ type: 'application/json' })],
    ['express.raw()', express.raw({ type: 'application/json' })],
  ])('takes the body when %s was first', async (_parser, parser) => {
    const routes = await serveRoutes({ caller: localOnly(), express, before: [parser] })
    const options = { method: 'POST', headers: JSON_TYPE }
    expect((await routes.call('/task', { ...options, body: UNKNOWN_TASK })).status).toBe(200)
    expect((await routes.call('/task', { ...options, body: '{"v":2}' })).status).toBe(400)
    expect((await routes.call('/task', { ...options })).status).toBe(400)
    const plain = { method: 'POST', headers: { 'Content-Type': 'text/plain' }, body: UNKNOWN_TASK }
    expect((await routes.call('/task', plain)).status).toBe(415)
  })

  it('works after the session middleware, and before it', async () => {
    const sessions = createSessions()
    const app = express()
    app.use(sessionMiddleware(sessions))
    app.use('/_sessions', cleanupRoutes(sessions, { caller: localOnly() }))
    const port = await listen(app)
    expect((await call(port, '/_sessions/cron')).status).toBe(200)
  })
})

describe('cleanupRoutes()', () => {
  it('checks the caller before the body has come', async () => {
    const routes = await serveRoutes({ caller: appEngine() })
    const raw = await wire(
      routes.port,
      'POST /_sessions/task HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 9000\r\n\r\n{',
    )
    await raw.until('{"error":"refused"}')
    expect(raw.text()).toContain('403 Forbidden')
  })

  it('answers to a body that is too large before it has ended', async () => {
    const routes = await serveRoutes({ caller: localOnly() })
    const chunk = 'x'.repeat(0x4001)
    const raw = await wire(
      routes.port,
      `POST /_sessions/task HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n4001\r\n${chunk}\r\n`,
    )
    await raw.until('{"error":"too large"}')
    expect(raw.text()).toContain('413')
  })

  it('keeps no work for a caller that leaves in the middle of the body', async () => {
    const routes = await serveRoutes({ caller: localOnly() })
    const raw = await wire(
      routes.port,
      'POST /_sessions/task HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 90\r\n\r\n{"v":1',
    )
    raw.socket.destroy()
    await raw.closed
    expect((await routes.call('/status')).status).toBe(200)
    expect(routes.logged).toEqual([])
  })

  it('answers 409 to a task that another worker has', async () => {
    const tasks = realQueue()
    const routes = await serveRoutes({ caller: localOnly(), sessions: { tasks } })
    await fill(routes, 3)
    await routes.call('/cron')
    const gate = routes.store.hold({ method: 'writeEach' })
    const first = post(routes, tasks.tasks[0])
    await gate.reached
    expect(await post(routes, tasks.tasks[0])).toMatchObject({
      status: 409,
      body: '{"outcome":"busy"}',
    })
    gate.release()
    expect((await first).status).toBe(200)
  })

  it('answers /cron with 500 when handleError() has ended the sweep', async () => {
    class Broken extends DeleteSessionsIter {
      override handleEntry(): void {
        throw new Error('broken')
      }
      override handleError(): boolean {
        return false
      }
    }
    const routes = await serveRoutes({ caller: localOnly(), sessions: { sweep: Broken } })
    await fill(routes, 1)
    const reply = await routes.call('/cron')
    expect(reply.status).toBe(500)
    expect(JSON.parse(reply.body)).toMatchObject({ state: 'failed', scanned: 1, failed: 1 })
  })

  it('runs a chain of tasks, one after the other', async () => {
    class Slow extends QueryIter {
      static override readonly id = 'Slow'
      static override readonly pageSize = 2
      override handleEntry(): void {
        routes.clock.advance('2m')
      }
    }
    const tasks = realQueue()
    const routes: Routes = await serveRoutes({
      caller: localOnly(),
      sessions: { tasks, iterators: [Slow as typeof DeleteSessionsIter], lifetime: '2d' },
    })
    const now = routes.clock.now()
    await routes.store.writeEach(
      Array.from({ length: 5 }, () => ({
        kind: 'insert',
        record: sampleRecord({ created: now, lastSeen: now, expires: now + 86_400_000 }),
      })),
    )
    await routes.sessions.startIterOnQuery(Slow as typeof DeleteSessionsIter, { select: 'all' })
    const outcomes: string[] = []
    for (let at = 0; at < tasks.tasks.length; at++) {
      outcomes.push(JSON.parse((await post(routes, tasks.tasks[at])).body).outcome as string)
    }
    expect(outcomes).toEqual(['handed-on', 'handed-on', 'handed-on', 'finished'])
    expect(JSON.parse((await routes.call('/status')).body).runs).toMatchObject([
      { iterator: 'Slow', state: 'finished', scanned: 5 },
    ])
  })

  it('answers 503 while the store is down, so that scheduler and queue try again', async () => {
    const tasks = realQueue()
    const routes = await serveRoutes({ caller: localOnly(), sessions: { tasks } })
    await routes.call('/cron')
    const up = routes.store.failAlways('before')
    for (const reply of [await routes.call('/cron'), await post(routes, tasks.tasks[0])]) {
      expect(reply).toMatchObject({ status: 503, body: '{"error":"failed"}' })
    }
    expect(routes.logged).toHaveLength(2)
    const status = await routes.call('/status')
    expect(status.status).toBe(503)
    expect(JSON.parse(status.body)).toMatchObject({ store: 'unreachable' })
    up()
    expect((await post(routes, tasks.tasks[0])).status).toBe(200)
    expect((await routes.call('/cron')).status).toBe(202)
  })

  it('answers 500 without details to an error that a retry does not resolve', async () => {
    const routes = await serveRoutes({ caller: localOnly() })
    const error = new SessionStoreError('the secret is 42', { retryable: false })
    routes.store.failNext('before', { error })
    expect(await routes.call('/cron')).toMatchObject({ status: 500, body: '{"error":"failed"}' })
    routes.store.failNext('before', { error: new TypeError('boom') })
    expect(await routes.call('/cron')).toMatchObject({ status: 500, body: '{"error":"failed"}' })
    routes.store.failNext('before', { error: 'no error at all' })
    expect(await routes.call('/cron')).toMatchObject({ status: 500, body: '{"error":"failed"}' })
  })

  it('answers 500 when this process has no observers, but another one does', async () => {
    const routes = await serveRoutes({ caller: localOnly(), sessions: { events: true } })
    expect((await routes.call('/cron')).status).toBe(500)
    expect(JSON.stringify(routes.logged)).toContain('onDelete')
  })

  it('continues in the next call after a failure, and after the budget is used', async () => {
    const routes = await serveRoutes({ caller: localOnly(), budget: 1 })
    await fill(routes, 20)
    routes.store.failNext('before', { method: 'writeEach' })
    expect((await routes.call('/cron')).status).toBe(503)
    let ended = 0
    for (let calls = 0; calls < 40; calls++) {
      const reply = JSON.parse((await routes.call('/cron')).body)
      ended = reply.ended as number
      if (reply.state === 'finished') break
      expect(reply.state).toBe('already-running')
    }
    expect(ended).toBe(20)
  })

  it('works up to its budget, and the next call continues', async () => {
    const routes: Routes = await serveRoutes({
      caller: localOnly(),
      budget: '1m',
      sessions: { events: true },
    })
    routes.sessions.onDelete(() => routes.clock.advance('30s'))
    await fill(routes, 6)
    const first = await routes.call('/cron')
    expect(first.status).toBe(202)
    const states = [JSON.parse(first.body).state as string]
    while (states.at(-1) !== 'finished' && states.length < 20) {
      states.push(JSON.parse((await routes.call('/cron')).body).state as string)
    }
    expect(states.length).toBeGreaterThan(1)
    expect(states.at(-1)).toBe('finished')
    expect(JSON.parse((await routes.call('/status')).body)).toMatchObject({
      backlog: 0,
      lastSweep: { ended: 6 },
    })
  })

  it('logs a reason of a refusal once a minute, for all callers', async () => {
    const routes = await serveRoutes({ caller: appEngine() })
    for (let calls = 0; calls < 20; calls++) await routes.call('/cron')
    expect(routes.logged).toEqual([
      ['a caller was refused', expect.objectContaining({ caller: 'appEngine', purpose: 'cron' })],
    ])
    environment({ GAE_ENV: 'standard' })
    for (let calls = 0; calls < 20; calls++) await routes.call('/cron')
    expect(routes.logged).toHaveLength(2)
  })

  it('serves a plain http server', async () => {
    const routes = cleanupRoutes(createSessions(), { caller: localOnly() })
    const port = await started(
      createServer((req, res) => routes(req, res, () => res.writeHead(404).end())),
    )
    expect((await call(port, '/cron')).status).toBe(200)
    expect((await call(port, '/other')).status).toBe(404)
  })

  it.each<[string, unknown]>([
    ['nothing', undefined],
    ['null', null],
    ['no caller', {}],
    ['caller undefined', { caller: undefined }],
    ['caller null', { caller: null }],
    ['the name of one', { caller: 'appEngine' }],
    ['the function that makes one', { caller: appEngine }],
    ['a look-alike', { caller: { name: 'appEngine', check: async () => {} } }],
    ['a copy', { caller: { ...appEngine() } }],
    ['an object that inherits from one', { caller: Object.create(appEngine()) }],
    ['a budget of 0', { caller: localOnly(), budget: 0 }],
    ['a budget that is none', { caller: localOnly(), budget: 'soon' }],
    ['a logger that is none', { caller: localOnly(), logger: {} }],
    ['another option', { caller: localOnly(), callers: [] }],
  ])('throws at construction for %s', (_name, options) => {
    expect(() => cleanupRoutes(createSessions(), options as CleanupOptions)).toThrow(
      SessionConfigError,
    )
  })

  it.each([undefined, null, {}, memoryLike()])(
    'throws for an object that is not sessions',
    (sessions) => {
      expect(() => cleanupRoutes(sessions as never, { caller: localOnly() })).toThrow(
        SessionConfigError,
      )
    },
  )

  it('makes callers that cannot be changed', () => {
    expect(() => Object.assign(appEngine(), { check: async () => {} })).toThrow(TypeError)
  })

  it('is a handler of both', () => {
    const routes = cleanupRoutes(createSessions(), { caller: localOnly() })
    expect(() => express4().use(routes)).not.toThrow()
    expect(() => express5().use(routes)).not.toThrow()
  })
})

function memoryLike(): unknown {
  return { handleTask: () => {}, status: () => {} }
}
