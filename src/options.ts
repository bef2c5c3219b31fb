import { clockFrom, pause } from './base/clock.ts'
import { type Duration, positiveDuration, show } from './base/duration.ts'
import type { RequestSettings, StandardSchema } from './request/settings.ts'
import type { SweepSettings } from './sweep/settings.ts'
import type { IteratorClass, SweepClass } from './sweep/query-iter.ts'
import { iteratorsFrom, sweepFrom } from './sweep/iterator-checks.ts'
import { localTasks, type TaskQueue } from './sweep/task-queue.ts'
import { SessionConfigError } from './base/errors.ts'
import { consoleLogger, harmless, type SessionLogger, warningOnce } from './base/logger.ts'
import { SESSIONS_HINTS } from './base/option-hints.ts'
import { checkOptions, functionOption, namesOf, wrongOption } from './base/option-checks.ts'
import { googleCloudSign } from './google/platform.ts'
import { checkKey, checkScope, plainValues, ValueCodec } from './record/codec.ts'
import { type SessionTypes, ValueTypes } from './record/value-types.ts'
import { CookieIds } from './request/cookie-ids.ts'
import { type CookiePolicy, MAX_COOKIE_AGE } from './request/cookie.ts'
import { type CookieOptions, cookiePolicyFrom } from './request/cookie-options.ts'
import type { ExpiryPolicy } from './record/expiry.ts'
import { dataIn } from './record/root-data.ts'
import type { PropertiesOf } from './record/with-properties.ts'
import { nodeRandom, type RandomBytes } from './record/id.ts'
import { RetryBudget } from './write/retry.ts'
import type { ConnectableSource, SessionSource } from './write/source.ts'
import type { SessionStore } from './store/store.ts'
import type { ReadCacheOptions } from './store/read-cache-options.ts'
import { encrypted, remembering, storeFrom } from './store/store-option.ts'
import type { EncryptionOptions } from './record/sealer.ts'
import type { DefaultData } from './base/types.ts'
import { Troubles } from './record/diagnostics.ts'

