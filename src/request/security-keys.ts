import { hash, timingSafeEqual } from 'node:crypto'
import { type Duration, parseDuration, show } from '../base/duration.ts'
import { SessionError, SessionStoreError, SessionValueError } from '../base/errors.ts'
import { checkOptions, namesOf } from '../base/option-checks.ts'
import type { RequestSettings } from './settings.ts'
import type { FoundSecurityKey } from '../store/store.ts'
import type { SecurityKeyName, SecurityKeyRecord } from '../record/record.ts'
import type { KeyRefusal } from '../record/diagnostics.ts'
import type { Limit } from '../store/budget.ts'
import { isHeard, tell } from '../record/happenings.ts'
import { isShortText, MAX_SHORT_BYTES } from '../record/limits.ts'
import { MAX_KEY_DATA_BYTES } from '../record/limits-security-keys.ts'
import type { ValueCodec } from '../record/codec.ts'
import { EncodingBudget } from '../record/encoding-budget.ts'
import { mintSecret, type SessionKey } from '../record/id.ts'
import {
  asStoreError,
  MAX_TROUBLE_TRIES,
  pauseBefore,
  retried,
  troubleDelay,
} from '../write/retry.ts'
import type { Attempt, Writer } from '../write/writer.ts'

/** Options of a new security key. */
export interface SecurityKeyOptions {
  /** How long the key is valid. Default: the `lifetime` of sessions, or one day for a key without a session. */
  readonly duration?: Duration
  /** Data that the use of the key returns, up to 64 KiB when stored. Default: none, and the use returns `true`. */
  readonly data?: object
  /**
   * `true` (the default): only this session can use the key, and the key becomes invalid with the session's id: at
   * login, logout, reset and `cycleKey`. `false`: everybody who has the key can use it, such as the reader of a mail.
   */
  readonly sessionBound?: boolean
  /** The purpose of the key, such as `'reset-password'`. The check must name the same text. Default: the empty text. */
  readonly purpose?: string
}

/** The security keys that a check accepts. */
export type SecurityKeyCheck = Pick<SecurityKeyOptions, 'sessionBound' | 'purpose'>

const MINT_OPTIONS = namesOf<SecurityKeyOptions>({
  duration: true,
  data: true,
  sessionBound: true,
  purpose: true,
})

const CHECK_OPTIONS = namesOf<SecurityKeyCheck>({ sessionBound: true, purpose: true })

/** The largest number of keys that one call can make. */
const MAX_COUNT = 100

const ONE_DAY = 24 * 60 * 60 * 1000

const KEY_SHAPE = /^[A-Za-z0-9_-]{43}$/

/** A static key may come from another system and be shorter than ours. */
const STATIC_KEY_SHAPE = /^[A-Za-z0-9_-]{13,43}$/

/** SHA-256 of a security key: the name of a stored key, or the stored form of a static key. */
export function hashOfKey(key: string): SecurityKeyName {
  return hash('sha256', key, 'base64url') as SecurityKeyName
}

/** Whether this is the key whose hash was stored. The time does not depend on where they differ. Never throws. */
export function isKeyOf(key: unknown, kept: string | null): boolean {
  if (kept === null || typeof key !== 'string' || !STATIC_KEY_SHAPE.test(key)) return false
  const expected = Buffer.from(kept)
  const given = Buffer.from(hashOfKey(key))
  return expected.length === given.length && timingSafeEqual(expected, given)
}

/** The checked options of new keys. */
export interface MintPlan {
  readonly count: number
  readonly duration: number
  readonly bound: boolean
  readonly purpose: string
  readonly data: string | null
}

/** Checks the arguments of `getSecurityKeys()` before anything is stored. Throws `SessionValueError`. */
export function mintPlan(
  count: number,
  options: SecurityKeyOptions,
  { policy, codec }: Pick<RequestSettings, 'policy' | 'codec'>,
): MintPlan {
  checkOptions('getSecurityKeys()', options, MINT_OPTIONS)
  if (!Number.isInteger(count) || count < 1 || count > MAX_COUNT) {
    throw new SessionValueError(
      `getSecurityKeys() makes 1 to ${MAX_COUNT} keys at a time, not ${show(count)}`,
    )
  }
  const bound = isBound(options)
  const { duration = bound ? policy.lifetime : ONE_DAY, data } = options
  const time = parseDuration(duration)
  if (time === null || time < 1) {
    throw new SessionValueError(`a security key needs a duration above 0, not ${show(duration)}`)
  }
  if (data !== undefined && (typeof data !== 'object' || data === null)) {
    throw new SessionValueError(`the data of a security key must be an object, not ${show(data)}`)
  }
  return {
    count,
    duration: time,
    bound,
    purpose: purposeOf(options),
    data: data === undefined ? null : encodeKeyData(data, codec),
  }
}

/** Checks the options of `validateSecurityKey()`. Throws `SessionConfigError` and `SessionValueError`. */
export function checkPlan(options: SecurityKeyCheck): { bound: boolean; purpose: string } {
  checkOptions('validateSecurityKey()', options, CHECK_OPTIONS)
  return { bound: isBound(options), purpose: purposeOf(options) }
}

/** Whether a key is bound to this session, or has to be. */
function isBound({ sessionBound = true }: SecurityKeyCheck): boolean {
  if (typeof sessionBound === 'boolean') return sessionBound
  throw new SessionValueError(`sessionBound must be true or false, not ${show(sessionBound)}`)
}

