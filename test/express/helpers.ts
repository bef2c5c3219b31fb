import {
  createServer,
  type IncomingMessage,
  type RequestListener,
  request,
  type Server,
  ServerResponse,
} from 'node:http'
import { type AddressInfo, connect, type Socket } from 'node:net'
import type { ErrorRequestHandler, RequestHandler } from 'express'
import express5 from 'express'
import express4 from 'express4'
import { afterEach, expect } from 'vitest'
import { sessionMiddleware } from '../../src/express/index.ts'
import {
  createSessions,
  memoryStore,
  type Sessions,
  type SessionsOptions,
} from '../../src/index.ts'
import {
  type FailingStore,
  type FakeClock,
  failingStore,
  fakeClock,
} from '../../src/testing/index.ts'

/**
 * Sends informational responses on a response that has begun. Node 20 and 22 allow that. Node 24 refuses it, and
 * then they are sent before the response begins. Returns the actions for before and after the begin.
 */
export function informational(send: () => void): { before(): void; after(): void } {
  const late = !('writeInformation' in ServerResponse.prototype)
  return {
    before: () => {
      if (!late) send()
    },
    after: () => {
      if (late) send()
      else expect(send).toThrow(expect.objectContaining({ code: 'ERR_HTTP_HEADERS_SENT' }))
    },
  }
}

export type Express = typeof express5

export const frameworks: [name: string, express: Express][] = [
  ['Express 5', express5],
  ['Express 4', express4],
]

const cleanups: (() => Promise<void> | void)[] = []

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
})

export function onCleanup(cleanup: () => Promise<void> | void): void {
  cleanups.push(cleanup)
}

/** Starts a server on a free port of 127.0.0.1, and stops it after the test. */
export async function listen(listener: RequestListener): Promise<number> {
  return await started(createServer(listener))
}

export async function started(server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onCleanup(async () => {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  })
  return (server.address() as AddressInfo).port
}

export interface Setup {
  readonly store: FailingStore
  readonly clock: FakeClock
  readonly sessions: Sessions
  readonly warnings: string[]
}

/** Sessions on a store that can be held and made to fail, with a fake clock and predictable random numbers. */
export function setup(options: SessionsOptions = {}): Setup {
  const clock = fakeClock()
  const store = failingStore(memoryStore({ now: clock.now }))
  const warnings: string[] = []
  let drawn = 0
  const sessions = createSessions({
    store,
    now: clock.now,
    sleep: clock.sleep,
    randomBytes(size) {
      drawn += 1
      return Buffer.alloc(size, drawn)
    },
    logger: { warn: (message) => warnings.push(message) },
    ...options,
  })
  return { store, clock, sessions, warnings }
}

/** Stores a session, and returns its Cookie header for plain http on loopback. */
export async function storedCookie(
  sessions: Sessions,
  data: object = { views: 1 },
): Promise<string> {
  const session = await sessions.open({ loopback: true }).load()
  session.update(data as Record<string, unknown>)
  const { setCookie } = await sessions.commit(session)
  return (setCookie[0] as string).split(';')[0] as string
}

export interface AppOptions {
  readonly express: Express
  readonly sessions: Sessions
  readonly load?: 'eager' | 'lazy'
  readonly before?: RequestHandler[]
  readonly after?: RequestHandler[]
  /** The default answers 500 with the code of the error, and records the error. */
  readonly onError?: ErrorRequestHandler | null
}

export interface Served {
  readonly port: number
  /** The errors that reached the error handler. */
  readonly errors: unknown[]
}

/** An app with the middleware and one handler for everything. */
export async function serve(options: AppOptions, handler: RequestHandler): Promise<Served> {
  const { express, sessions, load = 'eager', before = [], after = [], onError } = options
  const errors: unknown[] = []
  const app = express()
  // Silences the log of Express's own error handler.
  app.set('env', 'test')
  for (const middleware of before) app.use(middleware)
  app.use(sessionMiddleware(sessions, { load }))
  for (const middleware of after) app.use(middleware)
  app.use(handler)
  if (onError !== null) {
    app.use(
      onError ??
        (((error, _req, res, next) => {
          errors.push(error)
          if (res.headersSent) next(error)
          else res.status(500).send(`failed: ${codeOf(error)}`)
        }) as ErrorRequestHandler),
    )
  }
  return { port: await listen(app), errors }
}

export function codeOf(error: unknown): unknown {
  return (error as { code?: unknown } | null)?.code ?? String(error)
}

export interface Answer {
  readonly status: number
  readonly message: string
  readonly headers: IncomingMessage['headers']
  readonly rawHeaders: string[]
  readonly setCookie: string[]
  readonly body: string
  readonly informational: number[]
}

export interface AskOptions {
  readonly path?: string
  readonly method?: string
  readonly headers?: Record<string, string>
  readonly cookie?: string | undefined
  readonly body?: string
}

/** Sends one request on its own connection. Rejects when the connection ends before the answer is complete. */
export function ask(port: number, options: AskOptions = {}): Promise<Answer> {
  const { path = '/', method = 'GET', cookie, body } = options
  const headers = { ...options.headers, ...(cookie !== undefined && { cookie }) }
  return new Promise((resolve, reject) => {
    const informational: number[] = []
    const req = request({ port, host: '127.0.0.1', path, method, headers, agent: false }, (res) => {
      const chunks: Buffer[] = []
      res.on('data', (chunk: Buffer) => chunks.push(chunk))
      res.on('error', reject)
      res.on('end', () =>
        resolve({
          status: res.statusCode ?? 0,
          message: res.statusMessage ?? '',
          headers: res.headers,
          rawHeaders: res.rawHeaders,
          setCookie: res.headers['set-cookie'] ?? [],
          body: Buffer.concat(chunks).toString(),
          informational,
        }),
      )
    })
    req.on('information', ({ statusCode }) => informational.push(statusCode))
    req.on('error', reject)
    req.end(body)
  })
}

/** A raw connection on which a test sees every byte that arrives. */
export interface Wire {
  readonly socket: Socket
  readonly text: () => string
  /** Resolves when this text has arrived. */
  until(part: string): Promise<void>
  readonly closed: Promise<void>
}

export async function wire(port: number, text: string): Promise<Wire> {
  const socket = connect(port, '127.0.0.1')
  onCleanup(() => void socket.destroy())
  let arrived = ''
  let notify = (): void => {}
  socket.on('data', (chunk) => {
    arrived += chunk.toString('latin1')
    notify()
  })
  socket.on('error', () => {})
  const closed = new Promise<void>((resolve) => socket.on('close', () => resolve()))
  socket.write(text)
  return {
    socket,
    text: () => arrived,
    closed,
    async until(part) {
      while (!arrived.includes(part)) {
        await new Promise<void>((resolve) => {
          notify = resolve
        })
      }
    },
  }
}

/** Waits until all work in this process has finished, including sockets. */
export async function settle(rounds = 10): Promise<void> {
  for (let round = 0; round < rounds; round++) {
    await new Promise((resolve) => setImmediate(resolve))
  }
}

/** A gate: a test waits until code reaches it. */
export interface Gate {
  readonly reached: Promise<void>
  reach(): void
}

export function gate(): Gate {
  let reach = (): void => {}
  const reached = new Promise<void>((resolve) => {
    reach = resolve
  })
  return { reached, reach }
}
