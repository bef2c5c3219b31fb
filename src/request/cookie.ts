import { stringifySetCookie } from 'cookie'
import { show } from '../base/duration.ts'
import { SessionConfigError } from '../base/errors.ts'
import { COOKIE_HINTS } from '../base/option-hints.ts'
import { checkOptions, namesOf, wrongOption } from '../base/option-checks.ts'
import { sign, unsign } from '../base/signature.ts'
import { asSessionId, type SessionId } from '../record/id.ts'

/** How the session cookie is named and flagged. */
export interface CookieOptions {
  /** Default `__Host-viur-session`; `viur-session` where the cookie is not Secure. */
  readonly name?: string
  /** Default `/`. */
  readonly path?: string
  /** Unset by default: the cookie belongs to this host alone. Can not go with a `__Host-` name. */
  readonly domain?: string
  /** Default `lax`; `null` leaves the attribute out. */
  readonly sameSite?: 'lax' | 'strict' | 'none' | null
  /**
   * `true`: always Secure. `false`: never. `'auto'` (the default): always, but for a request that is not secure and
   * comes over a loopback socket without any sign of a proxy, while NODE_ENV is not `production` and nothing in the
   * environment says that this is Google Cloud.
   */
  readonly secure?: boolean | 'auto'
  /** Default `true`. */
  readonly httpOnly?: boolean
  /** Default `false`. Needs Secure. */
  readonly partitioned?: boolean
  readonly priority?: 'low' | 'medium' | 'high'
  /** Signs the cookie in the format of cookie-parser, newest secret first; what does not verify costs no lookup. */
  readonly secrets?: readonly string[]
}

/** The largest Max-Age that browsers keep: 400 days, in seconds (RFC 6265bis, section 5.5). */
export const MAX_COOKIE_AGE: number = 400 * 24 * 60 * 60

const KNOWN_OPTIONS = namesOf<CookieOptions>({
  name: true,
  path: true,
  domain: true,
  sameSite: true,
  secure: true,
  httpOnly: true,
  partitioned: true,
  priority: true,
  secrets: true,
})

const DEFAULT_NAME = '__Host-viur-session'
const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/
const DOMAIN =
  /^\.?(?=.{1,253}$)[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?)*$/
const MIN_SECRET_BYTES = 32

/** In what form the cookie travels with one request. */
export interface CookieForm {
  readonly name: string
  readonly secure: boolean
}

/** What a request presented under our name. */
export interface Presented {
  readonly outcome: 'none' | 'malformed' | 'well-formed'
  readonly id: SessionId | null
  /** True when an older secret signed it, so that it is due to be sent again under the newest. */
  readonly outdated: boolean
}

