import { connect } from 'node:net'
import type { ErrorRequestHandler, RequestHandler } from 'express'
import express from 'express'
import { describe, expect, it } from 'vitest'
import {
  passportBridge,
  requireLogin,
  returnTo,
  sessionMiddleware,
} from '../../src/express/index.ts'
import {
  RequestRefusedError,
  SessionConfigError,
  type Sessions,
  SessionStoreError,
} from '../../src/index.ts'
import { type Answer, ask, type Express, frameworks, listen, type Setup, setup } from './helpers.ts'

const PAGE = { Accept: 'text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8' }

interface Site extends Setup {
  readonly port: number
  readonly errors: unknown[]
  /** Counts how often a handler behind the guard ran. */
  readonly passed: () => number
}

interface SiteOptions {
  readonly framework?: Express
  readonly load?: 'eager' | 'lazy'
  readonly bridge?: boolean
  readonly rules?: Parameters<typeof requireLogin>[0]
  /** Mounts the guard under this path, in its own router. */
  readonly under?: string
  readonly handler?: RequestHandler
}

async function site(options: SiteOptions = {}): Promise<Site> {
  const { framework = express, load = 'eager', bridge = false, under, rules } = options
  const { handler = (req, res) => void res.send(req.session.user) } = options
  const made = setup()
  const errors: unknown[] = []
  let passed = 0
  const app = framework()
  app.set('env', 'test')
  app.use(sessionMiddleware(made.sessions, { load }))
  if (bridge) app.use(passportBridge(made.sessions, { userOf: () => 'ann' }))
  app.get('/login', (_req, res) => void res.send('the form'))
  app.post(
    '/login',
    framework.urlencoded({ extended: false }) as RequestHandler,
    (async (req, res, next) => {
      try {
        await req.session.login('ann')
        res.redirect(303, returnTo(req, '/home'))
      } catch (error) {
        next(error)
      }
    }) as RequestHandler,
  )
  const router = framework.Router()
  router.use(requireLogin(rules))
  router.use(((req, res, next) => {
    passed += 1
    return handler(req, res, next)
  }) as RequestHandler)
  if (under === undefined) app.use(router)
  else app.use(under, router)
  app.use(((error, _req, res, _next) => {
    errors.push(error)
    res.sendStatus(error.status ?? 500)
  }) as ErrorRequestHandler)
  return { ...made, port: await listen(app), errors, passed: () => passed }
}

async function loggedIn(sessions: Sessions): Promise<string> {
  const session = await sessions.open({ loopback: true }).load()
  await session.login('ann')
  const { setCookie } = await sessions.commit(session)
  return (setCookie[0] as string).split(';')[0] as string
}

function locationOf({ headers }: Answer): string {
  return String(headers.location)
}

/** Sends an unusual request line, and returns the answer as text. */
function raw(port: number, line: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1')
    let text = ''
    socket.on('data', (chunk) => {
      text += chunk.toString('latin1')
    })
    socket.on('error', reject)
    socket.on('close', () => resolve(text))
    socket.write(`${line}\r\nHost: shop.example\r\nAccept: text/html\r\nConnection: close\r\n\r\n`)
  })
}

