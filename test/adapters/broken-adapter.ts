import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { pipeline } from 'node:stream/promises'
import type { CommitResult, Session, Sessions } from '../../src/index.ts'
import type { AdapterAnswer, AdapterApp, AdapterHarness } from '../../src/testing/index.ts'

/** The faults that {@link adapterWith} can have. */
export type Fault =
  | 'sets no cookie'
  | 'loads nothing'
  | 'asks the store once more'
  | 'fails for cookies that open nothing'
  | 'keeps one session for all'
  | 'refuses requests of one visitor side by side'
  | 'answers before the commit'
  | 'swallows what comes late'
  | 'drops what a POST changes'
  | 'says nothing of a stored session with HEAD'
  | 'ignores that a commit fails'
  | 'tells the commit no status'
  | 'commits what a page changed that threw'
  | 'forgets a page that threw'
  | 'fails every page when loading fails'
  | 'says its headers for every page'
  | 'replaces the headers of the app'
  | 'says no Vary'
  | 'lets others say that a page may be stored'
  | 'takes every connection for loopback'
  | 'takes no connection for loopback'
  | 'trusts everybody'
  | 'trusts nobody'
  | 'knows no agent'
  | 'reads a cookie beside the id'
  | 'hands over no id'
  | 'commits nothing for a client that is gone'

/**
 * An adapter as users could write it, on plain http and the public methods `open()`, `commit()` and
 * `responseHeaders()`. `onSkipped` is called when it leaves out a commit that a test may wait for.
 */
export function adapterWith(fault: Fault | null, onSkipped: () => void = () => {}): AdapterHarness {
  return {
    name: fault ?? 'sound',
    async serve(app) {
      const shared: Shared = { current: null, busy: new Set() }
      const server = createServer((req, res) => {
        new Exchange(fault, app, req, res, shared, onSkipped).serve().catch(() => res.destroy())
      })
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
      return {
        url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
        close: () =>
          new Promise((resolve) => {
            server.close(resolve)
            server.closeAllConnections()
          }),
      }
    },
  }
}

interface Shared {
  current: Session | null
  readonly busy: Set<string>
}

const FAILED: AdapterAnswer = { status: 500, headers: [], body: 'failed' }

class Exchange {
  readonly #fault: Fault | null
  readonly #app: AdapterApp
  readonly #req: IncomingMessage
  readonly #res: ServerResponse
  readonly #shared: Shared
  readonly #onSkipped: () => void
  #hasCommitted = false

  constructor(
    fault: Fault | null,
    app: AdapterApp,
    req: IncomingMessage,
    res: ServerResponse,
    shared: Shared,
    onSkipped: () => void,
  ) {
    this.#fault = fault
    this.#app = app
    this.#req = req
    this.#res = res
    this.#shared = shared
    this.#onSkipped = onSkipped
  }

  async serve(): Promise<void> {
    const { busy } = this.#shared
    const { cookie } = this.#req.headers
    if (cookie === undefined || !this.#has('refuses requests of one visitor side by side')) {
      return await this.#serve()
    }
    if (busy.has(cookie)) return await this.#send(FAILED, null)
    busy.add(cookie)
    await this.#serve()
    busy.delete(cookie)
  }

