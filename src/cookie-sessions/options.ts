import type { Duration } from '../base/duration.ts'
import { SessionConfigError } from '../base/errors.ts'
import type { SessionLogger } from '../base/logger.ts'
import { checkOptions, functionOption, namesOf, type OptionHints } from '../base/option-checks.ts'
import { SESSIONS_HINTS } from '../base/option-hints.ts'
import { type SessionsOptions, type Settings, settingsFrom } from '../options.ts'
import type { RandomBytes } from '../record/id.ts'
import type { EncryptionKey } from '../record/seal.ts'
import type { SessionTypes } from '../record/value-types.ts'
import type { CookieOptions } from '../request/cookie.ts'
import type { StandardSchema } from '../request/settings.ts'
import { memoryStore } from '../store/memory/store.ts'
import { cutHook } from './request-store.ts'
import { CookieSealer } from './sealer.ts'

/** Options of `createCookieSessions`. Those of `createSessions` mean the same. */
export interface CookieSessionsOptions {
  /** What the cookies are sealed with, newest first: the first key seals, all of them open. */
  readonly keys: readonly EncryptionKey[]
  /** How long an unused session lives. Default `'1h'`. */
  readonly lifetime?: Duration
  /** How long a session lives at the most, since login or, for a guest, since it was created. Default `'30d'`. */
  readonly absoluteLifetime?: Duration
  /** How often use is noted down, at the most, which sets the cookie anew. Default: the smaller of `'5m'` and a tenth of `lifetime`. */
  readonly touchEvery?: Duration
  /** Name and attributes, as for `createSessions`. No `secrets`: `keys` do more. */
  readonly cookie?: Omit<CookieOptions, 'secrets'>
  /** `true`: the cookie has no Max-Age and is gone when the browser closes; its session expires all the same. Default `false`. */
  readonly sessionCookie?: boolean
  /** Keys of the data that survive a login of a guest, or of the same user again. `'all'`: every key. Default: none. */
  readonly persistentFieldsOnLogin?: readonly string[] | 'all'
  /** Names of scopes that survive it whole. Default: none. */
  readonly persistentScopesOnLogin?: readonly string[]
  /** Keys of the data that survive a logout, in a new guest session. Default: none. */
  readonly persistentFieldsOnLogout?: readonly string[]
  /** Names of scopes that survive it whole. Default: none. */
  readonly persistentScopesOnLogout?: readonly string[]
  /**
   * Asked when a session is loaded, with its user, `'__guest__'` for nobody: sessions of this user that began (by login, else
   * by being created) at this instant or before are refused, with the outcome `'ended'`. So an app can cut off cookies that
   * are still out there, at logout say. A `Date`, milliseconds, or nothing where all stand. Where it fails, so does `load()`.
   */
  readonly notBefore?: (
    user: string,
  ) => Date | number | null | undefined | Promise<Date | number | null | undefined>
  /** Milliseconds since the epoch. Default: `Date.now()`. */
  readonly now?: () => number
  /** Default: `randomBytes` of `node:crypto`. */
  readonly randomBytes?: RandomBytes
  /** Default: warnings and errors go to the console. */
  readonly logger?: SessionLogger
  /** A Standard Schema that the data is checked with when a session is loaded. */
  readonly validate?: StandardSchema
  /** Classes of the app's own, by names. */
  readonly types?: SessionTypes
}

const OPTIONS = namesOf<CookieSessionsOptions>({
  keys: true,
  lifetime: true,
  absoluteLifetime: true,
  touchEvery: true,
  cookie: true,
  sessionCookie: true,
  persistentFieldsOnLogin: true,
  persistentScopesOnLogin: true,
  persistentFieldsOnLogout: true,
  persistentScopesOnLogout: true,
  notBefore: true,
  now: true,
  randomBytes: true,
  logger: true,
  validate: true,
  types: true,
})

const NEEDS_STORE = 'needs a store: use createSessions()'

const HINTS: OptionHints = {
  ...SESSIONS_HINTS,
  secret: 'use "keys", a list of { id, key }, the newest first',
  secrets: 'use "keys", a list of { id, key }, the newest first',
  key: 'use "keys", a list of { id, key }, the newest first',
  password: 'use "keys", a list of { id, key }, where a key is 32 random bytes',
  encryption: 'cookies are always sealed, with "keys"',
  cookieName: 'use "cookie.name"',
  cookieOptions: 'use "cookie"',
  store: 'the session is in the cookie: to keep it in a store use createSessions()',
  events: `to be told of ends ${NEEDS_STORE}`,
  maxSessionsPerUser: `to count the sessions of a user ${NEEDS_STORE}`,
  onGone: 'no session ends elsewhere',
  tasks: `long work ${NEEDS_STORE}`,
  iterators: `to go through sessions ${NEEDS_STORE}`,
  sweep: 'there is nothing to sweep',
  properties: `to find sessions by properties ${NEEDS_STORE}`,
}

/** What cookie sessions are made of. */
export interface CookieSettings {
  readonly settings: Settings
  readonly sealer: CookieSealer
  readonly cutOf: ((user: string) => Promise<number | null>) | null
}

/** Checks the options once. Throws `SessionConfigError` that names the option, the rule and the value. */
export function cookieSettingsFrom(options: CookieSessionsOptions): CookieSettings {
  checkOptions('createCookieSessions()', options, OPTIONS, HINTS)
  const { keys, notBefore, ...others } = options
  if (others.cookie !== undefined && 'secrets' in Object(others.cookie)) {
    throw new SessionConfigError('cookie has no option "secrets": the cookie is sealed with "keys"')
  }
  functionOption('notBefore', notBefore)
  // What there is of a store is made for each request.
  const settings = settingsFrom({ ...others, store: memoryStore() } as SessionsOptions)
  return {
    settings,
    sealer: new CookieSealer(keys, settings.randomBytes),
    cutOf: notBefore === undefined ? null : cutHook(notBefore),
  }
}