describe.each(frameworks)('requireLogin() on %s', (_name, framework) => {
  it.each(['eager', 'lazy'] as const)('lets a logged-in user pass, loaded %s', async (load) => {
    const { port, sessions } = await site({ framework, load })
    const answer = await ask(port, { cookie: await loggedIn(sessions) })
    expect(answer).toMatchObject({ status: 200, body: 'ann' })
    expect(answer.headers.vary).toMatch(/Cookie/)
    expect(answer.headers['cache-control']).toBe('private, no-cache')
  })

  it.each(['eager', 'lazy'] as const)('refuses a guest with 401, loaded %s', async (load) => {
    const { port, sessions, errors, passed } = await site({ framework, load })
    const session = await sessions.open({ loopback: true }).load()
    session.set('views', 1)
    const { setCookie } = await sessions.commit(session)
    const guest = (setCookie[0] as string).split(';')[0]
    for (const cookie of [
      undefined,
      guest,
      'viur-session=junk',
      `viur-session=${'A'.repeat(43)}`,
    ]) {
      const answer = await ask(port, { cookie, headers: PAGE })
      expect(answer.status).toBe(401)
      expect(answer.headers.vary).toMatch(/Cookie/)
      expect(answer.headers['cache-control']).toMatch(/private|no-store/)
    }
    expect(errors).toHaveLength(4)
    for (const error of errors) {
      expect(error).toBeInstanceOf(RequestRefusedError)
      expect(error).toMatchObject({ status: 401, statusCode: 401, expose: false })
    }
    expect(passed()).toBe(0)
  })

  it('redirects a browser to the login, and back', async () => {
    const { port, passed, store } = await site({
      framework,
      rules: { redirect: '/login' },
      under: '/shop',
    })
    const sent = await ask(port, { path: '/shop/cart?item=a%20b&n=1', headers: PAGE })
    expect(sent.status).toBe(303)
    expect(locationOf(sent)).toBe('/login?returnTo=%2Fshop%2Fcart%3Fitem%3Da%2520b%26n%3D1')
    expect(sent.headers['cache-control']).toBe('no-store')
    expect(sent.headers.vary).toMatch(/Cookie/)
    expect(sent.setCookie).toEqual([])
    expect(store.calls.length).toBe(0)
    // A form without action sends to the same URL.
    const login = await ask(port, { path: locationOf(sent), method: 'POST' })
    expect(login.status).toBe(303)
    expect(locationOf(login)).toBe('/shop/cart?item=a%20b&n=1')
    const cookie = (login.setCookie[0] as string).split(';')[0]
    expect(await ask(port, { path: locationOf(login), cookie })).toMatchObject({
      status: 200,
      body: 'ann',
    })
    expect(passed()).toBe(1)
  })

  it('redirects only requests for a page', async () => {
    const { port } = await site({ framework, rules: { redirect: '/login' } })
    const of = async (method: string, Accept?: string) =>
      (await ask(port, { method, path: '/a', headers: Accept === undefined ? {} : { Accept } }))
        .status
    expect(await of('GET', 'text/html')).toBe(303)
    expect(await of('HEAD', 'text/html')).toBe(303)
    expect(await of('GET', 'Application/XHTML+xml;q=0.5, */*')).toBe(303)
    expect(await of('GET', 'text/html;level=1')).toBe(303)
    for (const accept of [
      undefined,
      '*/*',
      'application/json',
      'image/*',
      'text/html;q=0',
      'text/html; Q=0.000',
      'text/plain',
      '',
    ])
      expect(await of('GET', accept), accept).toBe(401)
    for (const method of ['POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'])
      expect(await of(method, 'text/html'), method).toBe(401)
  })

  it.each(['eager', 'lazy'] as const)(
    'passes on the error of a failing store, loaded %s',
    async (load) => {
      const { port, sessions, store, errors } = await site({
        framework,
        load,
        rules: { redirect: '/login' },
      })
      const cookie = await loggedIn(sessions)
      store.failAlways('before')
      const answer = await ask(port, { cookie, headers: PAGE })
      expect(answer.status).toBe(503)
      expect(answer.headers.location).toBeUndefined()
      expect(errors).toEqual([expect.any(SessionStoreError)])
    },
  )

  it('requires a new login when the last one is too old', async () => {
    const { port, sessions, clock, errors } = await site({
      framework,
      rules: { fresh: '10m', redirect: '/login' },
    })
    const cookie = await loggedIn(sessions)
    clock.advance(10 * 60_000)
    expect((await ask(port, { cookie })).status).toBe(200)
    clock.advance(1)
    expect((await ask(port, { cookie })).status).toBe(401)
    expect(String(errors[0])).toMatch(/too old/)
    const sent = await ask(port, { cookie, path: '/pay', headers: PAGE })
    expect(sent.status).toBe(303)
    const login = await ask(port, { cookie, path: locationOf(sent), method: 'POST' })
    expect(locationOf(login)).toBe('/pay')
    const fresh = (login.setCookie[0] as string).split(';')[0]
    expect((await ask(port, { cookie: fresh, path: '/pay' })).status).toBe(200)
  })

  it('sees the session behind the bridge for Passport', async () => {
    const { port, sessions } = await site({ framework, load: 'lazy', bridge: true })
    expect((await ask(port)).status).toBe(401)
    expect((await ask(port, { cookie: await loggedIn(sessions) })).status).toBe(200)
  })

  it.each([
    ['an absolute form', 'GET http://evil.example/ HTTP/1.1'],
    ['an absolute form of our own', 'GET http://shop.example/a HTTP/1.1'],
    ['two slashes', 'GET //evil.example/ HTTP/1.1'],
    ['a backslash', 'GET /\\evil.example/ HTTP/1.1'],
    ['a long path', `GET /${'a'.repeat(2000)} HTTP/1.1`],
  ])('sends along no way back for %s', async (_, line) => {
    const { port } = await site({ framework, rules: { redirect: '/login' } })
    const answer = await raw(port, line)
    expect(answer).toMatch(/^HTTP\/1\.1 303 /)
    expect(answer).toMatch(/\r\nLocation: \/login\r\n/)
  })

  it('sets caching headers only when handlers set none', async () => {
    const said = await site({
      framework,
      handler: (_req, res) => void res.set('Cache-Control', 'private, max-age=60').send('x'),
    })
    const cookie = await loggedIn(said.sessions)
    expect((await ask(said.port, { cookie })).headers['cache-control']).toBe('private, max-age=60')
    const files = await site({
      framework,
      handler: framework.static(import.meta.dirname, { maxAge: '1d' }) as RequestHandler,
    })
    const answer = await ask(files.port, {
      path: '/helpers.ts',
      cookie: await loggedIn(files.sessions),
    })
    expect(answer.status).toBe(200)
    expect(answer.headers['cache-control']).toBe('private, no-cache')
  })

  it('gives an error when it guards the page that it redirects to', async () => {
    const made = setup()
    const errors: unknown[] = []
    const app = framework()
      .use(sessionMiddleware(made.sessions), requireLogin({ redirect: '/sign/in?x=1' }))
      .use(((error, _req, res, _next) => {
        errors.push(error)
        res.sendStatus(500)
      }) as ErrorRequestHandler)
    const port = await listen(app)
    expect((await ask(port, { path: '/sign/in?returnTo=%2Fa', headers: PAGE })).status).toBe(500)
    expect(errors).toEqual([expect.any(SessionConfigError)])
    expect((await ask(port, { path: '/sign', headers: PAGE })).status).toBe(303)
  })

  it('gives an error when there is no session', async () => {
    const errors: unknown[] = []
    const port = await listen(
      framework()
        .use(requireLogin())
        .use(((error, _req, res, _next) => {
          errors.push(error)
          res.sendStatus(500)
        }) as ErrorRequestHandler),
    )
    expect((await ask(port)).status).toBe(500)
    expect(errors).toEqual([expect.any(SessionConfigError)])
  })
})

