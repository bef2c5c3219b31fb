/** Characters that a terminal would execute, reorder or hide. */
const HIDDEN = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu

/** Without the flag `u`, so that it matches both halves of a surrogate pair. */
const EACH = /./gs

/** Escapes such characters, since names and user agents come from strangers. */
export function harmless(text: string): string {
  return text.replace(HIDDEN, (found) => found.replace(EACH, escaped))
}

/** Returns JSON in one line, with such characters escaped; its meaning stays the same. */
export function jsonLine(value: unknown): string {
  return harmless(JSON.stringify(value))
}

function escaped(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`
}

/** Returns the number with its noun: `1 note`, `2 notes`. */
export function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`
}

/**
 * Breaks a text between words into rows of at most `width` columns; further rows are indented. `width` 0: one row. A
 * word that is longer than a row stays whole, so that it can be copied.
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
