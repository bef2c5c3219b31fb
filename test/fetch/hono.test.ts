import { randomBytes } from 'node:crypto'
import { serve } from '@hono/node-server'
import { Hono } from 'hono'
import type { AddressInfo } from 'node:net'
import type { Server } from 'node:http'
import { expect, expectTypeOf, it, onTestFinished } from 'vitest'
import { createCookieSessions } from '../../src/cookie-sessions/index.ts'
import { honoSession, type SessionVariables } from '../../src/fetch/index.ts'
import { createSessions, memoryStore, type Session, SessionStoreError } from '../../src/index.ts'
import { failingStore } from '../../src/testing/index.ts'

interface Shop {
  views?: number
}

function setup() {
  const store = failingStore(memoryStore())
  const sessions = createSessions<Shop>({ store, logger: { warn: () => {} } })
  const app = new Hono<{ Variables: SessionVariables<typeof sessions> }>()
  app.onError((error, c) => c.text(`failed: ${(error as { code?: string }).code}`, 500))
  app.use(honoSession(sessions, { trustProxy: true }))
  app.get('/count', (c) => {
    const session = c.get('session')
    expectTypeOf(session).toEqualTypeOf<Session<Shop>>()
    session.set('views', (session.get('views') ?? 0) + 1)
    c.header('Cache-Control', 'public, max-age=60')
    c.header('Set-Cookie', 'own=1', { append: true })
    return c.text(String(session.get('views')))
  })
  app.get('/login', async (c) => {
    await c.var.session.login('alice')
    return c.redirect('/who')
  })
  app.get('/who', (c) => c.json(c.var.session.user))
  app.get('/throw', (c) => {
    c.var.session.set('views', 99)
    throw new Error('boom')
  })
  app.get('/static', (c) => c.text('static'))
  return { store, sessions, app }
}

const at = (path: string, cookie = ''): Request =>
  new Request(`https://shop.example${path}`, { headers: { cookie } })

function cookieOf(response: Response): string {
  return response.headers.getSetCookie().at(-1)?.split(';', 1)[0] ?? ''
}

it('gives a Hono app its typed session, and one response with the headers of both', async () => {
  const { app } = setup()
  const first = await app.request(at('/count'))
  expect(first.headers.get('cache-control')).toBe('no-store')
  expect(first.headers.getSetCookie()).toEqual([
    'own=1',
    expect.stringContaining('__Host-viur-session='),
  ])
  expect(await first.text()).toBe('1')
  expect(await (await app.request(at('/count', cookieOf(first)))).text()).toBe('2')
  const login = await app.request(at('/login', cookieOf(first)))
  expect([login.status, login.headers.get('location')]).toEqual([302, '/who'])
  const who = await app.request(at('/who', cookieOf(login)))
  expect(await who.json()).toBe('alice')
  expect(who.headers.get('cache-control')).toBe('private, no-cache')
  expect((await app.request(at('/static'))).headers.get('vary')).toBeNull()
})

it('calls app.onError when the commit fails, and drops the changes of a handler that threw', async () => {
  const { app, store } = setup()
  const cookie = cookieOf(await app.request(at('/count')))
  store.failNext('before', {
    method: 'write',
    error: new SessionStoreError('no', { effect: 'none', retryable: false }),
  })
  const failed = await app.request(at('/count', cookie))
  expect([failed.status, await failed.text()]).toEqual([500, 'failed: ERR_SESSION_STORE'])
  expect((await app.request(at('/throw', cookie))).status).toBe(500)
  expect(await (await app.request(at('/count', cookie))).text()).toBe('2')
})

it('works behind the server of Hono for Node: over loopback, and behind a proxy', async () => {
  const { app } = setup()
  const server = await new Promise<Server>((resolve) => {
    const made = serve({ fetch: app.fetch, port: 0, hostname: '127.0.0.1' }, () =>
      resolve(made as Server),
    )
  })
  onTestFinished(() => new Promise<void>((done) => void server.close(() => done())))
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/count`
  const plain = await fetch(url, { headers: { connection: 'close' } })
  expect(cookieOf(plain)).toMatch(/^viur-session=/)
  expect(await plain.text()).toBe('1')
  const again = await fetch(url, { headers: { cookie: cookieOf(plain), connection: 'close' } })
  expect(await again.text()).toBe('2')
  const forwarded = await fetch(url, {
    headers: { 'X-Forwarded-Proto': 'https', connection: 'close' },
  })
  expect(cookieOf(forwarded)).toMatch(/^__Host-viur-session=/)
  await forwarded.text()
})

it('accepts sessions in cookies, and refuses unknown options', async () => {
  const sessions = createCookieSessions<Shop>({ keys: [{ id: 'a', key: randomBytes(32) }] })
  const app = new Hono<{ Variables: SessionVariables<typeof sessions> }>()
  app.use(honoSession(sessions))
  app.get('/', (c) => {
    const views = (c.var.session.get('views') ?? 0) + 1
    c.var.session.set('views', views)
    return c.text(String(views))
  })
  const first = await app.request(at('/'))
  expect(await (await app.request(at('/', cookieOf(first)))).text()).toBe('2')
  expect(() => honoSession(sessions, { onError: () => new Response() } as never)).toThrow(
    'has no option "onError"',
  )
  expect(() => honoSession({} as never)).toThrow(
    'honoSession() needs the result of createSessions()',
  )
})
