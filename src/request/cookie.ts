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

/** The name and the attributes of the session cookie. */
export interface CookieOptions {
  /** Default `__Host-viur-session`; `viur-session` where the cookie is not Secure. */
  readonly name?: string
  /** Default `/`. */
  readonly path?: string
  /** Unset by default: the browser sends the cookie only to this host. Cannot be used with a `__Host-` name. */
  readonly domain?: string
  /** Default `lax`; `null` leaves the attribute out. */
  readonly sameSite?: 'lax' | 'strict' | 'none' | null
  /**
   * `true`: always Secure. `false`: never. `'auto'` (the default): Secure, except for a request that is not secure and
   * comes over a loopback socket without any sign of a proxy, while NODE_ENV is not `production` and the environment
   * shows no sign of Google Cloud.
   */
  readonly secure?: boolean | 'auto'
  /** Default `true`. */
  readonly httpOnly?: boolean
  /** Default `false`. Needs Secure. */
  readonly partitioned?: boolean
  /** Which cookies Chrome deletes last when there are too many. Default: the attribute is left out. */
  readonly priority?: 'low' | 'medium' | 'high'
  /**
   * Signs the cookie in the format of cookie-parser, with the newest secret first. A cookie whose signature is wrong
   * costs no lookup.
   */
  readonly secrets?: readonly string[]
  /**
   * The former name, domain or path of the cookie, so that a change of them logs nobody out. Default: none.
   *
   * Under another name, a former cookie is read where no cookie of the new name came. With its next use the session
   * gets a cookie under the new name, and the same response removes the former one. Under the same name, with another
   * domain or path, the former cookie is removed where two cookies of this name came, and with every cookie that is
   * set.
   */
  readonly formerly?: readonly FormerCookie[]
}

/** The attributes of the session cookie, in the form that `res.cookie()` of Express and the package cookie take. */
export interface CookieAttributes {
  /** The browser sends the cookie to this path and to paths below it. */
  readonly path: string
  /** Whether the browser sends it only over TLS. */
  readonly secure: boolean
  /** Whether scripts of the page cannot read it. */
  readonly httpOnly: boolean
  /** Absent: the browser sends it only to this host. */
  readonly domain?: string
  /** Whether the browser sends it with requests from other sites; absent: the default of the browser applies. */
  readonly sameSite?: 'lax' | 'strict' | 'none'
  /** Whether each embedding site gets separate cookies. */
  readonly partitioned?: true
  /** Which cookies Chrome deletes last when there are too many. */
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

/** The session that a request presented in its cookies. */
export interface Presented {
  readonly outcome: 'none' | 'malformed' | 'well-formed'
  readonly id: SessionId | null
  /** Whether the cookie has to be sent again, because an older secret signed it or it came under a former name. */
  readonly outdated: boolean
  /** Whether several different ids came, so that none of them counts. */
  readonly several: boolean
  /** The former cookies that came with the request. */
  readonly former: readonly CookiePlace[]
}

/** The cookies from which a request reads its session, and to which it writes it. */
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
   * Throws `SessionConfigError` for a combination that no browser would keep, or that is not safe. `deployed`: whether
   * the process runs in a deployment, so that `'auto'` is always Secure.
   */
  constructor(options: CookieOptions = {}, deployed = false) {
    // A misspelt option would silently leave the cookie less safe than the app expects.
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

  /**
   * Returns the form of the cookie for this request. `allowed`: `false` where no cookie may travel, because the request
   * is not secure.
   */
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
   * Finds the session id in a raw Cookie header: exactly one distinct, well-formed, verified value counts, otherwise
   * none. Where no cookie came under the name, the former names are tried in their order. `values`: reads the values.
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

  /** Whether the options name a former cookie with the same name. */
  knowsFormer(form: CookieForm): boolean {
    return this.#former.of(form).some(({ name }) => name === form.name)
  }

  /** The attributes of the session cookie, also for further cookies of the app. */
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

  /** Returns the Set-Cookie value with this id. `maxAge` in seconds; `null`: until the browser closes. */
  serialize(
    id: SessionId,
    form: CookieForm,
    maxAge: number | null,
    values: CookieValues = this.#values,
  ): string {
    return this.#setCookie(values.write(id, form.name), form, maxAge)
  }

  /** Returns the Set-Cookie value that removes the cookie: the same name and attributes, with no time left. */
  serializeRemoval(form: CookieForm): string {
    return this.#setCookie('', form, 0)
  }

  /** Returns the Set-Cookie value that removes a former cookie. */
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

  /** Browsers refuse `none` without Secure. The plain form is for local work only, so it uses `lax`. */
  #siteIn(form: CookieForm): 'lax' | 'strict' | 'none' | null {
    const { sameSite } = this.#options
    return sameSite === 'none' && !form.secure ? 'lax' : sameSite
  }
}

function check(option: string, rule: string, value: unknown, allowed: readonly unknown[]): void {
  if (!allowed.includes(value)) throw wrongOption(option, rule, value)
}

/** The session that came under one name. */
function readAs(
  header: string | undefined,
  name: string,
  values: CookieValues,
): Omit<Presented, 'former'> {
  const given = valuesOf(header, name)
  if (given.length === 0) return { outcome: 'none', id: null, outdated: false, several: false }
  const found = new Map<SessionId, boolean>()
  for (const value of given) {
    const verified = values.read(value, name)
    if (verified !== null)
      found.set(verified.id, verified.outdated || found.get(verified.id) === true)
  }
  const [first] = found
  const several = found.size > 1
  if (first === undefined || several) {
    return { outcome: 'malformed', id: null, outdated: false, several }
  }
  return { outcome: 'well-formed', id: first[0], outdated: first[1], several }
}
