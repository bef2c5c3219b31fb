import { atOnce } from '../base/refuse-promise.ts'
import { hash, randomBytes } from 'node:crypto'
import { SessionConfigError } from '../base/errors.ts'

declare const secretBrand: unique symbol
declare const keyBrand: unique symbol

/** The secret that the cookie carries: 32 random bytes as 43 characters of base64url. Never leaves cookie and request. */
export type SessionId = string & { readonly [secretBrand]: true }

/** SHA-256 of the session id, base64url, 43 characters: the name of the stored record. Safe to show and to log. */
export type SessionKey = string & { readonly [keyBrand]: true }

/** Random bytes of the length asked for, from a cryptographic source. */
export type RandomBytes = (size: number) => Uint8Array

/** The source where the app has none of its own. */
export const nodeRandom: RandomBytes = (size) => randomBytes(size)

const ID_BYTES = 32
const ID_SHAPE = /^[A-Za-z0-9_-]{43}$/

/** So many random bytes. Throws `SessionConfigError` where the app's own source gives something else. */
export function random(randomBytes: RandomBytes, size: number): Buffer {
  const bytes = atOnce(`randomBytes(${size})`, randomBytes(size))
  if (!(bytes instanceof Uint8Array) || bytes.length !== size) {
    throw new SessionConfigError(`randomBytes(${size}) must return a Uint8Array of ${size} bytes`)
  }
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

/** A new session id: 256 bits, twice what OWASP ASVS 5.0 (7.2.3) asks for. */
export function mintId(randomBytes: RandomBytes): SessionId {
  return random(randomBytes, ID_BYTES).toString('base64url') as SessionId
}

/** A new security key, as strong as an id: at least 128 bits are asked for (OWASP ASVS 5.0, 11.5.1). */
export function mintSecret(randomBytes: RandomBytes): string {
  return random(randomBytes, ID_BYTES).toString('base64url')
}

/** The id when the text has the shape of one, else `null`. */
export function asSessionId(text: string): SessionId | null {
  return ID_SHAPE.test(text) ? (text as SessionId) : null
}

/** The key when the text has the shape of one, else `null`. */
export function asSessionKey(text: unknown): SessionKey | null {
  // No hash ends in an underscore; Datastore keeps names between double ones to itself.
  return typeof text === 'string' && ID_SHAPE.test(text) && !text.endsWith('_')
    ? (text as SessionKey)
    : null
}

/** The name under which the session of this id is stored. */
export function keyOf(id: SessionId): SessionKey {
  return hash('sha256', id, 'base64url') as SessionKey
}

const REV_BYTES = 12

/** How many marks are made of the bytes that Node is asked for at once: each time it is asked costs as much as 10 marks. */
const POOLED = 256

let pool = Buffer.alloc(0)
let used = 0

/**
 * A mark that no other write has, by which a write whose answer was lost is recognised. It is no secret, so that those of
 * Node's own source are made ahead; a source of the app's own is asked for each.
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
