import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { PAGES, root } from './blocks.ts'
import { CONSTANTS, HELD, PUBLISHED } from './figures-register.ts'
import {
  type Figure,
  figuresIn,
  isRounded,
  numbersIn,
  numbersWithDifferences,
  resultsOf,
} from './figures.ts'

const read = (page: string): string => readFileSync(join(root, page), 'utf8')

const OF_USERS = PAGES.filter((page) => /^(?:docs\/.*|README|SECURITY|SUPPORT)/.test(page))
const figures = [...OF_USERS, 'bench/RESULTS.md'].flatMap((page) => figuresIn(page, textOf(page)))

/** Of the results what is said of them by hand: the tables are what all others are compared with. */
function textOf(page: string): string {
  if (page !== 'bench/RESULTS.md') return read(page)
  const [before = '', aims = ''] = read(page).split('<!-- /aims -->')
  return before.replaceAll(/[^\n]/g, '') + aims.split('\n<!-- ')[0]
}

const numbers = new Map<string, number[]>()
/** The numbers that a source has. */
function numbersOf(source: string): number[] {
  const [path = '', part] = source.split('#')
  const known = numbers.get(source)
  if (known !== undefined) return known
  const found = part === undefined ? numbersIn(read(path)) : numbersWithDifferences(resultsOf(part))
  numbers.set(source, found)
  return found
}

/** The fault of a figure; `undefined` if a source contains it. */
function problemOf({ page, text }: Figure): string | undefined {
  const constant = CONSTANTS[text]
  if (constant !== undefined) {
    const last = text.match(/\d[\d,.]*/g)?.at(-1) ?? ''
    return isRounded(last, constant) ? undefined : `is ${constant} in the source`
  }
  if (text in PUBLISHED) return undefined
  const held = HELD.find((one) => one.page === page && one.figures.includes(text))
  if (held === undefined) return 'is held by nothing: test/pages/figures-register.ts'
  const missing = (text.match(/\d[\d,]*(?:\.\d+)?/g) ?? []).filter(
    (written) => !numbersOf(held.by).some((number) => isRounded(written, number)),
  )
  return missing.length === 0 ? undefined : `${missing} is not, or no longer, in ${held.by}`
}

const told = ({ page, line, text }: Figure, problem: string): string =>
  `${page}:${line}: "${text}" ${problem}`

describe('the figures on the pages', () => {
  it('are in the results, in a test or in the source', () => {
    const wrong = figures.flatMap((figure) => {
      const problem = problemOf(figure)
      return problem === undefined ? [] : [told(figure, problem)]
    })
    expect(wrong).toEqual([])
  })

  it('are still there, where the register names them', () => {
    const gone = HELD.flatMap(({ page, figures: named }) =>
      named
        .filter((text) => !figures.some((one) => one.page === page && one.text === text))
        .map((text) => `${page} no longer says "${text}"`),
    )
    expect(gone).toEqual([])
    expect(HELD.filter(({ by }) => !existsSync(join(root, by.split('#')[0] as string)))).toEqual([])
  })

  it('on the page about cost follow from its prices', () => {
    const rows = [
      ...read('docs/cost.md').matchAll(/^\| [^|]+ \| (\d+) \| (\d+) \| (\d+) \| ([\d.]+) \|$/gm),
    ]
    expect(rows.length).toBeGreaterThan(4)
    for (const [row, reads, writes, deletes, dollars] of rows) {
      const sum = Number(reads) * 0.3 + Number(writes) * 0.9 + Number(deletes) * 0.1
      expect(Number(dollars), row).toBeCloseTo(sum, 6)
    }
  })
})

describe('the pages about frameworks', () => {
  it.each(PAGES.filter((page) => page.startsWith('docs/frameworks/')))(
    'name versions that their tests install: %s',
    (page) => {
      const [, said = '', folder = ''] =
        /Tried with ([\s\S]*?)\bin\s`(test\/frameworks\/[\w-]+)`/.exec(read(page)) ?? []
      const versions = said.match(/\d+\.\d+/g) ?? []
      const manifest = read(`${folder}/package.json`)
      expect(versions.length).toBeGreaterThan(1)
      expect(versions.filter((one) => !new RegExp(`\\b${one}\\.\\d`).test(manifest))).toEqual([])
    },
  )
})

describe('the search for figures', () => {
  const found = (text: string): string[] => figuresIn('page.md', text).map((one) => one.text)

  it('finds what is claimed', () => {
    expect(found('It takes 54 ms, and\n171 and 151\nms with another.')).toEqual([
      '54 ms',
      '171 and 151 ms',
    ])
    expect(found('0.61 of the time of the rival, or 61 %, at $1,200.')).toEqual([
      '0.61',
      '61 %',
      '$1,200',
    ])
    expect(found('| row | 0.88 | 2.04 x | 5,966 requests a second |')).toEqual([
      '0.88',
      '2.04 x',
      '5,966 requests a second',
    ])
    expect(found('It passes: 4,200 passed, at 20 lookups, 1.5 times.')).toEqual([
      '4,200 passed',
      '20 lookups',
      '1.5 times',
    ])
  })

  it('leaves out code, links, versions and what the benchmark writes', () => {
    expect(found('Node 20.19 or newer, `x` 1.12, `5 ms`, [a](b-0.61.md), OWASP ASVS 5.0')).toEqual(
      [],
    )
    expect(found('<!-- calls -->\n| 0.61 |\n<!-- /calls -->\n```js\n0.61\n```\n')).toEqual([])
  })

  it.each([
    ['0.61', 0.6149, true],
    ['0.61', 0.6151, false],
    ['61', 0.6149, true],
    ['24,000', 23999.6, true],
    ['0.10', 0.099, true],
    ['0.10', 0.11, false],
  ])('takes %s for %d: %s', (written, number, isIt) => {
    expect(isRounded(written, number)).toBe(isIt)
  })
})
