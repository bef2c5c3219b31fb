import assert from 'node:assert/strict'
import { type CookieJar, cookieJar } from '../cookie-jar.ts'
import type { FailingStore } from '../failing-store.ts'
import type { AdapterApp, AdapterPages } from './app.ts'
import { ask, type Asked, type AskOptions, type Reply } from './client.ts'

/** What a harness has started. */
export interface ServedApp {
  /** Where it listens, such as `http://127.0.0.1:8080`. */
  readonly url: string
  /** Stops it. Resolves when nothing of it is left. */
  close(): Promise<unknown> | unknown
  /** Whether it speaks HTTP/2 without TLS. Default: HTTP/1.1. */
  readonly http2?: boolean
}

/** Serves an app of the contract through the adapter. */
export interface AdapterHarness {
  /** For the names of the tests. */
  readonly name: string
  /** Starts a server with the app. */
  serve(app: AdapterApp): Promise<ServedApp>
}

/** What an adapter, or the sessions under it, may not have, so that its cases are left out. */
export type AdapterFeature = 'store' | 'ids' | 'loopback' | 'proxies' | 'address' | 'streams'

/** How a case wants its app to be. */
export interface SiteOptions {
  readonly trustProxy?: 0 | 1
  readonly byId?: boolean
  /** `'auto'`: it depends on the request whether the cookie is Secure, and stored at all. Default: it never is Secure. */
  readonly secure?: 'auto'
}

export type OpenSite = (pages: AdapterPages, options?: SiteOptions) => Promise<Site>

/** One promise of an adapter, and how to see whether it is kept. */
export interface AdapterCase {
  readonly name: string
  readonly needs?: readonly AdapterFeature[]
  run(open: OpenSite): Promise<void>
}

/** An app that is served, and who visits it. */
export class Site {
  readonly sessions: AdapterApp['sessions']
  /** Of the cases that need it. */
  readonly store: FailingStore
  readonly #served: ServedApp

  constructor(served: ServedApp, sessions: AdapterApp['sessions'], store: FailingStore) {
    this.#served = served
    this.sessions = sessions
    this.store = store
  }

  get url(): string {
    return this.#served.url
  }

  /** Asks without cookies. */
  ask(path: string, options: AskOptions = {}): Asked {
    return ask(new URL(path, this.url).href, options, this.#served.http2 === true)
  }

  get(path: string, options?: AskOptions): Promise<Reply> {
    return this.ask(path, options).reply
  }

  visitor(): Visitor {
    return new Visitor(this)
  }
}

/** Somebody with a browser. */
export class Visitor {
  readonly #site: Site
  readonly #jar: CookieJar = cookieJar()

  constructor(site: Site) {
    this.#site = site
  }

  get cookie(): string {
    return this.#jar.header(this.#site.url) ?? ''
  }

  /** Takes no cookie from the response. */
  ask(path: string, { headers, ...options }: AskOptions = {}): Asked {
    const { cookie } = this
    return this.#site.ask(path, {
      ...options,
      headers: { ...(cookie !== '' && { cookie }), ...headers },
    })
  }

  async get(path: string, options?: AskOptions): Promise<Reply> {
    const reply = await this.ask(path, options).reply
    this.#jar.set(reply.setCookie, this.#site.url)
    return reply
  }

  /** The text of a page that has to be one. */
  async read(path: string): Promise<string> {
    const { status, body } = await this.get(path)
    assert.equal(status, 200, `${path} has to be answered with 200: ${body}`)
    return body
  }
}

/** The session cookies that a response sets. */
export function ours({ setCookie }: Reply): string[] {
  return setCookie.filter((one) => /^(?:__Host-)?viur-session=/.test(one))
}

/** A list in a header, in lower case and in order. */
export function listed(reply: Reply, name: string): string[] {
  const value = reply.headers[name] ?? ''
  const items = String(value).toLowerCase().split(',')
  return items
    .map((item) => item.trim())
    .filter((item) => item !== '')
    .sort()
}

/** The response of an error, with nothing of the page in whose place it is. */
export function assertError(reply: Reply): void {
  assert.ok(
    reply.status >= 500 && reply.status <= 599,
    `the status has to be that of an error, not ${reply.status}`,
  )
  assert.deepEqual(ours(reply), [], 'an error must not set our cookie')
}

/** A place where a page waits until the case lets it go on. */
export interface Gate {
  readonly reached: Promise<void>
  /** Waits there. */
  pass(): Promise<void>
  open(): void
}

export function gate(places = 1): Gate {
  let reach = (): void => {}
  let open = (): void => {}
  let left = places
  const reached = new Promise<void>((resolve) => {
    reach = resolve
  })
  const opened = new Promise<void>((resolve) => {
    open = resolve
  })
  return {
    reached,
    open,
    pass: () => {
      left -= 1
      if (left === 0) reach()
      return opened
    },
  }
}
