import { stringifySetCookie } from 'cookie'
import type { SessionId } from '../record/id.ts'
import type { CookieValues } from './cookie-ids.ts'
import type { CookieForm, CookiePlace } from './cookie-names.ts'
import { valuesOf } from './cookie-values.ts'
import type { FormerCookies } from './former-cookies.ts'

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

/** The checked cookie options of a deployment. */
interface CookieParts {
  readonly secureForm: CookieForm
  readonly plainForm: CookieForm
  /** The requests whose cookie has its plain form, without Secure; `'local'`: those over loopback. */
  readonly plain: 'always' | 'local' | 'never'
  readonly secureAttributes: CookieAttributes
  readonly plainAttributes: CookieAttributes
  readonly former: FormerCookies
}

/** The cookies from which requests read their sessions, and to which they write them. */
export class CookiePolicy {
  readonly #parts: CookieParts
  readonly #values: CookieValues

  constructor(parts: CookieParts, values: CookieValues) {
    this.#parts = parts
    this.#values = values
  }

  /** Returns a policy that is the same but for the values of the cookie. */
  withValues(values: CookieValues): CookiePolicy {
    return new CookiePolicy(this.#parts, values)
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
    const { secureForm, plainForm, plain } = this.#parts
    if (plain === 'always') return { form: plainForm, allowed: true }
    if (request.secure === true) return { form: secureForm, allowed: true }
    return plain === 'local' && request.loopback === true
      ? { form: plainForm, allowed: true }
      : { form: secureForm, allowed: false }
  }

  /**
   * Finds the session id in a raw Cookie header: exactly one distinct, well-formed, verified value counts, otherwise
   * none. Where no cookie came under the name, the former names are tried in their order.
   */
  read(header: string | undefined, form: CookieForm): Presented {
    const now = readAs(header, form.name, this.#values)
    const former = this.#parts.former.in(header, form)
    let { outcome } = now
    if (outcome === 'none') {
      for (const { name } of former) {
        const before = readAs(header, name, this.#values)
        if (before.id !== null) return { ...before, outdated: true, former }
        if (before.outcome === 'malformed') outcome = 'malformed'
      }
    }
    return { ...now, outcome, former }
  }

  /** Whether the options name a former cookie with the same name. */
  knowsFormer(form: CookieForm): boolean {
    return this.#parts.former.of(form).some(({ name }) => name === form.name)
  }

  /** The attributes of the session cookie, also for further cookies of the app. */
  attributes(form: CookieForm): CookieAttributes {
    const { secureAttributes, plainAttributes } = this.#parts
    return { ...(form.secure ? secureAttributes : plainAttributes) }
  }

  /** Returns the Set-Cookie value with this id. `maxAge` in seconds; `null`: until the browser closes. */
  serialize(id: SessionId, form: CookieForm, maxAge: number | null): string {
    return this.#setCookie(this.#values.write(id, form.name), form, maxAge)
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
