import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { root } from './blocks.ts'

/** A number with a unit, an amount of dollars, or a ratio, as a page has it. */
export interface Figure {
  readonly page: string
  readonly line: number
  /** As it stands there, such as `171 and 151 ms`. */
  readonly text: string
}

const NUMBER = String.raw`\$?\d[\d,]*(?:\.\d+)?`

const UNIT = [
  'ms|µs|milliseconds?|microseconds?|bytes?|[KMG]i?B|%|percent|times|x|/s',
  '(?:(?:requests|writes|reads|changes|deletes|sessions) )?(?:a|per) (?:second|million)',
  'requests?|calls?|lookups?|passed|dollars?',
].join('|')

/** Several numbers can share a unit: "20 to 30 ms". Without one, what has a point is a ratio or a price. */
const FIGURE = new RegExp(
  String.raw`(?<![\w.#/:-])(?:${NUMBER}(?:(?: to | and | or |, )${NUMBER})* ?(?:${UNIT})(?!\w)|\$${NUMBER}|\d+\.\d+(?![\w:/-]|\.\d| (?:seconds|minutes|hours)))`,
  'g',
)

/** Before a version stands a name, which has a capital, a hyphen or backticks, and perhaps another version. */
const AFTER_A_NAME =
  /(?:\b[A-Z][\w.]*|\w[A-Z]\w*|\bh3|\w-\w[\w-]*|[`)\]]|\bversion|\w\.io|tried:) \(?(?:[\d.x]+(?:,| and| to| or)? )*$/

/** Whether a number without a unit is the version of something. */
function isVersion(before: string, after: string): boolean {
  return AFTER_A_NAME.test(before) || /^ (?:or|and) newer|^ to \d+ \|/.test(after)
}

/** The figures in the prose and the tables of a text. Code, links, and what the benchmark writes itself are left out. */
export function figuresIn(page: string, text: string): Figure[] {
  const prose = text
    .replaceAll(/^ *```[\s\S]*?^ *```/gm, blank)
    .replaceAll(/<!-- ([\w-]+) -->[\s\S]*?<!-- \/\1 -->/g, blank)
    .replaceAll(/`[^`]*`/g, (code) => `\`${blank(code.slice(1, -1))}\``)
    .replaceAll(/\]\([^)]*\)/g, (link) => `](${blank(link.slice(2, -1))})`)
    // A sentence goes over several lines.
    .replaceAll(/(?<=\S)\n(?=[^\s|#-])/g, ' ')
  const versions = new Set<string>()
  const matches = [...prose.matchAll(FIGURE)].filter((match) => {
    if (!/^\d+\.\d+$/.test(match[0])) return true
    const before = prose.slice(Math.max(0, match.index - 60), match.index)
    const after = prose.slice(match.index + match[0].length, match.index + match[0].length + 20)
    if (isVersion(before, after)) versions.add(match[0])
    return !versions.has(match[0])
  })
  return matches.map((match) => {
    // Nothing above changes how long the text is.
    return { page, line: text.slice(0, match.index).split('\n').length, text: match[0] }
  })
}

/** As long, with the same lines, and nothing else. */
const blank = (text: string): string => text.replaceAll(/[^\n]/g, ' ')

export const numbersIn = (text: string): number[] =>
  [...text.matchAll(/\d[\d,_]*(?:\.\d+)?/g)].map(([number]) =>
    Number(number.replaceAll(/[,_]/g, '')),
  )

/** A part of bench/RESULTS.md: between markers of this name, or below a heading of this name. */
export function resultsOf(part: string): string {
  const text = readFileSync(join(root, 'bench/RESULTS.md'), 'utf8')
  const [, marked] = text.match(new RegExp(`<!-- ${part} -->([\\s\\S]*?)<!-- /${part} -->`)) ?? []
  if (marked !== undefined) return marked
  const [, below = ''] = text.split(`\n## ${part}\n`)
  return below.split(/\n## |\n<!-- /)[0] as string
}

/** All numbers of tables, and how much two numbers of one row differ. */
export function numbersWithDifferences(text: string): number[] {
  return text.split('\n').flatMap((row) => {
    const numbers = numbersIn(row)
    if (!row.startsWith('|')) return numbers
    return [...numbers, ...numbers.flatMap((one) => numbers.map((other) => one - other))]
  })
}

/** Whether a number that is written down is another one, rounded to the places that it has: 0.61 is 0.613, and 61 %. */
export function isRounded(written: string, number: number): boolean {
  const [, decimals = ''] = written.replaceAll(',', '').split('.')
  const value = Number(written.replaceAll(',', ''))
  const isOf = (one: number): boolean =>
    Math.abs(one - value) <= 0.5 * 10 ** -decimals.length + 1e-9
  return isOf(number) || isOf(number * 100)
}
