import { clockFrom, pause } from './base/clock.ts'
import { type Duration, positiveDuration, show } from './base/duration.ts'
import type { EndSettings } from './end/settings.ts'
import type { RequestSettings, StandardSchema } from './request/settings.ts'
import type { SweepSettings } from './sweep/settings.ts'
import type { WriterSettings } from './write/writer.ts'
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
import { type CookieOptions, CookiePolicy, MAX_COOKIE_AGE } from './request/cookie.ts'
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
  /** Where sessions are kept. Default: `memoryStore()`, with one warning when NODE_ENV is `production`. */
  readonly store?: SessionStore
  /** How long an unused session lives. Default `'1h'`. */
  readonly lifetime?: Duration
  /** How long a session lives at the most, since login or, for a guest, since it was created. Default `'30d'`. */
  readonly absoluteLifetime?: Duration
  /** How often use is noted down, at the most. Default: the smaller of `'5m'` and a tenth of `lifetime`. */
  readonly touchEvery?: Duration
  /** Name and attributes of the cookie. Default: `__Host-viur-session`, Secure, HttpOnly and SameSite=Lax. */
  readonly cookie?: CookieOptions
  /** `true`: the cookie has no Max-Age and is gone when the browser closes. Default `false`. */
  readonly sessionCookie?: boolean
  /**
   * Keys of the data that survive a login; the rest is dropped. They are carried from a guest, or from the same user who
   * logs in again, never from one user to another. `'all'`: every key, and what `flash()` keeps. Default: none.
   */
  readonly persistentFieldsOnLogin?: readonly string[] | 'all'
  /** Names of scopes that survive a login whole, under the same rule. Default: none. */
  readonly persistentScopesOnLogin?: readonly string[]
  /** Keys of the data that survive a logout, in a new guest session; the rest is dropped. Default: none. */
  readonly persistentFieldsOnLogout?: readonly string[]
  /** Names of scopes that survive a logout whole, in the same way. Default: none. */
  readonly persistentScopesOnLogout?: readonly string[]
  /**
   * `true`: this deployment has `onDelete` observers, in this process or in another one. Every end is then marked
   * first, and told before the record is deleted. Default `false`: ends delete at once, and `onDelete` throws.
   */
  readonly events?: boolean
  /** Carries long work. Default: a local in-process queue, on which it runs to its end inside the call. */
  readonly tasks?: TaskQueue
  /**
   * How long one step of long work, such as a sweep, works before it hands on by the next task. Must be below the time that
   * the platform gives a task, with room for the page under way. At most 12 hours. Default `'90s'`.
   */
  readonly taskBudget?: Duration
  /** The app's own subclasses of `QueryIter`, so that a task can find them by their `id`. */
  readonly iterators?: readonly IteratorClass[]
  /**
   * The class of the sweep: a subclass of `DeleteSessionsIter`, to do something before a session that has expired is
   * taken out, or instead of it. Cron and routes use it. Default: `DeleteSessionsIter`.
   */
  readonly sweep?: SweepClass
  /**
   * How likely a commit is to sweep a small page of expired sessions on the side, 0 to 1, for apps without cron.
   * Default 0.
   */
  readonly sweepProbability?: number
  /**
   * What the end of a request does when its session ended elsewhere before the save: `'drop'` (the default)
   * drops the changes and notes it with the logger, `'error'` throws `SessionGoneError`.
   */
  readonly onGone?: 'drop' | 'error'
  /**
   * How many sessions a user can have; a login beyond that ends those that logged in longest ago, with the reason
   * `'killed'`. Costs two queries per login of a user with up to 200 sessions. Default: no limit.
   */
  readonly maxSessionsPerUser?: number
  /**
   * Up to five properties of the app's own, made of the data of the root, by which sessions are listed, counted and gone
   * over: `(data) => ({ tenant: data.tenant })`. A name is up to 100 letters, digits and underscores and none of ours, a
   * value a text of at most 1,500 bytes; one that is `undefined` is left out. They are stored in an index, in the clear, and
   * made anew at every write of the session, so that those stored before get theirs at their next write. The function
   * may run more than once, and must answer at once; where it fails, the session is not stored. Set it in every process
   * that writes sessions. Default: none.
   */
  properties?(data: Partial<Data>): Readonly<Record<string, string | undefined>>
  /**
   * Sessions of the system that the app comes from, made by a function of `viur-session/migrate`. They are read where
   * nothing of ours is found, and stored in our layout when they are first saved. Needs `datastoreStore()`. Default: none.
   */
  readonly legacy?: SessionSource
  /** Milliseconds since the epoch. Default: `Date.now()`. */
  readonly now?: () => number
  /** Default: `randomBytes` of `node:crypto`. */
  readonly randomBytes?: RandomBytes
  /** Waits between tries; milliseconds. Default: a timer. */
  readonly sleep?: (duration: number) => Promise<void>
  /** Default: warnings and errors go to the console. */
  readonly logger?: SessionLogger
  /**
   * A Standard Schema (zod, valibot, arktype) that the data is checked with when a session is loaded. Data that
   * does not pass is an unreadable session. What the schema gives back is what the request sees: keys that it
   * adds or changes are stored with the next use, keys that it leaves out stay stored.
   */
  readonly validate?: StandardSchema
  /**
   * Classes of the app's own, such as `Money` or `Temporal.Instant`, by names that are stored beside their values: how
   * each is told, kept and made again. A process that lacks a type gets a `SessionStoreError` where it reads such a
   * value, and carries it on unchanged. Default: none.
   */
  readonly types?: SessionTypes
  /**
   * Seals data before it is stored, with AES-256-GCM: that of sessions, and what security keys hand back. Bound to the
   * session, so that it opens nowhere else. User, times, client and properties stay readable. Default: none.
   */
  readonly encryption?: EncryptionOptions
  /**
   * Lets requests that only read, by GET or HEAD, have their session from the memory of this process, so that many at a time
   * cost one lookup: `{ maxAge: '10s' }`. What they see may be that old; nothing is lost by it, since writes stay conditional,
   * and what this process writes or ends is seen at once. Other methods, `login()`, `change()` and the guards read the store,
   * and `load({ fresh: true })` does. Default: none, every request reads the store.
   */
  readonly readCache?: ReadCacheOptions
}

