import {
  createServer,
  type IncomingHttpHeaders,
  type RequestListener,
  type Server,
} from 'node:http'
import { createServer as createSecureServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { type AppOptions, createApp } from '../../src/app/app.ts'
import { type AppSessions, createAppSessions } from '../../src/app/sessions.ts'
import { localOnly } from '../../src/express/index.ts'
import {
  memoryStore,
  type SessionStore,
  SessionStoreError,
  type SessionsOptions,
  type Task,
  type TaskQueue,
} from '../../src/index.ts'

/** One request, as the server saw it. */
export interface SeenRequest {
  readonly method: string
  readonly path: string
  readonly headers: IncomingHttpHeaders
}

export interface RunningApp {
  readonly url: string
  readonly port: number
  readonly sessions: AppSessions
  readonly store: SessionStore
  /** The number of calls of the store. */
  readonly calls: { find: number; write: number }
  /** Every request so far, oldest first. */
  readonly seen: readonly SeenRequest[]
  /** The messages in the log. */
  readonly logged: readonly string[]
  /** Makes every call of the store fail, or work again. */
  setDown(down: boolean): void
  close(): Promise<void>
}

export interface StartOptions extends Partial<Omit<AppOptions, 'sessions'>> {
  readonly options?: SessionsOptions
  /** Serves over TLS. */
  readonly tls?: { readonly key: string; readonly cert: string }
}

/** Starts the app on a free port of 127.0.0.1, with a memory store whose calls are counted and can be made to fail. */
export async function startApp({
  options,
  tls,
  ...appOptions
}: StartOptions = {}): Promise<RunningApp> {
  const calls = { find: 0, write: 0 }
  const seen: SeenRequest[] = []
  const logged: string[] = []
  let down = false
  const check = (kind: 'find' | 'write'): void => {
    calls[kind] += 1
    if (down) {
      throw new SessionStoreError('secret detail of the store', {
        effect: 'none',
        retryable: false,
      })
    }
  }
  const memory = memoryStore(options?.now === undefined ? {} : { now: options.now })
  const store: SessionStore = {
    name: memory.name,
    shards: memory.shards,
    async find(key) {
      check('find')
      return await memory.find(key)
    },
    async write(mutation) {
      check('write')
      return await memory.write(mutation)
    },
    async writeTogether(mutations) {
      check('write')
      return await memory.writeTogether(mutations)
    },
    async writeEach(mutations) {
      check('write')
      return await memory.writeEach(mutations)
    },
    async page(selection, page) {
      check('find')
      return await memory.page(selection, page)
    },
    async pageKeys(selection, page) {
      check('find')
      return await memory.pageKeys(selection, page)
    },
    notes: memory.notes,
    keys: {
      async insert(records) {
        check('write')
        return await memory.keys.insert(records)
      },
      async find(name) {
        check('find')
        return await memory.keys.find(name)
      },
      async use(name, version) {
        check('write')
        return await memory.keys.use(name, version)
      },
      page: (selection, page) => memory.keys.page(selection, page),
      remove: (names) => memory.keys.remove(names),
    },
    close: () => memory.close(),
  }
  const sessions = createAppSessions({ store, ...options })
  const app = createApp({
    sessions,
    storeName: 'memory',
    store,
    caller: localOnly(),
    access: { kind: 'local' },
    ...(options?.now !== undefined && { now: options.now }),
    log: (message) => logged.push(message),
    ...appOptions,
  })
  const listener: RequestListener = (request, response) => {
    const { method = '', url = '', headers } = request
    seen.push({ method, path: url, headers })
    app(request, response)
  }
  const server = tls === undefined ? createServer(listener) : createSecureServer(tls, listener)
  const port = await listen(server)
  return {
    url: `${tls === undefined ? 'http' : 'https'}://127.0.0.1:${port}`,
    port,
    sessions,
    store,
    calls,
    seen,
    logged,
    setDown: (value) => {
      down = value
    },
    close: () => close(server),
  }
}

/** Listens on a free port of 127.0.0.1, and returns the port. */
export async function listen(server: Pick<Server, 'listen' | 'address' | 'once'>): Promise<number> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(0, '127.0.0.1', resolve)
  })
  return (server.address() as AddressInfo).port
}