/** The checked cookie options of a deployment. */
export class CookiePolicy {
  readonly #options: {
    readonly path: string
    readonly domain: string | undefined
    readonly sameSite: 'lax' | 'strict' | 'none' | null
    readonly secure: boolean | 'auto'
    readonly httpOnly: boolean
    readonly partitioned: boolean
    readonly priority: 'low' | 'medium' | 'high' | undefined
  }
  readonly #secrets: readonly string[]
  readonly #secureForm: CookieForm
  readonly #plainForm: CookieForm
  readonly #mayBePlain: boolean

  /**
   * Throws `SessionConfigError` for a combination that no browser would keep, or that is not safe. `deployed`: this is
   * no desk, so that `'auto'` has no plain form.
   */
  constructor(options: CookieOptions = {}, deployed = false) {
    // A misspelt one would silently leave the cookie less safe than the app believes.
    checkOptions('cookie', options, KNOWN_OPTIONS, COOKIE_HINTS)
    const { path = '/', domain, sameSite = 'lax', secure = 'auto', priority } = options
    const { httpOnly = true, partitioned = false } = options
    const name = options.name ?? (secure === false ? withoutPrefix(DEFAULT_NAME) : DEFAULT_NAME)

    checkName(name)
    check('cookie.secure', "must be true, false or 'auto'", secure, [true, false, 'auto'])
    check('cookie.sameSite', "must be 'lax', 'strict', 'none' or null", sameSite, [
      'lax',
      'strict',
      'none',
      null,
    ])
    check('cookie.httpOnly', 'must be true or false', httpOnly, [true, false])
    check('cookie.partitioned', 'must be true or false', partitioned, [true, false])
    check('cookie.priority', "must be 'low', 'medium' or 'high'", priority, [
      'low',
      'medium',
      'high',
      undefined,
    ])
    if (typeof path !== 'string' || !/^\/[\x21-\x3a\x3c-\x7e]*$/.test(path) || path.length > 1024) {
      throw wrongOption(
        'cookie.path',
        'must start with "/" and hold no ";", space or control character',
        path,
      )
    }
    if (domain !== undefined && (typeof domain !== 'string' || !DOMAIN.test(domain))) {
      throw wrongOption('cookie.domain', 'must be a domain name', domain)
    }
    if (secure === false && /^__(secure|host)-/i.test(name)) {
      throw new SessionConfigError(
        `cookie.name ${show(name)} has a prefix that needs a Secure cookie, but cookie.secure is false`,
      )
    }
    if (/^__host-/i.test(name) && (domain !== undefined || path !== '/')) {
      throw new SessionConfigError(
        `cookie.name ${show(name)} starts with "__Host-", which allows no domain and only the path "/": set a cookie.name without that prefix to use ${domain === undefined ? `the path ${show(path)}` : `the domain ${show(domain)}`}`,
      )
    }
    if (sameSite === 'none' && secure === false) {
      throw new SessionConfigError(
        "cookie.sameSite 'none' needs a Secure cookie, but cookie.secure is false",
      )
    }
    if (partitioned && secure === false) {
      throw new SessionConfigError(
        'cookie.partitioned needs a Secure cookie, but cookie.secure is false',
      )
    }

    this.#options = { path, sameSite, secure, httpOnly, partitioned, domain, priority }
    this.#secrets = checkedSecrets(options.secrets)
    this.#secureForm = { name, secure: true }
    this.#plainForm = { name: withoutPrefix(name), secure: false }
    this.#mayBePlain = secure === 'auto' && !deployed
    const longest = this.serialize('x'.repeat(43) as SessionId, this.#secureForm, MAX_COOKIE_AGE)
    if (name.length + longest.length > 4096) {
      throw new SessionConfigError(
        'cookie.name, cookie.path and cookie.domain together are too long for a cookie of 4096 bytes',
      )
    }
  }

  /** In what form the cookie travels with this request; `null`: it must not travel, since the request is not secure. */
  formFor(request: {
    readonly secure?: boolean | undefined
    readonly loopback?: boolean | undefined
  }): {
    form: CookieForm
    allowed: boolean
  } {
    if (this.#options.secure === false) return { form: this.#plainForm, allowed: true }
    if (request.secure === true) return { form: this.#secureForm, allowed: true }
    if (this.#mayBePlain && request.loopback === true)
      return { form: this.#plainForm, allowed: true }
    return { form: this.#secureForm, allowed: false }
  }

  /** Finds the session id in a raw Cookie header: exactly one distinct, well-formed, verified value counts, otherwise none. */
  read(header: string | undefined, form: CookieForm): Presented {
    const found = new Map<SessionId, boolean>()
    let present = false
    for (const value of valuesOf(header, form.name)) {
      present = true
      const verified = this.#verify(value)
      if (verified !== null)
        found.set(verified.id, verified.outdated || found.get(verified.id) === true)
    }
    const [first] = found
    if (first === undefined || found.size > 1) {
      return { outcome: present ? 'malformed' : 'none', id: null, outdated: false }
    }
    return { outcome: 'well-formed', id: first[0], outdated: first[1] }
  }

  /** The Set-Cookie value that carries this id; `maxAge` in seconds, `null` until the browser closes. */
  serialize(id: SessionId, form: CookieForm, maxAge: number | null): string {
    const [secret] = this.#secrets
    return this.#setCookie(secret === undefined ? id : `s:${sign(id, secret)}`, form, maxAge)
  }

  /** The Set-Cookie value that makes the browser forget the cookie: same name and attributes, no time left. */
  serializeRemoval(form: CookieForm): string {
    return this.#setCookie('', form, 0)
  }

  #setCookie(value: string, form: CookieForm, maxAge: number | null): string {
    const { path, domain, sameSite, httpOnly, partitioned, priority } = this.#options
    // Without Secure a browser refuses both of these, and the plain form is for local work only.
    const site = sameSite === 'none' && !form.secure ? 'lax' : sameSite
    return stringifySetCookie({
      name: form.name,
      value,
      path,
      httpOnly,
      secure: form.secure,
      partitioned: partitioned && form.secure,
      ...(maxAge !== null && { maxAge: Math.min(Math.max(maxAge, 0), MAX_COOKIE_AGE) }),
      ...(domain !== undefined && { domain }),
      ...(site !== null && { sameSite: site }),
      ...(priority !== undefined && { priority }),
    })
  }

  #verify(value: string): { id: SessionId; outdated: boolean } | null {
    if (this.#secrets.length === 0) {
      const id = asSessionId(value)
      return id === null ? null : { id, outdated: false }
    }
    // Longer than any signed id, even with every character escaped: not worth hashing.
    if (value.length > 300) return null
    const text = decode(value)
    if (!text.startsWith('s:')) return null
    for (const [index, secret] of this.#secrets.entries()) {
      const verified = unsign(text.slice(2), secret)
      const id = verified === null ? null : asSessionId(verified)
      if (id !== null) return { id, outdated: index > 0 }
    }
    return null
  }
}

/**
 * Every value that the header holds under exactly this name. Parsers that give an object keep one of several
 * values, and which one an attacker on a sibling domain can choose. Names are compared as they are: decoding
 * them would let `%5F%5FHost-` pass for a prefix that no browser guarded (CVE-2020-8184).
 */
export function valuesOf(header: string | undefined, name: string): string[] {
  if (header === undefined || !header.includes(name)) return []
  const values: string[] = []
  for (const pair of header.split(';')) {
    const equals = pair.indexOf('=')
    if (equals !== -1 && trim(pair.slice(0, equals)) === name)
      values.push(unquoted(trim(pair.slice(equals + 1))))
  }
  return values
}

/**
 * The value without the one pair of quotes that may stand around the whole of it (RFC 6265, section 4.1.1), as the
 * HTTP clients of Java send every cookie. With any other quote in it, it stays what it is, and is no id.
 */
function unquoted(value: string): string {
  const { length } = value
  if (length < 2 || value[0] !== '"' || value[length - 1] !== '"') return value
  const inside = value.slice(1, -1)
  return inside.includes('"') ? value : inside
}

/** Without the space and tab that RFC 6265bis allows around names and values; nothing else is white space there. */
function trim(text: string): string {
  let start = 0
  let end = text.length
  while (start < end && isBlank(text[start])) start++
  while (end > start && isBlank(text[end - 1])) end--
  return text.slice(start, end)
}

function isBlank(character: string | undefined): boolean {
  return character === ' ' || character === '\t'
}

export function decode(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

function withoutPrefix(name: string): string {
  return name.replace(/^__(?:Host|Secure)-/i, '')
}

function check(option: string, rule: string, value: unknown, allowed: readonly unknown[]): void {
  if (!allowed.includes(value)) throw wrongOption(option, rule, value)
}

function checkName(name: unknown): void {
  if (typeof name !== 'string' || !TOKEN.test(name) || name.length > 256) {
    throw wrongOption(
      'cookie.name',
      'must be a token of at most 256 characters (RFC 9110, section 5.6.2)',
      name,
    )
  }
  if (
    /^__(?:host|secure)-/i.test(name) &&
    (!/^__(?:Host|Secure)-/.test(name) || withoutPrefix(name) === '')
  ) {
    throw wrongOption(
      'cookie.name',
      'must spell its prefix "__Host-" or "__Secure-" and go on after it',
      name,
    )
  }
}

function checkedSecrets(secrets: unknown): readonly string[] {
  if (secrets === undefined) return []
  if (!Array.isArray(secrets) || secrets.length === 0) {
    throw new SessionConfigError(
      'cookie.secrets must be an array of at least one text: leave it out for an unsigned cookie',
    )
  }
  for (const [index, secret] of secrets.entries()) {
    if (typeof secret !== 'string' || Buffer.byteLength(secret) < MIN_SECRET_BYTES) {
      throw new SessionConfigError(
        `cookie.secrets[${index}] must be a text of at least ${MIN_SECRET_BYTES} bytes`,
      )
    }
    if (new Set(secret).size < 5) {
      throw new SessionConfigError(`cookie.secrets[${index}] is too easy to guess: use random text`)
    }
    if (secrets.indexOf(secret) !== index)
      throw new SessionConfigError(`cookie.secrets[${index}] is there twice`)
  }
  return [...secrets]
}
