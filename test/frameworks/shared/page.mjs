// Writes the code of a page of the documentation to files. The page is its only source, so the tests run exactly the code
// that readers see.
import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'

const DOCS = new URL('../../../docs/', import.meta.url)

/** If a block is a separate file, its first line names the file: `// app/route.ts`, `<!-- src/page.svelte -->`. */
const NAMED = /^(?:\/\/|#|<!--) ((?:[\w.+[\]()$-]+\/)*[\w.+[\]()$-]+\.\w+)(?: -->)?\n/

/**
 * The files that a page shows, by name. `pick`: only those of one part of the page, from this heading to the next.
 *
 * @param {string} page
 * @param {string} [pick]
 * @returns {Map<string, string>}
 */
export function filesOf(page, pick) {
  let text = readFileSync(new URL(page, DOCS), 'utf8')
  if (pick !== undefined) {
    const parts = text.split(/^(?=## )/m).filter((part) => part.startsWith(`## ${pick}\n`))
    if (parts.length !== 1) throw new Error(`${page} has no part "${pick}", or several`)
    text = parts[0] ?? ''
  }
  const files = new Map()
  for (const [, code = ''] of text.matchAll(/^```\w+\n([\s\S]*?)^```$/gm)) {
    const name = NAMED.exec(code)?.[1]
    if (name === undefined) continue
    if (files.has(name)) throw new Error(`${page} shows ${name} twice`)
    files.set(name, code)
  }
  if (files.size === 0) throw new Error(`${page} shows no file`)
  return files
}

/**
 * Writes the files that a page shows into a folder, which is emptied first. `more`: a folder with further files; `pick`:
 * the part of the page.
 *
 * @param {string} page
 * @param {string} folder
 * @param {{ more?: string, pick?: string }} [options]
 */
export function unpack(page, folder, { more, pick } = {}) {
  rmSync(folder, { recursive: true, force: true })
  for (const [name, code] of filesOf(page, pick)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true })
    writeFileSync(join(folder, name), code)
  }
  if (more !== undefined) cpSync(more, folder, { recursive: true })
}
