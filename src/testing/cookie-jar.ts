import { clockFrom } from '../base/clock.ts'
import { checkOptions, namesOf } from '../base/option-checks.ts'

/** Options of {@link cookieJar}. */
export interface CookieJarOptions {
  /** Milliseconds since the epoch. Default `Date.now`. */
  readonly now?: () => number
}

/** Handles cookies as a browser does. */
export interface CookieJar {
  /** Stores the Set-Cookie values of a response to a request for this address. */
  set(setCookie: string | readonly string[], url: string | URL): void
  /** Returns the Cookie header of the next request for this address; `undefined` when there is none to send. */
  header(url: string | URL): string | undefined
  /** Returns the value of a cookie of this name that has not expired, of any host; `undefined` when there is none. */
  value(name: string): string | undefined
  /** Closes the browser: deletes the cookies that have neither Max-Age nor Expires. */
  closeBrowser(): void
}

interface Cookie {
  readonly name: string
  readonly value: string
  readonly host: string
  readonly hostOnly: boolean
  readonly path: string
  readonly secure: boolean
  /** `null`: until the browser closes. */
  readonly expires: number | null
  readonly order: number
}

/**
 * Stores the cookies of responses and returns those for the next request by the rules of RFC 6265bis: Max-Age (which
 * has priority over Expires, and is limited to 400 days), Path, Domain, Secure (also sent to loopback hosts, as
 * browsers do), the prefixes `__Host-` and `__Secure-`, the size limit, and deletion. It does not use the public suffix
 * list. It treats every request as a same-site one, so SameSite has no effect. It ignores HttpOnly, Partitioned and
 * Priority, and never evicts a cookie.
 */
export function cookieJar(options: CookieJarOptions = {}): CookieJar {
  checkOptions('cookieJar()', options, namesOf<CookieJarOptions>({ now: true }))
  return new Jar(clockFrom(options.now ?? (() => Date.now())))
}

const MAX_AGE = 400 * 24 * 60 * 60

class Jar implements CookieJar {
  readonly #now: () => number
  readonly #cookies = new Map<string, Cookie>()
  #order = 0

  constructor(now: () => number) {
    this.#now = now
  }

  set(setCookie: string | readonly string[], url: string | URL): void {
    const address = new URL(url)
    for (const text of typeof setCookie === 'string' ? [setCookie] : setCookie)
      this.#take(text, address)
  }

  header(url: string | URL): string | undefined {
    const address = new URL(url)
    const fitting = this.#live()
      .filter(
        ({ host, hostOnly }) =>
          host === address.hostname || (!hostOnly && isSubdomain(address.hostname, host)),
      )
      .filter(({ path }) => pathMatches(address.pathname, path))
      .filter(({ secure }) => !secure || isTrusted(address))
      .sort((a, b) => b.path.length - a.path.length || a.order - b.order)
    return fitting.length === 0
      ? undefined
      : fitting.map(({ name, value }) => (name === '' ? value : `${name}=${value}`)).join('; ')
  }

  value(name: string): string | undefined {
    return this.#live().findLast((cookie) => cookie.name === name)?.value
  }

  closeBrowser(): void {
    for (const [id, { expires }] of this.#cookies) if (expires === null) this.#cookies.delete(id)
  }

  #live(): Cookie[] {
    const now = this.#now()
    return [...this.#cookies.values()].filter(({ expires }) => expires === null || expires > now)
  }

  #take(text: string, address: URL): void {
    // A cookie with any control character except a tab is ignored completely (RFC 6265bis, section 5.6).
    // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
    if (/[\x00-\x08\x0a-\x1f\x7f]/.test(text)) return
    const [pair = '', ...rest] = text.split(';')
    const equals = pair.indexOf('=')
    const name = equals === -1 ? '' : pair.slice(0, equals).trim()
    const value = pair.slice(equals + 1).trim()
    if (name === '' && value === '') return
    if (name.length + value.length > 4096) return
    const attributes = new Map<string, string>()
    for (const attribute of rest) {
      const [key = '', ...values] = attribute.split('=')
      const attributeValue = values.join('=').trim()
      if (attributeValue.length <= 1024) attributes.set(key.trim().toLowerCase(), attributeValue)
    }

    const secure = attributes.has('secure')
    const domain = attributes.get('domain')?.replace(/^\./, '').toLowerCase() ?? ''
    const given = attributes.get('path') ?? ''
    const path = given.startsWith('/') ? given : defaultPath(address.pathname)
    const host = domain === '' ? address.hostname : domain
    if (host !== address.hostname && !isSubdomain(address.hostname, host)) return
    if (secure && !isTrusted(address)) return
    if (attributes.get('samesite')?.toLowerCase() === 'none' && !secure) return
    // Browsers compare prefixes case-insensitively, and also look for them in values without a name.
    const prefixed = (name === '' ? value : name).toLowerCase()
    const isHost = prefixed.startsWith('__host-')
    if ((isHost || prefixed.startsWith('__secure-')) && !secure) return
    if (isHost && (domain !== '' || given !== '/')) return
    if (name === '' && (isHost || prefixed.startsWith('__secure-'))) return

    const id = JSON.stringify([name, host, path, domain === ''])
    const old = this.#cookies.get(id)
    // A page without TLS cannot overwrite a secure cookie.
    if (old?.secure === true && !secure && !isTrusted(address)) return
    const expires = this.#expires(attributes)
    if (expires !== null && expires <= this.#now()) {
      this.#cookies.delete(id)
      return
    }
    this.#order += 1
    this.#cookies.set(id, {
      name,
      value,
      host,
      hostOnly: domain === '',
      path,
      secure,
      expires,
      order: old?.order ?? this.#order,
    })
  }

  #expires(attributes: ReadonlyMap<string, string>): number | null {
    const maxAge = attributes.get('max-age')
    if (maxAge !== undefined && /^-?[0-9]+$/.test(maxAge)) {
      return this.#now() + Math.min(Number(maxAge), MAX_AGE) * 1000
    }
    const date = Date.parse(attributes.get('expires') ?? '')
    return Number.isNaN(date) ? null : Math.min(date, this.#now() + MAX_AGE * 1000)
  }
}

function isSubdomain(host: string, of: string): boolean {
  return host.endsWith(`.${of}`) && !/^[0-9.]+$|:/.test(host)
}

function isTrusted(address: URL): boolean {
  if (address.protocol === 'https:') return true
  return /^(?:localhost|.+\.localhost|127(?:\.[0-9]+){3}|\[::1\])$/.test(address.hostname)
}

function defaultPath(pathname: string): string {
  const end = pathname.lastIndexOf('/')
  return end <= 0 ? '/' : pathname.slice(0, end)
}

function pathMatches(pathname: string, path: string): boolean {
  return pathname === path || pathname.startsWith(path.endsWith('/') ? path : `${path}/`)
}
