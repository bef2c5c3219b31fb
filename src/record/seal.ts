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
import { random, type RandomBytes } from './id.ts'

/** A key for sealing (encrypting) data. */
export interface EncryptionKey {
  /**
   * The name of the key, stored in clear text beside sealed data: 1 to 64 letters, digits and `._-`. Never reuse an id.
   */
  readonly id: string
  /** 32 random bytes, or their base64url. */
  readonly key: Uint8Array | string
}

const KEY_PARTS = namesOf<EncryptionKey>({ id: true, key: true })

const CIPHER = 'aes-256-gcm'
const KEY_BYTES = 32
const NONCE_BYTES = 12
const SALT_BYTES = 16
const TAG_BYTES = 16

const ID = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/

/** A key that has passed the checks. */
export interface KnownKey {
  readonly id: string
  readonly secret: KeyObject
}

/** The context of a sealed text. It can be opened only in the same context. */
export interface SealedFor {
  /** The part of this package that seals. Each part derives different keys. */
  readonly use: string
  /** The owner of the text, such as a session key. */
  readonly about: string
}

/**
 * Seals a text with AES-256-GCM. HKDF derives a new key and nonce from the app's key and a random salt, as in RFC 8188.
 * Returns base64url of salt, sealed text and tag.
 */
export function sealBody(
  text: string,
  secret: KeyObject,
  { use, about }: SealedFor,
  randomBytes: RandomBytes,
): string {
  const salt = random(randomBytes, SALT_BYTES)
  const { key, nonce } = derived(secret, salt, use)
  const cipher = createCipheriv(CIPHER, key, nonce).setAAD(Buffer.from(about))
  const sealed = [cipher.update(text, 'utf8'), cipher.final()]
  return Buffer.concat([salt, ...sealed, cipher.getAuthTag()]).toString('base64url')
}

/** Returns the length of the result of {@link sealBody} for a text of this many bytes, in characters. */
export function sealedLength(bytes: number): number {
  return Math.ceil(((SALT_BYTES + bytes + TAG_BYTES) * 4) / 3)
}

/** Opens the result of {@link sealBody}. Returns `null` if it is damaged, or was sealed in another context. */
export function openBody(
  body: string,
  secret: KeyObject,
  { use, about }: SealedFor,
): string | null {
  const bytes = Buffer.from(body, 'base64url')
  if (bytes.length < SALT_BYTES + TAG_BYTES) return null
  // The last character of base64url has unused bits: accept only one form.
  if (bytes.toString('base64url') !== body) return null
  const { key, nonce } = derived(secret, bytes.subarray(0, SALT_BYTES), use)
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

function derived(secret: KeyObject, salt: Uint8Array, use: string): { key: Buffer; nonce: Buffer } {
  const bytes = hkdf(secret, salt, use, KEY_BYTES + NONCE_BYTES)
  return { key: bytes.subarray(0, KEY_BYTES), nonce: bytes.subarray(KEY_BYTES) }
}

/** Derives `size` bytes from the secret by HKDF with SHA-256. */
export function hkdf(
  secret: KeyObject,
  salt: Uint8Array | string,
  use: string,
  size: number,
): Buffer {
  return Buffer.from(hkdfSync('sha256', secret, salt, use, size))
}

/** Checks the keys of an option, newest first. Throws `SessionConfigError` for keys that cannot be used. */
export function keysFrom(option: string, given: unknown): readonly [KnownKey, ...KnownKey[]] {
  if (!Array.isArray(given) || given.length === 0) {
    throw new SessionConfigError(`${option} must be a list of at least one key, newest first`)
  }
  const keys = given.map((one, at) => keyFrom(one, `${option}[${at}]`))
  for (const { id } of keys) {
    if (keys.filter((other) => other.id === id).length === 1) continue
    throw new SessionConfigError(`${option} has two keys with the id ${show(id)}`)
  }
  return keys as [KnownKey, ...KnownKey[]]
}

/** Checks one key. Messages must not contain any part of the key. */
function keyFrom(given: unknown, at: string): KnownKey {
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
    throw new SessionConfigError(`${at}.key repeats one byte: it has to be random`)
  }
  return { id, secret: createSecretKey(bytes) }
}

/** Returns a copy of the key's bytes, so that the app may overwrite its own; `null` if the value is not a key. */
function bytesOf(key: unknown): Buffer | null {
  if (key instanceof Uint8Array) return Buffer.from(key)
  if (typeof key !== 'string') return null
  const bytes = Buffer.from(key, 'base64url')
  return bytes.toString('base64url') === key.replace(/=+$/, '') ? bytes : null
}
