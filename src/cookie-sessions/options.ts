import type { Duration } from '../base/duration.ts'
import { SessionConfigError } from '../base/errors.ts'
import type { SessionLogger } from '../base/logger.ts'
import { checkOptions, functionOption, namesOf, type OptionHints } from '../base/option-checks.ts'
import { SESSIONS_HINTS } from '../base/option-hints.ts'
import { type SessionsOptions, type Settings, settingsFrom } from '../options.ts'
import type { RandomBytes } from '../record/id.ts'
import type { EncryptionKey } from '../record/seal.ts'
import type { SessionTypes } from '../record/value-types.ts'
import type { CookieOptions } from '../request/cookie-options.ts'
import type { StandardSchema } from '../request/settings.ts'
import { memoryStore } from '../store/memory/store.ts'
import { cutHook } from './request-store.ts'
import { CookieSealer } from './sealer.ts'

/** Options of `createCookieSessions`. Those with a name of `createSessions` mean the same. */
export interface CookieSessionsOptions {
  /** The keys that encrypt the cookies, newest first: the first key encrypts, and all of them decrypt. */
  readonly keys: readonly EncryptionKey[]
  /** How long an unused session lives. Default `'1h'`. */
  readonly lifetime?: Duration
  /** Maximum life of a session, since login or, for a guest, since it was created. Default `'30d'`. */
  readonly absoluteLifetime?: Duration
  /**
   * Minimum time between two notes of use, each of which sets the cookie again. Default: the smaller of `'5m'` and a
   * tenth of `lifetime`.
   */
  readonly touchEvery?: Duration
  /** Name and attributes, as for `createSessions`. There is no `secrets`, since `keys` already protect the cookie. */
  readonly cookie?: Omit<CookieOptions, 'secrets'>
  /**
   * `true`: the cookie has no Max-Age, so the browser deletes it when it closes; the session expires as usual. Default
   * `false`.
   */
  readonly sessionCookie?: boolean
  /** Keys of the data that survive a login of a guest, or of the same user again. `'all'`: every key. Default: none. */
  readonly persistentFieldsOnLogin?: readonly string[] | 'all'
  /** Names of scopes that survive a login completely. Default: none. */
  readonly persistentScopesOnLogin?: readonly string[]
  /** Keys of the data that survive a logout, in a new guest session. Default: none. */
  readonly persistentFieldsOnLogout?: readonly string[]
  /** Names of scopes that survive a logout completely. Default: none. */
  readonly persistentScopesOnLogout?: readonly string[]
  /**
   * Called with the user of a session when it is loaded, `'__guest__'` for a guest. It returns an instant as a `Date`
   * or as milliseconds; sessions of this user that began at that instant or before are refused, with the outcome
   * `'ended'`. A session begins with its login, or else when it is created. So an app can refuse cookies that are still
   * in use elsewhere, for example after a logout. When it returns nothing, no session is refused. When it fails,
   * `load()` fails too.
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
  /** A Standard Schema that checks the data when a session is loaded. */
  readonly validate?: StandardSchema
  /** The app's own classes, by name. */
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

/** The checked settings of cookie sessions. */
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
  // The memory store is never used: each request gets a store of its own.
  const settings = settingsFrom({ ...others, store: memoryStore() } as SessionsOptions)
  return {
    settings,
    sealer: new CookieSealer(keys, settings.randomBytes),
    cutOf: notBefore === undefined ? null : cutHook(notBefore),
  }
}
