import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

export const inRoot = (path) => fileURLToPath(new URL(`../../${path}`, import.meta.url))

/** Replaces the section of this name, between its two markers; a new section goes to the end. */
export function writeSection(page, name, text) {
  const path = inRoot(page)
  const before = existsSync(path) ? readFileSync(path, 'utf8') : ''
  const [start, end] = [`<!-- ${name} -->`, `<!-- /${name} -->`]
  const section = `${start}\n${text.trim()}\n${end}`
  const [from, to] = [before.indexOf(start), before.indexOf(end)]
  const after =
    from === -1 || to === -1
      ? `${before.trimEnd()}\n\n${section}\n`
      : before.slice(0, from) + section + before.slice(to + end.length)
  writeFileSync(path, after)
}

/** Stores a chart where the documentation shows it. */
export function writeChart(name, svg) {
  mkdirSync(inRoot('docs/charts'), { recursive: true })
  writeFileSync(inRoot(`docs/charts/${name}.svg`), svg)
}
