import { type Html, html } from '../../express/console/html.ts'
import type { Language } from '../language.ts'

const MINUTE = 60
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR

const UNITS = [
  ['day', DAY],
  ['hour', HOUR],
  ['minute', MINUTE],
] as const

type Unit = 'second' | (typeof UNITS)[number][0]

/** A point in time, relative to now. The title has it in UTC, since the server does not know the visitor's time zone. */
export function timeElement(date: Date, now: number, language: Language): Html {
  const text = new Intl.DateTimeFormat(language === 'en' ? 'en-GB' : language, {
    dateStyle: 'medium',
    timeStyle: 'medium',
    timeZone: 'UTC',
  }).format(date)
  return html`<time datetime="${date.toISOString()}" title="${text} UTC">${relative(date, now, language)}</time>`
}

/** Such as "3 minutes ago", or "in 2 days". */
function relative(date: Date, now: number, language: Language): string {
  const [count, unit] = inLargestUnit(date.getTime() - now)
  const format = new Intl.RelativeTimeFormat(language, { numeric: count === 0 ? 'auto' : 'always' })
  return format.format(count, unit)
}

/** A span of time in its largest fitting unit, such as "59 minutes". */
export function duration(milliseconds: number, language: Language): string {
  const [count, unit] = inLargestUnit(Math.max(0, milliseconds))
  const format = new Intl.NumberFormat(language, { style: 'unit', unit, unitDisplay: 'long' })
  return format.format(count)
}

function inLargestUnit(milliseconds: number): [count: number, unit: Unit] {
  const seconds = Math.round(milliseconds / 1000)
  const [unit, size] =
    UNITS.find(([, size]) => Math.abs(seconds) >= 2 * size) ?? (['second', 1] as const)
  return [Math.round(seconds / size), unit]
}

/** A whole number, in groups of thousands. */
export function number(value: number, language: Language): string {
  return new Intl.NumberFormat(language).format(value)
}

/** The first characters of a key, which are enough to compare it by eye. */
export function shortened(key: string): string {
  return `${key.slice(0, 10)}…`
}
