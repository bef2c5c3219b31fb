import {
  createCipheriv,
  createDecipheriv,
  createSecretKey,
  hkdfSync,
  type KeyObject,
} from 'node:crypto'
import { show } from '../base/duration.ts'
import { SessionConfigError } from '../base/errors.ts'
import { checkOptions, namesOf } from '../base/option-checks.ts'
import type { RandomBytes } from '../record/id.ts'

/** A key that cookies are sealed with. */
export interface CookieKey {
  /** Stands in the cookie, in clear, and says which key opens it: 1 to 32 letters, digits, `_` and `-`. */
  readonly id: string
  /** 32 random bytes, or their base64url. */
  readonly key: Uint8Array | string
}

const KEY = namesOf<CookieKey>({ id: true, key: true })

/** The first characters of every sealed text: they name this one way of sealing, and nothing in a cookie can choose another. */
const FORMAT = '1'
const CIPHER = 'aes-256-gcm'
const KEY_BYTES = 32
const NONCE_BYTES = 12
const SALT_BYTES = 16
const TAG_BYTES = 16

const ID = /^[A-Za-z0-9_-]{1,32}$/
const SEALED = /^1\.([A-Za-z0-9_-]{1,32})\.([A-Za-z0-9_-]{43,})$/

interface Known {
  readonly id: string
  readonly secret: KeyObject
}

/**
 * Seals texts for cookies: AES-256-GCM, each under a key and a nonce of its own, which HKDF-SHA-256 derives from the key of
 * the app and 16 random bytes, as in RFC 8188. So one key lasts, however many cookies it seals.
 */
export class CookieSealer {
  readonly #keys: readonly Known[]
  readonly #newest: Known
  readonly #randomBytes: RandomBytes

  /** Throws `SessionConfigError` for keys that can not work. */
  constructor(keys: unknown, randomBytes: RandomBytes) {
    this.#keys = keysFrom(keys)
    this.#newest = this.#keys[0] as Known
    this.#randomBytes = randomBytes
  }

  /** `about`: what it is sealed for; it opens for nothing else. */
  seal(text: string, about: string): string {
    const { id, secret } = this.#newest
    const salt = this.#randomBytes(SALT_BYTES)
    const { key, nonce } = derived(secret, salt)
    const cipher = createCipheriv(CIPHER, key, nonce).setAAD(aad(id, about))
    const parts = [salt, cipher.update(text, 'utf8'), cipher.final(), cipher.getAuthTag()]
    return `${FORMAT}.${id}.${Buffer.concat(parts).toString('base64url')}`
  }

  /** How many characters {@link seal} makes of a text of so many bytes. */
  sealedLength(bytes: number): number {
    const body = Math.ceil(((SALT_BYTES + bytes + TAG_BYTES) * 4) / 3)
    return FORMAT.length + 1 + this.#newest.id.length + 1 + body
  }

  /** `null` for what was not sealed by one of the keys, or for something else. `outdated`: by an older one. */
  open(
    sealed: string,
    about: string,
  ): { readonly text: string; readonly outdated: boolean } | null {
    const [, id, body] = SEALED.exec(sealed) ?? []
    const by = id === undefined ? undefined : this.#keys.find((known) => known.id === id)
    if (by === undefined || body === undefined) return null
    const bytes = Buffer.from(body, 'base64url')
    // The last character has bits that mean nothing: there is one text of each cookie, and no other.
    if (bytes.length < SALT_BYTES + TAG_BYTES || bytes.toString('base64url') !== body) return null
    const { key, nonce } = derived(by.secret, bytes.subarray(0, SALT_BYTES))
    try {
      const decipher = createDecipheriv(CIPHER, key, nonce, { authTagLength: TAG_BYTES })
        .setAAD(aad(by.id, about))
        .setAuthTag(bytes.subarray(-TAG_BYTES))
      const text = decipher.update(bytes.subarray(SALT_BYTES, -TAG_BYTES))
      return {
        text: Buffer.concat([text, decipher.final()]).toString('utf8'),
        outdated: by !== this.#newest,
      }
    } catch {
      return null
    }
  }
}

function aad(id: string, about: string): Buffer {
  return Buffer.from(`${FORMAT}\n${id}\n${about}`)
}

function derived(secret: KeyObject, salt: Uint8Array): { key: Buffer; nonce: Buffer } {
  const bytes = Buffer.from(
    hkdfSync('sha256', secret, salt, 'viur-session: cookie', KEY_BYTES + NONCE_BYTES),
  )
  return { key: bytes.subarray(0, KEY_BYTES), nonce: bytes.subarray(KEY_BYTES) }
}

/** Nothing of a key may stand in a message. */
function keysFrom(keys: unknown): readonly Known[] {
  if (!Array.isArray(keys) || keys.length === 0) {
    throw new SessionConfigError(
      'keys must be a list of at least one { id, key }, the newest first: the first one seals, all of them open',
    )
  }
  const seen: Buffer[] = []
  return keys.map((given: unknown, at): Known => {
    const where = `keys[${at}]`
    if (typeof given !== 'object' || given === null || given instanceof Uint8Array) {
      throw new SessionConfigError(`${where} must be an object with id and key`)
    }
    checkOptions(where, given, KEY)
    const { id, key } = given as Partial<Record<keyof CookieKey, unknown>>
    if (typeof id !== 'string' || !ID.test(id)) {
      throw new SessionConfigError(
        `${where}.id must be a text of 1 to 32 letters, digits, "_" and "-"`,
      )
    }
    if (keys.findIndex((other) => (other as CookieKey | null)?.id === id) !== at) {
      throw new SessionConfigError(`keys has two keys with the id ${show(id)}`)
    }
    const bytes = bytesOf(key)
    if (bytes?.length !== KEY_BYTES) {
      throw new SessionConfigError(
        `${where}.key must be ${KEY_BYTES} random bytes or their base64url: "openssl rand -base64 32 | tr '+/' '-_' | tr -d '='" makes one`,
      )
    }
    if (new Set(bytes).size < 8) {
      throw new SessionConfigError(`${where}.key is too easy to guess: it has to be random`)
    }
    if (seen.some((other) => other.equals(bytes))) {
      throw new SessionConfigError(`${where}.key is there twice, under two ids`)
    }
    seen.push(bytes)
    return { id, secret: createSecretKey(bytes) }
  })
}

/** A copy, so that whoever overwrites his own changes nothing here; `null` for what is no key. */
function bytesOf(key: unknown): Buffer | null {
  if (key instanceof Uint8Array) return Buffer.from(key)
  if (typeof key !== 'string') return null
  const bytes = Buffer.from(key, 'base64url')
  return bytes.toString('base64url') === key.replace(/=+$/, '') ? bytes : null
}
