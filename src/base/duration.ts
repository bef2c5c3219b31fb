import { MAJOR, otherMajorOf } from './shared-copies.ts'
import ms from 'ms'
import { SessionConfigError } from './errors.ts'

/** Milliseconds as a number, or a string such as `'30m'`, `'12h'`, `'14d'`. */
export type Duration = number | string

/** Text without a unit is refused: environment variables give seconds and milliseconds alike as `'3600'`. */
const HAS_UNIT = /[a-z]\s*$/i

/** The duration in whole milliseconds, or `null` where the value is no finite duration of zero or more. */
export function parseDuration(value: unknown): number | null {
  const parsed =
    typeof value === 'string' && value.length <= 100 && HAS_UNIT.test(value)
      ? ms(value as ms.StringValue)
      : value
  return typeof parsed === 'number' && Number.isFinite(parsed) && parsed >= 0
    ? Math.floor(parsed)
    : null
}

/** Like {@link parseDuration}, for an option that must be positive: throws with its name otherwise. */
export function positiveDuration(option: string, value: unknown): number {
  const parsed = parseDuration(value)
  if (parsed === null || parsed <= 0) {
    throw new SessionConfigError(
      `${option} must be a positive duration, in milliseconds or as text with a unit such as '30m', but is ${show(value)}`,
    )
  }
  return parsed
}

/** A short, safe picture of a value for an error message. */
export function show(value: unknown): string {
  if (typeof value === 'string')
    return JSON.stringify(value.length > 60 ? `${value.slice(0, 60)}…` : value)
  const major = otherMajorOf(value)
  if (major !== null) {
    return `what viur-session ${major} has made: this is viur-session ${MAJOR}, and an app needs all of it from one of the two`
  }
  if (typeof value === 'object' && value !== null)
    return Array.isArray(value) ? 'an array' : 'an object'
  if (typeof value === 'function') return 'a function'
  return String(value)
}
