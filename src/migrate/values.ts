import { FORBIDDEN_KEYS } from '../base/forbidden-keys.ts'
import { asInt64, child } from '../store/datastore/values.ts'
import { OldSessionDamage } from './old-system.ts'

/** The deepest nesting, as in the codec. */
const MAX_DEPTH = 64

/** Returns the properties of an entity, or of an embedded one, as plain values. */
export function plainProperties(
  properties: Readonly<Record<string, unknown>>,
  depth = 0,
): Record<string, unknown> {
  const plain: Record<string, unknown> = {}
  for (const [name, value] of Object.entries(properties)) {
    if (!FORBIDDEN_KEYS.has(name)) plain[name] = plainValue(value, depth + 1)
  }
  return plain
}

/**
 * Converts a `Value` of the Datastore API to a value that a session can hold. An integer beyond 2^53 becomes a
 * `bigint`, a key its {@link keyText}, a geo point an object with `latitude` and `longitude`, and a blob a `Buffer`. A
 * number that is not finite becomes `null`, and so does a value of an unknown type.
 */
export function plainValue(value: unknown, depth = 0): unknown {
  if (depth > MAX_DEPTH) throw new OldSessionDamage(`it is nested deeper than ${MAX_DEPTH} levels`)
  for (const [type, plain] of CONVERSIONS) {
    const content = child(value, type)
    if (content !== undefined && content !== null) return plain(content, depth)
  }
  return null
}

/** The conversions of a `Value`, by the name of its field. */
const CONVERSIONS: readonly (readonly [string, (content: unknown, depth: number) => unknown])[] = [
  ['stringValue', (content) => String(content)],
  ['booleanValue', (content) => content === true],
  ['integerValue', plainInteger],
  ['doubleValue', plainNumber],
  ['timestampValue', plainTime],
  ['entityValue', (content, depth) => plainProperties(propertiesOf(content), depth)],
  ['arrayValue', plainList],
  ['keyValue', keyText],
  ['blobValue', plainBlob],
  [
    'geoPointValue',
    (content) => ({
      latitude: plainNumber(child(content, 'latitude') ?? 0),
      longitude: plainNumber(child(content, 'longitude') ?? 0),
    }),
  ],
]

/** Returns `kind/name` or `kind/id`, from the root down. Each part is encoded as in a URL: `user/5634161670881280`. */
export function keyText(key: unknown): string | null {
  const path = child(key, 'path')
  if (!Array.isArray(path) || path.length === 0) return null
  const parts = path.flatMap((element: unknown) => [
    child(element, 'kind'),
    child(element, 'name') || child(element, 'id'),
  ])
  return parts.map((part) => encodeURIComponent(String(part ?? '').toWellFormed())).join('/')
}

/** Returns the properties of an embedded entity. */
export function propertiesOf(entity: unknown): Readonly<Record<string, unknown>> {
  const properties = child(entity, 'properties')
  return typeof properties === 'object' && properties !== null
    ? (properties as Record<string, unknown>)
    : {}
}

function plainInteger(content: unknown): number | bigint | null {
  const digits = asInt64(content)
  if (digits === null) return null
  const number = Number(digits)
  return Number.isSafeInteger(number) ? number : BigInt(digits)
}

function plainNumber(content: unknown): number | null {
  return typeof content === 'number' && Number.isFinite(content) ? content : null
}

function plainTime(content: unknown): Date | null {
  const seconds = Number(asInt64(child(content, 'seconds') ?? 0) ?? Number.NaN)
  const nanos = Number(child(content, 'nanos') ?? 0)
  const time =
    typeof content === 'string'
      ? Date.parse(content)
      : seconds * 1000 + Math.floor(nanos / 1_000_000)
  const date = new Date(time)
  return Number.isNaN(date.getTime()) ? null : date
}

function plainBlob(content: unknown): Buffer | null {
  if (content instanceof Uint8Array) return Buffer.from(content)
  return typeof content === 'string' ? Buffer.from(content, 'base64') : null
}

function plainList(content: unknown, depth: number): unknown[] {
  const values = child(content, 'values')
  return Array.isArray(values) ? values.map((value: unknown) => plainValue(value, depth + 1)) : []
}

/** Copies parsed JSON without the keys that a session must not have. */
export function plainJson(value: unknown, depth = 0): unknown {
  if (typeof value !== 'object' || value === null) return value
  if (depth > MAX_DEPTH) throw new OldSessionDamage(`it is nested deeper than ${MAX_DEPTH} levels`)
  if (Array.isArray(value)) return value.map((member) => plainJson(member, depth + 1))
  const plain: Record<string, unknown> = {}
  for (const [key, member] of Object.entries(value)) {
    if (!FORBIDDEN_KEYS.has(key)) plain[key] = plainJson(member, depth + 1)
  }
  return plain
}
