import { readFileSync } from 'node:fs'
import { createServer, get, type IncomingMessage, type Server as HttpServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { fileURLToPath } from 'node:url'
import express from 'express'
import { Server as SocketServer } from 'socket.io'
import { io as connectTo, type Socket as ClientSocket } from 'socket.io-client'
import { afterEach, describe, expect, it } from 'vitest'
import { WebSocket, WebSocketServer } from 'ws'
import { requireLogin, requireSameOrigin, sessionMiddleware } from '../../src/express/index.ts'
import { createSessions, type Session, type Sessions } from '../../src/index.ts'
import { fakeClock } from '../../src/testing/index.ts'
import { keyOfCookie } from '../request/harness.ts'
import { STORE_KINDS, type StoreKind } from '../setup/stores.ts'

const PAGE = readFileSync(fileURLToPath(new URL('../../docs/sockets.md', import.meta.url)), 'utf8')

const ORIGIN = 'https://shop.example'

const cleanups: (() => Promise<void> | void)[] = []

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
})

/** The modules that the code blocks of the page import. */
const IMPORTED = { requireLogin, requireSameOrigin, sessionMiddleware, WebSocketServer }

/** Runs the first code block of a chapter of the page, unchanged except for its interval. */
function run(chapter: string, given: Record<string, unknown>): void {
  const [, text = ''] = PAGE.split(`\n## ${chapter}\n`)
  const [, block = ''] = /```js\n(.*?)```/s.exec(text) ?? []
  const code = block.replaceAll(/^import .*$/gm, '').replaceAll("'30s'", "'1s'")
  expect(code).toContain("every: '1s'")
  const names = { ...IMPORTED, ...given }
  new Function(...Object.keys(names), `'use strict'\n${code}`)(...Object.values(names))
}

interface World {
  readonly sessions: Sessions
  readonly cookie: string
  kill(): Promise<unknown>
  /** The data that the next ordinary request finds. */
  look(): Promise<Session>
  advance(time: string): void
}

async function world(kind: StoreKind): Promise<World> {
  const clock = fakeClock()
  const sessions = createSessions({
    store: kind.make({ now: clock.now }),
    now: clock.now,
    cookie: { secure: false },
    logger: { warn: () => {} },
  })
  cleanups.push(() => sessions.close())
  const session = await sessions.open({}).load()
  await session.login('alice')
  const [line = ''] = (await sessions.commit(session)).setCookie
  const cookie = line.split(';')[0] as string
  return {
    sessions,
    cookie,
    kill: () => sessions.killSession(keyOfCookie(line)),
    look: () => sessions.open({ cookie }).load(),
    advance: clock.advance,
  }
}

async function listening(server: HttpServer): Promise<string> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  cleanups.push(async () => {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  })
  return `127.0.0.1:${(server.address() as AddressInfo).port}`
}

