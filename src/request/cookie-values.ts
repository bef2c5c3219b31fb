// Parses Cookie headers, as browsers and other clients write them.

/**
 * Returns every value that the header holds under exactly this name. Parsers that return an object keep one of several
 * values, and an attacker on a sibling domain can choose which one. Names are not decoded: decoding would let
 * `%5F%5FHost-` pass for a prefix that no browser guarded (CVE-2020-8184).
 */
export function valuesOf(header: string | undefined, name: string): string[] {
  if (header === undefined || !header.includes(name)) return []
  const values: string[] = []
  for (const pair of header.split(';')) {
    const equals = pair.indexOf('=')
    if (equals !== -1 && trim(pair.slice(0, equals)) === name)
      values.push(unquoted(trim(pair.slice(equals + 1))))
  }
  return values
}

/**
 * Removes the one pair of quotes that may surround the whole value (RFC 6265, section 4.1.1); the HTTP clients of Java
 * send every cookie with them. A value with any other quote in it stays as it is, and is no id.
 */
function unquoted(value: string): string {
  const { length } = value
  if (length < 2 || value[0] !== '"' || value[length - 1] !== '"') return value
  const inside = value.slice(1, -1)
  return inside.includes('"') ? value : inside
}

/**
 * Removes the spaces and tabs that RFC 6265bis allows around names and values; no other character is white space there.
 */
function trim(text: string): string {
  let start = 0
  let end = text.length
  while (start < end && isBlank(text[start])) start++
  while (end > start && isBlank(text[end - 1])) end--
  return text.slice(start, end)
}

function isBlank(character: string | undefined): boolean {
  return character === ' ' || character === '\t'
}

export function decode(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}
