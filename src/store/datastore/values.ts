import { storeRefusal } from '../../base/store-errors.ts'
import { MAX_TIME } from '../../record/limits.ts'
import type { Version } from '../../record/record.ts'

/**
 * A `Value` of the Datastore API, in the format of the generated client. This module reads and makes the parts of
 * messages to and from Datastore: values, keys, names, versions and flags.
 */
export type Value = Readonly<Record<string, unknown>>

/** Returns a field of an untrusted value; `undefined` if it is absent or null. */
export function child(value: unknown, field: string): unknown {
  return typeof value === 'object' && value !== null
    ? ((value as Record<string, unknown>)[field] ?? undefined)
    : undefined
}

/** Returns a list in an untrusted value; an empty one if it is absent. */
export function listIn(value: unknown, field: string): readonly unknown[] {
  const list = child(value, field)
  return Array.isArray(list) ? list : []
}

/** The fields of a `Value` that are not its content. */
const NO_CONTENT: ReadonlySet<string> = new Set([
  'nullValue',
  'meaning',
  'excludeFromIndexes',
  'valueType',
])

/**
 * Whether a `Value` is null, in any form of a client: REST has `nullValue: null`, gRPC has a name or a number, and a
 * message of protobufjs has null fields in its prototype.
 */
export function isNull(value: unknown): boolean {
  if (value === undefined || value === null) return true
  if (typeof value !== 'object' || !('nullValue' in value)) return false
  if (child(value, 'nullValue') !== undefined) return true
  return Object.entries(value).every(([name, content]) => content === null || NO_CONTENT.has(name))
}

/** Returns the text of a value, or `null`. */
export function asText(value: unknown): string | null {
  const found = child(value, 'stringValue')
  return typeof found === 'string' ? found : null
}

/** Returns the time of a value in whole milliseconds, or `null`. Other systems may have written finer times. */
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

/** Returns a whole number above 0; 0 for any other value. */
export function asNumber(value: unknown): number {
  const number = Number(asInt64(child(value, 'integerValue')) ?? 0)
  return Number.isSafeInteger(number) && number > 0 ? number : 0
}

/** Returns the digits of an int64, which is a text, a `Long` or a number, depending on the client. */
export function asInt64(value: unknown): string | null {
  if (typeof value === 'number' && !Number.isSafeInteger(value)) return null
  if (!['string', 'number', 'bigint', 'object'].includes(typeof value)) return null
  if (value === null || Array.isArray(value)) return null
  const digits = String(value)
  return /^-?\d{1,19}$/.test(digits) ? digits : null
}

/** Makes a text value that is not indexed. */
export function text(value: string): Value {
  return { stringValue: value, excludeFromIndexes: true }
}

/** Makes a number value that is not indexed. */
export function integer(value: number): Value {
  return { integerValue: String(value), excludeFromIndexes: true }
}

/** Makes a time value that is not indexed, from milliseconds since the epoch. */
export function timestamp(time: number): Value {
  const milliseconds = time % 1000
  return {
    timestampValue: { seconds: String((time - milliseconds) / 1000), nanos: milliseconds * 1e6 },
    excludeFromIndexes: true,
  }
}

/** Estimates the size of values that were read with a record and are written back unchanged, in bytes. */
export function weightOf(value: unknown): number {
  if (typeof value === 'string') return Buffer.byteLength(value) + 2
  if (value instanceof Uint8Array) return value.length + 4
  if (typeof value !== 'object' || value === null) return 4
  return Object.entries(value).reduce(
    (sum, [name, inner]) => sum + name.length + weightOf(inner),
    8,
  )
}

/** Returns the key of an entity in the format of the generated client. */
export function keyIn(partitionId: object, kind: string, name: string): object {
  return { partitionId, path: [{ kind, name }] }
}

/** Returns the name of the entity in an `EntityResult`, or `null` if no session can have this name. */
export function nameOf(result: unknown): string | null {
  const path = child(child(child(result, 'entity'), 'key'), 'path')
  if (!Array.isArray(path) || path.length !== 1) return null
  const name = child(path[0], 'name')
  return typeof name === 'string' && name !== '' ? name : null
}

/** Returns the properties in an `EntityResult`, unchecked. */
export function propertiesIn(result: unknown): unknown {
  return child(child(result, 'entity'), 'properties')
}

/** Returns the version in an `EntityResult` or a `MutationResult`, in any format of int64; `null` if there is none. */
export function versionOf(result: unknown): Version | null {
  const version = asInt64(child(result, 'version'))
  return version === null || version.startsWith('-') || version === '0' ? null : version
}

/** Whether the server skipped the mutation of this `MutationResult`, because its condition did not hold. */
export function isFlagged(result: unknown): boolean {
  return child(result, 'conflictDetected') === true
}

/** Throws for a version of another store, which the server would read as another condition. */
export function checkVersion(version: Version): void {
  if (/^[1-9]\d{0,18}$/.test(version)) return
  throw storeRefusal('this version does not come from the Datastore store')
}
