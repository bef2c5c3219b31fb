import { crc32 } from '../base/node-builtins.ts'

/**
 * The form of what is sealed: `2 sealed KEY PRINT CHECKSUM BYTES`, one line. The head can be read without the key, so that
 * whoever lacks it knows that others have it; the checksum covers the rest, so that damage is told from a key that is
 * lacking without any key. A release that knows nothing of this takes it for a payload of a later version.
 */
const HEAD = '2 sealed '

/** What stands before a sealed text that this process has the key of, and could not open. Only in memory. */
const UNOPENED = 'unopened '

/** A sealed text, taken apart. */
export interface SealedText {
  /** The id of the key. */
  readonly id: string
  /** Of the key itself: two keys of one id are told apart by it. */
  readonly print: string
  /** Salt, sealed text and tag, base64url. */
  readonly body: string
}

/** Whether the text is sealed, whole or not. */
export function isSealed(text: string): boolean {
  return text.startsWith(HEAD)
}

export function sealedText({ id, print, body }: SealedText): string {
  return `${HEAD}${id} ${print} ${checksum(id, print, body)} ${body}`
}

/** The parts of a sealed text; `null` for one that is damaged. */
export function sealedParts(text: string): SealedText | null {
  const [id, print, sum, body, ...rest] = text.slice(HEAD.length).split(' ')
  if (id === undefined || print === undefined || body === undefined || rest.length > 0) return null
  return sum === checksum(id, print, body) ? { id, print, body } : null
}

/** Marks a sealed text that its own key does not open. */
export function unopened(text: string): string {
  return `${UNOPENED}${text}`
}

/** The sealed text that was marked so; `null` for any other text. */
export function markedUnopened(text: string): string | null {
  return text.startsWith(UNOPENED) ? text.slice(UNOPENED.length) : null
}

function checksum(id: string, print: string, body: string): string {
  return crc32(`${id} ${print} ${body}`).toString(16)
}
