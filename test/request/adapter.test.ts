import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { expect, it } from 'vitest'
import {
  type CommitResult,
  createSessions,
  type Session,
  SessionConfigError,
  type Sessions,
} from '../../src/index.ts'
import { ask, started } from '../express/helpers.ts'

type Handler = (session: Session, req: IncomingMessage) => Promise<{ status: number; body: string }>

/** An adapter by another author, with the public interface only. */
function adapter(sessions: Sessions, handler: Handler) {
  return async (req: IncomingMessage, res: ServerResponse): Promise<void> => {
    const { cookie } = req.headers
    const session = sessions.open({ ...(cookie !== undefined && { cookie }), secure: true })
    const { status, body } = await handler(session, req)
    let result: CommitResult
    try {
      result = await sessions.commit(session, { status })
    } catch {
      res.writeHead(500).end('not stored')
      return
    }
    for (const [name, value] of sessions.responseHeaders(result)) res.appendHeader(name, value)
    res.writeHead(status).end(body)
  }
}

async function serve(handler: Handler) {
  const sessions = createSessions()
  return { sessions, port: await started(createServer(adapter(sessions, handler))) }
}

it('serves sessions through an adapter that uses only open(), commit() and responseHeaders()', async () => {
  const { port } = await serve(async (session) => {
    await session.load()
    const data = session as unknown as Session<{ views: number }>
    data.set('views', (data.get('views') ?? 0) + 1)
    return { status: 200, body: String(data.get('views')) }
  })
  const first = await ask(port)
  expect(first).toMatchObject({ status: 200, body: '1' })
  expect(first.headers).toMatchObject({ vary: 'Cookie', 'cache-control': 'no-store' })
  expect(first.setCookie).toEqual([expect.stringMatching(/^__Host-viur-session=.*; Secure/)])
  const cookie = first.setCookie[0]?.split(';')[0]
  const second = await ask(port, { cookie })
  expect(second).toMatchObject({ status: 200, body: '2', setCookie: [] })
  expect(second.headers).toMatchObject({ vary: 'Cookie', 'cache-control': 'private, no-cache' })
  const third = await ask(port, { cookie: `${cookie}x` })
  expect(third).toMatchObject({ status: 200, body: '1' })
})

it('sends no header for a session that was not used', async () => {
  const { port } = await serve(async () => ({ status: 200, body: '' }))
  const { headers, setCookie } = await ask(port)
  expect(setCookie).toEqual([])
  expect(headers).not.toHaveProperty('vary')
  expect(headers).not.toHaveProperty('cache-control')
})

it('removes the cookie by such an adapter at logout, and stores nothing of an error response', async () => {
  const { sessions, port } = await serve(async (session, { url }) => {
    if (url === '/in') await session.login('ann')
    else if (url === '/out') await session.logout()
    else if (url === '/fails') {
      await session.load()
      session.update({ lost: true })
      return { status: 500, body: '' }
    } else await session.load()
    return { status: 200, body: JSON.stringify([session.user, session]) }
  })
  const cookie = (await ask(port, { path: '/in' })).setCookie[0]?.split(';')[0]
  await ask(port, { path: '/fails', cookie })
  expect((await ask(port, { cookie })).body).toBe('["ann",{}]')
  const out = await ask(port, { path: '/out', cookie })
  expect(out.setCookie).toEqual([expect.stringContaining('Max-Age=0')])
  expect(out.headers['cache-control']).toBe('no-store')
  expect((await ask(port, { cookie })).body).toBe('["__guest__",{}]')
  expect(sessions.responseHeaders({ setCookie: [], vary: false })).toEqual([])
})

it('returns headers in the form that fetch accepts', () => {
  const sessions = createSessions()
  const headers = new Headers(
    sessions.responseHeaders({ setCookie: ['a=1; Path=/', 'b=2; Path=/'], vary: true }),
  )
  expect(headers.getSetCookie()).toEqual(['a=1; Path=/', 'b=2; Path=/'])
  expect(headers.get('vary')).toBe('Cookie')
  expect(headers.get('cache-control')).toBe('no-store')
})

it.each([
  ['nothing', undefined, 'not undefined'],
  ['null', null, 'not null'],
  ['the session', 'session', 'not an object'],
  ['a commit that nobody awaited', 'commit', 'not a promise: await commit() before'],
])(
  'refuses headers of %s, by which a response would lose its cookie',
  async (_what, given, why) => {
    const sessions = createSessions()
    const session = await sessions.open({ secure: true }).load()
    session.set('a', 1)
    const result =
      given === 'session' ? session : given === 'commit' ? sessions.commit(session) : given
    const ask = (): unknown => sessions.responseHeaders(result as never)
    expect(ask).toThrow(SessionConfigError)
    expect(ask).toThrow(why)
  },
)
