import type { Duration } from '../base/duration.ts'
import { SessionConfigError } from '../base/errors.ts'
import { DATASTORE_HINTS, SESSIONS_HINTS } from '../base/option-hints.ts'
import { checkOptions, functionOption, type OptionHints } from '../base/option-checks.ts'
import { type SessionsOptions, type Settings, settingsFrom } from '../options.ts'
import { datastoreStore } from '../store/datastore/index.ts'
import { DATASTORE_OPTIONS, type DatastoreStoreOptions } from '../store/datastore/options.ts'
import type { SessionStore } from '../store/store.ts'
import type { ConnectableSource, SessionSource } from '../write/source.ts'
import type { Rules } from './objects.ts'

/** Options of the stores for other middleware. All are optional. */
export interface StoredSessionsOptions<Session extends object>
  extends DatastoreStoreOptions,
    Pick<
      SessionsOptions,
      | 'encryption'
      | 'events'
      | 'tasks'
      | 'iterators'
      | 'sweep'
      | 'logger'
      | 'now'
      | 'randomBytes'
      | 'sleep'
    > {
  /**
   * The store to use in place of Datastore, such as `memoryStore()`. It cannot be combined with options of
   * `datastoreStore()`, such as `namespace`.
   */
  readonly store?: SessionStore
  /**
   * Returns the user of a session, for `listSessionsByUser()`, `killSessionByUser()` and the events; nothing when no
   * user is logged in. It is called at every save. With Passport: `(session) => session.passport?.user`. Default: no
   * session has a user.
   */
  readonly userOf?: (session: Session) => string | null | undefined
  /** How long an unused session lives whose cookie has no `maxAge` and no `expires`. Default `'1d'`. */
  readonly lifetime?: Duration
  /**
   * Minimum time between two writes that only renew a session. Default: the smaller of `'5m'` and a tenth of the life
   * of the cookie; sessions that live a minute or less are renewed at each use.
   */
  readonly touchEvery?: Duration
  /**
   * Probability, 0 to 1, that a write also sweeps a small page of expired sessions, for apps without cron. Default 0.
   */
  readonly sweepProbability?: number
  /**
   * Effect of saving a session that has ended elsewhere. `'drop'` (the default) drops the changes and
   * logs that; `'error'` passes a `SessionGoneError` to the callback.
   */
  readonly onGone?: 'drop' | 'error'
}

const SESSIONS_OPTIONS = [
  'store',
  'lifetime',
  'touchEvery',
  'encryption',
  'events',
  'tasks',
  'iterators',
  'sweep',
  'sweepProbability',
  'onGone',
  'logger',
  'now',
  'randomBytes',
  'sleep',
] as const satisfies readonly (keyof SessionsOptions)[]

/** All options except those of a single store. */
const COMMON: readonly string[] = [...DATASTORE_OPTIONS, ...SESSIONS_OPTIONS, 'userOf']

/** The largest general limit of the core: the cookie decides how long a session lives. */
const ABSOLUTE_LIFETIME = '365000d'

/** Checks the options once. Throws `SessionConfigError` that names the option, the rule and the value. */
export function resolveStored<Session extends object>(
  of: string,
  options: StoredSessionsOptions<Session> & { readonly legacy?: SessionSource },
  own: readonly string[],
  hints: OptionHints,
): {
  readonly settings: Settings
  readonly legacy: ConnectableSource | null
  readonly rules: Rules
} {
  checkOptions(of, options, [...COMMON, ...own], {
    ...SESSIONS_HINTS,
    ...DATASTORE_HINTS,
    // These stores have the option lifetime themselves.
    ttl: 'use "lifetime", in milliseconds or as text such as \'1h\'',
    expirationMs: 'use "lifetime"',
    ...hints,
  })
  const { userOf, touchEvery, now } = options
  functionOption('userOf', userOf)
  const { legacy } = options
  const given = pick(options, SESSIONS_OPTIONS) as SessionsOptions
  const settings = settingsFrom({
    lifetime: '1d',
    ...given,
    ...(legacy !== undefined && { legacy }),
    absoluteLifetime: ABSOLUTE_LIFETIME,
    // The cookie is that of express-session, so rules for our own cookie do not apply.
    sessionCookie: true,
    store: storeFrom(of, options),
  })
  return {
    // Both genid and an old system that runs in parallel may use the id of an ended session again.
    settings: { ...settings, outsideIds: true, legacy: null },
    legacy: settings.legacy,
    rules: {
      userOf: userOf === undefined ? null : (data) => userOf(data as Session),
      hasOwnTouchEvery: touchEvery !== undefined,
      hasOwnClock: now !== undefined,
    },
  }
}

function storeFrom(of: string, options: StoredSessionsOptions<never>): SessionStore {
  const { store } = options
  const ofDatastore = pick(options, DATASTORE_OPTIONS)
  if (store === undefined) return datastoreStore(ofDatastore)
  const [surplus] = Object.keys(ofDatastore)
  if (surplus === undefined) return store
  throw new SessionConfigError(
    `${of}: ${surplus} is an option of datastoreStore() and does not go with the option store: give it to the store`,
  )
}

/** Those of the options that are set. */
function pick<Options extends object, Name extends keyof Options>(
  options: Options,
  names: readonly Name[],
): Pick<Options, Name> {
  const set = names.filter((name) => options[name] !== undefined)
  return Object.fromEntries(set.map((name) => [name, options[name]])) as Pick<Options, Name>
}
