// Finds the sentences of a page in Markdown: those of headings, paragraphs and cells of tables. Code and the heads of
// tables have none.

/** @typedef {{ text: string, line: number }} Sentence */
/** @typedef {import('markdownlint').MicromarkToken} Token */

const PROSE = new Set(['paragraph', 'atxHeadingText', 'setextHeadingText', 'tableData'])

/**
 * @param {readonly Token[]} tokens
 * @param {readonly string[]} lines
 * @returns {Sentence[]}
 */
export function sentencesOf(tokens, lines) {
  return tokens.flatMap((token) => {
    if (!PROSE.has(token.type)) return sentencesOf(token.children, lines)
    return partsOf(token, lines).flatMap(split)
  })
}

/**
 * The lines of a token, without the marks of lists, quotations and tables. A tag of a doc comment begins a new part.
 *
 * @param {Token} token
 * @param {readonly string[]} lines
 */
function partsOf({ startLine, startColumn, endLine, endColumn }, lines) {
  /** @type {Sentence[][]} */
  const parts = [[]]
  for (let line = startLine; line <= endLine; line++) {
    const whole = lines[line - 1] ?? ''
    const raw = whole.slice(
      line === startLine ? startColumn - 1 : 0,
      line === endLine ? endColumn - 1 : undefined,
    )
    const text = raw.replace(/^[\s>|]+|[\s|]+$/g, '')
    const tag = /^@\w+\s*(?:\{[^}]*\}\s*)?(?:\[?[\w.]+\]?\s+-\s+)?/.exec(text)
    if (tag !== null) parts.push([])
    parts.at(-1)?.push({ text: tag === null ? text : text.slice(tag[0].length), line })
  }
  return parts
}

/**
 * @param {readonly Sentence[]} part
 * @returns {Sentence[]}
 */
function split(part) {
  const text = part.map((one) => one.text).join(' ')
  /** @type {Sentence[]} */
  const sentences = []
  let from = 0
  for (const end of [...text.matchAll(/[.?!:]["')*_\]]*\s+(?=["'(*_[`<]*[A-Z0-9])/g), undefined]) {
    const to = end === undefined ? text.length : end.index + end[0].length
    const sentence = text.slice(from, to).trim()
    const begins = from + text.slice(from).search(/\S|$/)
    const bare = sentence.replace(/^["'(*_[<]+/, '').replace(/["')*_\]]+$/, '')
    if (bare !== '') sentences.push({ text: bare, line: lineAt(part, begins) })
    from = to
  }
  return sentences
}

/**
 * @param {readonly Sentence[]} part
 * @param {number} offset
 */
function lineAt(part, offset) {
  let end = 0
  for (const { text, line } of part) {
    end += text.length + 1
    if (offset < end) return line
  }
  return part.at(-1)?.line ?? 1
}
