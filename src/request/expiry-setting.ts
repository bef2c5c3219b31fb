import { type Duration, parseDuration, show } from '../base/duration.ts'
import { SessionValueError } from '../base/errors.ts'
import type { ExpirySetting } from '../record/record.ts'
import type { RequestSettings } from './settings.ts'

/** What `setExpiry()` takes. */
type ExpiryValue = Duration | Date | 0 | null

/** Datastore's timestamps end with the year 9999. */
const LAST_DATE = Date.UTC(9999, 11, 31)

/** What was said to `setExpiry()`, checked. Throws `SessionValueError`. */
export function expirySettingFrom(value: ExpiryValue): ExpirySetting {
  if (value === null) return null
  if (value instanceof Date) {
    const at = value.getTime()
    if (at >= 0 && at <= LAST_DATE) return { kind: 'fixed', at }
    throw new SessionValueError('setExpiry() needs a valid date between 1970 and the year 9999')
  }
  const duration = parseDuration(value)
  // Less than a millisecond would round to "until the browser closes".
  if (duration === null || !Number.isSafeInteger(duration) || (duration === 0 && value !== 0)) {
    throw new SessionValueError(
      `setExpiry() needs a duration of whole milliseconds, a Date, 0 or null, not ${show(value)}`,
    )
  }
  return duration === 0 ? { kind: 'browser' } : { kind: 'idle', duration }
}

/** Other systems count in seconds: a number below a minute is one that somebody took over from there. */
export function hintAtUnit({ warnOnce }: RequestSettings, what: string, value: unknown): void {
  if (typeof value !== 'number' || value <= 0 || value >= 60_000) return
  warnOnce(
    what,
    `${what} was given the number ${value}: durations are milliseconds; write text with a unit, such as '${value}s' or '${value}ms'`,
  )
}
