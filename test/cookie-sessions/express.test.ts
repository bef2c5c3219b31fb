import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import express, { type ErrorRequestHandler } from 'express'
import express4 from 'express4'
import { afterEach, describe, expect, expectTypeOf, it } from 'vitest'
import {
  type CookieSession,
  type CookieSessions,
  createCookieSessions,
} from '../../src/cookie-sessions/index.ts'
import {
  cleanupRoutes,
  localOnly,
  requireLogin,
  requireSameOrigin,
  requireSecurityKey,
  sessionMiddleware,
} from '../../src/express/index.ts'
import { createSessions, type Session } from '../../src/index.ts'
import { cookieJar } from '../../src/testing/index.ts'
import { newKey } from './harness.ts'

const servers: Server[] = []

afterEach(() => {
  for (const server of servers.splice(0)) server.close()
})

/** A small app on cookie sessions, and a visitor. */
async function site(framework: typeof express) {
  const sessions = createCookieSessions({
    keys: [newKey()],
    cookie: { secure: false },
    persistentFieldsOnLogin: ['n'],
  })
  const errors: unknown[] = []
  const app = framework()
  app.set('env', 'test')
  app.use(sessionMiddleware(sessions))
  app.use(requireSameOrigin())
  app.get('/plain', (_req, res) => void res.send('plain'))
  app.get('/count', (req, res) => {
    req.session.set('n', Number(req.session.get('n') ?? 0) + 1)
    res.send(String(req.session.get('n')))
  })
  app.get('/large', (req, res) => {
    req.session.set('x', 'x'.repeat(5000))
    res.send('stored')
  })
  app.post('/login', (req, res, next) => {
    req.session.login('alice').then(() => res.send('in'), next)
  })
  app.post('/logout', (req, res, next) => {
    req.session.logout().then(() => res.send('out'), next)
  })
  app.get('/mine', requireLogin({ sessions }), (req, res) => {
    res.send(sessions.of(req).user)
  })
  app.post('/keyed', requireSecurityKey(), (_req, res) => void res.send('never'))
  const onError: ErrorRequestHandler = (error, _req, res, _next) => {
    errors.push(error)
    res.status((error as { status?: number }).status ?? 500).send('error')
  }
  app.use(onError)
  const server = app.listen(0, '127.0.0.1')
  servers.push(server)
  await new Promise((resolve) => server.once('listening', resolve))
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const jar = cookieJar()
  return {
    errors,
    async ask(path: string, method = 'GET') {
      const cookie = jar.header(`${url}${path}`)
      const headers = { 'Sec-Fetch-Site': 'same-origin', ...(cookie && { cookie }) }
      const response = await fetch(`${url}${path}`, { method, headers })
      jar.set(response.headers.getSetCookie(), `${url}${path}`)
      return { status: response.status, headers: response.headers, body: await response.text() }
    },
  }
}

describe.each([
  ['Express 5', express],
  ['Express 4', express4 as unknown as typeof express],
])('sessions in cookies on %s', (_name, framework) => {
  it('are mounted by sessionMiddleware(), with its headers, and guarded by requireLogin()', async () => {
    const { ask, errors } = await site(framework)
    const plain = await ask('/plain')
    expect(plain.headers.getSetCookie()).toEqual([])
    expect(plain.headers.get('vary')).toBeNull()
    expect((await ask('/mine')).status).toBe(401)
    expect((await ask('/count')).body).toBe('1')
    const second = await ask('/count')
    expect(second.body).toBe('2')
    expect(second.headers.get('cache-control')).toBe('no-store')
    expect(second.headers.get('vary')).toBe('Cookie')
    expect(second.headers.getSetCookie()).toHaveLength(1)
    expect((await ask('/login', 'POST')).status).toBe(200)
    const mine = await ask('/mine')
    expect(mine.body).toBe('alice')
    expect(mine.headers.get('cache-control')).toBe('private, no-cache')
    expect(mine.headers.getSetCookie()).toEqual([])
    expect((await ask('/count')).body).toBe('3')
    expect((await ask('/logout', 'POST')).status).toBe(200)
    expect((await ask('/mine')).status).toBe(401)
    expect(errors.every((error) => (error as { status: number }).status === 401)).toBe(true)
  })

  it('turn a response into an error when they do not fit into a cookie, and keep their former state', async () => {
    const { ask, errors } = await site(framework)
    await ask('/count')
    const large = await ask('/large')
    expect(large.status).toBe(500)
    expect(large.headers.getSetCookie()).toEqual([])
    expect(errors).toMatchObject([{ code: 'ERR_SESSION_TOO_LARGE' }])
    expect((await ask('/count')).body).toBe('2')
  })

  it('give an error when a guard needs security keys', async () => {
    const { ask, errors } = await site(framework)
    await ask('/count')
    const keyed = await ask('/keyed', 'POST')
    expect(keyed.status).toBeGreaterThanOrEqual(403)
    expect(keyed.body).toBe('error')
    expect(errors).toHaveLength(1)
  })
})

