import { MAX_TIME } from '../record/limits.ts'
import { expiresAt, isTouchDue as isDueBy } from '../record/expiry.ts'
import type { ExpirySetting, SessionRecord } from '../record/record.ts'
import type { RequestState } from './state.ts'
import { type Duration, parseDuration, show } from '../base/duration.ts'
import { SessionValueError } from '../base/errors.ts'
import type { RequestSettings } from './settings.ts'

/**
 * The times that decide when a session ends, as they will be if the request ends now. For a new session they start now.
 */
function timesOf(
  state: RequestState,
): Pick<SessionRecord, 'created' | 'authenticated' | 'lastSeen' | 'expiry'> {
  const { settings, stored } = state
  const { swap, expiry: wished } = state.wishes
  const { authenticated } = state.owner
  const now = settings.now()
  const record = stored?.record ?? null
  const fresh = record === null || (swap !== null && swap.identity !== null)
  const expiry = wished === undefined ? (fresh ? null : record.expiry) : wished
  if (fresh) return { created: now, authenticated, lastSeen: now, expiry }
  const renewed = swap !== null || isTouchDue(state, now)
  return {
    created: record.created,
    authenticated: record.authenticated,
    lastSeen: renewed ? Math.max(now, record.lastSeen) : record.lastSeen,
    expiry,
  }
}

/** Returns when the session will end if it is not used again after this request, in milliseconds since the epoch. */
export function expiresOf(state: RequestState): number {
  const { stored, settings, wishes } = state
  const unchanged =
    stored !== null &&
    wishes.swap === null &&
    wishes.expiry === undefined &&
    !isTouchDue(state, settings.now())
  return unchanged ? stored.record.expires : expiresAt(timesOf(state), settings.policy)
}

/** Returns when the session would end if its last use were at `lastSeen`, in milliseconds since the epoch. */
export function expiresIfUsed(state: RequestState, lastSeen: number): number {
  return expiresAt({ ...timesOf(state), lastSeen }, state.settings.policy)
}

/** Returns the expiry in the form of `setExpiry()`, as it would be if the request ended now. */
export function expiryValueOf(state: RequestState): number | Date | null {
  const { expiry } = timesOf(state)
  if (expiry === null) return null
  if (expiry.kind === 'browser') return 0
  return expiry.kind === 'fixed' ? new Date(expiry.at) : expiry.duration
}

/**
 * Returns the time of a date, in milliseconds since the epoch. Throws `SessionValueError` for anything but a valid
 * date.
 */
export function timeOf(what: string, at: Date): number {
  const time = at instanceof Date ? at.getTime() : Number.NaN
  if (Number.isFinite(time)) return time
  throw new SessionValueError(`${what} needs a valid Date, not ${show(at)}`)
}

/** Whether the save of this request has to store that the session is in use. */
export function isTouchDue({ stored, settings, wishes }: RequestState, now: number): boolean {
  if (stored === null) return false
  return (
    wishes.expiry !== undefined || wishes.isTouched || isDueBy(stored.record, settings.policy, now)
  )
}

/** Whether a session that is not stored yet would have expired already, so that there is nothing to store. */
export function isStillborn({ settings, wishes }: RequestState): boolean {
  const { expiry } = wishes
  return expiry?.kind === 'fixed' && expiry.at <= settings.now()
}

/** Whether the browser has to drop the cookie when it closes. */
export function expiresAtBrowserClose(state: RequestState): boolean {
  const { expiry } = timesOf(state)
  return expiry === null ? state.settings.sessionCookie : expiry.kind === 'browser'
}

/** The values that `setExpiry()` accepts. */
type ExpiryValue = Duration | Date | 0 | null

/** Checks a value for `setExpiry()`. Throws `SessionValueError`. */
export function expirySettingFrom(value: ExpiryValue): ExpirySetting {
  if (value === null) return null
  if (value instanceof Date) {
    const at = value.getTime()
    if (at >= 0 && at <= MAX_TIME) return { kind: 'fixed', at }
    throw new SessionValueError('setExpiry() needs a valid date between 1970 and the year 9999')
  }
  const duration = parseDuration(value)
  // Less than a millisecond would be rounded to 0, which means "until the browser closes".
  if (duration === null || !Number.isSafeInteger(duration) || (duration === 0 && value !== 0)) {
    throw new SessionValueError(
      `setExpiry() needs a duration of whole milliseconds, a Date, 0 or null, not ${show(value)}`,
    )
  }
  return duration === 0 ? { kind: 'browser' } : { kind: 'idle', duration }
}

/**
 * Warns of a number that looks like seconds: other systems count in seconds, and a number below a minute probably comes
 * from one of them.
 */
export function hintAtUnit(
  { warnOnce }: Pick<RequestSettings, 'warnOnce'>,
  what: string,
  value: unknown,
): void {
  if (typeof value !== 'number' || value <= 0 || value >= 60_000) return
  warnOnce(
    what,
    `${what} was given the number ${value}: durations are milliseconds; write text with a unit, such as '${value}s' or '${value}ms'`,
  )
}
