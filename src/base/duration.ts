import { MAJOR, otherMajorOf } from './shared-copies.ts'
import ms from 'ms'
import { SessionConfigError } from './errors.ts'

/** A duration: milliseconds as a number, or a string with a unit such as `'30m'`, `'12h'`, `'14d'`. */
export type Duration = number | string

/** A string without a unit is refused: `'3600'` from an environment variable may mean seconds or milliseconds. */
const HAS_UNIT = /[a-z]\s*$/i

/** Returns the duration in whole milliseconds, or `null` if the value is not a finite duration of zero or more. */
export function parseDuration(value: unknown): number | null {
  const parsed =
    typeof value === 'string' && value.length <= 100 && HAS_UNIT.test(value)
      ? ms(value as ms.StringValue)
      : value
  return typeof parsed === 'number' && Number.isFinite(parsed) && parsed >= 0
    ? Math.floor(parsed)
    : null
}

/** Like {@link parseDuration}, for an option that must be positive. Throws an error that names the option otherwise. */
export function positiveDuration(option: string, value: unknown): number {
  const parsed = parseDuration(value)
  if (parsed === null || parsed <= 0) {
    throw new SessionConfigError(
      `${option} must be a positive duration, in milliseconds or as text with a unit such as '30m', but is ${show(value)}`,
    )
  }
  return parsed
}

/** Describes a value for an error message: short, and without the content of objects. */
export function show(value: unknown): string {
  if (typeof value === 'string')
    return JSON.stringify(value.length > 60 ? `${value.slice(0, 60)}…` : value)
  const major = otherMajorOf(value)
  if (major !== null) {
    return `an object made by viur-session ${major}: this is viur-session ${MAJOR}, and all parts that an app uses must have the same major version`
  }
  if (typeof value === 'object' && value !== null)
    return Array.isArray(value) ? 'an array' : 'an object'
  if (typeof value === 'function') return 'a function'
  return String(value)
}
