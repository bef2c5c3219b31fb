import { MAX_TIME } from '../record/limits.ts'
import { decodeValue, encodeValue } from '../record/codec.ts'
import { LEEWAY } from '../record/expiry.ts'
import type { ExpirySetting, SessionRecord } from '../record/record.ts'
import { type Unit, unitOf } from '../record/payload.ts'
import { types } from '../base/node-builtins.ts'
import { FORBIDDEN_KEYS } from '../base/forbidden-keys.ts'
import { SessionValueError } from '../base/errors.ts'

/** The maximum depth of the codec. A deeper value is most likely a cycle of getters. */
const MAX_DEPTH = 64

/**
 * Encodes a value; returns `null` where JSON would leave it out. A value that the codec supports is stored unchanged;
 * any other value is converted as `JSON.stringify` does it, since express-session was made for stores that use JSON.
 * Throws `SessionValueError` with the path for a cycle, a forbidden key or too deep a value.
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

/** Copies a value for the codec. Parts that the codec does not support are converted as JSON does it. */
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
  /** In a list, JSON writes `null` for a value that it would leave out of an object. */
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

/** Returns the key that `toJSON` gets as its argument. */
function lastKey(path: string): string {
  return path.slice(Math.max(path.lastIndexOf('.'), path.lastIndexOf('[')) + 1).replace(/\]$/, '')
}

function refuse(path: string, why: string): never {
  throw new SessionValueError(`${path} cannot be kept in a session: ${why}`)
}

/** The cookie is stored in its own scope, so that it never appears among the data of the app. */
export const COOKIE_UNIT: Unit = unitOf('express-session', 'cookie')

/** One instant on two clocks, in milliseconds since the epoch. */
export interface Instant {
  /** By the clock of the store, which a test can set. */
  readonly now: number
  /** By the clock of the process, which express-session uses. */
  readonly real: number
}

/** The facts of a `session.cookie` that matter for the record. */
export interface CookieReading {
  /** The cookie without its times, encoded; `null` for a session without a cookie. */
  readonly text: string | null
  readonly expiry: ExpirySetting
  /** Time of the last use, in milliseconds since the epoch. */
  readonly seen: number
  /** Returns the same reading with `expires` as a fixed date, for an idle limit that the app shortened by hand. */
  dated?(): CookieReading
}

/**
 * Reads the times of the cookie. `maxAge` is an idle limit: each `touch()` of express-session sets `expires` to now
 * plus `maxAge`. So `expires` minus `originalMaxAge` is the time of the last use. Of two requests the later use counts,
 * in whichever order they are stored. Where this calculation does not fit, `expires` is a fixed date. Without `expires`
 * the cookie lives until the browser closes.
 */
export function readCookie(cookie: unknown, { now, real }: Instant): CookieReading {
  if (cookie === undefined || cookie === null) return { text: null, expiry: null, seen: now }
  if (typeof cookie !== 'object') {
    return { text: encodeKept(cookie, 'cookie'), expiry: null, seen: now }
  }
  const { toJSON } = cookie as { toJSON?: unknown }
  const fields: Record<string, unknown> = {
    ...(typeof toJSON === 'function' ? toJSON.call(cookie, 'cookie') : cookie),
  }
  const at = instantOf(fields['expires'])
  if (at === null) {
    // JSON writes null for an invalid date.
    if (fields['expires'] !== undefined) fields['expires'] = null
    return { text: encodeKept(fields, 'cookie'), expiry: { kind: 'browser' }, seen: now }
  }
  delete fields['expires']
  const { originalMaxAge } = fields
  const used = at - Number(originalMaxAge)
  // The last use may have been in another process, whose clock is ahead.
  const isPast = used <= real + LEEWAY && used + now - real >= 0
  if (Number.isSafeInteger(originalMaxAge) && used < at && isPast) {
    const { originalMaxAge: _, ...others } = fields
    return {
      text: encodeKept(others, 'cookie'),
      expiry: { kind: 'idle', duration: originalMaxAge as number },
      seen: used + now - real,
      dated: () => fixed(at + now - real),
    }
  }
  return fixed(at)

  function fixed(date: number): CookieReading {
    const text = encodeKept(fields, 'cookie')
    const expiry = { kind: 'fixed', at: Math.min(Math.max(date, 0), MAX_TIME) } as const
    return { text, expiry, seen: now }
  }
}

/** Restores a cookie that {@link readCookie} took apart, with the times of the record; `expires` is a `Date`. */
export function restoreCookie(
  text: string,
  record: SessionRecord,
  { now, real }: Instant,
): unknown {
  const fields = decodeValue(text)
  if (typeof fields !== 'object' || fields === null) return fields
  const { expiry, expires } = record
  if (expiry?.kind === 'idle') {
    return {
      originalMaxAge: expiry.duration,
      ...fields,
      expires: new Date(expires - now + real),
    }
  }
  return expiry?.kind === 'fixed' ? { ...fields, expires: new Date(expiry.at) } : fields
}

/** Returns the `expires` of a cookie in milliseconds since the epoch; `null` when it has none. */
function instantOf(expires: unknown): number | null {
  if (expires === null || expires === undefined || expires === false || expires === '') return null
  if (!(expires instanceof Date) && typeof expires !== 'string' && typeof expires !== 'number')
    return null
  const time = new Date(expires).getTime()
  return Number.isNaN(time) ? null : time
}
