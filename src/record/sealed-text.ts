import { crc32 } from '../base/node-builtins.ts'

/**
 * The head of a sealed text, which is one line: `2 sealed KEY PRINT CHECKSUM BYTES`. A process without the key can read
 * KEY and knows that other processes have it. The checksum covers the rest, so that damage can be distinguished from a
 * missing key. A release without encryption reads the text as a payload of a later version.
 */
const HEAD = '2 sealed '

/** Prefix of a sealed text that this process could not open although it has the key. Used only in memory. */
const UNOPENED = 'unopened '

/** The parts of a sealed text. */
export interface SealedText {
  /** The id of the key. */
  readonly id: string
  /** The fingerprint of the key, which distinguishes two keys with the same id. */
  readonly print: string
  /** Salt, sealed text and tag, base64url. */
  readonly body: string
}

/** Whether the text is sealed, intact or not. */
export function isSealed(text: string): boolean {
  return text.startsWith(HEAD)
}

/** Builds a sealed text from its parts. */
export function sealedText({ id, print, body }: SealedText): string {
  return `${HEAD}${id} ${print} ${checksum(id, print, body)} ${body}`
}

/** Returns the parts of a sealed text; `null` if it is damaged. */
export function sealedParts(text: string): SealedText | null {
  const [id, print, sum, body, ...rest] = text.slice(HEAD.length).split(' ')
  if (id === undefined || print === undefined || body === undefined || rest.length > 0) return null
  return sum === checksum(id, print, body) ? { id, print, body } : null
}

/** Marks a sealed text that its own key cannot open. */
export function unopened(text: string): string {
  return `${UNOPENED}${text}`
}

/** Returns the sealed text without the mark of {@link unopened}; `null` for any other text. */
export function markedUnopened(text: string): string | null {
  return text.startsWith(UNOPENED) ? text.slice(UNOPENED.length) : null
}

function checksum(id: string, print: string, body: string): string {
  return crc32(`${id} ${print} ${body}`).toString(16)
}
