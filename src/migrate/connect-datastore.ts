import { SessionConfigError } from '../base/errors.ts'
import { checkOptions, wrongOption } from '../base/option-checks.ts'
import { unsign } from '../base/signature.ts'
import { decode } from '../request/cookie-values.ts'
import { asTime, child } from '../store/datastore/values.ts'
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
import { plainJson } from './values.ts'

/** Options of {@link connectDatastoreSessions}. */
export interface ConnectDatastoreOptions extends OldSessionsOptions {
  /** The kind of the old entities. Default `Session`, as in the old store. */
  readonly kind?: string
  /**
   * The option `expirationMs` of the old store: how long a session lives after its last write, in milliseconds. Default
   * 0, as in the old store: until its cookie expires.
   */
  readonly expirationMs?: number
  /** For `createSessions()` only: the name of the cookie of express-session. Default `connect.sid`. */
  readonly cookie?: string
  /** For `createSessions()` only, and required there: the secrets with which express-session signed its cookie. */
  readonly secrets?: readonly string[]
}

/**
 * Returns the sessions that connect-datastore (`@google-cloud/connect-datastore`) stored for express-session, for the
 * option `legacy` of `DatastoreSessionStore` and of `createSessions()`. Throws `SessionConfigError` for options that
 * cannot work.
 */
export function connectDatastoreSessions(options: ConnectDatastoreOptions = {}): OldSessions {
  return oldSessions(new ConnectDatastore(options))
}

const OF = 'connectDatastoreSessions()'

/**
 * The entities of connect-datastore. Their kind is `Session`, their name is the session id, `data` is the session as
 * JSON, and `createdAt` is the time of the last write.
 */
class ConnectDatastore extends OldSystem {
  readonly name = 'connect-datastore'
  protected readonly cookieName: string
  readonly #secrets: readonly string[]
  readonly #expiration: number

  constructor(options: ConnectDatastoreOptions) {
    checkOptions(OF, options, [...COMMON_OPTIONS, 'kind', 'expirationMs', 'cookie', 'secrets'])
    super(OF, options.kind ?? 'Session', options)
    const { expirationMs = 0, cookie = 'connect.sid', secrets = [] } = options
    if (!Number.isSafeInteger(expirationMs) || expirationMs < 0) {
      throw wrongOption(
        `${OF}: expirationMs`,
        'must be whole milliseconds, 0 or more',
        expirationMs,
      )
    }
    if (typeof cookie !== 'string' || cookie === '') {
      throw wrongOption(`${OF}: cookie`, 'must be the name of a cookie', cookie)
    }
    if (!Array.isArray(secrets) || !secrets.every((one) => typeof one === 'string' && one !== '')) {
      throw new SessionConfigError(`${OF}: secrets must be an array of texts that are not empty`)
    }
    this.cookieName = cookie
    this.#secrets = [...secrets]
    this.#expiration = expirationMs
  }

  override checkFor(by: 'cookies' | 'ids'): void {
    if (by === 'ids' || this.#secrets.length > 0) return
    throw new SessionConfigError(
      `${OF} needs the option secrets for createSessions(): the secrets with which express-session signed its cookie`,
    )
  }

  /** Accepts every id that a `genid` may have returned, if Datastore accepts it as a name. */
  override isName(name: string): boolean {
    return (
      name !== '' &&
      name.isWellFormed() &&
      Buffer.byteLength(name) <= 1500 &&
      !/^__.*__$/s.test(name)
    )
  }

  protected override idIn(value: string): string | null {
    const text = decode(value)
    if (!text.startsWith('s:')) return null
    for (const secret of this.#secrets) {
      const id = unsign(text.slice(2), secret)
      if (id !== null) return id
    }
    return null
  }

  override decode({ properties }: Entity): DecodedSession {
    const text = child(properties['data'], 'stringValue')
    if (typeof text !== 'string') throw new OldSessionDamage('its property data is no text')
    const session = parse(text)
    const { cookie: stored, ...data } = session
    const cookie = plainCookie(stored)
    const cookieEnd = timeOf(child(cookie, 'expires'))
    const written = asTime(properties['createdAt']) ?? lastUse(cookie, cookieEnd)
    if (written === null) throw new OldSessionDamage('the time of its last write is unknown')
    const end = this.#expiration === 0 ? Number.POSITIVE_INFINITY : written + this.#expiration - 1
    const user: unknown = child(data['passport'], 'user')
    return {
      user: typeof user === 'string' || typeof user === 'number' ? String(user) : null,
      data,
      written,
      // The old store treats a session that ends now as expired.
      expires: Math.min(end, (cookieEnd ?? Number.POSITIVE_INFINITY) - 1),
      staticKey: null,
      cookie,
    }
  }
}

function parse(text: string): Record<string, unknown> {
  let parsed: unknown
  try {
    parsed = JSON.parse(text)
  } catch {
    throw new OldSessionDamage('its data is no JSON')
  }
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) {
    throw new OldSessionDamage('its data is no object')
  }
  return plainJson(parsed) as Record<string, unknown>
}

/** Keeps only the fields that a cookie can have, since express-session takes them unchecked. */
function plainCookie(cookie: unknown): Record<string, unknown> {
  if (typeof cookie !== 'object' || cookie === null || Array.isArray(cookie)) {
    throw new OldSessionDamage('its data has no cookie, as every session of express-session has')
  }
  return Object.fromEntries(Object.entries(cookie).filter(([, value]) => Object(value) !== value))
}

/** Returns the end of the cookie, in milliseconds since the epoch; `null` where it lives as long as the browser. */
function timeOf(expires: unknown): number | null {
  if (typeof expires !== 'string' && typeof expires !== 'number') return null
  const time = new Date(expires).getTime()
  if (Number.isNaN(time)) throw new OldSessionDamage('its cookie ends at no valid time')
  return time
}

/**
 * Computes the last use from the cookie, which express-session renews at each use: entities of old releases have no
 * `createdAt`.
 */
function lastUse(cookie: unknown, end: number | null): number | null {
  const age = child(cookie, 'originalMaxAge')
  return end === null || typeof age !== 'number' ? null : Math.max(end - age, 0)
}
