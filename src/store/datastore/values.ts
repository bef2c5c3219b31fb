import { storeRefusal } from '../../base/store-errors.ts'
import { MAX_TIME } from '../../record/limits.ts'
import type { Version } from '../../record/record.ts'

/**
 * A `Value` of the Datastore API, as the generated client takes and gives it. Here stands what messages to and from Datastore
 * are made of, whatever they are about: values, keys, names, versions and flags.
 */
export type Value = Readonly<Record<string, unknown>>

/** A field of something that came from outside, `undefined` where there is none, or it is null. */
export function child(value: unknown, field: string): unknown {
  return typeof value === 'object' && value !== null
    ? ((value as Record<string, unknown>)[field] ?? undefined)
    : undefined
}

/** A list in something that came from outside, empty where there is none. */
export function listIn(value: unknown, field: string): readonly unknown[] {
  const list = child(value, field)
  return Array.isArray(list) ? list : []
}

/** What a `Value` may say beside its content. */
const NO_CONTENT: ReadonlySet<string> = new Set([
  'nullValue',
  'meaning',
  'excludeFromIndexes',
  'valueType',
])

/**
 * Whether a `Value` holds nothing, in whatever form the client gives it: REST has `nullValue: null`, gRPC a name or a number,
 * and a message of protobufjs has fields that are null in its prototype.
 */
export function isNull(value: unknown): boolean {
  if (value === undefined || value === null) return true
  if (typeof value !== 'object' || !('nullValue' in value)) return false
  if (child(value, 'nullValue') !== undefined) return true
  return Object.entries(value).every(([name, content]) => content === null || NO_CONTENT.has(name))
}

/** The text of a value, or `null`. */
export function asText(value: unknown): string | null {
  const found = child(value, 'stringValue')
  return typeof found === 'string' ? found : null
}

/** The instant of a value, or `null`. Whole milliseconds; what others wrote may be finer. */
export function asTime(value: unknown): number | null {
  const stamp = child(value, 'timestampValue')
  const seconds = asInt64(child(stamp, 'seconds') ?? 0)
  const nanos = child(stamp, 'nanos') ?? 0
  if (stamp === undefined || stamp === null || seconds === null || typeof nanos !== 'number') {
    return null
  }
  const time = Number(seconds) * 1000 + Math.floor(nanos / 1_000_000)
  return time >= 0 && time <= MAX_TIME ? time : null
}

/** A whole number above 0; 0 for anything else. */
export function asNumber(value: unknown): number {
  const number = Number(asInt64(child(value, 'integerValue')) ?? 0)
  return Number.isSafeInteger(number) && number > 0 ? number : 0
}

/** The digits of an int64, which is a text, a `Long` or a number, as the client is set. */
export function asInt64(value: unknown): string | null {
  if (typeof value === 'number' && !Number.isSafeInteger(value)) return null
  if (!['string', 'number', 'bigint', 'object'].includes(typeof value)) return null
  if (value === null || Array.isArray(value)) return null
  const digits = String(value)
  return /^-?\d{1,19}$/.test(digits) ? digits : null
}

/** A text that is not indexed. */
export function text(value: string): Value {
  return { stringValue: value, excludeFromIndexes: true }
}

/** A whole number that is not indexed. */
export function integer(value: number): Value {
  return { integerValue: String(value), excludeFromIndexes: true }
}

/** An instant (milliseconds) that is not indexed. */
export function timestamp(time: number): Value {
  const milliseconds = time % 1000
  return {
    timestampValue: { seconds: String((time - milliseconds) / 1000), nanos: milliseconds * 1e6 },
    excludeFromIndexes: true,
  }
}

/** About how many bytes the values take that were read with the record and go back as they are. */
export function weightOf(value: unknown): number {
  if (typeof value === 'string') return Buffer.byteLength(value) + 2
  if (value instanceof Uint8Array) return value.length + 4
  if (typeof value !== 'object' || value === null) return 4
  return Object.entries(value).reduce(
    (sum, [name, inner]) => sum + name.length + weightOf(inner),
    8,
  )
}

/** The key of an entity, as the generated client takes it. */
export function keyIn(partitionId: object, kind: string, name: string): object {
  return { partitionId, path: [{ kind, name }] }
}

/** The name of the entity in an `EntityResult`, or `null` when no session can have it. */
export function nameOf(result: unknown): string | null {
  const path = child(child(child(result, 'entity'), 'key'), 'path')
  if (!Array.isArray(path) || path.length !== 1) return null
  const name = child(path[0], 'name')
  return typeof name === 'string' && name !== '' ? name : null
}

/** The version in an `EntityResult` or a `MutationResult`, whatever way of int64 the client has; else `null`. */
export function versionOf(result: unknown): Version | null {
  const version = asInt64(child(result, 'version'))
  return version === null || version.startsWith('-') || version === '0' ? null : version
}

/** Whether a `MutationResult` is of one that the server skipped, because its condition did not hold. */
export function isFlagged(result: unknown): boolean {
  return child(result, 'conflictDetected') === true
}

/** Throws for a version that is not of this store; the server would take it for another condition. */
export function checkVersion(version: Version): void {
  if (/^[1-9]\d{0,18}$/.test(version)) return
  throw storeRefusal('this version is not one of the Datastore store')
}
