/** What a terminal would obey, would show in another order than it is written, or not at all. */
const HIDDEN = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu

/** Without the flag `u`, so that it takes both halves of a pair. */
const EACH = /./gs

/** The text with nothing in it that a terminal obeys: names and agents of browsers are what strangers chose. */
export function harmless(text: string): string {
  return text.replace(HIDDEN, (found) => found.replace(EACH, escaped))
}

/** As JSON in one line, which means the same, and which no terminal obeys either. */
export function jsonLine(value: unknown): string {
  return harmless(JSON.stringify(value))
}

function escaped(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`
}
