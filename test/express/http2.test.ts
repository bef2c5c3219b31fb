import { once } from 'node:events'
import {
  type ClientHttp2Session,
  connect,
  createServer,
  type Http2ServerRequest,
  type Http2ServerResponse,
  type IncomingHttpHeaders,
} from 'node:http2'
import type { AddressInfo } from 'node:net'
import { Readable } from 'node:stream'
import { expect, it, vi } from 'vitest'
import { sessionMiddleware } from '../../src/express/index.ts'
import { type Session, SessionStoreError, type Sessions } from '../../src/index.ts'
import { codeOf, onCleanup, settle, setup, storedCookie } from './helpers.ts'

type Handler = (session: Session, res: Http2ServerResponse, req: Http2ServerRequest) => void

async function serve2(sessions: Sessions, handler: Handler): Promise<ClientHttp2Session> {
  const middleware = sessionMiddleware(sessions)
  const server = createServer((req, res) =>
    middleware(req, res, (error) => {
      if (error === undefined) return handler((req as unknown as Express.Request).session, res, req)
      res.statusCode = 500
      res.end(`failed: ${codeOf(error)}`)
    }),
  )
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const client = connect(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)
  onCleanup(async () => {
    client.destroy()
    await new Promise((resolve) => server.close(resolve))
  })
  return client
}

async function ask2(client: ClientHttp2Session, headers: Record<string, string> = {}) {
  const stream = client.request({ ':path': '/', ...headers })
  stream.end()
  const [head] = (await once(stream, 'response')) as [IncomingHttpHeaders & { ':status': number }]
  let body = ''
  for await (const chunk of stream) body += String(chunk)
  return { head, body }
}

const ways: [string, (res: Http2ServerResponse) => void, number, string][] = [
  ['end', (res) => void res.end('body'), 200, 'body'],
  [
    'writeHead with an object',
    (res) => void res.writeHead(201, { 'X-A': '1' }).end('body'),
    201,
    'body',
  ],
  [
    'writeHead with a list',
    (res) => void res.writeHead(201, ['X-A', '1'] as never).end('body'),
    201,
    'body',
  ],
  [
    'write',
    (res) => {
      res.write('one,')
      res.end('two')
    },
    200,
    'one,two',
  ],
  [
    'flushHeaders',
    (res) => {
      ;(res as unknown as { flushHeaders(): void }).flushHeaders()
      res.end('body')
    },
    200,
    'body',
  ],
  ['pipe', (res) => void Readable.from(['a', 'b', 'c']).pipe(res), 200, 'abc'],
]

it.each(ways)('HTTP/2: %s is held until the commit is done', async (_way, answer, status, body) => {
  const { sessions, store } = setup()
  const held = store.hold({ method: 'write' })
  const client = await serve2(sessions, (session, res) => {
    session.set('x', 1)
    res.setHeader('Set-Cookie', 'a=1')
    answer(res)
  })
  let arrived = false
  const asked = ask2(client).then((result) => {
    arrived = true
    return result
  })
  await held.reached
  await settle()
  expect(arrived).toBe(false)
  held.release()
  const result = await asked
  expect(result.body).toBe(body)
  expect(result.head[':status']).toBe(status)
  expect(result.head['cache-control']).toBe('no-store')
  expect(result.head['set-cookie']).toHaveLength(2)
})

it.each(ways)(
  'HTTP/2: %s passes straight through without I/O',
  async (_way, answer, status, body) => {
    const { sessions } = setup()
    const client = await serve2(sessions, (session, res) => {
      session.get('x')
      answer(res)
    })
    const { head, body: arrived } = await ask2(client)
    expect([head[':status'], arrived, head.vary]).toEqual([status, body, 'Cookie'])
  },
)

it('HTTP/2: the cookie comes back', async () => {
  const { sessions } = setup()
  const client = await serve2(sessions, (session, res) => {
    const views = ((session.get('views') as number | undefined) ?? 0) + 1
    session.set('views', views)
    res.end(String(views))
  })
  const { head } = await ask2(client)
  const cookie = String(head['set-cookie']?.[0]).split(';', 1)[0] ?? ''
  expect((await ask2(client, { cookie })).body).toBe('2')
})

it('HTTP/2: a failed commit becomes an error, without a warning about status messages', async () => {
  const warn = vi.spyOn(process, 'emitWarning').mockImplementation(() => {})
  const { sessions, store } = setup()
  store.failAlways('before')
  const client = await serve2(sessions, (session, res) => {
    session.set('x', 1)
    res.writeHead(201, { Location: '/next', 'X-A': '1' })
    res.end('page')
  })
  const { head, body } = await ask2(client)
  expect(body).toBe('failed: ERR_SESSION_STORE')
  expect(head[':status']).toBe(500)
  expect(head['x-a']).toBe('1')
  expect(head).not.toHaveProperty('location')
  expect(head).not.toHaveProperty('set-cookie')
  expect(warn).not.toHaveBeenCalled()
  warn.mockRestore()
})

it('HTTP/2: an error page that is held itself arrives', async () => {
  const { sessions, store, clock } = setup()
  const cookie = await storedCookie(sessions)
  clock.advance('10m')
  store.failNext('before', {
    method: 'write',
    error: new SessionStoreError('no', { effect: 'none', retryable: false }),
  })
  const client = await serve2(sessions, (session, res) => {
    session.set('x', 1)
    res.end('page')
  })
  expect((await ask2(client, { cookie })).body).toBe('failed: ERR_SESSION_STORE')
})

it('HTTP/2: res.end twice, and a client that is gone', async () => {
  const { sessions, store } = setup()
  const held = store.hold({ method: 'write' })
  const client = await serve2(sessions, (session, res) => {
    session.set('x', 1)
    res.end('one')
    res.end('two')
  })
  const stream = client.request({ ':path': '/' })
  stream.on('error', () => {})
  stream.end()
  await held.reached
  stream.close()
  await settle()
  held.release()
  await settle()
  expect(store.writes).toBe(1)
  expect((await ask2(client)).body).toBe('one')
})
