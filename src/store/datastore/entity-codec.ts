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
  text,
  timestamp,
  type Value,
  versionOf,
  weightOf,
} from './values.ts'

/** How entities are laid out. */
export interface EntityLayout {
  readonly kind: string
  /** Over how many shards the expiry index is spread. */
  readonly shards: number
  /** How long a bucket of the expiry index is, in milliseconds. */
  readonly bucket: number
}

/** The properties of an entity as the generated client takes them. */
interface EncodedEntity {
  readonly properties: Readonly<Record<string, unknown>>
  /** About how many bytes the entity takes on the wire. */
  readonly bytes: number
}

/** The most bytes of one entity (Datastore: "Limits"). */
const MAX_ENTITY_BYTES = 1_048_572

/** What an entity weighs beside the texts counted, rounded up: key, property names, timestamps. */
const OVERHEAD_BYTES = 1024

/** How long after its expiry a TTL policy may delete a session that no sweep has met, in milliseconds. */
const PURGE_AFTER = 30 * 24 * 60 * 60 * 1000

/** Every property of this release; the others are the app's, or kept in {@link SessionRecord.extra}. */
const OWN = OUR_PROPERTIES

/** What a name of an entity may look like here: a {@link SessionKey}, or another hash of its alphabet. */
const KEY_SHAPE = /^[A-Za-z0-9_-]{1,200}$/

/** Throws for a key that a server would refuse, since a refusal would hit all who share the call. */
export function checkKey(key: SessionKey): void {
  if (typeof key === 'string' && KEY_SHAPE.test(key) && !/^__.*__$/.test(key)) return
  throw new SessionValueError('a session key must be 43 characters of base64url')
}

/**
 * The entity of a record that `checkRecord` has passed. Throws `SessionValueError` or `SessionTooLargeError`
 * for what that does not look at and a server would refuse.
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
    throw new SessionValueError('extra properties must be as this store gave them')
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
 * The record in an `EntityResult` of the server. What is damaged is `Unreadable`, with a reason that names the
 * property and shows no content. Throws only when the server gave no version, which it always does.
 */
export function decodeEntity(key: SessionKey, result: unknown): Found | Unreadable {
  const version = versionOf(result)
  if (version === null) {
    throw passingTrouble(
      'Datastore gave a session without its version: check that its endpoint is that of Datastore',
    )
  }
  try {
    return { record: decodeRecord(key, propertiesOf(result)), version }
  } catch (error) {
    if (error instanceof Damage) return { record: null, key, version, why: error.message }
    throw error
  }
}

/** From when on a TTL policy may delete what expires at this instant. */
export function purgeTime(expires: number): number {
  return Math.min(expires + PURGE_AFTER, MAX_TIME)
}

/** What is wrong with one stored entity. */
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
    if (found === null) throw new Damage(`its property ${name} is not what it should be`)
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
    // Without these a session is still one, so what is wrong with them makes it not unreadable.
    ...(staticKey === null ? {} : { staticKey }),
    ...(client === null ? {} : { client }),
    ...(isOutside(asText(properties['sweep'])) && { outside: true as const }),
    ...(life === null ? {} : { life }),
    // Without a number it is ended by the next kill: never the other way round.
    ...(fence === 0 ? {} : { fence }),
    ...(fenceAll === 0 ? {} : { fenceAll }),
    ...(apps.length === 0 ? {} : { properties: textsOf(apps) }),
    rev,
    ...(revs.length === 0 ? {} : { revs }),
    ...(extra.length === 0 ? {} : { extra: Object.fromEntries(extra) }),
  }
}

/** Whether a property that is none of ours is one of the app's: those are indexed texts, and what else there is goes back as it is. */
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
  const properties = child(child(result, 'entity'), 'properties')
  if (typeof properties !== 'object' || properties === null)
    throw new Damage('it has no properties')
  return properties as Readonly<Record<string, unknown>>
}

/**
 * The marks of the writes before the last. The property begins with that of the last: where it does not, a release has
 * written since that knows nothing of it, and then the writes before are not known.
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
  if (expiry.kind === 'browser') return { integerValue: '0', excludeFromIndexes: true }
  const { duration } = expiry
  if (!Number.isSafeInteger(duration) || duration < 1) {
    throw new SessionValueError('the duration of setExpiry() must be whole milliseconds above 0')
  }
  return { integerValue: String(duration), excludeFromIndexes: true }
}
