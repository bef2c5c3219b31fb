import { type Duration, positiveDuration, show } from '../base/duration.ts'
import { SessionConfigError } from '../base/errors.ts'
import { checkOptions, wrongOption } from '../base/option-checks.ts'
import { asInt64, child } from '../store/datastore/values.ts'
import type { Entity } from '../store/entities.ts'
import {
  COMMON_OPTIONS,
  type DecodedSession,
  OldSessionDamage,
  type OldSessions,
  type OldSessionsOptions,
  OldSystem,
} from './old-system.ts'
import { oldSessions } from './old-search.ts'
import { keyText, plainProperties, propertiesOf } from './values.ts'

/** Options of {@link viurCoreSessions}. */
export interface ViurCoreOptions extends OldSessionsOptions {
  /** The kind of the old entities. Default `viur-session`, as in viur-core. */
  readonly kind?: string
  /**
   * The name of the old cookie. Default: `viur_cookie_` and the project in `GOOGLE_CLOUD_PROJECT`. Releases before 3.4
   * called it `viurCookie_` and the project.
   */
  readonly cookie?: string
  /** The setting `conf.user.session_life_time` of the old system. Default `'1h'`, as in viur-core. */
  readonly lifetime?: Duration
  /**
   * The properties of the user entity that continue, for an app without its own `convert`. viur-core stores this entity
   * in the session under `user`. Default `['key', 'name', 'access']`. A password is never among them.
   */
  readonly userFields?: readonly string[]
}

/**
 * Returns the sessions that viur-core (Python) stored, for the option `legacy` of `createSessions()`. Throws
 * `SessionConfigError` for options that cannot work.
 */
export function viurCoreSessions(options: ViurCoreOptions = {}): OldSessions {
  return oldSessions(new ViurCore(options))
}

const OF = 'viurCoreSessions()'

/** viur-core's ids are 42 of these characters, drawn by a CSPRNG (`utils.string.random`). */
const ID_SHAPE = /^[A-Za-z0-9]{42}$/

/** The marks of a guest: the present one, and those of the releases before 3.4. */
const GUESTS: ReadonlySet<string> = new Set(['', '__guest__', 'guest', 'None'])

const DEFAULT_USER_FIELDS: readonly string[] = ['key', 'name', 'access']

/**
 * The names of secret properties. A user entity of viur-core stores them in clear or as hashes. They never leave it.
 */
const SECRET = /passw|pwhash|otp|secret|sec_?key|token/i

/**
 * The entities of viur-core. Their kind is `viur-session`, their name is the value of the cookie, and `data` is an
 * embedded entity. `lastseen` is the seconds since the epoch as a float, and `user` the key of the user as text.
 * `static_security_key`, or earlier `staticSecurityKey`, is the static key.
 */
class ViurCore extends OldSystem {
  readonly name = 'viur-core'
  protected readonly cookieName: string
  readonly #lifetime: number
  readonly #userFields: ReadonlySet<string>

  constructor(options: ViurCoreOptions) {
    checkOptions(OF, options, [...COMMON_OPTIONS, 'kind', 'cookie', 'lifetime', 'userFields'])
    super(OF, options.kind ?? 'viur-session', options)
    const project = process.env['GOOGLE_CLOUD_PROJECT'] || process.env['GCLOUD_PROJECT']
    const { cookie = project && `viur_cookie_${project}`, lifetime = '1h' } = options
    const { userFields = DEFAULT_USER_FIELDS } = options
    if (typeof cookie !== 'string' || cookie === '') {
      throw wrongOption(
        `${OF}: cookie`,
        'must be the name of the old cookie, such as viur_cookie_my-project',
        cookie,
        'GOOGLE_CLOUD_PROJECT names no project to derive it from',
      )
    }
    if (!Array.isArray(userFields) || !userFields.every((one) => typeof one === 'string')) {
      throw new SessionConfigError(`${OF}: userFields must be an array of names`)
    }
    const secret = userFields.find((field) => SECRET.test(field))
    if (secret !== undefined) {
      throw new SessionConfigError(
        `${OF}: userFields must not name ${show(secret)}: proofs of identity do not belong in a session`,
      )
    }
    this.cookieName = cookie
    this.#lifetime = positiveDuration(`${OF}: lifetime`, lifetime)
    this.#userFields = new Set(userFields)
  }

  override checkFor(by: 'cookies' | 'ids'): void {
    if (by === 'cookies') return
    throw new SessionConfigError(
      'DatastoreSessionStore: legacy must be connectDatastoreSessions(): express-session does not know the ids of viur-core, so its sessions need createSessions()',
    )
  }

  override isName(name: string): boolean {
    return ID_SHAPE.test(name)
  }

  protected override idIn(value: string): string | null {
    return value
  }

  override decode({ properties }: Entity): DecodedSession {
    const entity = child(properties['data'], 'entityValue')
    if (typeof entity !== 'object' || entity === null) {
      throw new OldSessionDamage('its property data is no embedded entity')
    }
    const written = secondsIn(properties['lastseen'])
    const user = textIn(properties['user'])
    const inData = propertiesOf(entity)
    const data = plainProperties(inData)
    const userEntity = child(inData['user'], 'entityValue')
    if (userEntity !== undefined && userEntity !== null) {
      data['user'] = this.#reduced(userEntity)
    }
    return {
      user: user === null || GUESTS.has(user) ? null : user,
      data,
      written,
      expires: written + this.#lifetime,
      staticKey:
        textIn(properties['static_security_key']) ?? textIn(properties['staticSecurityKey']),
      cookie: undefined,
    }
  }

  /**
   * Returns the user entity without the properties that the new system does not need; an app with its own `convert`
   * gets all except its secrets.
   */
  #reduced(entity: unknown): Record<string, unknown> {
    const key = keyText(child(entity, 'key'))
    const all = { ...plainProperties(propertiesOf(entity)), ...(key !== null && { key }) }
    const isKept = (name: string): boolean =>
      this.convert === null ? this.#userFields.has(name) : !SECRET.test(name)
    return Object.fromEntries(Object.entries(all).filter(([name]) => isKept(name)))
  }
}

function textIn(value: unknown): string | null {
  const text = child(value, 'stringValue')
  return typeof text === 'string' && text !== '' ? text : null
}

/** Converts seconds since the epoch to milliseconds. */
function secondsIn(value: unknown): number {
  const float = child(value, 'doubleValue')
  const whole = asInt64(child(value, 'integerValue') ?? null)
  const seconds = typeof float === 'number' ? float : whole === null ? Number.NaN : Number(whole)
  if (Number.isFinite(seconds) && seconds > 0) return Math.floor(seconds * 1000)
  throw new OldSessionDamage('its property lastseen is no time')
}
