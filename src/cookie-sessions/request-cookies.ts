import type { SessionId, SessionKey } from '../record/id.ts'
import type { SessionRecord } from '../record/record.ts'
import type { CookiePolicy } from '../request/cookie.ts'
import type { CookieValues } from '../request/cookie-ids.ts'
import type { CookieForm } from '../request/cookie-names.ts'
import { heldIn, textOf } from './record-text.ts'
import type { CookieSealer } from './sealer.ts'

/**
 * Maximum number of cookie values that are tried in one request. A browser sends one, or two after domain or path of
 * the cookie changed.
 */
const MOST_TRIED = 8

/** Browsers do not store a larger cookie. */
const MOST_CHARACTERS = 4096

/** Returns the record to write. */
type Current = (id: SessionId) => SessionRecord

/** The cookie values of one request, which are encrypted sessions. */
export class SealedValues implements CookieValues {
  readonly #sealer: CookieSealer
  readonly #current: Current
  readonly #found = new Map<SessionKey, SessionRecord>()
  #tried = 0

  constructor(sealer: CookieSealer, current: Current) {
    this.#sealer = sealer
    this.#current = current
  }

  read(value: string, name: string): { id: SessionId; outdated: boolean } | null {
    if (value.length > MOST_CHARACTERS || this.#tried >= MOST_TRIED) return null
    this.#tried += 1
    const opened = this.#sealer.open(value, aboutCookie(name))
    const held = opened === null ? null : heldIn(opened.text)
    if (opened === null || held === null) return null
    const { id, record } = held
    const before = this.#found.get(record.key)
    // The request has two states of one session, for example an old cookie with another path: the later one counts.
    if (before === undefined || before.lastSeen < record.lastSeen)
      this.#found.set(record.key, record)
    return { id, outdated: opened.outdated }
  }

  write(id: SessionId, name: string): string {
    return this.#sealer.seal(textOf(id, this.#current(id)), aboutCookie(name))
  }

  /** Returns the session with this key that came in a cookie; `null` when none did. */
  foundUnder(key: SessionKey): SessionRecord | null {
    return this.#found.get(key) ?? null
  }
}

/** Stands for an id: all ids have the same length. */
const ANY_ID = 'x'.repeat(43) as SessionId

/**
 * The purpose that a cookie is encrypted for. A value from a cookie of another name, or one encrypted with the same key
 * for another purpose, cannot be decrypted here.
 */
function aboutCookie(name: string): string {
  return `session in the cookie ${name}`
}

/**
 * Returns the size of the cookie of this session in bytes, with its name and attributes. `policy`: name and attributes.
 * `maxAge`: seconds.
 */
export function cookieSize(
  record: SessionRecord,
  policy: CookiePolicy,
  sealer: CookieSealer,
  form: CookieForm,
  maxAge: number,
): number {
  const length = sealer.sealedLength(Buffer.byteLength(textOf(ANY_ID, record)))
  const values: CookieValues = { read: () => null, write: () => 'x'.repeat(length) }
  return Buffer.byteLength(policy.withValues(values).serialize(ANY_ID, form, maxAge))
}
