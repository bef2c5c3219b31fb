import { createCipheriv, createDecipheriv, hash, hkdfSync } from 'node:crypto'
import { decodeValue, encodeValue } from '../record/codec.ts'
import type { Guarded } from '../write/change.ts'
import type { RandomBytes, SessionId, SessionKey } from '../record/id.ts'
import { keyOfUnit, type Payload, SCOPE_OF_ID, type Unit, unitOf } from '../record/payload.ts'
import type { Version } from '../record/record.ts'

/** Where a session remembers the old one that it came from, while both systems serve it. */
export const LINK_UNIT: Unit = unitOf(SCOPE_OF_ID, 'link')

/** What a session remembers of the old one that it came from. */
export interface Link {
  /** The hash of the old id. */
  readonly hash: SessionKey
  /** The old id, sealed with ours; `null` where both are the same. */
  readonly sealed: string | null
  /** The version of the old entity that was last taken over. */
  readonly version: Version
  /** Whose session it was there; `null` where that may change under one id. */
  readonly user: string | null
  /** A digest of each value as it was then, by key, to tell what the old system changes. */
  readonly digests: Readonly<Record<string, string>>
}

/** A digest long enough that a change is not missed by chance. */
function digestOf(text: string): string {
  return hash('sha256', text, 'base64url').slice(0, 16)
}

export function digestsOf(units: ReadonlyMap<Unit, string>): Record<string, string> {
  return Object.fromEntries([...units].map(([unit, text]) => [keyOfUnit(unit), digestOf(text)]))
}

export function encodeLink(link: Link): string {
  return encodeValue(link, 'link')
}

/** The link of a session; `null` for one that has none. */
export function linkIn(payload: Payload): Link | null {
  const text = payload.find(LINK_UNIT)
  return text === undefined ? null : (decodeValue(text) as Link)
}

/**
 * What the old system has changed since the link was made, and the new link with it; only while nobody else has taken
 * it over.
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

/** The old session has expired: from now on the session stands alone. */
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
 * The old id in a form that only our id opens. It is a bearer secret while the old system runs, and a session is
 * readable to whoever can read the database, so it does not stand there in clear once more.
 */
export function seal(oldId: string, id: SessionId, randomBytes: RandomBytes): string {
  const nonce = randomBytes(NONCE_BYTES)
  const cipher = createCipheriv(CIPHER, keyFrom(id), nonce)
  const sealed = Buffer.concat([cipher.update(oldId, 'utf8'), cipher.final()])
  return Buffer.concat([nonce, sealed, cipher.getAuthTag()]).toString('base64url')
}

/** The old id, or `null` where this id does not open it. */
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