export async function close(server: Pick<Server, 'close' | 'closeAllConnections'>): Promise<void> {
  await new Promise<void>((resolve) => {
    server.close(() => resolve())
    server.closeAllConnections()
  })
}

/** A very simple browser: it keeps cookies, follows redirects after forms, and sends the origin of its forms. */
export class Visitor {
  readonly #url: string
  readonly cookies = new Map<string, string>()
  /** Every Set-Cookie header so far. */
  readonly setCookies: string[] = []
  headers: Record<string, string> = {}

  constructor(url: string) {
    this.#url = url
  }

  async get(path = '/'): Promise<Answer> {
    return await this.#request('GET', path)
  }

  /** Sends a form from a page of the app, and returns the page that the redirect leads to. */
  async post(path: string, fields: Record<string, string> = {}): Promise<Answer> {
    const answer = await this.send(path, fields)
    if (answer.status !== 303) return answer
    return await this.get(answer.headers.get('location') ?? '')
  }

  /** Sends a form, and returns the answer itself. */
  async send(path: string, fields: Record<string, string> | string = {}): Promise<Answer> {
    return await this.#request('POST', path, new URLSearchParams(fields))
  }

  async #request(method: string, path: string, body?: URLSearchParams): Promise<Answer> {
    const cookie = [...this.cookies].map(([name, value]) => `${name}=${value}`).join('; ')
    const response = await fetch(new URL(path, this.#url), {
      method,
      redirect: 'manual',
      headers: {
        accept: 'text/html',
        ...(method === 'POST' && { 'sec-fetch-site': 'same-origin' }),
        ...(cookie !== '' && { cookie }),
        ...this.headers,
      },
      ...(body !== undefined && { body }),
    })
    for (const line of response.headers.getSetCookie()) this.#keep(line)
    const text = await response.text()
    return {
      status: response.status,
      headers: response.headers,
      text,
      fact: (id) => factIn(text, id),
    }
  }

  #keep(line: string): void {
    this.setCookies.push(line)
    const [pair = ''] = line.split(';')
    const [name = '', value = ''] = pair.split('=')
    if (/; max-age=0/i.test(line)) this.cookies.delete(name)
    else this.cookies.set(name, value)
  }
}

export interface Answer {
  readonly status: number
  readonly headers: Headers
  readonly text: string
  /** The text of the element with this id, without markup. */
  fact(id: string): string
}

function factIn(text: string, id: string): string {
  const match = new RegExp(`<(\\w+)[^>]* id="${id}"[^>]*>([\\s\\S]*?)</\\1>`).exec(text)
  if (match === null) throw new Error(`the page has no element "${id}"`)
  return (match[2] ?? '').replace(/<[^>]+>/g, '').trim()
}

/** A clock that only `advance()` moves. */
export function fakeNow(): { now: () => number; advance(milliseconds: number): void } {
  let time = Date.UTC(2030, 0, 1)
  return {
    now: () => time,
    advance(milliseconds) {
      time += milliseconds
    },
  }
}

/** A queue that keeps tasks until the test delivers them. */
export function heldTasks(): TaskQueue & { readonly held: Task[] } {
  const held: Task[] = []
  return {
    held,
    add: async (task) => {
      held.push(task)
      return 'added'
    },
  }
}

/** The clock of this machine, which `advance()` puts forward. */
export function movableClock(): { now: () => number; advance(milliseconds: number): void } {
  let ahead = 0
  return {
    now: () => Date.now() + ahead,
    advance(milliseconds) {
      ahead += milliseconds
    },
  }
}
