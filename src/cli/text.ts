/** What a terminal would obey, or show in another order than it is written. */
const CONTROLS =
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is taken out
  /[\u0000-\u001f\u007f-\u009f\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069]/g

/** The text with nothing in it that a terminal obeys: names and agents of browsers are what strangers chose. */
export function harmless(text: string): string {
  return text.replace(CONTROLS, escaped)
}

/** As JSON in one line, which means the same, and which no terminal obeys either. */
export function jsonLine(value: unknown): string {
  return harmless(JSON.stringify(value))
}

function escaped(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`
}
