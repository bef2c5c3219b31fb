import {
  createCipheriv,
  createDecipheriv,
  createSecretKey,
  hkdfSync,
  type KeyObject,
} from 'node:crypto'
import { show } from '../base/duration.ts'
import { SessionConfigError, SessionValueError } from '../base/errors.ts'
import { checkOptions, namesOf, wrongOption } from '../base/option-checks.ts'
import { random, type RandomBytes } from './id.ts'
import { isSealed, markedUnopened, sealedParts, sealedText, unopened } from './sealed-text.ts'

/** A key that data is sealed with. */
export interface EncryptionKey {
  /** Stands beside what was sealed, in clear: 1 to 64 letters, digits and `._-`. Each key has one of its own for ever. */
  readonly id: string
  /** 32 random bytes, or their base64url. */
  readonly key: Uint8Array | string
}

/** The option `encryption`. */
export interface EncryptionOptions {
  /** Newest first: the first one seals, all of them open. */
  readonly keys: readonly EncryptionKey[]
  /**
   * `false`: what is sealed is read, and what is written is not sealed: for the release before the first that seals, and
   * to take encryption away again. Default `true`.
   */
  readonly seal?: boolean
}

const OPTIONS = namesOf<EncryptionOptions>({ keys: true, seal: true })

const KEY_PARTS = namesOf<EncryptionKey>({ id: true, key: true })

const CIPHER = 'aes-256-gcm'
const KEY_BYTES = 32
const NONCE_BYTES = 12
const SALT_BYTES = 16
const TAG_BYTES = 16
const PRINT_BYTES = 6

const ID = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/

interface Known {
  readonly id: string
  readonly secret: KeyObject
  readonly print: string
}

/** What was stored, opened as far as this process can. */
export interface Opened {
  readonly text: string
  /** Whether it is stored in another way than it would be now: in clear, or sealed with an older key. */
  readonly isOutdated: boolean
}

/**
 * Seals texts with AES-256-GCM, each under a key and a nonce of its own that HKDF derives from the app's key and a random
 * salt, and bound to what it is about: it opens nowhere else. Throws `SessionConfigError` for keys that cannot work.
 */
export class Sealer {
  readonly #keys: readonly Known[]
  readonly #newest: Known | null
  readonly #randomBytes: RandomBytes

  constructor(options: EncryptionOptions, randomBytes: RandomBytes) {
    checkOptions('encryption', options, OPTIONS)
    const { seal = true } = options
    if (typeof seal !== 'boolean')
      throw wrongOption('encryption.seal', 'must be true or false', seal)
    this.#keys = keysFrom(options.keys)
    this.#newest = seal ? (this.#keys[0] as Known) : null
    this.#randomBytes = randomBytes
  }

