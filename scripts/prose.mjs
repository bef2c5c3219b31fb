// Checks the prose of pages, comments and messages. Fails with file, line, sentence and rule. Without arguments it reads
// the whole tree; arguments name files and folders instead, which it then reads even where they are not clean yet.
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { lint } from 'markdownlint/sync'
import { proseInCode } from './lint/prose-in-code.mjs'
import { rules } from './lint/prose-rules.mjs'

const COLUMNS = 120
const PAGES = /\.md$/
const CODE = /\.(?:[cm]?[jt]sx?|sh|ya?ml)$|^\.ci\/[a-z]+$/
/** Generated files, whose source is checked, and files of others. Hidden folders are left out, but not those of CI. */
const LEFT_OUT =
  /^(?:docs\/reference|test\/interface|bench\/RESULTS\.md|CHANGELOG\.md|test\/frameworks\/[^/]+\/app)(?:\/|$)|(?:^|\/)(?:node_modules|dist|coverage|\.(?!ci(?:\/|$)|github(?:\/|$))[^/]+\/.*)(?:\/|$)/
const NOT_YET_CLEAN = readFileSync(new URL('lint/prose-not-yet-clean.txt', import.meta.url), 'utf8')
  .split('\n')
  .filter((line) => line !== '')

/** @typedef {{ line: number, rule: string, says: string }} Finding */

const named = process.argv.slice(2)
const files = named.length > 0 ? named.flatMap(filesIn) : filesIn('.')
const excused = new Set()
let found = 0
for (const file of files) {
  const room = named.length > 0 ? undefined : NOT_YET_CLEAN.find((one) => isIn(file, one))
  for (const { line, rule, says } of inOrder(findings(file, readFileSync(file, 'utf8')))) {
    if (room !== undefined) excused.add(room)
    else {
      found++
      console.error(`${file}:${line} ${rule}: ${says}`)
    }
  }
}
for (const one of named.length > 0 ? [] : NOT_YET_CLEAN) {
  if (!excused.has(one))
    console.log(`${one} is clean: remove it from scripts/lint/prose-not-yet-clean.txt`)
}
console.log(`${files.length} files, ${found} findings, ${excused.size} places not clean yet`)
if (found > 0 || files.length === 0) process.exit(1)

/**
 * @param {string} file
 * @param {string} source
 * @returns {Finding[]}
 */
function findings(file, source) {
  if (PAGES.test(file)) {
    const prose = { text: source, line: 1 }
    return linted([prose], { MD013: { line_length: COLUMNS, tables: false, code_blocks: false } })
  }
  return [...linted(proseInCode(file, source)), ...longComments(source)]
}

/** @param {Finding[]} found */
function inOrder(found) {
  return found.sort((a, b) => a.line - b.line)
}

/**
 * @param {import('./lint/prose-in-code.mjs').Prose[]} prose
 * @param {import('markdownlint').Configuration} [config]
 */
function linted(prose, config) {
  const results = lint({
    strings: Object.fromEntries(prose.map(({ text }, index) => [`${index}`, text])),
    customRules: rules,
    config: { default: false, prose: true, ...config },
    noInlineConfig: true,
  })
  return Object.entries(results).flatMap(([index, faults]) =>
    faults.map(({ lineNumber, ruleNames, ruleDescription, errorDetail }) => ({
      line: (prose[Number(index)]?.line ?? 1) + lineNumber - 1,
      rule: ruleNames[0] ?? '',
      says: `${ruleDescription}: ${errorDetail}`,
    })),
  )
}

/**
 * Lines of comments that are too long, save those whose end is one word, such as an address.
 *
 * @param {string} source
 * @returns {Finding[]}
 */
function longComments(source) {
  return source.split('\n').flatMap((text, index) => {
    const long = text.length > COLUMNS && /\s/.test(text.slice(COLUMNS).trimEnd())
    if (!long || !/^\s*(?:\/\/|\/?\*|#)|\s\/\/ /.test(text)) return []
    return [{ line: index + 1, rule: 'MD013', says: `Line length: ${text.length} of ${COLUMNS}` }]
  })
}

/**
 * @param {string} place
 * @returns {string[]}
 */
function filesIn(place) {
  if (!existsSync(place)) throw new Error(`There is no ${place}.`)
  if (!statSync(place).isDirectory()) return [place]
  return readdirSync(place, { withFileTypes: true })
    .map((entry) => ({ entry, path: join(place, entry.name) }))
    .filter(({ entry, path }) => !LEFT_OUT.test(entry.isDirectory() ? `${path}/` : path))
    .flatMap(({ entry, path }) => {
      if (entry.isDirectory()) return filesIn(path)
      return PAGES.test(path) || CODE.test(path) ? [path] : []
    })
    .sort()
}

/**
 * @param {string} file
 * @param {string} place
 */
function isIn(file, place) {
  return file === place || file.startsWith(`${place}/`)
}
