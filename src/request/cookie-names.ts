import { show } from '../base/duration.ts'
import { SessionConfigError } from '../base/errors.ts'
import { wrongOption } from '../base/option-checks.ts'

const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/
const DOMAIN =
  /^\.?(?=.{1,253}$)[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?)*$/

/** In what form the cookie travels with one request. */
export interface CookieForm {
  readonly name: string
  readonly secure: boolean
}

/** What tells one cookie of a browser from another. */
export interface CookiePlace {
  readonly name: string
  /** `undefined`: the host alone. */
  readonly domain: string | undefined
  readonly path: string
}

/** Throws `SessionConfigError` for what cannot be the name of a cookie. `option`: what it is called in the message. */
export function checkCookieName(option: string, name: unknown): void {
  if (typeof name !== 'string' || !TOKEN.test(name) || name.length > 256) {
    throw wrongOption(
      option,
      'must be a token of at most 256 characters (RFC 9110, section 5.6.2)',
      name,
    )
  }
  if (
    /^__(?:host|secure)-/i.test(name) &&
    (!/^__(?:Host|Secure)-/.test(name) || withoutPrefix(name) === '')
  ) {
    throw wrongOption(
      option,
      'must spell its prefix "__Host-" or "__Secure-" and go on after it',
      name,
    )
  }
}

/** The same for a path. */
export function checkCookiePath(option: string, path: unknown): void {
  if (typeof path !== 'string' || !/^\/[\x21-\x3a\x3c-\x7e]*$/.test(path) || path.length > 1024) {
    throw wrongOption(
      option,
      'must start with "/" and hold no ";", space or control character',
      path,
    )
  }
}

/** The same for a domain, where there is one. */
export function checkCookieDomain(option: string, domain: unknown): void {
  if (domain !== undefined && (typeof domain !== 'string' || !DOMAIN.test(domain))) {
    throw wrongOption(option, 'must be a domain name', domain)
  }
}

/** Throws `SessionConfigError` for a domain or path that the prefix of the name does not allow. */
export function checkHostPrefix(option: string, { name, domain, path }: CookiePlace): void {
  if (!/^__host-/i.test(name) || (domain === undefined && path === '/')) return
  throw new SessionConfigError(
    `${option} ${show(name)} starts with "__Host-", which allows no domain and only the path "/": set a ${option} without that prefix to use ${domain === undefined ? `the path ${show(path)}` : `the domain ${show(domain)}`}`,
  )
}

export function withoutPrefix(name: string): string {
  return name.replace(/^__(?:Host|Secure)-/i, '')
}

/** Whether a browser takes both for one cookie: a leading dot of a domain says nothing to it. */
export function isSameCookie(one: CookiePlace, other: CookiePlace): boolean {
  const domainOf = ({ domain }: CookiePlace): string | undefined =>
    domain?.replace(/^\./, '').toLowerCase()
  return one.name === other.name && one.path === other.path && domainOf(one) === domainOf(other)
}
