// Fails when a page of a package links to a file that was not packed, or to a missing heading. Argument: the folder of
// the unpacked package.
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { dirname, join, relative, resolve, sep } from 'node:path'

const root = resolve(process.argv[2] ?? '.')
const LINKS = [
  /\]\(\s*<?([^)\s>]+)/g,
  /^\s{0,3}\[[^\]]+\]:\s+<?([^\s>]+)/gm,
  /\b(?:href|src)="([^"]+)"/g,
]

const pages = readdirSync(root, { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.md'))
  .map((name) => join(root, name))
const dead = pages.flatMap((page) =>
  linksOf(page)
    .filter((target) => !leads(page, target))
    .map((target) => `${relative(root, page)}: ${target}`),
)
for (const one of dead) console.error(one)
if (pages.length === 0 || dead.length > 0) {
  console.error(`${dead.length} dead links on ${pages.length} pages`)
  process.exit(1)
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
 * @param {string} page
 * @param {string} target
 */
function leads(page, target) {
  const [path = '', anchor] = target.split('#').map(decodeURIComponent)
  const file = path === '' ? page : join(dirname(page), path)
  if (!existsSync(file) || !`${file}${sep}`.startsWith(root + sep)) return false
  if (anchor === undefined || !statSync(file).isFile()) return true
  return anchorsOf(file).has(anchor)
}

/**
 * Returns the anchors of the headings of a page, as the usual code hosts make them; a repeated heading gets a number.
 *
 * @param {string} page
 */
function anchorsOf(page) {
  const anchors = new Set(
    [...proseOf(page).matchAll(/<a (?:id|name)="([^"]+)"/g)].map(([, id]) => id),
  )
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
