import { stringifySetCookie } from 'cookie'
import { show } from '../base/duration.ts'
import { SessionConfigError } from '../base/errors.ts'
import { COOKIE_HINTS } from '../base/option-hints.ts'
import { checkOptions, namesOf, wrongOption } from '../base/option-checks.ts'
import type { SessionId } from '../record/id.ts'
import { CookieIds, type CookieValues } from './cookie-ids.ts'
import {
  type CookieForm,
  type CookiePlace,
  checkCookieDomain,
  checkCookieName,
  checkCookiePath,
  checkHostPrefix,
  withoutPrefix,
} from './cookie-names.ts'
import { valuesOf } from './cookie-values.ts'
import { type FormerCookie, FormerCookies } from './former-cookies.ts'

/** How the session cookie is named and flagged. */
export interface CookieOptions {
  /** Default `__Host-viur-session`; `viur-session` where the cookie is not Secure. */
  readonly name?: string
  /** Default `/`. */
  readonly path?: string
  /** Unset by default: the cookie belongs to this host alone. Cannot go with a `__Host-` name. */
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
  /** Which cookies Chrome gives up last, where there are too many. Default: the attribute is left out. */
  readonly priority?: 'low' | 'medium' | 'high'
  /** Signs the cookie in the format of cookie-parser, newest secret first; what does not verify costs no lookup. */
  readonly secrets?: readonly string[]
  /**
   * What the cookie was before its name, domain or path changed, so that the change logs nobody out. Under another name: it is
   * read where no cookie of the new name came; the session gets its cookie under the new name with the next use, and the
   * former is taken away by the same response. Under the same name, with another domain or path: it is taken away where two of
   * them came, and with every cookie that is set. Default: none.
   */
  readonly formerly?: readonly FormerCookie[]
}

/** The attributes of the session cookie, in the form that `res.cookie()` of Express and the package cookie take. */
export interface CookieAttributes {
  /** Below which path the browser sends it. */
  readonly path: string
  /** Whether it is sent over TLS alone. */
  readonly secure: boolean
  /** Whether scripts of the page cannot read it. */
  readonly httpOnly: boolean
  /** Absent: it belongs to this host alone. */
  readonly domain?: string
  /** Whether it goes with requests from other sites; absent: as the browser thinks right. */
  readonly sameSite?: 'lax' | 'strict' | 'none'
  /** Whether each site that embeds this one has cookies of its own. */
  readonly partitioned?: true
  /** Which cookies Chrome gives up last. */
  readonly priority?: 'low' | 'medium' | 'high'
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
  formerly: true,
})

const DEFAULT_NAME = '__Host-viur-session'

/** What a request presented under our name. */
export interface Presented {
  readonly outcome: 'none' | 'malformed' | 'well-formed'
  readonly id: SessionId | null
  /** True when an older secret signed it, or it came under a former name, so that it is due to be sent again. */
  readonly outdated: boolean
  /** Whether several different ones came, so that none counts. */
  readonly several: boolean
  /** The former cookies that came with the request. */
  readonly former: readonly CookiePlace[]
}

/** What a request reads its session from, and writes it to. */
export type SessionCookies = Pick<CookiePolicy, keyof CookiePolicy>

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
  readonly #values: CookieValues
  readonly #former: FormerCookies
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

    checkCookieName('cookie.name', name)
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
    checkCookiePath('cookie.path', path)
    checkCookieDomain('cookie.domain', domain)
    if (secure === false && /^__(secure|host)-/i.test(name)) {
      throw new SessionConfigError(
        `cookie.name ${show(name)} has a prefix that needs a Secure cookie, but cookie.secure is false`,
      )
    }
    checkHostPrefix('cookie.name', { name, domain, path })
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
    this.#values = new CookieIds(options.secrets)
    this.#former = new FormerCookies(options.formerly, { name, domain, path })
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

  /**
   * Finds the session id in a raw Cookie header: exactly one distinct, well-formed, verified value counts, otherwise none.
   * Where nothing came under the name, the former names are looked at, in their order. `values`: what the values say.
   */
  read(
    header: string | undefined,
    form: CookieForm,
    values: CookieValues = this.#values,
  ): Presented {
    const now = readAs(header, form.name, values)
    const former = this.#former.in(header, form)
    let { outcome } = now
    if (outcome === 'none') {
      for (const { name } of former) {
        const before = readAs(header, name, values)
        if (before.id !== null) return { ...before, outdated: true, former }
        if (before.outcome === 'malformed') outcome = 'malformed'
      }
    }
    return { ...now, outcome, former }
  }

  /** Whether it is known what cookies of the same name were before. */
  knowsFormer(form: CookieForm): boolean {
    return this.#former.of(form).some(({ name }) => name === form.name)
  }

  /** What another cookie beside ours has for attributes. */
  attributes(form: CookieForm): CookieAttributes {
    const { path, domain, httpOnly, partitioned, priority } = this.#options
    const site = this.#siteIn(form)
    return {
      path,
      secure: form.secure,
      httpOnly,
      ...(domain !== undefined && { domain }),
      ...(site !== null && { sameSite: site }),
      ...(partitioned && form.secure && { partitioned }),
      ...(priority !== undefined && { priority }),
    }
  }

  /** The Set-Cookie value that carries this id; `maxAge` in seconds, `null` until the browser closes. */
  serialize(
    id: SessionId,
    form: CookieForm,
    maxAge: number | null,
    values: CookieValues = this.#values,
  ): string {
    return this.#setCookie(values.write(id, form.name), form, maxAge)
  }

  /** The Set-Cookie value that makes the browser forget the cookie: same name and attributes, no time left. */
  serializeRemoval(form: CookieForm): string {
    return this.#setCookie('', form, 0)
  }

  /** The Set-Cookie value that makes the browser forget a former cookie. */
  serializeFormerRemoval({ name, path, domain }: CookiePlace, form: CookieForm): string {
    const { domain: _, ...attributes } = this.attributes(form)
    return stringifySetCookie({
      ...attributes,
      name,
      value: '',
      path,
      maxAge: 0,
      ...(domain !== undefined && { domain }),
    })
  }

  #setCookie(value: string, form: CookieForm, maxAge: number | null): string {
    return stringifySetCookie({
      name: form.name,
      value,
      ...this.attributes(form),
      ...(maxAge !== null && { maxAge: Math.min(Math.max(maxAge, 0), MAX_COOKIE_AGE) }),
    })
  }

  /** Without Secure a browser refuses `none`, and the plain form is for local work only. */
  #siteIn(form: CookieForm): 'lax' | 'strict' | 'none' | null {
    const { sameSite } = this.#options
    return sameSite === 'none' && !form.secure ? 'lax' : sameSite
  }
}

function check(option: string, rule: string, value: unknown, allowed: readonly unknown[]): void {
  if (!allowed.includes(value)) throw wrongOption(option, rule, value)
}

/** What came under one name. */
function readAs(
  header: string | undefined,
  name: string,
  values: CookieValues,
): Omit<Presented, 'former'> {
  const found = new Map<SessionId, boolean>()
  let present = false
  for (const value of valuesOf(header, name)) {
    present = true
    const verified = values.read(value, name)
    if (verified !== null)
      found.set(verified.id, verified.outdated || found.get(verified.id) === true)
  }
  const [first] = found
  const several = found.size > 1
  if (first === undefined || several) {
    return { outcome: present ? 'malformed' : 'none', id: null, outdated: false, several }
  }
  return { outcome: 'well-formed', id: first[0], outdated: first[1], several }
}
