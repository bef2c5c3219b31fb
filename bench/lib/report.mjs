import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { cpus, loadavg, totalmem } from 'node:os'
import { fileURLToPath } from 'node:url'

const require = createRequire(import.meta.url)
const ours = createRequire(new URL('../../package.json', import.meta.url))
const inRoot = (path) => fileURLToPath(new URL(`../../${path}`, import.meta.url))

/** Whether this run is a short one, whose numbers are there to see that everything works. */
export const quick = process.argv.includes('--quick')

/** What was measured with what, on what and when. */
export function setting(details = '') {
  const version = (from, name) => `${name} ${from(`${name}/package.json`).version}`
  const { model } = cpus()[0]
  const gib = Math.round(totalmem() / 2 ** 30)
  const load = loadavg()[0].toFixed(1)
  return [
    `${new Date().toISOString().slice(0, 10)}, Node ${process.version}, ${cpus().length} cores (${model}), ${gib} GiB, load ${load} at the end of this part${quick ? '; **a quick run**, which says little' : ''}.`,
    `viur-session ${ours('./package.json').version} on ${version(ours, '@google-cloud/datastore')}; ${version(require, 'express')}, ${version(require, 'express-session')}, ${version(require, '@google-cloud/connect-datastore')} on ${version(require, '@google-cloud/datastore')}.`,
    details,
  ]
    .filter(Boolean)
    .join('\n')
}

/** Puts the text in place of the section of this name, between its two markers; a new one goes to the end. */
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

/** Tells whoever waits how far it has come. */
export function say(message) {
  console.error(`${new Date().toISOString().slice(11, 19)} ${message}`)
}
