import assert from 'node:assert/strict'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

/** The interface that express-session requires of a store. Methods that a store may omit are optional. */
export interface ExpressSessionStore {
  get(sid: string, callback: (error: unknown, session?: unknown) => void): unknown
  set(sid: string, session: never, callback: (error?: unknown) => void): unknown
  destroy(sid: string, callback?: (error?: unknown) => void): unknown
  touch?(sid: string, session: never, callback: (error?: unknown) => void): unknown
  all?(callback: (error: unknown, sessions?: unknown) => void): unknown
  length?(callback: (error: unknown, length?: number) => void): unknown
  clear?(callback: (error?: unknown) => void): unknown
  emit(event: string): boolean
}

/** The cookie of a session, as apps see it. */
export interface SessionCookie {
  originalMaxAge: number | null
  maxAge: number | null
  expires: Date | null
  secure: unknown
  httpOnly: unknown
  sameSite: unknown
  path: unknown
}

type Done = (error?: unknown) => void

/** `req.session`, as apps see it. */
export interface ExpressSession {
  readonly id: string
  cookie: SessionCookie
  save(done?: Done): unknown
  touch(): unknown
  reload(done: Done): unknown
  regenerate(done: Done): unknown
  destroy(done?: Done): unknown
  [key: string]: unknown
}

/** A request behind the middleware. */
export interface SiteRequest extends IncomingMessage {
  session: ExpressSession
  sessionID: unknown
}

/** The handler of a test server. */
export type SiteHandler = (req: SiteRequest, res: ServerResponse) => unknown

/** Makes the middleware: the export of `express-session`. */
export type SessionMiddleware = (
  options: Readonly<Record<string, unknown>>,
) => (req: IncomingMessage, res: ServerResponse, next: (error?: unknown) => void) => void

/** The parts of a response that a client sees. */
export interface Answer {
  readonly status: number
  readonly body: string
  /** The Set-Cookie values. */
  readonly setCookie: readonly string[]
  /** The Cookie header of the next request of this client. */
  readonly cookie: string
}

/** A server with the middleware on one store. */
export interface Site {
  /** Errors after the response was sent. */
  readonly errors: readonly unknown[]
  visit(
    path?: string,
    options?: { cookie?: string; headers?: Record<string, string> },
  ): Promise<Answer>
  close(): Promise<void>
}

/** Starts a server. The secret is the same in all of them unless another is given. */
export async function openSite(
  middleware: SessionMiddleware,
  options: Readonly<Record<string, unknown>>,
  handler: SiteHandler,
): Promise<Site> {
  const errors: unknown[] = []
  const session = middleware({
    secret: 'one for tests',
    resave: false,
    saveUninitialized: false,
    ...options,
  })
  const server = createServer((req, res) => {
    const fail = (error: unknown): void => {
      if (res.headersSent) {
        errors.push(error)
        return
      }
      res.statusCode = 500
      res.end(error instanceof Error ? error.message : String(error))
    }
    session(req, res, (error) => {
      if (error !== undefined && error !== null) fail(error)
      else Promise.resolve(run(handler, req as SiteRequest, res)).catch(fail)
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return {
    errors,
    async visit(path = '/', { cookie = '', headers = {} } = {}) {
      const response = await fetch(`http://127.0.0.1:${port}${path}`, {
        headers: { ...headers, ...(cookie !== '' && { cookie }) },
        redirect: 'manual',
      })
      const setCookie = response.headers.getSetCookie()
      const [pair] = setCookie[0]?.split(';') ?? []
      const { status } = response
      return { status, body: await response.text(), setCookie, cookie: pair ?? cookie }
    },
    async close() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()))
      server.closeAllConnections()
      await closed
    },
  }
}

async function run(handler: SiteHandler, req: SiteRequest, res: ServerResponse): Promise<void> {
  await handler(req, res)
}

/** Makes a promise from a call with a callback. */
export function done<Result>(
  call: (callback: (error?: unknown, result?: Result) => void) => unknown,
): Promise<Result | undefined> {
  return new Promise((resolve, reject) => {
    call((error, result) => {
      if (error === undefined || error === null) resolve(result)
      else reject(error)
    })
  })
}

/** Returns the session that a store holds for an id; `null` when there is none. */
export async function stored(
  store: ExpressSessionStore,
  sid: string,
): Promise<Record<string, unknown> | null> {
  const found = await done((callback) => store.get(sid, callback))
  return (found ?? null) as Record<string, unknown> | null
}

/** Returns the cookie of a session that must exist. */
export function cookieOf(session: Record<string, unknown> | null): Record<string, unknown> {
  const cookie = session?.['cookie']
  assert.ok(
    typeof cookie === 'object' && cookie !== null,
    'there has to be a session with a cookie',
  )
  return cookie as Record<string, unknown>
}

/** Returns when the cookie of a stored session expires, in milliseconds since the epoch. */
export async function expiryOf(store: ExpressSessionStore, sid: string): Promise<number> {
  return new Date(cookieOf(await stored(store, sid))['expires'] as string).getTime()
}

/** Stores an object by hand. */
export async function put(store: ExpressSessionStore, sid: string, session: object): Promise<void> {
  await done((callback) => store.set(sid, session as never, callback))
}

/** A cookie as JSON-based stores hold it. `maxAge`: milliseconds from now, `null` for none. */
export function plainCookie(maxAge: number | null): Record<string, unknown> {
  return {
    originalMaxAge: maxAge,
    expires: maxAge === null ? null : new Date(Date.now() + maxAge),
    httpOnly: true,
    path: '/',
  }
}

/** Returns the session id in a Set-Cookie or Cookie value. */
export function sidOf(cookie: string): string {
  const [, value = ''] = /=([^;]*)/.exec(cookie) ?? []
  const signed = decodeURIComponent(value)
  return signed.slice(2, signed.lastIndexOf('.'))
}
