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

/** What the app decides about its sessions. */
export interface Rules {
  /** Whose session it is; `null`: the app has not said how to tell. */
  readonly userOf: ((session: object) => string | null | undefined) | null
  /** Whether `touchEvery` is the app's own. */
  readonly hasOwnTouchEvery: boolean
  /** Whether the clock is the app's own, so that it may differ from that of express-session. */
  readonly hasOwnClock: boolean
}

/** With whether the object is not one of the middleware's. */
export type ByHand<Reading> = Reading & { readonly isByHand: boolean }

/** Reads the session objects of express-session, and makes them: what the app and the middleware know, in our terms. */
export class SessionObjects {
  readonly #settings: RecordSettings
  readonly #rules: Rules

  constructor(settings: RecordSettings, rules: Rules) {
    this.#settings = settings
    this.#rules = rules
  }

  /** The session as `get` hands it out: an object of its own, in the form that JSON-based stores give. */
  make(record: SessionRecord, payload: Payload): object {
    const cookie = payload.find(COOKIE_UNIT)
    return {
      ...(cookie !== undefined && { cookie: restoreCookie(cookie, record, this.#instant()) }),
      ...dataIn(payload, null, plainValues),
    }
  }

  /** All that the object is now. Throws `SessionValueError` for what cannot be kept. */
  read(session: object): ByHand<Wanted> {
    return { ...this.readCookie(session), units: unitsOf(session), user: this.userOf(session) }
  }

  /** The same of its cookie alone. */
  readCookie(session: object): ByHand<CookieReading> {
    const reading = readCookie((session as { cookie?: unknown }).cookie, this.#instant())
    return { ...reading, isByHand: !isOfMiddleware(session) }
  }

  /** Whose session it is; `null` where the app has not said how to tell. */
  userOf(session: object): string | null {
    const { userOf } = this.#rules
    if (userOf === null) return null
    const user: unknown = atOnce('userOf', userOf(session), SessionValueError) ?? GUEST_USER
    if (typeof user === 'string') return user
    throw new SessionValueError(
      `userOf must give a string, or nothing where nobody is logged in, and not what is of type ${typeof user}: use String()`,
    )
  }

  /** The record of a session that is brought over. */
  bring(key: SessionKey, { data, units, written, cookie }: Brought): SessionRecord {
    const session = { ...data, cookie }
    const reading = readCookie(cookie, this.#instant())
    const record = recordOf(
      key,
      {
        ...reading,
        // Only a cookie with a maxAge tells when it was used last.
        seen: reading.expiry?.kind === 'idle' ? reading.seen : written,
        units,
        user: this.userOf(session),
      },
      this.#settings,
    )
    // When the user logged in is not known.
    return { ...record, authenticated: null }
  }

  #instant(): Instant {
    const now = this.#settings.now()
    return { now, real: this.#rules.hasOwnClock ? Date.now() : now }
  }
}

/** Throws `SessionValueError` for what is no session object. */
export function objectFrom(data: unknown): object {
  if (typeof data === 'object' && data !== null) return data
  throw new SessionValueError(`a session must be an object, and not ${show(data)}`)
}

/** Whether the middleware made this object; several copies of express-session have several classes. */
export function isOfMiddleware(session: object): boolean {
  return Object.getOwnPropertyDescriptor(session, 'req')?.enumerable === false
}

/** Each key of a session object but its cookie, encoded. Throws `SessionValueError` for what cannot be kept. */
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
