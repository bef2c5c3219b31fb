import { SessionTooLargeError, SessionValueError } from '../../base/errors.ts'
import { passingTrouble } from '../../base/store-errors.ts'
import type {
  ClientHints,
  EndReason,
  ExpirySetting,
  Found,
  SessionRecord,
  Unreadable,
} from '../../record/record.ts'
import type { SessionKey } from '../../record/id.ts'
import { isEndReason } from '../../record/record-names.ts'
import { REMEMBERED } from '../../record/revs.ts'
import { bucketEnd, isOutside, shardOf, sweepTime, sweepValue } from '../../record/buckets.ts'
import { clientProblem, MAX_TIME, userProblem } from '../../record/limits.ts'
import {
  OUR_PROPERTIES,
  type Properties,
  propertyNameProblem,
  propertyValueProblem,
} from '../../record/properties.ts'
import {
  asInt64,
  asNumber,
  asText,
  asTime,
  child,
  integer,
  isNull,
  propertiesIn,
  text,
  timestamp,
  type Value,
  versionOf,
  weightOf,
} from './values.ts'

/** The layout of entities. */
export interface EntityLayout {
  readonly kind: string
  /** The number of shards of the expiry index. */
  readonly shards: number
  /** The length of a bucket of the expiry index, in milliseconds. */
  readonly bucket: number
}

/** An encoded entity, with its properties in the format of the generated client. */
interface EncodedEntity {
  readonly properties: Readonly<Record<string, unknown>>
  /** The approximate size of the entity in a call, in bytes. */
  readonly bytes: number
}

/** The largest size of one entity, in bytes (Datastore: "Limits"). */
const MAX_ENTITY_BYTES = 1_048_572

/** The size of an entity without the counted texts, rounded up: key, property names, timestamps. */
const OVERHEAD_BYTES = 1024

/** How long after its expiry a TTL policy may delete a session that no sweep has deleted, in milliseconds. */
const PURGE_AFTER = 30 * 24 * 60 * 60 * 1000

/** All properties of this release. Other properties belong to the app, or are kept in {@link SessionRecord.extra}. */
const OWN = OUR_PROPERTIES

/** The form of entity names here: a {@link SessionKey}, or another hash with the same characters. */
const KEY_SHAPE = /^[A-Za-z0-9_-]{1,200}$/

/** Throws for a key that a server would refuse, since a refusal would fail all callers that share the call. */
export function checkKey(key: SessionKey): void {
  if (typeof key === 'string' && KEY_SHAPE.test(key) && !/^__.*__$/.test(key)) return
  throw new SessionValueError('a session key must be 43 characters of base64url')
}

/**
 * Encodes a record that has passed `checkRecord`. Throws `SessionValueError` or `SessionTooLargeError` for faults that
 * `checkRecord` does not check and that a server would refuse.
 */
