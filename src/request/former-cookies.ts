import { SessionConfigError } from '../base/errors.ts'
import { checkOptions, namesOf, wrongOption } from '../base/option-checks.ts'
import {
  type CookieForm,
  type CookiePlace,
  checkCookieDomain,
  checkCookieName,
  checkCookiePath,
  checkHostPrefix,
  isSameCookie,
  withoutPrefix,
} from './cookie-names.ts'
import { valuesOf } from './cookie-values.ts'

/** A former name, domain or path of the session cookie. */
export interface FormerCookie {
  /** Default: the present name. */
  readonly name?: string
  /** Default: none. */
  readonly domain?: string
  /** Default `/`. */
  readonly path?: string
}

const FORMER = namesOf<FormerCookie>({ name: true, domain: true, path: true })

/** The former cookies of a deployment. */
export class FormerCookies {
  readonly #now: CookiePlace
  readonly #former: readonly CookiePlace[]

  /**
   * `now`: the present cookie. Throws `SessionConfigError` for an invalid former cookie, or for one that equals the
   * present cookie.
   */
  constructor(formerly: unknown, now: CookiePlace) {
    this.#now = now
    this.#former = formerFrom(formerly, now)
  }

  /** Returns the former cookies in this form. */
  of(form: CookieForm): readonly CookiePlace[] {
    if (this.#former.length === 0 || form.secure) return this.#former
    const now = { ...this.#now, name: form.name }
    // Without its prefix, a former cookie can equal the present one.
    return this.#former
      .map((former) => ({ ...former, name: withoutPrefix(former.name) }))
      .filter((former) => !isSameCookie(former, now))
  }

  /** Returns the former cookies that may have come: those whose name is in the header. */
  in(header: string | undefined, form: CookieForm): readonly CookiePlace[] {
    if (this.#former.length === 0) return this.#former
    return this.of(form).filter(({ name }) => valuesOf(header, name).length > 0)
  }
}

function formerFrom(formerly: unknown, now: CookiePlace): readonly CookiePlace[] {
  if (formerly === undefined) return []
  if (!Array.isArray(formerly)) {
    throw wrongOption(
      'cookie.formerly',
      'must be an array of former cookies, such as [{ name, domain, path }]',
      formerly,
    )
  }
  return formerly.map((entry: unknown, index) => {
    const option = `cookie.formerly[${index}]`
    checkOptions(option, entry, FORMER)
    const { name = now.name, domain, path = '/' } = entry as FormerCookie
    checkCookieName(`${option}.name`, name)
    checkCookieDomain(`${option}.domain`, domain)
    checkCookiePath(`${option}.path`, path)
    const former = { name, domain, path }
    if (isSameCookie(former, now)) {
      throw new SessionConfigError(
        `${option} is the present cookie, which would be removed as soon as it is set: give the former name, domain or path`,
      )
    }
    checkHostPrefix(`${option}.name`, former)
    return former
  })
}
