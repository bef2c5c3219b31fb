import assert from 'node:assert/strict'
import { type CookieJar, cookieJar } from '../cookie-jar.ts'
import type { FailingStore } from '../failing-store.ts'
import type { AdapterApp, AdapterPages } from './app.ts'
import { ask, type Asked, type AskOptions, type Reply } from './client.ts'

/** A server that a harness has started. */
export interface ServedApp {
  /** Its address, such as `http://127.0.0.1:8080`. */
  readonly url: string
  /** Stops it. Resolves when it has stopped completely. */
  close(): Promise<unknown> | unknown
  /** Whether it speaks HTTP/2 without TLS. Default: HTTP/1.1. */
  readonly http2?: boolean
}

/** Serves an app of the contract through the adapter. */
export interface AdapterHarness {
  /** Used in the names of the tests. */
  readonly name: string
  /** Starts a server with the app. */
  serve(app: AdapterApp): Promise<ServedApp>
}

/** A feature that an adapter, or the sessions under it, may not have. Its cases are then left out. */
export type AdapterFeature = 'store' | 'ids' | 'loopback' | 'proxies' | 'address' | 'streams'

/** Options of the app of a case. */
export interface SiteOptions {
  readonly trustProxy?: 0 | 1
  readonly byId?: boolean
  /**
   * `'auto'`: the request decides whether the cookie is Secure, and whether it is stored at all. Default: it is never
   * Secure.
   */
  readonly secure?: 'auto'
}

export type OpenSite = (pages: AdapterPages, options?: SiteOptions) => Promise<Site>

/** One promise of an adapter, and the test for it. */
export interface AdapterCase {
  readonly name: string
  readonly needs?: readonly AdapterFeature[]
  run(open: OpenSite): Promise<void>
}

/** A served app, and its visitors. */
export class Site {
  readonly sessions: AdapterApp['sessions']
  /** For the cases that need the store. */
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

  /** Sends a request without cookies. */
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

/** A visitor with a browser. */
export class Visitor {
  readonly #site: Site
  readonly #jar: CookieJar = cookieJar()

  constructor(site: Site) {
    this.#site = site
  }

  get cookie(): string {
    return this.#jar.header(this.#site.url) ?? ''
  }

  /** Ignores the cookies of the response. */
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

  /** Returns the text of a page, which must have the status 200. */
  async read(path: string): Promise<string> {
    const { status, body } = await this.get(path)
    assert.equal(status, 200, `${path} has to be answered with 200: ${body}`)
    return body
  }
}

/** Returns the session cookies that a response sets. */
export function ours({ setCookie }: Reply): string[] {
  return setCookie.filter((one) => /^(?:__Host-)?viur-session=/.test(one))
}

/** Returns the items of a header that is a list, in lower case and sorted. */
export function listed(reply: Reply, name: string): string[] {
  const value = reply.headers[name] ?? ''
  const items = String(value).toLowerCase().split(',')
  return items
    .map((item) => item.trim())
    .filter((item) => item !== '')
    .sort()
}

/** Asserts that this is an error response, with nothing of the page that failed. */
export function assertError(reply: Reply): void {
  assert.ok(
    reply.status >= 500 && reply.status <= 599,
    `the status has to be that of an error, not ${reply.status}`,
  )
  assert.deepEqual(ours(reply), [], 'an error must not set our cookie')
}