/** The checked purpose of a key. */
export function purposeOf({ purpose = '' }: SecurityKeyCheck): string {
  if (isShortText(purpose)) return purpose
  throw new SessionValueError(
    `the purpose of a security key must be a text of up to ${MAX_SHORT_BYTES} bytes`,
  )
}

/** One-time security keys: made in one commit, and used up by deleting them at the version that was read. */
export class SecurityKeys {
  readonly #settings: RequestSettings
  readonly #writer: Writer

  constructor(settings: RequestSettings, writer: Writer) {
    this.#settings = settings
    this.#writer = writer
  }

  /**
   * Makes and stores new keys. Where the answer of a try was lost, its keys may stay stored until they expire, but
   * nobody knows them.
   */
  async mint(plan: MintPlan, session: SessionKey | null, limit: Limit): Promise<string[]> {
    const { store, randomBytes, now } = this.#settings
    const { count, duration, purpose, data } = plan
    return await this.#writer
      .within(limit)
      .settle<string[]>(async (): Promise<Attempt<string[]>> => {
        const keys = Array.from({ length: count }, () => mintSecret(randomBytes))
        const created = now()
        const records = keys.map((key): SecurityKeyRecord => {
          return {
            name: hashOfKey(key),
            session,
            purpose,
            data,
            created,
            expires: created + duration,
          }
        })
        try {
          const { outcome } = await limit.wait(
            (deadline) => store.keys.insert(records, { deadline }),
            'unknown',
          )
          if (outcome === 'conflict') return { again: 'conflict', error: null }
          if (isHeard('security-key')) tell({ kind: 'security-key', what: 'minted', count })
          return { done: keys }
        } catch (cause) {
          // The store refused the keys as invalid before it sent anything.
          if (cause instanceof SessionError && !(cause instanceof SessionStoreError)) throw cause
          return { again: 'trouble', error: asStoreError(cause) }
        }
      })
  }

  /**
   * Uses up a key. Returns its data, or `true` where it has none; `false` when the key is not valid. A key of another
   * session or purpose stays unchanged. `session`: the session that the key must be bound to; `null`: none.
   */
  async use(
    key: unknown,
    session: SessionKey | null,
    purpose: string,
    limit: Limit,
  ): Promise<object | boolean> {
    if (typeof key !== 'string' || !KEY_SHAPE.test(key)) {
      return this.refuse(session, key === undefined || key === '' ? 'missing' : 'malformed')
    }
    const { store, now } = this.#settings
    const name = hashOfKey(key)
    const ask = (deadline: number) => store.keys.find(name, { deadline })
    const found = await retried(this.#settings, ask, limit)
    const refusal = refusalOf(found, session, purpose, now())
    if (found === null || refusal !== null) return this.refuse(session, refusal ?? 'unknown')
    // Decoded before the deletion: a process that cannot read the data must not use up the key.
    const given = this.#dataOf(found)
    if (!(await this.#delete(found, limit))) return this.refuse(session, 'used')
    if (isHeard('security-key')) tell({ kind: 'security-key', what: 'used', count: 1 })
    return given
  }

  #dataOf({ record: { data } }: FoundSecurityKey): object | true {
    if (data === null) return true
    return this.#settings.codec.decode(data, 'the data of a security key') as object
  }

  refuse(key: SessionKey | null, why: KeyRefusal): false {
    this.#settings.troubles.report({ kind: 'key-refused', key, why })
    return false
  }

  /** Returns the static key that a login has made; `null`: there is none to show. Throws `SessionError` then. */
  show(staticKey: string | null): string {
    if (staticKey !== null) return staticKey
    throw new SessionError(
      'the static security key is shown once, right after login(): a client that lost it has to log in again',
    )
  }

  /**
   * Deletes the key; `true` where this call has deleted it. A call whose answer was lost returns `false`: another call
   * may have deleted the key.
   */
  async #delete({ record, version }: FoundSecurityKey, limit: Limit): Promise<boolean> {
    const { store, logger } = this.#settings
    for (let tries = 1; ; tries++) {
      let error: SessionStoreError
      try {
        const used = await limit.wait(
          (deadline) => store.keys.use(record.name, version, { deadline }),
          'unknown',
        )
        return used.outcome === 'applied'
      } catch (cause) {
        error = asStoreError(cause)
      }
      if (error.effect === 'unknown' || !error.retryable) {
        logger.warn('the use of a security key failed, so it counts as not valid', {
          error: error.message,
        })
        return false
      }
      if (tries >= MAX_TROUBLE_TRIES) throw error
      await pauseBefore(this.#settings, error, troubleDelay(tries), limit)
    }
  }
}

function refusalOf(
  found: FoundSecurityKey | null,
  session: SessionKey | null,
  purpose: string,
  now: number,
): KeyRefusal | null {
  if (found === null) return 'unknown'
  const { record } = found
  if (record.session !== session) return 'other-session'
  if (record.purpose !== purpose) return 'other-purpose'
  return now < record.expires ? null : 'expired'
}

function encodeKeyData(data: object, codec: ValueCodec): string {
  const what = 'the data of a security key'
  return codec.encode(data, what, new EncodingBudget(what, MAX_KEY_DATA_BYTES))
}