/** Options of `createSessions`. All of them can be left out. */
export interface SessionsOptions<Data extends object = DefaultData> {
  /** The store of the sessions. Default: `memoryStore()`, with one warning when NODE_ENV is `production`. */
  readonly store?: SessionStore
  /** How long an unused session lives. Default `'1h'`. */
  readonly lifetime?: Duration
  /** The longest life of a session, since login or, for a guest, since its creation. Default `'30d'`. */
  readonly absoluteLifetime?: Duration
  /**
   * The shortest time between two writes that only record the use of a session. Default: the smaller of `'5m'` and a
   * tenth of `lifetime`.
   */
  readonly touchEvery?: Duration
  /** Name and attributes of the cookie. Default: `__Host-viur-session`, Secure, HttpOnly and SameSite=Lax. */
  readonly cookie?: CookieOptions
  /** `true`: the cookie has no Max-Age, and the browser drops it when it closes. Default `false`. */
  readonly sessionCookie?: boolean
  /**
   * Keys of the data that survive a login; the rest is dropped. They survive only from a guest, or from the same user
   * who logs in again, never from one user to another. `'all'`: every key, and the values of `flash()`. Default: none.
   */
  readonly persistentFieldsOnLogin?: readonly string[] | 'all'
  /** Names of scopes that survive a login as a whole, under the same rule. Default: none. */
  readonly persistentScopesOnLogin?: readonly string[]
  /** Keys of the data that survive a logout, in a new guest session; the rest is dropped. Default: none. */
  readonly persistentFieldsOnLogout?: readonly string[]
  /** Names of scopes that survive a logout as a whole, in the same way. Default: none. */
  readonly persistentScopesOnLogout?: readonly string[]
  /**
   * `true`: this deployment has `onDelete` observers, in this process or in another one. Every end is then first
   * marked, and reported to the observers before the record is deleted. Default `false`: an end deletes at once, and
   * `onDelete` throws.
   */
  readonly events?: boolean
  /**
   * The queue for long work. Default: a local queue in this process, with which long work is finished inside the call.
   */
  readonly tasks?: TaskQueue
  /**
   * How long one step of long work, such as a sweep, works until it adds the next task. Must be below the time limit of
   * the platform for a task, with room for the page under way. At most 12 hours. Default `'90s'`.
   */
  readonly taskBudget?: Duration
  /** The subclasses of `QueryIter` of the app, so that a task can find them by their `id`. */
  readonly iterators?: readonly IteratorClass[]
  /**
   * The class of the sweep: a subclass of `DeleteSessionsIter` that does something before an expired session is
   * deleted, or instead of that. Cron and routes use it. Default: `DeleteSessionsIter`.
   */
  readonly sweep?: SweepClass
  /**
   * The probability, 0 to 1, that a commit also sweeps a small page of expired sessions, for apps without cron. Default
   * 0.
   */
  readonly sweepProbability?: number
  /**
   * Decides about a request whose session ended elsewhere before the save. `'drop'` (the default) drops the
   * changes and logs that, `'error'` throws `SessionGoneError`.
   */
  readonly onGone?: 'drop' | 'error'
  /**
   * The largest number of sessions of a user. A login beyond that ends the sessions whose logins are the oldest, with
   * the reason `'killed'`. Costs two queries per login of a user with up to 200 sessions. Default: no limit.
   */
  readonly maxSessionsPerUser?: number
  /**
   * Up to five properties of the app, computed from the data of the root: `(data) => ({ tenant: data.tenant })`.
   * Sessions can be listed, counted and iterated by them. A name has up to 100 letters, digits and underscores and is
   * none of ours. A value is a text of at most 1,500 bytes; `undefined` leaves the property out. Properties are stored
   * in an index, unencrypted, and computed again at every write of the session. So earlier sessions get theirs at their
   * next write. The function may run more than once, and must not be async. Where it fails, the session is not stored.
   * Set it in every process that writes sessions. Default: none.
   */
  properties?(data: Partial<Data>): Readonly<Record<string, string | undefined>>
  /**
   * Sessions of the system that the app moves away from, made by a function of `viur-session/migrate`. They are read
   * where none of our sessions is found, and stored in our layout when they are first saved. Needs `datastoreStore()`.
   * Default: none.
   */
  readonly legacy?: SessionSource
  /** Returns the time in milliseconds since the epoch. Default: `Date.now()`. */
  readonly now?: () => number
  /** Returns random bytes. Default: `randomBytes` of `node:crypto`. */
  readonly randomBytes?: RandomBytes
  /** Waits between tries; gets milliseconds. Default: a timer. */
  readonly sleep?: (duration: number) => Promise<void>
  /** The logger. Default: warnings and errors go to the console. */
  readonly logger?: SessionLogger
  /**
   * A Standard Schema (zod, valibot, arktype) that checks the data when a session is loaded. Data that does not pass
   * makes the session unreadable. The request sees the result of the schema: keys that the schema adds or changes are
   * stored with the next use, keys that it leaves out stay stored.
   */
  readonly validate?: StandardSchema
  /**
   * Classes of the app, such as `Money` or `Temporal.Instant`, by names that are stored beside their values. Each says
   * how its values are recognised, encoded and decoded. A process that lacks a type gets a `SessionStoreError` where it
   * reads such a value, and keeps the stored value unchanged. Default: none.
   */
  readonly types?: SessionTypes
  /**
   * Encrypts data before it is stored, with AES-256-GCM: the data of sessions and of security keys. It is bound to its
   * session, so that it cannot be decrypted in another one. User, times, client and properties stay readable. Default:
   * none.
   */
  readonly encryption?: EncryptionOptions
  /**
   * Lets requests by GET or HEAD, which only read, get their session from the memory of this process, so that many of
   * them cost one lookup: `{ maxAge: '10s' }`. Their data may be that old. No change is lost, since writes stay
   * conditional, and writes and ends of this process are visible at once. Other methods, `login()`, `change()`, the
   * guards and `load({ fresh: true })` read the store. Default: none, every request reads the store.
   */
  readonly readCache?: ReadCacheOptions
}

/** The checked options with all defaults, in the form that each part of the package needs. */
export interface Settings extends RequestSettings, SweepSettings {
  readonly cookies: CookiePolicy
  /** The ids of clients without cookies. */
  readonly ids: CookieIds
  readonly sweepProbability: number
  readonly onGone: 'drop' | 'error'
  readonly legacy: ConnectableSource | null
}

const MINUTE = 60 * 1000

const FIVE_MINUTES = 5 * MINUTE

const MAX_TASK_BUDGET = 12 * 60 * MINUTE

const MAX_ABSOLUTE_LIFETIME = 1000 * 365 * 24 * 60 * 60 * 1000

