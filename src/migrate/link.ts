import { createCipheriv, createDecipheriv, hash, hkdfSync } from 'node:crypto'
import { decodeValue, encodeValue } from '../record/codec.ts'
import type { Guarded } from '../write/change.ts'
import type { RandomBytes, SessionId, SessionKey } from '../record/id.ts'
import { keyOfUnit, type Payload, SCOPE_OF_ID, type Unit, unitOf } from '../record/payload.ts'
import type { Version } from '../record/record.ts'

/** The unit that holds the link of a session to its old session, while both systems serve it. */
export const LINK_UNIT: Unit = unitOf(SCOPE_OF_ID, 'link')

/** The link of a session to the old session that it came from. */
export interface Link {
  /** The hash of the old id. */
  readonly hash: SessionKey
  /** The old id, encrypted with ours; `null` where both ids are the same. */
  readonly sealed: string | null
  /** The version of the old entity whose data was last taken over. */
  readonly version: Version
  /** The user of the old session; `null` where the user may change under one id. */
  readonly user: string | null
  /** A digest of each value at that time, by key, to find the changes of the old system. */
  readonly digests: Readonly<Record<string, string>>
}

/** Returns a digest that is long enough not to miss a change by chance. */
function digestOf(text: string): string {
  return hash('sha256', text, 'base64url').slice(0, 16)
}

export function digestsOf(units: ReadonlyMap<Unit, string>): Record<string, string> {
  return Object.fromEntries([...units].map(([unit, text]) => [keyOfUnit(unit), digestOf(text)]))
}

export function encodeLink(link: Link): string {
  return encodeValue(link, 'link')
}

/** Returns the link of a session; `null` where it has none. */
export function linkIn(payload: Payload): Link | null {
  const text = payload.find(LINK_UNIT)
  return text === undefined ? null : (decodeValue(text) as Link)
}

/**
 * Returns the changes of the old system since the link was made, with the new link. They apply only while nobody else
 * has taken them over.
 */
export function takeOver(
  payload: Payload,
  link: Link,
  now: { readonly version: Version; readonly units: ReadonlyMap<Unit, string> },
): Guarded {
  const units = new Map<Unit, string | null>()
  const digests = digestsOf(now.units)
  for (const [unit, text] of now.units) {
    const key = keyOfUnit(unit)
    if (digests[key] !== link.digests[key]) units.set(unit, text)
  }
  for (const key of Object.keys(link.digests)) {
    if (!Object.hasOwn(digests, key)) units.set(unitOf(null, key), null)
  }
  units.set(LINK_UNIT, encodeLink({ ...link, version: now.version, digests }))
  return guarded(payload, units)
}

/** Returns the removal of the link, because the old session has expired: from now on our session is independent. */
export function dropLink(payload: Payload): Guarded {
  return guarded(payload, new Map([[LINK_UNIT, null]]))
}

function guarded(payload: Payload, units: Guarded['units']): Guarded {
  return { unit: LINK_UNIT, text: payload.find(LINK_UNIT) ?? null, units }
}

const CIPHER = 'aes-256-gcm'
const NONCE_BYTES = 12
const TAG_BYTES = 16

/**
 * Encrypts the old id so that only our id decrypts it. The old id is a bearer secret while the old system runs, and
 * everybody with access to the database can read a session. So the session must not contain it in clear text.
 */
export function seal(oldId: string, id: SessionId, randomBytes: RandomBytes): string {
  const nonce = randomBytes(NONCE_BYTES)
  const cipher = createCipheriv(CIPHER, keyFrom(id), nonce)
  const sealed = Buffer.concat([cipher.update(oldId, 'utf8'), cipher.final()])
  return Buffer.concat([nonce, sealed, cipher.getAuthTag()]).toString('base64url')
}

/** Decrypts the old id; `null` where this id does not decrypt it. */
export function unseal(sealed: string, id: SessionId): string | null {
  const bytes = Buffer.from(sealed, 'base64url')
  if (bytes.length < NONCE_BYTES + TAG_BYTES) return null
  const decipher = createDecipheriv(CIPHER, keyFrom(id), bytes.subarray(0, NONCE_BYTES))
  decipher.setAuthTag(bytes.subarray(-TAG_BYTES))
  try {
    const text = decipher.update(bytes.subarray(NONCE_BYTES, -TAG_BYTES))
    return Buffer.concat([text, decipher.final()]).toString('utf8')
  } catch {
    return null
  }
}

function keyFrom(id: SessionId): Buffer {
  return Buffer.from(hkdfSync('sha256', id, '', 'viur-session: id of an old session', 32))
}
