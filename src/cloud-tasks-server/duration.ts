import ms from 'ms'
import { CloudTasksServerError } from './errors.ts'

/** Milliseconds as a number, or a text with its unit such as `'30m'`, `'12h'`, `'14d'`. */
export type Duration = number | string

/** Returns the milliseconds, or `null` when this is not a finite duration of zero or more. A text needs a unit. */
export function parseDuration(value: unknown): number | null {
  if (typeof value === 'string' && !/^[\d.]+ ?[a-z]+$/i.test(value)) return null
  const parsed = typeof value === 'string' ? ms(value as ms.StringValue) : value
  return typeof parsed === 'number' && Number.isFinite(parsed) && parsed >= 0 ? parsed : null
}

/** Returns the milliseconds of an option that must be above zero. */
export function positiveDuration(option: string, value: unknown): number {
  const parsed = parseDuration(value)
  if (parsed !== null && parsed > 0) return parsed
  throw new CloudTasksServerError(
    `${option} must be a positive duration, in milliseconds or as text such as '30m', but is ${show(value)}`,
  )
}

/** Shows a value in an error message: short, and without the content of objects. */
export function show(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value.slice(0, 100))
  if (typeof value === 'function') return 'a function'
  if (typeof value !== 'object' || value === null) return String(value)
  return Array.isArray(value) ? 'an array' : 'an object'
}