const KNOWN_OPTIONS = namesOf<SessionsOptions>({
  store: true,
  lifetime: true,
  absoluteLifetime: true,
  touchEvery: true,
  cookie: true,
  sessionCookie: true,
  persistentFieldsOnLogin: true,
  persistentFieldsOnLogout: true,
  persistentScopesOnLogin: true,
  persistentScopesOnLogout: true,
  events: true,
  tasks: true,
  taskBudget: true,
  iterators: true,
  sweep: true,
  sweepProbability: true,
  onGone: true,
  maxSessionsPerUser: true,
  properties: true,
  legacy: true,
  now: true,
  randomBytes: true,
  sleep: true,
  logger: true,
  validate: true,
  encryption: true,
  types: true,
  readCache: true,
})

/** Checks the options. Throws a `SessionConfigError` that names the option, the rule and the value. */
export function settingsFrom(options: SessionsOptions): Settings {
  refuseStore(options)
  checkOptions('createSessions()', options, KNOWN_OPTIONS, SESSIONS_HINTS)
  const production = process.env['NODE_ENV'] === 'production'
  const logger = loggerFrom(options.logger)
  const now = clockFrom(functionOption('now', options.now) ?? (() => Date.now()))
  const store = storeFrom(options.store, now, production, logger)
  const policy = policyFrom(options)
  const random: RandomBytes = functionOption('randomBytes', options.randomBytes) ?? nodeRandom
  if (policy.lifetime < MINUTE) {
    logger.warn(
      `lifetime is ${policy.lifetime} milliseconds, so that a session ends when it has not been used for that long: durations are milliseconds, or text with a unit such as '1h'`,
    )
  }
  const codec =
    options.types === undefined ? plainValues : new ValueCodec(new ValueTypes(options.types))
  return {
    store: encrypted(remembering(store, options.readCache, now), options.encryption, random),
    remembers: options.readCache !== undefined,
    policy,
    cookies: cookiePolicyFrom(options.cookie, production || googleCloudSign(process.env) !== null),
    ids: new CookieIds(options.cookie?.secrets),
    sessionCookie: oneOf('sessionCookie', options.sessionCookie ?? false, [true, false]),
    keepOnLogin: {
      fields:
        options.persistentFieldsOnLogin === 'all'
          ? 'all'
          : names('persistentFieldsOnLogin', options.persistentFieldsOnLogin, 'key'),
      scopes: names('persistentScopesOnLogin', options.persistentScopesOnLogin, 'scope'),
    },
    keepOnLogout: {
      fields: names('persistentFieldsOnLogout', options.persistentFieldsOnLogout, 'key'),
      scopes: names('persistentScopesOnLogout', options.persistentScopesOnLogout, 'scope'),
    },
    events: oneOf('events', options.events ?? false, [true, false]),
    tasks: tasksFrom(options.tasks, options.sleep),
    taskBudget: taskBudgetFrom(options.taskBudget),
    iterators: iteratorsFrom(options.iterators),
    sweep: sweepFrom(options.sweep),
    outsideIds: false,
    sweepProbability: probability(options.sweepProbability ?? 0),
    onGone: oneOf('onGone', options.onGone ?? 'drop', ['drop', 'error']),
    maxSessionsPerUser: limitFrom(options.maxSessionsPerUser),
    now,
    randomBytes: random,
    sleep: functionOption('sleep', options.sleep) ?? pause,
    retries: new RetryBudget(),
    logger,
    warnOnce: warningOnce(logger),
    troubles: new Troubles(logger, now),
    validate: schemaFrom(options.validate),
    codec,
    properties: propertiesFrom(options, codec),
    legacy: legacyFrom(options.legacy),
  }
}

function legacyFrom(legacy: SessionSource | undefined): ConnectableSource | null {
  if (legacy === undefined) return null
  const source = legacy as ConnectableSource | null
  if (typeof source?.connect === 'function') return source
  throw wrongOption(
    'legacy',
    'must be the result of a reader of old sessions (see docs/migrating.md)',
    legacy,
  )
}

