// The prose in a file of code: its comments, and the texts in it that are sentences, such as messages and names of tests.
import { parseSync, Visitor } from 'rolldown/utils'

/** @typedef {{ text: string, line: number }} Prose Text, and the line of the file that it begins on. */

/** Directives for tools, and what only looks like a comment. */
const NO_PROSE = /^\s*(?:biome-ignore|@ts-|[#@]__PURE__|<reference|eslint|!\/)/

/**
 * @param {string} name
 * @param {string} source
 * @returns {Prose[]}
 */
export function proseInCode(name, source) {
  return /\.[cm]?[jt]sx?$/.test(name) ? inScript(name, source) : afterHash(source)
}

/**
 * @param {string} name
 * @param {string} source
 */
function inScript(name, source) {
  const { program, comments, errors } = parseSync(name, source)
  if (errors.length > 0) throw new Error(`${name}: ${errors[0]?.message}`)
  const lineOf = counter(source)
  /** @type {Prose[]} */
  const prose = []
  let last = { prose: /** @type {Prose | undefined} */ (undefined), line: 0 }
  for (const { type, value, start } of comments) {
    if (NO_PROSE.test(value)) continue
    const line = lineOf(start)
    if (type === 'Block') {
      prose.push({ text: value.replace(/^\*/, '').replaceAll(/^[ \t]*\*(?: |$)/gm, ''), line })
      continue
    }
    const alone = source.slice(source.lastIndexOf('\n', start - 1) + 1, start).trim() === ''
    const text = value.replace(/^ /, '')
    if (alone && last.prose !== undefined && last.line === line - 1) {
      last.prose.text += `\n${text}`
      last.line = line
      continue
    }
    const begun = { text, line }
    prose.push(begun)
    last = { prose: alone ? begun : undefined, line }
  }
  for (const { text, start } of textsOf(program)) {
    // The prose lines of a text with several lines cannot be recognized.
    if (text.split(' ').length > 3 && !text.includes('\n'))
      prose.push({ text, line: lineOf(start) })
  }
  return prose
}

/**
 * The texts of a program; one that is put together by `+` counts as one, and a value in a template as a word.
 *
 * @param {Parameters<Visitor['visit']>[0]} program
 */
function textsOf(program) {
  /** @type {{ text: string, start: number }[]} */
  const texts = []
  const joined = new Set()
  /** @param {any} node @returns {string} */
  const textOf = (node) => {
    joined.add(node)
    if (node.type === 'Literal') return typeof node.value === 'string' ? node.value : '…'
    if (node.type === 'TemplateLiteral') {
      return node.quasis.map((/** @type {any} */ one) => one.value.cooked ?? '').join('…')
    }
    if (node.type !== 'BinaryExpression' || node.operator !== '+') return '…'
    return textOf(node.left) + textOf(node.right)
  }
  /** @param {any} node */
  const take = (node) => {
    if (!joined.has(node)) texts.push({ text: textOf(node), start: node.start })
  }
  new Visitor({
    BinaryExpression: (node) => {
      if (node.operator === '+') take(node)
    },
    Literal: take,
    TemplateLiteral: take,
  }).visit(program)
  return texts
}

/**
 * Comments that begin with `#`, as those of shells and YAML.
 *
 * @param {string} source
 */
function afterHash(source) {
  /** @type {Prose[]} */
  const prose = []
  let open = false
  for (const [index, line] of source.split('\n').entries()) {
    const text = /^\s*#(?!!) ?(.*)$/.exec(line)?.[1]
    const last = prose.at(-1)
    if (text === undefined) open = false
    else if (open && last !== undefined) last.text += `\n${text}`
    else {
      prose.push({ text, line: index + 1 })
      open = true
    }
  }
  return prose
}

/**
 * Tells the line of a place in a text.
 *
 * @param {string} source
 */
function counter(source) {
  const starts = [0]
  for (const { index } of source.matchAll(/\n/g)) starts.push(index + 1)
  return (/** @type {number} */ offset) => {
    let low = 0
    let high = starts.length
    while (high - low > 1) {
      const middle = (low + high) >> 1
      if ((starts[middle] ?? 0) <= offset) low = middle
      else high = middle
    }
    return low + 1
  }
}