export function encodeEntity(
  record: SessionRecord,
  layout: EntityLayout,
  sweepAt: number = sweepTime(record),
): EncodedEntity {
  const { key, data, user, expiry, failedSince = null, extra = {} } = record
  const { staticKey = null, client = null, fence = 0, fenceAll = 0, life } = record
  const { properties: apps = {}, revs } = record
  checkKey(key)
  const others = Object.entries(extra).filter(
    ([name]) => !OWN.has(name) && !Object.hasOwn(apps, name),
  )
  if (others.some(([, value]) => typeof value !== 'object' || value === null)) {
    throw new SessionValueError('extra properties must be as this store returned them')
  }
  const bytes =
    OVERHEAD_BYTES +
    [data, user, staticKey ?? '', life ?? '', client === null ? '' : encodeClient(client)].reduce(
      (sum, part) => sum + Buffer.byteLength(part),
      0,
    ) +
    weightOf(others) +
    weightOf(apps)
  if (bytes > MAX_ENTITY_BYTES) throw new SessionTooLargeError(bytes, MAX_ENTITY_BYTES)
  const bucket = bucketEnd(sweepAt, layout.bucket)
  const properties: [string, Value | null][] = [
    ['data', text(data)],
    ['user', { stringValue: user }],
    [
      'sweep',
      { stringValue: sweepValue(shardOf(key, layout.shards), bucket, record.outside === true) },
    ],
    ['expires', timestamp(record.expires)],
    ['expiry', encodeExpiry(expiry)],
    ['purge', timestamp(purgeTime(record.expires))],
    ['created', timestamp(record.created)],
    ['lastseen', timestamp(record.lastSeen)],
    ['authenticated', record.authenticated === null ? null : timestamp(record.authenticated)],
    ['ended', record.ended === null ? null : timestamp(record.ended)],
    ['failedsince', failedSince === null ? null : timestamp(failedSince)],
    ['rev', text(record.rev)],
    ['revs', revs === undefined ? null : text([record.rev, ...revs].join(' '))],
    ['reason', record.reason === null ? null : text(record.reason)],
    ['static_security_key', staticKey === null ? null : text(staticKey)],
    ['client', client === null ? null : text(encodeClient(client))],
    ['fence', fence === 0 ? null : integer(fence)],
    ['fence_all', fenceAll === 0 ? null : integer(fenceAll)],
    ['life', life === undefined ? null : text(life)],
  ]
  return {
    properties: Object.fromEntries([
      ...others,
      ...Object.entries(apps).map(([name, stringValue]) => [name, { stringValue }] as const),
      ...properties.filter(([, value]) => value !== null),
    ]),
    bytes,
  }
}

/**
 * Decodes the record in an `EntityResult` of the server. A damaged record is `Unreadable`, with a reason that names the
 * property but shows no content. Throws only if the server returned no version, which never happens in normal
 * operation.
 */
export function decodeEntity(key: SessionKey, result: unknown): Found | Unreadable {
  const version = versionOf(result)
  if (version === null) {
    throw passingTrouble(
      'Datastore returned a session without its version: check that the endpoint is that of Datastore',
    )
  }
  try {
    return { record: decodeRecord(key, propertiesOf(result)), version }
  } catch (error) {
    if (error instanceof Damage) return { record: null, key, version, why: error.message }
    throw error
  }
}

/** Returns the time from which a TTL policy may delete a record with this expiry. */
export function purgeTime(expires: number): number {
  return Math.min(expires + PURGE_AFTER, MAX_TIME)
}

/** A fault of one stored entity. */
class Damage extends Error {}

function decodeRecord(
  key: SessionKey,
  properties: Readonly<Record<string, unknown>>,
): SessionRecord {
  const read = <Type>(name: string, as: (value: unknown) => Type | null): Type => {
    const found = optional(name, as)
    if (found === null) throw new Damage(`it has no property ${name}`)
    return found
  }
  const optional = <Type>(name: string, as: (value: unknown) => Type | null): Type | null => {
    const value = Object.hasOwn(properties, name) ? properties[name] : undefined
    if (isNull(value)) return null
    const found = as(value)
    if (found === null) throw new Damage(`its property ${name} has a wrong type or value`)
    return found
  }
  const others = Object.entries(properties).filter(([name]) => !OWN.has(name))
  const apps = others.filter(isOfTheApp)
  const extra = others.filter((other) => !isOfTheApp(other))
  const failedSince = optional('failedsince', asTime)
  const staticKey = asText(properties['static_security_key'])
  const client = asClient(properties['client'])
  const life = asText(properties['life'])
  const rev = read('rev', asText)
  const revs = asRevs(properties['revs'], rev)
  const fence = asNumber(properties['fence'])
  const fenceAll = asNumber(properties['fence_all'])
  return {
    key,
    data: read('data', asText),
    user: read('user', asUser),
    created: read('created', asTime),
    lastSeen: read('lastseen', asTime),
    authenticated: optional('authenticated', asTime),
    expires: read('expires', asTime),
    expiry: optional('expiry', asExpiry),
    ended: optional('ended', asTime),
    reason: optional('reason', asReason),
    ...(failedSince === null ? {} : { failedSince }),
    // These are optional: a fault in one of them does not make the session unreadable.
    ...(staticKey === null ? {} : { staticKey }),
    ...(client === null ? {} : { client }),
    ...(isOutside(asText(properties['sweep'])) && { outside: true as const }),
    ...(life === null ? {} : { life }),
    // A missing or damaged fence counts as 0, so that the next kill ends the session.
    ...(fence === 0 ? {} : { fence }),
    ...(fenceAll === 0 ? {} : { fenceAll }),
    ...(apps.length === 0 ? {} : { properties: textsOf(apps) }),
    rev,
    ...(revs.length === 0 ? {} : { revs }),
    ...(extra.length === 0 ? {} : { extra: Object.fromEntries(extra) }),
  }
}