function policyFrom(options: SessionsOptions): ExpiryPolicy {
  const { lifetime: unused = '1h', absoluteLifetime: longest = '30d' } = options
  const lifetime = positiveDuration('lifetime', unused)
  const absoluteLifetime = positiveDuration('absoluteLifetime', longest)
  const { touchEvery: every = Math.max(1, Math.min(FIVE_MINUTES, lifetime / 10)) } = options
  const touchEvery = positiveDuration('touchEvery', every)
  if (absoluteLifetime > MAX_ABSOLUTE_LIFETIME) {
    throw new SessionConfigError(
      `absoluteLifetime must not be above a thousand years, since Datastore's timestamps end with the year 9999, but is ${absoluteLifetime} ms`,
    )
  }
  if (lifetime > absoluteLifetime) {
    throw new SessionConfigError(
      `lifetime must not be above absoluteLifetime, but is ${lifetime} ms, and absoluteLifetime ${absoluteLifetime} ms`,
    )
  }
  if (touchEvery >= lifetime) {
    throw new SessionConfigError(
      `touchEvery must be below lifetime, but is ${touchEvery} ms, and lifetime ${lifetime} ms: a session in use would expire`,
    )
  }
  if (options.sessionCookie !== true && lifetime > MAX_COOKIE_AGE * 1000) {
    throw new SessionConfigError(
      `lifetime must not be above 400 days, since no browser keeps a cookie longer (RFC 6265bis, section 5.5), but is ${lifetime} ms`,
    )
  }
  return { lifetime, absoluteLifetime, touchEvery }
}

/** Refuses a store in place of the options, a common first mistake. */
function refuseStore(options: unknown): void {
  const parts = options as Partial<SessionStore> | null | undefined
  if (typeof parts?.find !== 'function' || typeof parts.write !== 'function') return
  throw new SessionConfigError(
    `createSessions() takes an object of options, and not a store: write createSessions({ store: ${parts.name === 'datastore' ? 'datastoreStore()' : 'store'} })`,
  )
}

function tasksFrom(tasks: TaskQueue | undefined, sleep: SessionsOptions['sleep']): TaskQueue {
  if (tasks === undefined) return localTasks(sleep === undefined ? {} : { sleep })
  if (typeof tasks?.add === 'function') return tasks
  throw wrongOption('tasks', 'must be a task queue, as cloudTasks() returns it', tasks)
}

function taskBudgetFrom(value: Duration = '90s'): number {
  const budget = positiveDuration('taskBudget', value)
  if (budget <= MAX_TASK_BUDGET) return budget
  throw new SessionConfigError(
    `taskBudget must not be above 12 hours, since a step blocks other workers for that long, but is ${budget} ms`,
  )
}

function probability(value: number): number {
  if (typeof value === 'number' && value >= 0 && value <= 1) return value
  throw wrongOption('sweepProbability', 'must be a number from 0 to 1', value)
}

function limitFrom(value: number | undefined): number | null {
  if (value === undefined) return null
  if (Number.isInteger(value) && value >= 1) return value
  throw wrongOption(
    'maxSessionsPerUser',
    'must be a whole number above 0',
    value,
    'leave it out for no limit',
  )
}

function propertiesFrom(options: SessionsOptions, codec: ValueCodec): PropertiesOf | null {
  const { properties } = options
  if (functionOption('properties', properties) === undefined) return null
  return (payload) => properties?.(dataIn(payload, null, codec))
}

function loggerFrom(logger: SessionLogger | undefined): SessionLogger {
  if (logger === undefined) return consoleLogger
  if (typeof logger?.warn === 'function') return harmless(logger)
  throw wrongOption('logger', 'must have a method warn(), as console has', logger)
}

function schemaFrom(validate: unknown): StandardSchema | null {
  if (validate === undefined) return null
  const standard = (validate as StandardSchema | null)?.['~standard']
  if (typeof standard?.validate !== 'function') {
    throw new SessionConfigError(
      'validate must be a Standard Schema, as zod, valibot and arktype make them',
    )
  }
  return validate as StandardSchema
}

function names(
  option: string,
  value: readonly string[] | undefined,
  what: 'key' | 'scope',
): readonly string[] {
  if (value === undefined) return []
  if (!Array.isArray(value)) {
    const all = option === 'persistentFieldsOnLogin' ? ", or 'all'" : ''
    throw wrongOption(option, `must be an array of ${what}s${all}`, value)
  }
  for (const name of value) {
    try {
      if (what === 'key') checkKey(name)
      else checkScope(name)
    } catch (cause) {
      throw new SessionConfigError(
        `${option} holds a value that is no ${what}: ${(cause as Error).message}`,
        { cause },
      )
    }
  }
  return [...value]
}

function oneOf<Value>(option: string, value: Value, allowed: readonly Value[]): Value {
  if (allowed.includes(value)) return value
  throw wrongOption(option, `must be one of ${allowed.map(show).join(', ')}`, value)
}
