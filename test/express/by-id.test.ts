import type { RequestHandler, Response } from 'express'
import { describe, expect, it } from 'vitest'
import { type SessionMiddlewareOptions, sessionMiddleware } from '../../src/express/index.ts'
import { type Session, SessionConfigError } from '../../src/index.ts'
import {
  ask,
  type Answer,
  codeOf,
  type Express,
  frameworks,
  listen,
  type Setup,
  setup,
  storedCookie,
} from './helpers.ts'

const BY_ID: SessionMiddlewareOptions = {
  id: (req) => req.headers['x-session-id'],
  onId: (res, id) => void res.setHeader('X-Session-Id', id ?? ''),
}

/** Changes the session and answers as the path says. */
const handler: RequestHandler = async (req, res) => {
  const { session } = req
  const [, does, way] = req.path.split('/')
  if (does === 'set') session.set('n', 1)
  else if (does === 'read') session.get('n')
  else if (does === 'login') await session.login('alice')
  else if (does === 'logout') await session.logout()
  const body = JSON.stringify(Object.fromEntries(session.entries()))
  switch (way) {
    case 'writeHead':
      res.writeHead(200, { 'Content-Type': 'text/plain', 'X-Own': 'own' })
      res.end(body)
      break
    case 'stream':
      res.write(body.slice(0, 1))
      res.end(body.slice(1))
      break
    case 'flush':
      res.flushHeaders()
      res.end(body)
      break
    case 'cached':
      res.set('Cache-Control', 'public, max-age=60').set('Vary', 'Origin').send(body)
      break
    case 'fails':
      throw new Error('of the app')
    default:
      res.send(body)
  }
}

interface Served extends Setup {
  visit(path: string, id?: string, cookie?: string): Promise<Answer>
}

async function serve(
  express: Express,
  options: SessionMiddlewareOptions = BY_ID,
  more: (s: Setup) => RequestHandler[] = () => [],
): Promise<Served> {
  const s = setup()
  const app = express()
  app.set('env', 'test')
  for (const middleware of more(s)) app.use(middleware)
  app.use(sessionMiddleware(s.sessions, options))
  app.use((req, res, next) => {
    void Promise.resolve(handler(req, res, next)).catch(next)
  })
  app.use(((error, _req, res, _next) => {
    ;(res as Response).status(500).send(`failed: ${codeOf(error)} ${(error as Error).message}`)
  }) as import('express').ErrorRequestHandler)
  const port = await listen(app)
  return {
    ...s,
    visit: (path, id, cookie) =>
      ask(port, { path, cookie, headers: id === undefined ? {} : { 'X-Session-Id': id } }),
  }
}

