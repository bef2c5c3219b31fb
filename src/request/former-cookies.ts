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

/** What the session cookie was before. */
export interface FormerCookie {
  /** Default: the name that it has now. */
  readonly name?: string
  /** Default: none. */
  readonly domain?: string
  /** Default `/`. */
  readonly path?: string
}

const FORMER = namesOf<FormerCookie>({ name: true, domain: true, path: true })

/** The cookies that the session cookie was before. */
export class FormerCookies {
  readonly #now: CookiePlace
  readonly #former: readonly CookiePlace[]

  /** `now`: the cookie of today. Throws `SessionConfigError` for what cannot have been one, or is the one of today. */
  constructor(formerly: unknown, now: CookiePlace) {
    this.#now = now
    this.#former = formerFrom(formerly, now)
  }

  /** As they are in this form. */
  of(form: CookieForm): readonly CookiePlace[] {
    if (this.#former.length === 0 || form.secure) return this.#former
    const now = { ...this.#now, name: form.name }
    // Without its prefix one of them can be the cookie of today.
    return this.#former
      .map((former) => ({ ...former, name: withoutPrefix(former.name) }))
      .filter((former) => !isSameCookie(former, now))
  }

  /** Those of them that have come, as far as a name can tell. */
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
      'must be an array of what the cookie was before, such as [{ name, domain, path }]',
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
        `${option} is the cookie of today, which would be taken away as soon as it is set: give the name, the domain or the path that it had before`,
      )
    }
    checkHostPrefix(`${option}.name`, former)
    return former
  })
}
