import type { SessionId, SessionKey } from '../record/id.ts'
import type { SessionRecord } from '../record/record.ts'
import type { CookieAttributes, Presented, SessionCookies } from '../request/cookie.ts'
import type { CookieValues } from '../request/cookie-ids.ts'
import type { CookieForm, CookiePlace } from '../request/cookie-names.ts'
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
class SealedValues implements CookieValues {
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

/** The cookies of one request, each of which holds its session. */
export class RequestCookies implements SessionCookies {
  readonly #policy: SessionCookies
  readonly #sealer: CookieSealer
  readonly #values: SealedValues

  /** `policy`: name and attributes. */
  constructor(policy: SessionCookies, sealer: CookieSealer, current: Current) {
    this.#policy = policy
    this.#sealer = sealer
    this.#values = new SealedValues(sealer, current)
  }

  /** Returns the session with this key that came in a cookie; `null` when none did. */
  foundUnder(key: SessionKey): SessionRecord | null {
    return this.#values.foundUnder(key)
  }

  /** Returns the size of the cookie of this session in bytes, with its name and attributes. `maxAge`: seconds. */
  sizeOf(record: SessionRecord, form: CookieForm, maxAge: number): number {
    const length = this.#sealer.sealedLength(Buffer.byteLength(textOf(ANY_ID, record)))
    const values: CookieValues = { read: () => null, write: () => 'x'.repeat(length) }
    return Buffer.byteLength(this.#policy.serialize(ANY_ID, form, maxAge, values))
  }

  formFor(request: { secure?: boolean | undefined; loopback?: boolean | undefined }): {
    form: CookieForm
    allowed: boolean
  } {
    return this.#policy.formFor(request)
  }

  read(header: string | undefined, form: CookieForm): Presented {
    return this.#policy.read(header, form, this.#values)
  }

  knowsFormer(form: CookieForm): boolean {
    return this.#policy.knowsFormer(form)
  }

  attributes(form: CookieForm): CookieAttributes {
    return this.#policy.attributes(form)
  }

  serialize(id: SessionId, form: CookieForm, maxAge: number | null): string {
    return this.#policy.serialize(id, form, maxAge, this.#values)
  }

  serializeRemoval(form: CookieForm): string {
    return this.#policy.serializeRemoval(form)
  }

  serializeFormerRemoval(former: CookiePlace, form: CookieForm): string {
    return this.#policy.serializeFormerRemoval(former, form)
  }
}