/** Options after validation, with everything filled in: it fits what each room asks for. */
export interface Settings extends WriterSettings, EndSettings, RequestSettings, SweepSettings {
  readonly cookies: CookiePolicy
  /** What clients without cookies send and are handed. */
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

/** Checks the options once. Throws `SessionConfigError` that names the option, the rule and the value. */
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
    cookies: new CookiePolicy(options.cookie, production || googleCloudSign(process.env) !== null),
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
    'must be what a reader of old sessions gives (see docs/migrating.md)',
    legacy,
  )
}

function policyFrom(options: SessionsOptions): ExpiryPolicy {
  const lifetime = positiveDuration(
    'lifetime',
    options.lifetime === undefined ? '1h' : options.lifetime,
  )
  const absoluteLifetime = positiveDuration(
    'absoluteLifetime',
    options.absoluteLifetime === undefined ? '30d' : options.absoluteLifetime,
  )
  const touchEvery = positiveDuration(
    'touchEvery',
    options.touchEvery === undefined
      ? Math.max(1, Math.min(FIVE_MINUTES, lifetime / 10))
      : options.touchEvery,
  )
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

/** A store in the place of the options is the first thing that people write. */
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
  throw wrongOption('tasks', 'must be a task queue, such as cloudTasks() gives', tasks)
}

function taskBudgetFrom(value: Duration | undefined): number {
  const budget = positiveDuration('taskBudget', value === undefined ? '90s' : value)
  if (budget <= MAX_TASK_BUDGET) return budget
  throw new SessionConfigError(
    `taskBudget must not be above 12 hours, since whoever works on a step keeps others from it for that long, but is ${budget} ms`,
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
        `${option} holds what is no ${what}: ${(cause as Error).message}`,
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
