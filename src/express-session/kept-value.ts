import { types } from 'node:util'
import { SessionValueError } from '../base/errors.ts'
import { encodeValue } from '../record/codec.ts'

/** As deep as the codec goes; beyond it a value is most likely a cycle of getters. */
const MAX_DEPTH = 64

/** Keys that no session holds, at any depth: see the codec. */
const FORBIDDEN_KEYS: ReadonlySet<string> = new Set(['__proto__', 'constructor', 'prototype'])

/**
 * The value as text; `null` where JSON would leave it out. What the codec keeps is kept as it is; anything else
 * becomes what `JSON.stringify` makes of it, since express-session was made for stores that do that. Throws
 * `SessionValueError` that names the path for a cycle, a forbidden key or too deep a value.
 */
export function encodeKept(value: unknown, path: string): string | null {
  if (isLeftOut(value)) return null
  try {
    return encodeValue(value, path)
  } catch (error) {
    if (!(error instanceof SessionValueError)) throw error
  }
  const plain = plainOf(value, path, new Set())
  return plain === undefined ? null : encodeValue(plain, path)
}

function isLeftOut(value: unknown): boolean {
  return value === undefined || typeof value === 'function' || typeof value === 'symbol'
}

/** A copy of what the codec keeps, with everything else in the form that JSON gives it. */
function plainOf(value: unknown, path: string, open: Set<object>): unknown {
  if (isLeftOut(value)) return undefined
  if (typeof value === 'number') return Number.isFinite(value) ? value : null
  if (typeof value !== 'object' || value === null) return value
  if (open.has(value)) refuse(path, 'it contains itself')
  if (open.size > MAX_DEPTH) refuse(path, `it is nested deeper than ${MAX_DEPTH} levels`)
  open.add(value)
  const plain = plainObjectOf(value, path, open)
  open.delete(value)
  return plain
}

function plainObjectOf(value: object, path: string, open: Set<object>): unknown {
  const part = (member: unknown, at: string): unknown => plainOf(member, `${path}${at}`, open)
  /** In a list, JSON has `null` for what it would leave out of an object. */
  const listed = (member: unknown, index: number): unknown => part(member, `[${index}]`) ?? null
  if (types.isDate(value)) {
    const time = value.getTime()
    return Number.isNaN(time) ? null : new Date(time)
  }
  if (Buffer.isBuffer(value)) return value
  if (types.isUint8Array(value)) return new Uint8Array(value)
  if (types.isMap(value)) {
    const entries = [...value].map(([key, member], index): [unknown, unknown] => [
      part(key, `.keys[${index}]`) ?? null,
      part(member, `.values[${index}]`) ?? null,
    ])
    return new Map(entries)
  }
  if (types.isSet(value)) return new Set([...value].map(listed))
  const { toJSON } = value as { toJSON?: unknown }
  if (typeof toJSON === 'function') return part(toJSON.call(value, lastKey(path)), '')
  if (types.isBoxedPrimitive(value)) return part(value.valueOf(), '')
  if (Array.isArray(value)) return Array.from(value, listed)
  const plain: Record<string, unknown> = {}
  for (const [key, member] of Object.entries(value)) {
    if (FORBIDDEN_KEYS.has(key)) refuse(path, `it has the key "${key}"`)
    const kept = part(member, `.${key}`)
    if (kept !== undefined) plain[key] = kept
  }
  return plain
}

/** What `toJSON` is told of where the value stands. */
function lastKey(path: string): string {
  return path.slice(Math.max(path.lastIndexOf('.'), path.lastIndexOf('[')) + 1).replace(/\]$/, '')
}

function refuse(path: string, why: string): never {
  throw new SessionValueError(`${path} cannot be kept in a session: ${why}`)
}
