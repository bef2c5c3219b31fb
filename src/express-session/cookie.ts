import { decodeValue } from '../record/codec.ts'
import { LEEWAY } from '../record/expiry.ts'
import type { ExpirySetting, SessionRecord } from '../record/record.ts'
import { type Unit, unitOf } from '../record/payload.ts'
import { encodeKept } from './kept-value.ts'

/** The cookie is kept in a scope of its own, so that no app ever meets it among its data. */
export const COOKIE_UNIT: Unit = unitOf('express-session', 'cookie')

/** Datastore's timestamps end with the year 9999. */
const MAX_TIME = Date.UTC(9999, 11, 31)

/** One instant on two clocks, in milliseconds since the epoch. */
export interface Instant {
  /** By the clock of the store, which a test can set. */
  readonly now: number
  /** By the clock of the process, which express-session reckons with. */
  readonly real: number
}

/** What a `session.cookie` says about the record. */
export interface CookieReading {
  /** The cookie but for its times, encoded; `null` for a session that has none. */
  readonly text: string | null
  readonly expiry: ExpirySetting
  /** When the session was used last, in milliseconds since the epoch. */
  readonly seen: number
  /** The same with `expires` for a fixed date: for an idle limit that somebody has cut short by hand. */
  dated?(): CookieReading
}

/**
 * Takes the times out of the cookie. `maxAge` is an idle limit: each `touch()` of express-session sets `expires` to
 * that long from now. So `expires` less `originalMaxAge` is when the session was used, and of two requests the later
 * one counts, whichever is stored last. Where this does not add up, `expires` is a fixed date. Without `expires` the
 * cookie lives as long as the browser.
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
    // JSON has null for an invalid date.
    if (fields['expires'] !== undefined) fields['expires'] = null
    return { text: encodeKept(fields, 'cookie'), expiry: { kind: 'browser' }, seen: now }
  }
  delete fields['expires']
  const { originalMaxAge } = fields
  const used = at - Number(originalMaxAge)
  // Another process, whose clock is ahead, may have used it last.
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

/** The cookie that {@link readCookie} took apart, with the times of the record; `expires` is a `Date`. */
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

/** Milliseconds since the epoch of what a cookie can have as `expires`; `null` for none. */
function instantOf(expires: unknown): number | null {
  if (expires === null || expires === undefined || expires === false || expires === '') return null
  if (!(expires instanceof Date) && typeof expires !== 'string' && typeof expires !== 'number')
    return null
  const time = new Date(expires).getTime()
  return Number.isNaN(time) ? null : time
}