  async #serve(): Promise<void> {
    const { sessions } = this.#app
    const session = this.#open()
    this.#shared.current ??= session
    if (this.#has('asks the store once more')) await sessions.outcomeOf('A'.repeat(43) as never)
    let answer: AdapterAnswer
    try {
      if (!this.#has('loads nothing')) await this.#load(session)
      const { cookie } = this.#req.headers
      if (this.#has('fails for cookies that open nothing') && cookie && session.isNew) throw cookie
      const given = this.#has('keeps one session for all') ? this.#shared.current : session
      answer = await this.#app.respond(this.#shown(given), this.#req.url ?? '')
    } catch {
      if (this.#has('forgets a page that threw')) return await this.#send(FAILED, null)
      const status = this.#has('commits what a page changed that threw') ? 200 : 500
      return await this.#send(FAILED, await sessions.commit(session, { status }).catch(() => null))
    }
    if (this.#has('answers before the commit')) {
      await this.#send(answer, null)
      await sessions.commit(session)
      return
    }
    if (this.#has('commits nothing for a client that is gone') && this.#req.destroyed) {
      this.#onSkipped()
      return
    }
    if (this.#has('drops what a POST changes') && this.#req.method === 'POST') session.revert()
    let result: CommitResult | null = null
    try {
      const said = this.#has('tells the commit no status') ? {} : { status: answer.status }
      result = await sessions.commit(session, said)
    } catch {
      if (!this.#has('ignores that a commit fails')) answer = FAILED
    }
    this.#hasCommitted = true
    await this.#send(answer, result)
  }

  #has(fault: Fault): boolean {
    return this.#fault === fault
  }

  #open(): Session {
    const { sessions, ids, trustProxy } = this.#app
    const { headers, method, socket } = this.#req
    const trusts =
      this.#has('trusts everybody') || (trustProxy === 1 && !this.#has('trusts nobody'))
    const forwarded = String(headers['x-forwarded-for'] ?? '').split(', ')
    const isProxied = 'x-forwarded-for' in headers || 'x-forwarded-proto' in headers
    const facts: Parameters<Sessions['open']>[0] & object = {
      secure: trusts && headers['x-forwarded-proto'] === 'https',
      loopback:
        (!isProxied && !this.#has('takes no connection for loopback')) ||
        this.#has('takes every connection for loopback'),
      userAgent: this.#has('knows no agent') ? undefined : headers['user-agent'],
      ip: trusts ? forwarded.at(-1) : socket.remoteAddress,
      method,
    } as never
    const cookie = headers.cookie ?? ''
    if (ids.id !== undefined) {
      const id = this.#has('reads a cookie beside the id') ? cookie.split('=')[1] : undefined
      return sessions.open({ ...facts, id: id ?? ids.id(this.#req) } as never)
    }
    return sessions.open({ ...facts, cookie } as never)
  }

  async #load(session: Session): Promise<void> {
    if (this.#has('fails every page when loading fails')) await session.load()
    // Pages that do not use the session are served.
    else await session.load().catch(() => {})
  }

  #shown(session: Session): Session {
    if (!this.#has('swallows what comes late')) return session
    return new Proxy(session, {
      get: (target, name) => {
        if (this.#hasCommitted) return async () => {}
        const value: unknown = Reflect.get(target, name, target)
        return typeof value === 'function' ? value.bind(target) : value
      },
    })
  }

  async #send(
    { status, headers, body }: AdapterAnswer,
    result: CommitResult | null,
  ): Promise<void> {
    const res = this.#res
    res.statusCode = status
    for (const [name, value] of headers) res.appendHeader(name, value)
    if (result !== null) this.#addHeaders(result)
    if (typeof body === 'string' || body === null) res.end(body ?? undefined)
    else await pipeline(body, res).catch(() => {})
  }

  #addHeaders(result: CommitResult): void {
    const res = this.#res
    const { sessions, ids } = this.#app
    if (result.id !== undefined && !this.#has('hands over no id')) ids.onId?.(res, result.id)
    if (this.#has('says nothing of a stored session with HEAD') && this.#req.method === 'HEAD')
      return
    const replaces = this.#has('replaces the headers of the app')
    if (replaces) for (const name of ['Vary', 'Cache-Control', 'Set-Cookie']) res.removeHeader(name)
    const said = this.#has('says its headers for every page') ? { ...result, vary: true } : result
    for (const [name, value] of sessions.responseHeaders(said)) {
      const there = String(res.getHeader(name) ?? '')
      if (name === 'Set-Cookie') {
        if (!this.#has('sets no cookie')) res.appendHeader(name, value)
      } else if (name === 'Vary') {
        if (this.#has('says no Vary')) continue
        if (value === '*' || there === '') res.setHeader(name, value)
        else if (!/cookie/i.test(there)) res.setHeader(name, `${there}, ${value}`)
      } else if (value === 'no-store') {
        res.setHeader(name, /no-transform/.test(there) ? 'no-store, no-transform' : value)
        if (this.#has('lets others say that a page may be stored')) continue
        for (const other of ['CDN-Cache-Control', 'Surrogate-Control', 'Expires']) {
          res.removeHeader(other)
        }
      } else if (there === '') res.setHeader(name, value)
    }
  }
}
