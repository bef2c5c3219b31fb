import { asSessionKey } from '../../record/id.ts'
import { bucketEnd, keySweepTime, shardOf, sweepValue } from '../../record/buckets.ts'
import { type EntityLayout, purgeTime } from './entity-codec.ts'
import {
  asText,
  asTime,
  child,
  isNull,
  propertiesIn,
  text,
  timestamp,
  versionOf,
} from './values.ts'
import type { FoundSecurityKey } from '../store.ts'
import type { SecurityKeyName, SecurityKeyRecord } from '../../record/record.ts'

/** Returns the layout of security keys for a layout of sessions: the same index under another kind. */
export function keyLayoutOf({ kind, shards, bucket }: EntityLayout): EntityLayout {
  return {
    kind: kind === 'viur-session' ? 'viur-securitykey' : `${kind}-securitykey`,
    shards,
    bucket,
  }
}

/** Encodes a security key that has passed `checkSecurityKeys`. Only `sweep` is indexed. */
export function encodeKey(
  { name, session, purpose, data, created, expires }: SecurityKeyRecord,
  { shards, bucket }: EntityLayout,
): Readonly<Record<string, unknown>> {
  const end = bucketEnd(keySweepTime({ expires, created }), bucket)
  return {
    // Empty for a key without a session, and never absent: a missing property must not make a key usable by all
    // sessions.
    session: text(session ?? ''),
    purpose: text(purpose),
    ...(data !== null && { data: text(data) }),
    created: timestamp(created),
    expires: timestamp(expires),
    sweep: { stringValue: sweepValue(shardOf(name, shards), end) },
    purge: timestamp(purgeTime(expires)),
  }
}

/** Decodes the security key in an `EntityResult` of the server; `null` for a damaged one, which is useless. */
export function decodeKey(name: SecurityKeyName, result: unknown): FoundSecurityKey | null {
  const properties = propertiesIn(result)
  const version = versionOf(result)
  const owner = asText(child(properties, 'session'))
  const session = asSessionKey(owner)
  const purpose = asText(child(properties, 'purpose'))
  const data = child(properties, 'data')
  const created = asTime(child(properties, 'created'))
  const expires = asTime(child(properties, 'expires'))
  if (version === null || purpose === null || created === null || expires === null) return null
  if (session === null && owner !== '') return null
  if (!isNull(data) && asText(data) === null) return null
  return { record: { name, session, purpose, data: asText(data), created, expires }, version }
}