describe('requireLogin()', () => {
  it('keeps query and fragment of the path of redirect', async () => {
    const { port } = await site({ rules: { redirect: '/login?lang=de#form' } })
    const sent = await ask(port, { path: '/a?b', headers: PAGE })
    expect(locationOf(sent)).toBe('/login?lang=de&returnTo=%2Fa%3Fb#form')
  })

  it('works on a plain server', async () => {
    const { sessions } = setup()
    const middleware = sessionMiddleware(sessions, { load: 'lazy' })
    const guard = requireLogin({ redirect: '/login' })
    const port = await listen((req, res) =>
      middleware(req, res, () =>
        guard(req, res, (error) => res.end(error === undefined ? 'in' : 'out')),
      ),
    )
    expect(locationOf(await ask(port, { path: '/a', headers: PAGE }))).toBe('/login?returnTo=%2Fa')
    expect((await ask(port, { path: '/a' })).body).toBe('out')
    expect((await ask(port, { cookie: await loggedIn(sessions) })).body).toBe('in')
  })

  it.each([
    [{ redirect: 'login' }],
    [{ redirect: '' }],
    [{ redirect: 'https://evil.example/' }],
    [{ redirect: '//evil.example' }],
    [{ redirect: '/login?returnTo=/a' }],
    [{ redirect: null }],
    [{ fresh: 0 }],
    [{ fresh: '10' }],
    [{ fresh: -1 }],
    [{ fresh: null }],
  ])('refuses what cannot work: %o', (options) => {
    expect(() => requireLogin(options as never)).toThrow(SessionConfigError)
  })
})