describe.each(STORE_KINDS)('the page about sockets, on $name', (kind) => {
  async function ws(w: World): Promise<(headers: Record<string, string>) => WebSocket> {
    const server = createServer()
    run('ws', { server, sessions: w.sessions })
    const address = await listening(server)
    return (headers) => {
      const client = new WebSocket(`ws://${address}`, { headers })
      cleanups.push(() => client.terminate())
      return client
    }
  }

  /** `open`, or the text of the refusal. */
  const answerTo = (client: WebSocket): Promise<string> =>
    new Promise((resolve) => {
      client.once('open', () => resolve('open'))
      client.once('error', (error) => resolve(error.message))
    })

  it('sends the user by ws, and closes the socket when the session was killed', async () => {
    const w = await world(kind)
    const connect = await ws(w)
    expect(await answerTo(connect({ origin: ORIGIN }))).toMatch(/403/)
    expect(await answerTo(connect({ cookie: w.cookie, origin: 'https://evil.example' }))).toMatch(
      /403/,
    )
    expect(await answerTo(connect({ cookie: w.cookie }))).toMatch(/403/)
    const client = connect({ cookie: w.cookie, origin: ORIGIN })
    expect(await answerTo(client)).toBe('open')
    const closed = new Promise((resolve) =>
      client.once('close', (code, reason) => resolve([code, String(reason)])),
    )
    await w.kill()
    expect(await closed).toEqual([4401, 'logged out'])
  })

  it('stores the data of a ws message', async () => {
    const w = await world(kind)
    const client = (await ws(w))({ cookie: w.cookie, origin: ORIGIN })
    await answerTo(client)
    client.send('hello')
    while ((await w.look()).get('last') !== 'hello') {
      await new Promise((resolve) => setImmediate(resolve))
    }
    expect((await w.look()).get('last')).toBe('hello')
  })

  it.each([[['polling']], [['websocket']], [['polling', 'websocket']]])(
    'does the same by socket.io over %s',
    async (transports) => {
      const w = await world(kind)
      const server = createServer()
      const io = new SocketServer(server)
      cleanups.push(() => new Promise<void>((resolve) => void io.close(() => resolve())))
      run('socket.io', { io, sessions: w.sessions })
      const address = await listening(server)
      const connect = (extraHeaders: Record<string, string>): ClientSocket => {
        const options = { transports, forceNew: true, reconnection: false, extraHeaders }
        const client = connectTo(`http://${address}`, options)
        cleanups.push(() => void client.disconnect())
        return client
      }
      const answer = (client: ClientSocket): Promise<string> =>
        new Promise((resolve) => {
          client.once('connect', () => resolve('open'))
          client.once('connect_error', () => resolve('refused'))
        })
      expect(await answer(connect({ origin: ORIGIN }))).toBe('refused')
      expect(await answer(connect({ cookie: w.cookie, origin: 'https://evil.example' }))).toBe(
        'refused',
      )
      const client = connect({ cookie: w.cookie, origin: ORIGIN })
      expect(await answer(client)).toBe('open')
      expect(await client.emitWithAck('visit', '/shoes')).toBe('stored')
      expect((await w.look()).get('page')).toBe('/shoes')
      const gone = new Promise((resolve) => client.once('disconnect', resolve))
      await w.kill()
      // A running poll may be cut off before it returns the message of the server.
      expect(await gone).toMatch(/^(?:io server disconnect|transport (?:close|error))$/)
    },
  )

  it('ends a stream of events, and refuses one without a login', async () => {
    const w = await world(kind)
    const app = express()
    run('Server-sent events', { app, sessions: w.sessions })
    const address = await listening(createServer(app))
    const url = `http://${address}/events`
    expect((await fetch(url)).status).toBe(401)
    const response = await new Promise<IncomingMessage>((resolve) =>
      get(url, { headers: { cookie: w.cookie } }, resolve),
    )
    expect(response.headers['content-type']).toBe('text/event-stream')
    let text = ''
    const began = new Promise<void>((resolve) => response.once('data', () => resolve()))
    response.on('data', (part) => {
      text += part
    })
    const ended = new Promise((resolve) => response.once('end', resolve))
    await began
    await w.kill()
    await ended
    expect(text).toBe('data: hello\n\nevent: logged-out\ndata:\n\n')
  })

  it('is right that touch() and save() keep the session of a silent socket alive', async () => {
    const w = await world(kind)
    const session = await new Promise<Session>((resolve) => {
      const req = { headers: { cookie: w.cookie }, url: '/', method: 'GET', socket: {} }
      sessionMiddleware(w.sessions)(req as never, {} as never, () =>
        resolve((req as unknown as { session: Session }).session),
      )
    })
    for (let half = 0; half < 4; half++) {
      w.advance('30m')
      session.touch()
      await session.save()
    }
    expect((await w.look()).user).toBe('alice')
    w.advance('61m')
    expect((await w.look()).isGuest).toBe(true)
  })
})
