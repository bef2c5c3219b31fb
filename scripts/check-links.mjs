// Finds the links of pages that lead to a missing file or a missing heading. As a program: fails when a page of a
// package has one, such as a link to a file that was not packed. Argument: the folder of the unpacked package.
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { dirname, join, relative, resolve, sep } from 'node:path'
import { fileURLToPath } from 'node:url'

const LINKS = [
  /\]\(\s*<?([^)\s>]+)/g,
  /^\s{0,3}\[[^\]]+\]:\s+<?([^\s>]+)/gm,
  /\b(?:href|src)="([^"]+)"/g,
]

/**
 * The anchors of the pages that were read.
 *
 * @type {Map<string, Set<string>>}
 */
const read = new Map()

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const root = resolve(process.argv[2] ?? '.')
  const names = readdirSync(root, { recursive: true, encoding: 'utf8' })
  const pages = names.filter((name) => name.endsWith('.md'))
  const dead = deadLinks(root, pages)
  for (const one of dead) console.error(one)
  if (pages.length === 0 || dead.length > 0) {
    console.error(`${dead.length} dead links on ${pages.length} pages`)
    process.exit(1)
  }
}

/**
 * Returns the dead links of pages below a folder, each behind the name of its page.
 *
 * @param {string} root
 * @param {readonly string[]} pages
 */
export function deadLinks(root, pages) {
  return pages
    .map((name) => join(root, name))
    .flatMap((page) =>
      linksOf(page)
        .filter((target) => !leads(root, page, target))
        .map((target) => `${relative(root, page)}: ${target}`),
    )
}

/**
 * Returns the link targets in the prose of a page, without links to other sites.
 *
 * @param {string} page
 */
function linksOf(page) {
  const prose = proseOf(page).replaceAll(/`[^`\n]*`/g, '')
  const targets = LINKS.flatMap((form) =>
    [...prose.matchAll(form)].map(([, target = '']) => target),
  )
  return targets.filter((target) => !/^(?:[a-z][a-z+.-]*:|\/\/)/i.test(target))
}

/**
 * Whether a link on a page leads to a file below the folder, and to a heading of it.
 *
 * @param {string} root
 * @param {string} page
 * @param {string} target
 */
export function leads(root, page, target) {
  const [path = '', anchor] = target.split('#').map(decodeURIComponent)
  const file = path === '' ? page : join(dirname(page), path)
  if (!existsSync(file) || !`${file}${sep}`.startsWith(join(root, sep))) return false
  if (anchor === undefined || !statSync(file).isFile()) return true
  return anchorsOf(file).has(anchor)
}

/**
 * Returns the anchors of the headings of a page, as the usual code hosts make them; a repeated heading gets a number.
 *
 * @param {string} page
 */
function anchorsOf(page) {
  const known = read.get(page)
  if (known !== undefined) return known
  const anchors = new Set(
    [...proseOf(page).matchAll(/<a (?:id|name)="([^"]+)"/g)].map(([, id = '']) => id),
  )
  read.set(page, anchors)
  for (const [, heading = ''] of proseOf(page).matchAll(/^#{1,6} +(.+?)\s*#*$/gm)) {
    const anchor = heading
      .replaceAll(/\[([^\]]*)\]\([^)]*\)/g, '$1')
      .toLowerCase()
      .replaceAll(/[^\p{Letter}\p{Number} _-]/gu, '')
      .replaceAll(' ', '-')
    let n = 0
    while (anchors.has(n === 0 ? anchor : `${anchor}-${n}`)) n += 1
    anchors.add(n === 0 ? anchor : `${anchor}-${n}`)
  }
  return anchors
}

/**
 * Returns a page without its code blocks.
 *
 * @param {string} page
 */
function proseOf(page) {
  return readFileSync(page, 'utf8').replaceAll(/^( *)(```+|~~~+)[\s\S]*?^\1\2 *$/gm, '')
}
