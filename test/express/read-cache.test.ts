import { EventEmitter } from 'node:events'
import type { RequestHandler } from 'express'
import { describe, expect, it } from 'vitest'
import { requireLogin, sessionMiddleware } from '../../src/express/index.ts'
import {
  ask,
  type Express,
  frameworks,
  listen,
  type Setup,
  serve,
  setup,
  storedCookie,
} from './helpers.ts'

const CACHE = { readCache: { maxAge: '10s' } } as const

async function loggedIn({ sessions }: Setup): Promise<string> {
  const session = await sessions.open({ loopback: true }).load()
  await session.login('ann')
  const { setCookie } = await sessions.commit(session)
  return (setCookie[0] as string).split(';')[0] as string
}

/** Changes by another process, which this process does not notice. */
async function endElsewhere({ store }: Setup): Promise<void> {
  const { entries } = await store.page({ by: 'all' }, { limit: 10 })
  for (const { record, version } of entries) {
    if (record !== null) await store.write({ kind: 'delete', key: record.key, version })
  }
}

function counted(made: Setup): number {
  const { finds } = made.store
  made.store.clearCalls()
  return finds
}

describe.each(frameworks)('readCache with sessionMiddleware() on %s', (_name, express) => {
  it.each(['eager', 'lazy'] as const)(
    'makes one lookup for the requests of a page, loaded %s',
    async (load) => {
      const made = setup(CACHE)
      const cookie = await storedCookie(made.sessions)
      made.clock.advance('10s')
      counted(made)
      const { port } = await serve({ express, sessions: made.sessions, load }, (async (
        req,
        res,
      ) => {
        await req.session.load()
        res.send(String(req.session.get('views')))
      }) as RequestHandler)
      for (let request = 0; request < 20; request++) {
        expect((await ask(port, { cookie })).body).toBe('1')
      }
      expect(counted(made)).toBe(1)
      for (const method of ['POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS']) {
        expect((await ask(port, { cookie, method })).status).toBe(200)
      }
      expect(counted(made)).toBe(5)
    },
  )

  it('reads the store when the sent method differs from the one that handlers see', async () => {
    const made = setup(CACHE)
    const cookie = await storedCookie(made.sessions)
    counted(made)
    const override: RequestHandler = (req, _res, next) => {
      Object.assign(req, { originalMethod: req.method, method: 'GET' })
      next()
    }
    const { port } = await serve({ express, sessions: made.sessions, before: [override] }, ((
      req,
      res,
    ) => {
      res.send(String(req.session.get('views')))
    }) as RequestHandler)
    await ask(port, { cookie, method: 'POST' })
    expect(counted(made)).toBe(1)
  })

  it.each(['eager', 'lazy'] as const)(
    'makes requireLogin() read the store, loaded %s',
    async (load) => {
      const made = setup(CACHE)
      const cookie = await loggedIn(made)
      const port = await guarded(
        express,
        made,
        load,
        requireLogin({ fresh: '1h' }) as RequestHandler,
      )
      counted(made)
      expect(await ask(port, { cookie })).toMatchObject({ status: 200, body: 'ann' })
      expect(counted(made)).toBe(1)
      await endElsewhere(made)
      expect((await ask(port, { cookie })).status).toBe(401)
    },
  )
})

async function guarded(
  express: Express,
  { sessions }: Setup,
  load: 'eager' | 'lazy',
  guard: RequestHandler,
): Promise<number> {
  const app = express()
  app.set('env', 'test')
  app.use(sessionMiddleware(sessions, { load }))
  app.use(guard)
  app.use(((req, res) => void res.send(req.session.user)) as RequestHandler)
  return await listen(app)
}

describe('readCache without a response that ends', () => {
  it.each([
    ['a WebSocket upgrade', { upgrade: true }],
    ['the handshake of socket.io', { _query: { transport: 'polling' } }],
  ])('reads the store for %s, which goes on with what it has read', async (_, signs) => {
    const made = setup(CACHE)
    const cookie = await storedCookie(made.sessions)
    counted(made)
    const socket = { remoteAddress: '127.0.0.1' }
    const req = Object.assign(new EventEmitter(), {
      method: 'GET',
      headers: { cookie },
      socket,
      ...signs,
    })
    await new Promise<unknown>((resolve) => {
      sessionMiddleware(made.sessions)(req as never, {}, resolve)
    })
    expect(made.sessions.of(req as never).get('views')).toBe(1)
    expect(counted(made)).toBe(1)
  })
})
