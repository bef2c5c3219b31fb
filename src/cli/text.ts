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

/**
 * The text in rows of at most so many columns, broken between words; those after the first stand further in. `width` 0: in one
 * row. A word that is longer than a row is left whole, so that it can be copied.
 */
export function wrapped(text: string, width: number, indent: number): string[] {
  if (width <= 0 || text.length < width) return [text]
  const rows: string[] = []
  let row = ''
  for (const word of text.match(/\s*\S+/g) ?? []) {
    if (row.trim() !== '' && row.length + word.length >= width) {
      rows.push(row)
      row = `${' '.repeat(indent)}${word.trimStart()}`
    } else row += word
  }
  return [...rows, row]
}
