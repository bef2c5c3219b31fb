import { type Html, html } from './html.ts'

/** Characters that a terminal or a page would hide or change: control characters, direction marks, surrogates. */
const HIDDEN = /[\p{C}\p{Zl}\p{Zp}\u00ad\u115f\u1160\u3164\uffa0]/gu

/**
 * Shows text of a user: hidden characters are written as escapes, and its text direction does not affect its
 * surroundings.
 */
export function shownText(text: string, most = 300): Html {
  const cut = text.length > most ? `${text.slice(0, most)}…` : text
  const plain = cut.replace(HIDDEN, (hidden) => `\\u{${(hidden.codePointAt(0) ?? 0).toString(16)}}`)
  return html`<bdi>${plain}</bdi>`
}

/** Returns text for a field of a form; an empty text when it has hidden characters, since a field cannot show them. */
export function fieldText(text: string): string {
  return text.search(HIDDEN) < 0 ? text : ''
}

/** Shows a time in UTC, to the second. */
export function shownTime(time: Date): Html {
  const text = Number.isFinite(time.getTime()) ? time.toISOString() : null
  if (text === null) return html`–`
  return html`<time datetime="${text}">${text.slice(0, 19).replace('T', ' ')}</time>`
}

/** Shows a duration, in its two largest units. */
export function shownDuration(milliseconds: number): string {
  const seconds = Math.max(0, Math.round(milliseconds / 1000))
  if (seconds < 60) return `${seconds} s`
  const minutes = Math.floor(seconds / 60)
  if (minutes < 60) return `${minutes} min`
  const hours = Math.floor(minutes / 60)
  return hours < 48 ? `${hours} h ${minutes % 60} min` : `${Math.floor(hours / 24)} d`
}

export function shownNumber(count: number): string {
  return count.toLocaleString('en')
}