describe('the routes of sweeps', () => {
  it('have nothing to do for sessions in cookies', async () => {
    const sessions = createCookieSessions({ keys: [newKey()] })
    // @ts-expect-error: there is nothing to sweep
    const routes = () => cleanupRoutes(sessions, { caller: localOnly() })
    expect(routes).toBeTypeOf('function')
  })
})

interface Shop {
  cart: string[]
  n: number
}

describe('the types', () => {
  it('are those of a session, without what needs a server', () => {
    const typed = async (sessions: CookieSessions<Shop>, session: CookieSession<Shop>) => {
      expectTypeOf(session.get('cart')).toEqualTypeOf<string[] | undefined>()
      expectTypeOf(session.set('n', 1)).toEqualTypeOf<CookieSession<Shop>>()
      expectTypeOf(session.update({ n: 1 })).toEqualTypeOf<CookieSession<Shop>>()
      expectTypeOf(await session.load()).toEqualTypeOf<CookieSession<Shop>>()
      expectTypeOf(sessions.open({})).toEqualTypeOf<CookieSession<Shop>>()
      expectTypeOf(session.user).toEqualTypeOf<string>()
      await session.login('alice', { data: { n: 1 } })
      session.setExpiry('1h')
      session.scope<{ a: number }>('b').set('a', 1)
      // @ts-expect-error: no such key
      session.get('basket')
      // @ts-expect-error: of another type
      session.set('n', '1')
      // @ts-expect-error: there is no list that would show it
      await session.login('alice', { client: true })
      // @ts-expect-error: needs a server
      void session.getSecurityKey
      // @ts-expect-error: needs a server
      void session.getSecurityKeys
      // @ts-expect-error: needs a server
      void session.validateSecurityKey
      // @ts-expect-error: needs a server
      void session.staticSecurityKey
      // @ts-expect-error: needs a server
      void session.validateStaticSecurityKey
      // @ts-expect-error: needs a server
      void session.change
      // @ts-expect-error: needs a server
      void session.exclusive
      // @ts-expect-error: needs a server
      void sessions.killSession
      // @ts-expect-error: needs a server
      void sessions.killSessionByUser
      // @ts-expect-error: needs a server
      void sessions.listSessionsByUser
      // @ts-expect-error: needs a server
      void sessions.onDelete
      // @ts-expect-error: needs a server
      void sessions.startClearSessions
      // @ts-expect-error: the keys are needed
      createCookieSessions({})
      // @ts-expect-error: keys take its place
      createCookieSessions({ keys: [], cookie: { secrets: ['x'] } })
      sessionMiddleware(sessions)
      requireLogin({ sessions })
      sessionMiddleware(createSessions<Shop>())
    }
    expect(typed).toBeTypeOf('function')
  })

  it('hand no session on that has more', () => {
    type Handed = {
      [Name in keyof CookieSession<Shop>]: CookieSession<Shop>[Name] extends (
        ...given: never[]
      ) => infer Result
        ? Awaited<Result> extends Session<Shop>
          ? Name
          : never
        : never
    }[keyof CookieSession<Shop>]
    expectTypeOf<Handed>().toEqualTypeOf<never>()
    expect(true).toBe(true)
  })
})
