import { type Html, html } from '../../express/console/html.ts'
import type { Language } from '../language.ts'

const MINUTE = 60
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR

/** A point in time for people and, in the attribute, for programs. The server does not know their time zone: UTC. */
export function timeElement(date: Date, language: Language): Html {
  const text = new Intl.DateTimeFormat(language === 'en' ? 'en-GB' : language, {
    dateStyle: 'medium',
    timeStyle: 'medium',
    timeZone: 'UTC',
  }).format(date)
  return html`<time datetime="${date.toISOString()}">${text} UTC</time>`
}

/** A point in time for a table whose head says UTC. */
export function shortTimeElement(date: Date, language: Language): Html {
  const text = new Intl.DateTimeFormat(language === 'en' ? 'en-GB' : language, {
    day: 'numeric',
    month: 'short',
    hour: '2-digit',
    minute: '2-digit',
    second: '2-digit',
    timeZone: 'UTC',
  }).format(date)
  return html`<time datetime="${date.toISOString()}">${text}</time>`
}

/** A span of time in its largest fitting unit, such as "59 minutes". */
export function duration(milliseconds: number, language: Language): string {
  const seconds = Math.max(0, Math.round(milliseconds / 1000))
  const [unit, size] =
    seconds < 2 * MINUTE
      ? (['second', 1] as const)
      : seconds < 2 * HOUR
        ? (['minute', MINUTE] as const)
        : seconds < 2 * DAY
          ? (['hour', HOUR] as const)
          : (['day', DAY] as const)
  const format = new Intl.NumberFormat(language, { style: 'unit', unit, unitDisplay: 'long' })
  return format.format(Math.round(seconds / size))
}

/** A whole number, in groups of thousands. */
export function number(value: number, language: Language): string {
  return new Intl.NumberFormat(language).format(value)
}

/** The first characters of a key: enough to see whether it is the same one. */
export function shortened(key: string): string {
  return `${key.slice(0, 10)}…`
}
