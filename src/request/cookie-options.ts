import { show } from '../base/duration.ts'
import { SessionConfigError } from '../base/errors.ts'
import { COOKIE_HINTS } from '../base/option-hints.ts'
import { checkOptions, namesOf, wrongOption } from '../base/option-checks.ts'
import type { SessionId } from '../record/id.ts'
import { type CookieAttributes, CookiePolicy, MAX_COOKIE_AGE } from './cookie.ts'
import { CookieIds } from './cookie-ids.ts'
import {
  checkCookieDomain,
  checkCookieName,
  checkCookiePath,
  checkHostPrefix,
  withoutPrefix,
} from './cookie-names.ts'
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

/**
 * Checks the option `cookie`. Throws `SessionConfigError` for a combination that no browser would keep, or that is not
 * safe. `deployed`: whether the process runs in a deployment, so that `'auto'` is always Secure.
 */
export function cookiePolicyFrom(
  options: CookieOptions | undefined = {},
  deployed: boolean,
): CookiePolicy {
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

  const attributesOf = (isSecure: boolean): CookieAttributes => {
    // Browsers refuse `none` without Secure. The plain form is for local work only, so it uses `lax`.
    const site = sameSite === 'none' && !isSecure ? 'lax' : sameSite
    return {
      path,
      secure: isSecure,
      httpOnly,
      ...(domain !== undefined && { domain }),
      ...(site !== null && { sameSite: site }),
      ...(partitioned && isSecure && { partitioned }),
      ...(priority !== undefined && { priority }),
    }
  }
  const values = new CookieIds(options.secrets)
  const secureForm = { name, secure: true }
  const parts = {
    secureForm,
    plainForm: { name: withoutPrefix(name), secure: false },
    plain: secure === false ? 'always' : secure === 'auto' && !deployed ? 'local' : 'never',
    secureAttributes: attributesOf(true),
    plainAttributes: attributesOf(false),
    former: new FormerCookies(options.formerly, { name, domain, path }),
  } as const
  const policy = new CookiePolicy(parts, values)
  const longest = policy.serialize('x'.repeat(43) as SessionId, secureForm, MAX_COOKIE_AGE)
  if (name.length + longest.length > 4096) {
    throw new SessionConfigError(
      'cookie.name, cookie.path and cookie.domain together are too long for a cookie of 4096 bytes',
    )
  }
  return policy
}

function check(option: string, rule: string, value: unknown, allowed: readonly unknown[]): void {
  if (!allowed.includes(value)) throw wrongOption(option, rule, value)
}