  /** `about`: what the text belongs to. What is sealed, and was not opened, stays as it is. */
  seal(text: string, about: string): string {
    const before = markedUnopened(text)
    if (before !== null) return before
    const by = this.#newest
    if (by === null || isSealed(text)) return text
    if (!text.isWellFormed()) throw new SessionValueError('a session must be well-formed Unicode')
    const salt = random(this.#randomBytes, SALT_BYTES)
    const { key, nonce } = derived(by.secret, salt)
    const cipher = createCipheriv(CIPHER, key, nonce).setAAD(Buffer.from(about))
    const sealed = [cipher.update(text, 'utf8'), cipher.final()]
    const body = Buffer.concat([salt, ...sealed, cipher.getAuthTag()]).toString('base64url')
    return sealedText({ id: by.id, print: by.print, body })
  }

  /** The text as it was before it was sealed. Where it cannot be opened, it tells of that to whoever reads it. */
  open(text: string, about: string): Opened {
    if (!isSealed(text)) return { text, isOutdated: this.#newest !== null }
    const parts = sealedParts(text)
    const by = this.#keys.find(({ id, print }) => id === parts?.id && print === parts.print)
    if (parts === null || by === undefined) return { text, isOutdated: false }
    const plain = opened(parts.body, by.secret, about)
    return plain === null
      ? { text: unopened(text), isOutdated: false }
      : { text: plain, isOutdated: by !== this.#newest }
  }
}

/** `null` for what is damaged, or about something else. */
function opened(body: string, secret: KeyObject, about: string): string | null {
  const bytes = Buffer.from(body, 'base64url')
  if (bytes.length < SALT_BYTES + TAG_BYTES) return null
  // The last character of base64url has bits that mean nothing.
  if (bytes.toString('base64url') !== body) return null
  const { key, nonce } = derived(secret, bytes.subarray(0, SALT_BYTES))
  const decipher = createDecipheriv(CIPHER, key, nonce, { authTagLength: TAG_BYTES })
    .setAAD(Buffer.from(about))
    .setAuthTag(bytes.subarray(-TAG_BYTES))
  try {
    const text = decipher.update(bytes.subarray(SALT_BYTES, -TAG_BYTES))
    return Buffer.concat([text, decipher.final()]).toString('utf8')
  } catch {
    return null
  }
}

function derived(secret: KeyObject, salt: Uint8Array): { key: Buffer; nonce: Buffer } {
  const bytes = hkdf(secret, salt, 'viur-session: seal', KEY_BYTES + NONCE_BYTES)
  return { key: bytes.subarray(0, KEY_BYTES), nonce: bytes.subarray(KEY_BYTES) }
}

function hkdf(secret: KeyObject, salt: Uint8Array | string, use: string, size: number): Buffer {
  return Buffer.from(hkdfSync('sha256', secret, salt, use, size))
}

function keysFrom(given: unknown): readonly Known[] {
  if (!Array.isArray(given) || given.length === 0) {
    throw new SessionConfigError(
      'encryption.keys must be a list of keys, newest first, with one at the least',
    )
  }
  const keys = given.map((one, at) => keyFrom(one, `encryption.keys[${at}]`))
  for (const { id } of keys) {
    if (keys.filter((other) => other.id === id).length === 1) continue
    throw new SessionConfigError(`encryption.keys has two keys with the id ${show(id)}`)
  }
  return keys
}

/** Nothing of the key may stand in a message. */
function keyFrom(given: unknown, at: string): Known {
  if (typeof given !== 'object' || given === null || given instanceof Uint8Array) {
    throw new SessionConfigError(`${at} must be an object with id and key`)
  }
  checkOptions(at, given, KEY_PARTS)
  const { id, key } = given as Partial<Record<keyof EncryptionKey, unknown>>
  if (typeof id !== 'string' || !ID.test(id)) {
    throw new SessionConfigError(
      `${at}.id must be a text of 1 to 64 letters, digits and ._- that names the key`,
    )
  }
  const bytes = bytesOf(key)
  if (bytes?.length !== KEY_BYTES) {
    throw new SessionConfigError(
      `${at}.key must be ${KEY_BYTES} random bytes, or their base64url, as require('node:crypto').randomBytes(${KEY_BYTES}).toString('base64url') gives it`,
    )
  }
  if (bytes.every((byte) => byte === bytes[0])) {
    throw new SessionConfigError(`${at}.key is one byte over and over: it has to be random`)
  }
  const secret = createSecretKey(bytes)
  const print = hkdf(secret, '', 'viur-session: print of a key', PRINT_BYTES)
  return { id, secret, print: print.toString('base64url') }
}

/** A copy, so that whoever overwrites his own changes nothing here; `null` for what is no key. */
function bytesOf(key: unknown): Buffer | null {
  if (key instanceof Uint8Array) return Buffer.from(key)
  if (typeof key !== 'string') return null
  const bytes = Buffer.from(key, 'base64url')
  return bytes.toString('base64url') === key.replace(/=+$/, '') ? bytes : null
}
