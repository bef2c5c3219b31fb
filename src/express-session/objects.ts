import { atOnce } from '../base/refuse-promise.ts'
import { show } from '../base/duration.ts'
import { SessionValueError } from '../base/errors.ts'
import { checkKey, plainValues } from '../record/codec.ts'
import type { SessionKey } from '../record/id.ts'
import { type Payload, type Unit, unitOf } from '../record/payload.ts'
import { GUEST_USER, type SessionRecord } from '../record/record.ts'
import { dataIn } from '../record/root-data.ts'
import type { Brought } from '../write/source.ts'
import {
  COOKIE_UNIT,
  type CookieReading,
  encodeKept,
  type Instant,
  readCookie,
  restoreCookie,
} from './cookie.ts'
import { type RecordSettings, recordOf } from './record.ts'
import type { Wanted } from './view.ts'

/** The app's choices about its sessions. */
export interface Rules {
  /** Returns the user of a session; `null`: the app did not set the option. */
  readonly userOf: ((session: object) => string | null | undefined) | null
  /** Whether the app set `touchEvery`. */
  readonly hasOwnTouchEvery: boolean
  /** Whether the app set its own clock, which may then differ from that of express-session. */
  readonly hasOwnClock: boolean
}

/** Adds whether the object was made by hand and not by the middleware. */
export type ByHand<Reading> = Reading & { readonly isByHand: boolean }

/**
 * Reads and makes the session objects of express-session: translates between the app and the records of this package.
 */
export class SessionObjects {
  readonly #settings: RecordSettings
  readonly #rules: Rules

  constructor(settings: RecordSettings, rules: Rules) {
    this.#settings = settings
    this.#rules = rules
  }

  /** Makes the session that `get` returns: a new object, in the form that JSON-based stores return. */
  make(record: SessionRecord, payload: Payload): object {
    const cookie = payload.find(COOKIE_UNIT)
    return {
      ...(cookie !== undefined && { cookie: restoreCookie(cookie, record, this.#instant()) }),
      ...dataIn(payload, null, plainValues),
    }
  }

  /** Reads everything that the object holds now. Throws `SessionValueError` for a value that cannot be stored. */
  read(session: object): ByHand<Wanted> {
    return { ...this.readCookie(session), units: unitsOf(session), user: this.userOf(session) }
  }

  /** Reads only the cookie. */
  readCookie(session: object): ByHand<CookieReading> {
    const reading = readCookie((session as { cookie?: unknown }).cookie, this.#instant())
    return { ...reading, isByHand: !isOfMiddleware(session) }
  }

  /** Returns the user of the session; `null` when the app did not set the option `userOf`. */
  userOf(session: object): string | null {
    const { userOf } = this.#rules
    if (userOf === null) return null
    const user: unknown = atOnce('userOf', userOf(session), SessionValueError) ?? GUEST_USER
    if (typeof user === 'string') return user
    const hint = typeof user === 'object' ? 'return its id as text' : 'use String()'
    throw new SessionValueError(
      `userOf must return a string, or nothing without a login, but it returned a value of type ${typeof user}: ${hint}`,
    )
  }

  /** Makes the record of a session that is brought over from another system. */
  bring(key: SessionKey, { data, units, written, cookie }: Brought): SessionRecord {
    const session = { ...data, cookie }
    const reading = readCookie(cookie, this.#instant())
    const record = recordOf(
      key,
      {
        ...reading,
        // Only a cookie with a maxAge shows the time of its last use.
        seen: reading.expiry?.kind === 'idle' ? reading.seen : written,
        units,
        user: this.userOf(session),
      },
      this.#settings,
    )
    // The time of the login is unknown.
    return { ...record, authenticated: null }
  }

  #instant(): Instant {
    const now = this.#settings.now()
    return { now, real: this.#rules.hasOwnClock ? Date.now() : now }
  }
}

/** Throws `SessionValueError` when this is not a session object. */
export function objectFrom(data: unknown): object {
  if (typeof data === 'object' && data !== null) return data
  throw new SessionValueError(`a session must be an object, and not ${show(data)}`)
}

/**
 * Whether the middleware made this object. Several copies of express-session have several classes, so the class is not
 * compared.
 */
export function isOfMiddleware(session: object): boolean {
  return Object.getOwnPropertyDescriptor(session, 'req')?.enumerable === false
}

/**
 * Encodes each key of a session object except its cookie. Throws `SessionValueError` for a value that cannot be stored.
 */
function unitsOf(session: object): Map<Unit, string> {
  const units = new Map<Unit, string>()
  for (const [key, value] of Object.entries(session)) {
    if (key === 'cookie') continue
    const text = encodeKept(value, key)
    if (text === null) continue
    checkKey(key)
    units.set(unitOf(null, key), text)
  }
  return units
}
