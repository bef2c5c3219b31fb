import { atOnce } from '../base/refuse-promise.ts'
import { hash, randomBytes } from 'node:crypto'
import { SessionConfigError } from '../base/errors.ts'

declare const secretBrand: unique symbol
declare const keyBrand: unique symbol

/**
 * The secret in the cookie: 32 random bytes as 43 characters of base64url. It exists only in the cookie and the
 * request.
 */
export type SessionId = string & { readonly [secretBrand]: true }

/** The name of a stored session: SHA-256 of its id, 43 characters of base64url. Safe to show and to log. */
export type SessionKey = string & { readonly [keyBrand]: true }

/** Returns random bytes of the given length from a cryptographic source. */
export type RandomBytes = (size: number) => Uint8Array

/** The default source of random bytes. */
export const nodeRandom: RandomBytes = (size) => randomBytes(size)

const ID_BYTES = 32
const ID_SHAPE = /^[A-Za-z0-9_-]{43}$/

/** Returns `size` random bytes. Throws `SessionConfigError` if the app's own source returns anything else. */
export function random(randomBytes: RandomBytes, size: number): Buffer {
  const bytes = atOnce(`randomBytes(${size})`, randomBytes(size))
  if (!(bytes instanceof Uint8Array) || bytes.length !== size) {
    throw new SessionConfigError(`randomBytes(${size}) must return a Uint8Array of ${size} bytes`)
  }
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

/** Creates a session id of 256 bits, twice the length that OWASP ASVS 5.0 (7.2.3) requires. */
export function mintId(randomBytes: RandomBytes): SessionId {
  return random(randomBytes, ID_BYTES).toString('base64url') as SessionId
}

/** Creates a security key of 256 bits, like an id. OWASP ASVS 5.0 (11.5.1) requires at least 128 bits. */
export function mintSecret(randomBytes: RandomBytes): string {
  return random(randomBytes, ID_BYTES).toString('base64url')
}

/** Returns the text as an id if it has the form of one, else `null`. */
export function asSessionId(text: string): SessionId | null {
  return ID_SHAPE.test(text) ? (text as SessionId) : null
}

/** Returns the text as a key if it has the form of one, else `null`. */
export function asSessionKey(text: unknown): SessionKey | null {
  // No hash ends in an underscore. Datastore reserves names that start and end with two underscores.
  return typeof text === 'string' && ID_SHAPE.test(text) && !text.endsWith('_')
    ? (text as SessionKey)
    : null
}

/** Returns the key under which the session of this id is stored. */
export function keyOf(id: SessionId): SessionKey {
  return hash('sha256', id, 'base64url') as SessionKey
}

const REV_BYTES = 12

/** How many marks are made from one call of Node's `randomBytes`. One call costs as much time as 10 marks. */
const POOLED = 256

let pool = Buffer.alloc(0)
let used = 0

/**
 * Creates the unique mark of a write. A writer uses it to recognise its own write if the store's answer was lost. Marks
 * are not secret, so bytes of Node's own source are drawn in advance; an app's own source is called for each mark.
 */
export function mintRev(source: RandomBytes): string {
  if (source !== nodeRandom) return random(source, REV_BYTES).toString('base64url')
  if (used === pool.length) {
    pool = randomBytes(POOLED * REV_BYTES)
    used = 0
  }
  const from = used
  used += REV_BYTES
  return pool.toString('base64url', from, used)
}
