/**
 * Imports modules in a new process, and prints the cost.
 *
 *   node one-import.mjs time MODULE...    { ms, rss } of the import
 *   node one-import.mjs files MODULE...   the files that it loaded
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createRequire, register } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const [mode, ...modules] = process.argv.slice(2)

if (mode === 'time') {
  const rss = process.memoryUsage.rss()
  const began = performance.now()
  for (const module of modules) await import(module)
  const ms = performance.now() - began
  console.log(JSON.stringify({ ms, rss: process.memoryUsage.rss() - rss }))
} else {
  const folder = mkdtempSync(join(tmpdir(), 'bench-'))
  const file = join(folder, 'loaded')
  register('./trace.mjs', import.meta.url, { data: { file } })
  for (const module of modules) await import(module)
  const esm = readFileSync(file, 'utf8').trim().split('\n')
  const common = Object.keys(createRequire(import.meta.url).cache)
  const all = new Set([...esm.map((url) => fileURLToPath(url)), ...common])
  console.log(JSON.stringify([...all]))
  rmSync(folder, { recursive: true })
}