describe.each(frameworks)('a client without cookies on %s', (_, express) => {
  it.each(['', '/writeHead', '/stream', '/flush'])(
    'gets its id in a header, and never a cookie%s',
    async (way) => {
      const { visit } = await serve(express)
      const first = await visit(`/set${way}`)
      expect(first.body).toBe('{"n":1}')
      const id = first.headers['x-session-id'] as string
      expect(id).toMatch(/^[A-Za-z0-9_-]{43}$/)
      expect([first.setCookie, first.headers['vary'], first.headers['cache-control']]).toEqual([
        [],
        '*',
        'no-store',
      ])
      if (way === '/writeHead') expect(first.headers['x-own']).toBe('own')
      const read = await visit(`/read${way}`, id)
      expect(read.body).toBe('{"n":1}')
      expect(read.headers).not.toHaveProperty('x-session-id')
      expect([read.setCookie, read.headers['vary'], read.headers['cache-control']]).toEqual([
        [],
        '*',
        'private, no-cache',
      ])
      const login = await visit(`/login${way}`, id)
      const next = login.headers['x-session-id'] as string
      expect(next).toMatch(/^[A-Za-z0-9_-]{43}$/)
      expect(next).not.toBe(id)
      expect((await visit('/read', id)).body).toBe('{}')
      const out = await visit(`/logout${way}`, next)
      expect([out.headers['x-session-id'], out.setCookie]).toEqual(['', []])
    },
  )

  it('has no session by a cookie: no cookie is read or removed', async () => {
    const { visit, sessions } = await serve(express)
    const cookie = await storedCookie(sessions, { n: 1 })
    const page = await visit('/read', undefined, cookie)
    expect([page.body, page.setCookie]).toEqual(['{}', []])
    const out = await visit('/logout', undefined, cookie)
    expect(out.setCookie).toEqual([])
    expect((await sessions.open({ cookie, loopback: true }).load()).get('n')).toBe(1)
  })

  it('adds to the caching headers of the app, and removes those that would store an id', async () => {
    const { visit } = await serve(express)
    const first = await visit('/set/cached')
    expect([first.headers['vary'], first.headers['cache-control']]).toEqual(['*', 'no-store'])
    const id = first.headers['x-session-id'] as string
    const read = await visit('/read/cached', id)
    expect([read.headers['vary'], read.headers['cache-control']]).toEqual([
      '*',
      'public, max-age=60',
    ])
    // A page that does not use the session does not mention it.
    const none = await visit('/nothing/cached', id)
    expect(none.headers['x-session-id']).toBeUndefined()
  })

  it('gets no new id when the commit or the app fails, and drops its id when the app fails after a logout', async () => {
    const { visit, store } = await serve(express)
    const works = store.failAlways('before', { method: 'write' })
    const failed = await visit('/set')
    works()
    expect([failed.status, failed.headers['x-session-id']]).toEqual([500, undefined])
    const id = (await visit('/set')).headers['x-session-id'] as string
    const thrown = await visit('/login/fails', id)
    expect([thrown.status, thrown.headers['x-session-id']]).toEqual([500, undefined])
    const out = await visit('/logout/fails', id)
    expect([out.status, out.headers['x-session-id']]).toEqual([500, ''])
    expect((await visit('/read', id)).body).toBe('{}')
  })

  it('gets the error response when onId fails', async () => {
    const { visit } = await serve(express, {
      ...BY_ID,
      onId: () => {
        throw new Error('no such header')
      },
    })
    const page = await visit('/set')
    expect([page.status, page.body]).toEqual([500, 'failed: Error: no such header no such header'])
    expect(page.headers['vary']).toBe('*')
  })

  it('gets the error when the id cannot be read', async () => {
    for (const id of [
      () => {
        throw new Error('of the app')
      },
      () => 7 as never,
    ]) {
      const { visit } = await serve(express, { ...BY_ID, id })
      expect((await visit('/read')).status).toBe(500)
    }
  })

  it('gets an error when the same sessions were mounted by cookie before, and shares a request with others', async () => {
    const twice = await serve(express, BY_ID, ({ sessions }) => [sessionMiddleware(sessions)])
    const page = await twice.visit('/read')
    expect([page.status, page.body]).toMatchObject([
      500,
      expect.stringContaining('paths of its own'),
    ])

    const others = setup()
    const admin: RequestHandler[] = [sessionMiddleware(others.sessions, { as: 'adminSession' })]
    const beside = await serve(express, BY_ID, () => [
      ...admin,
      (req, _res, next) => {
        const { adminSession } = req as unknown as { adminSession: Session }
        adminSession.set('admin', true)
        next()
      },
    ])
    const both = await beside.visit('/set')
    expect(both.setCookie).toHaveLength(1)
    expect(both.headers['x-session-id']).toMatch(/^[A-Za-z0-9_-]{43}$/)
    expect(both.headers['vary']).toBe('*')
  })

  it('is found by of() and keyOf() of its sessions', async () => {
    let found: unknown[] = []
    const s = setup()
    const other = setup()
    const app = express()
    app.use(sessionMiddleware(s.sessions, BY_ID))
    app.get('/', async (req, res) => {
      const session = s.sessions.of(req)
      const key = s.sessions.keyOf(req)
      found = [session === req.session, session.accessed, key === null]
      expect(() => other.sessions.of(req)).toThrow(SessionConfigError)
      session.set('n', 1)
      await session.save()
      res.send(String(session.key === s.sessions.keyOf(req) || session.key))
    })
    const port = await listen(app)
    const first = await ask(port)
    expect(found).toEqual([true, false, true])
    const id = first.headers['x-session-id'] as string
    const second = await ask(port, { headers: { 'X-Session-Id': id } })
    expect([found, second.body]).toEqual([[true, false, false], 'true'])
  })
})

describe('the options id and onId', () => {
  it('go together, and are functions', () => {
    const { sessions } = setup()
    const id = () => undefined
    for (const wrong of [
      { id },
      { onId: () => {} },
      { id: 'x', onId: () => {} },
      { id, onId: 7 },
    ]) {
      expect(() => sessionMiddleware(sessions, wrong as never)).toThrow(SessionConfigError)
    }
  })
})
