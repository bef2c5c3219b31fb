import { describe, expect, it } from 'vitest'
import { appEngine, localOnly } from '../../src/express/index.ts'
import { CallerRefusedError } from '../../src/index.ts'
import {
  APP_ENGINE_REFUSED,
  APP_ENGINE_SERVED,
  type HeaderCase,
  LOCAL_REFUSED,
  NOT_APP_ENGINE,
  NOT_LOOPBACK,
} from '../corpus/callers.ts'
import { environment, type Reply, type Routes, serveRoutes } from './caller-harness.ts'
import { wire } from './helpers.ts'

const TASK_BODY = JSON.stringify({ v: 1, run: 'none', step: 1 })

function send(routes: Routes, { path, headers }: HeaderCase): Promise<Reply> {
  return path === '/task'
    ? routes.call(path, {
        method: 'POST',
        headers: { 'Content-Type': 'application/json', ...headers },
        body: TASK_BODY,
      })
    : routes.call(path, { headers })
}

function expectRefused(routes: Routes, reply: Reply): void {
  expect(reply).toMatchObject({ status: 403, body: '{"error":"refused"}' })
  expect(reply.headers).toMatchObject({ 'cache-control': 'no-store' })
  expect(routes.store.calls).toEqual([])
  expect(routes.logged).toHaveLength(1)
}

describe('appEngine()', () => {
  describe.each(APP_ENGINE_SERVED)('$name', (one) => {
    it('is served on App Engine', async () => {
      environment({ GAE_ENV: 'standard' })
      const routes = await serveRoutes({ caller: appEngine() })
      expect(await send(routes, one)).toMatchObject({ status: 200 })
      expect(routes.store.calls).not.toEqual([])
    })

    it.each(NOT_APP_ENGINE)('is refused where GAE_ENV is %j', async (value) => {
      environment({ GAE_ENV: value })
      const routes = await serveRoutes({ caller: appEngine() })
      expectRefused(routes, await send(routes, one))
    })
  })

  it.each(APP_ENGINE_REFUSED)('refuses on App Engine: $name', async (one) => {
    environment({ GAE_ENV: 'standard' })
    const routes = await serveRoutes({ caller: appEngine() })
    expectRefused(routes, await send(routes, one))
  })

  it('reads the environment when asked, so that it may be set after construction', async () => {
    environment({ GAE_ENV: undefined })
    const caller = appEngine()
    environment({ GAE_ENV: 'standard' })
    const routes = await serveRoutes({ caller })
    expect((await send(routes, APP_ENGINE_SERVED[0] as HeaderCase)).status).toBe(200)
  })

  it('uses the headers as they were sent, and not as middleware rewrote them', async () => {
    environment({ GAE_ENV: 'standard' })
    const routes = await serveRoutes({
      caller: appEngine(),
      before: [
        (req, _res, next) => {
          req.headers['x-appengine-cron'] = 'true'
          next()
        },
      ],
    })
    expectRefused(routes, await routes.call('/cron'))
  })
})

describe('localOnly()', () => {
  it.each(['/cron', '/task', '/status'] as const)('serves a loopback socket: %s', async (path) => {
    const routes = await serveRoutes({ caller: localOnly() })
    expect(await send(routes, { name: '', path, headers: {} })).toMatchObject({ status: 200 })
  })

  it.each(['none', 'same-origin'])('serves a browser: %s', async (site) => {
    const routes = await serveRoutes({ caller: localOnly() })
    expect(await routes.call('/status', { headers: { 'Sec-Fetch-Site': site } })).toMatchObject({
      status: 200,
    })
  })

  it('serves a request that a browser on this machine sends from a page of the app', async () => {
    const routes = await serveRoutes({ caller: localOnly() })
    const own = `http://127.0.0.1:${routes.port}`
    const headers = { Origin: own, Referer: `${own}/ops?x=1`, 'Sec-Fetch-Site': 'same-origin' }
    expect(await routes.call('/status', { headers })).toMatchObject({ status: 200 })
  })

  it('serves a client with headers of its own', async () => {
    const routes = await serveRoutes({ caller: localOnly() })
    const headers = {
      'User-Agent': 'curl/8.5.0',
      Accept: '*/*',
      'X-Request-Id': '1',
      'X-Client-Version': '2',
      traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
    }
    expect(await routes.call('/status', { headers })).toMatchObject({ status: 200 })
  })

  it('refuses HTTP/1.0, which nginx speaks to the app by default', async () => {
    const routes = await serveRoutes({ caller: localOnly() })
    const ask = async (version: string) => {
      const { closed, text } = await wire(
        routes.port,
        `GET /_sessions/status HTTP/${version}\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n`,
      )
      await closed
      return text()
    }
    expect(await ask('1.0')).toMatch(/^HTTP\/1.1 403 /)
    expect(await ask('1.1')).toMatch(/^HTTP\/1.1 200 /)
  })

  it('serves the Functions emulator, which is not Google Cloud', async () => {
    environment({ K_SERVICE: 'web', FUNCTION_TARGET: 'web', FUNCTIONS_EMULATOR: 'true' })
    const routes = await serveRoutes({ caller: localOnly() })
    expect((await routes.call('/status')).status).toBe(200)
  })

  it.each(LOCAL_REFUSED)('refuses $name', async (one) => {
    environment(one.environment ?? {})
    const routes = await serveRoutes({ caller: localOnly() })
    expectRefused(routes, await send(routes, one))
  })

  it.each(NOT_LOOPBACK)('refuses a peer at %j', async (remoteAddress) => {
    const req = {
      socket: { remoteAddress },
      rawHeaders: ['Host', 'localhost'],
      headers: { host: 'localhost:8080' },
    }
    await expect(localOnly().check(req as never, 'cron')).rejects.toThrow(CallerRefusedError)
  })

  it.each(['127.0.0.1', '127.8.9.1', '::1', '::ffff:127.0.0.1'])(
    'serves a peer at %j',
    async (remoteAddress) => {
      const req = {
        socket: { remoteAddress },
        rawHeaders: ['Host', 'localhost'],
        headers: { host: 'localhost' },
      }
      await expect(localOnly().check(req as never, 'cron')).resolves.toBeUndefined()
    },
  )

  it('refuses a request without a socket, and one with an unknown purpose', async () => {
    const req = { socket: { remoteAddress: '::1' }, rawHeaders: [], headers: {} }
    await expect(localOnly().check({ rawHeaders: [] } as never, 'cron')).rejects.toThrow(
      CallerRefusedError,
    )
    await expect(localOnly().check(req as never, 'other' as never)).rejects.toMatchObject({
      code: 'ERR_CALLER_REFUSED',
    })
  })
})

describe('localOnly() and a page of another site', () => {
  it.each([
    'evil.example',
    'evil.example:8080',
    'localhost.evil.example',
    '127.0.0.1.evil.example',
  ])('refuses the Host %s, which DNS rebinding brings here', async (host) => {
    const req = {
      socket: { remoteAddress: '127.0.0.1' },
      rawHeaders: ['Host', host],
      headers: { host },
    }
    await expect(localOnly().check(req as never, 'cron')).rejects.toThrow(/Host/)
  })
})