/**
 * Whether a property which this release does not define belongs to the app: those are indexed texts. Any other property
 * is written back unchanged.
 */
function isOfTheApp([name, value]: readonly [string, unknown]): boolean {
  return (
    propertyNameProblem(name) === null &&
    child(value, 'excludeFromIndexes') !== true &&
    propertyValueProblem(name, asText(value)) === null
  )
}

function textsOf(properties: readonly (readonly [string, unknown])[]): Properties {
  return Object.fromEntries(properties.map(([name, value]) => [name, asText(value) ?? '']))
}

function propertiesOf(result: unknown): Readonly<Record<string, unknown>> {
  const properties = propertiesIn(result)
  if (typeof properties !== 'object' || properties === null)
    throw new Damage('it has no properties')
  return properties as Readonly<Record<string, unknown>>
}

/**
 * Decodes the marks of the writes before the last. The property begins with the mark of the last write. If it does not,
 * an older release without this property has written since, and the earlier writes are unknown.
 */
function asRevs(value: unknown, rev: string): string[] {
  const [last, ...before] = asText(value)?.split(' ') ?? []
  return last === rev ? before.slice(0, REMEMBERED) : []
}

function asUser(value: unknown): string | null {
  const user = asText(value)
  return userProblem(user) === null ? user : null
}

function asReason(value: unknown): EndReason | null {
  const reason = asText(value)
  return isEndReason(reason) ? reason : null
}

function asExpiry(value: unknown): ExpirySetting {
  const at = asTime(value)
  if (at !== null) return { kind: 'fixed', at }
  const text = asInt64(child(value, 'integerValue'))
  const duration = text === null ? Number.NaN : Number(text)
  if (duration === 0) return { kind: 'browser' }
  return Number.isSafeInteger(duration) && duration > 0 ? { kind: 'idle', duration } : null
}

function encodeClient({ agent, address }: ClientHints): string {
  return JSON.stringify({ agent, address })
}

function asClient(value: unknown): ClientHints | null {
  const json = asText(value)
  if (json === null) return null
  try {
    const parsed: unknown = JSON.parse(json)
    const agent = child(parsed, 'agent')
    const address = child(parsed, 'address')
    const client = {
      ...(typeof agent === 'string' && { agent }),
      ...(typeof address === 'string' && { address }),
    }
    return clientProblem(client) === null && Object.keys(client).length > 0 ? client : null
  } catch {
    return null
  }
}

function encodeExpiry(expiry: ExpirySetting): Value | null {
  if (expiry === null) return null
  if (expiry.kind === 'fixed') return timestamp(expiry.at)
  if (expiry.kind === 'browser') return integer(0)
  const { duration } = expiry
  if (!Number.isSafeInteger(duration) || duration < 1) {
    throw new SessionValueError('the duration of setExpiry() must be whole milliseconds above 0')
  }
  return integer(duration)
}
