import { show } from '../base/duration.ts'
import { SessionConfigError } from '../base/errors.ts'
import { wrongOption } from '../base/option-checks.ts'

const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/
const DOMAIN =
  /^\.?(?=.{1,253}$)[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?)*$/

/** The form that the cookie has in one request. */
export interface CookieForm {
  readonly name: string
  readonly secure: boolean
}

/** The attributes by which a browser tells cookies apart. */
export interface CookiePlace {
  readonly name: string
  /** `undefined`: only the host that set it. */
  readonly domain: string | undefined
  readonly path: string
}

/** Throws `SessionConfigError` for an invalid cookie name. `option`: the option's name in the message. */
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
      'must spell its prefix "__Host-" or "__Secure-", and more characters must follow',
      name,
    )
  }
}

/** Throws `SessionConfigError` for an invalid path. `option` as above. */
export function checkCookiePath(option: string, path: unknown): void {
  if (typeof path !== 'string' || !/^\/[\x21-\x3a\x3c-\x7e]*$/.test(path) || path.length > 1024) {
    throw wrongOption(
      option,
      'must start with "/" and contain no ";", space or control character',
      path,
    )
  }
}

/** Throws `SessionConfigError` for an invalid domain; `undefined` is valid. `option` as above. */
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

/** Whether a browser treats both as one cookie. A leading dot of a domain makes no difference to it. */
export function isSameCookie(one: CookiePlace, other: CookiePlace): boolean {
  const domainOf = ({ domain }: CookiePlace): string | undefined =>
    domain?.replace(/^\./, '').toLowerCase()
  return one.name === other.name && one.path === other.path && domainOf(one) === domainOf(other)
}
