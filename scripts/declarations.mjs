// Writes the published types. The declarations of tsc exist once, in dist/types, as CommonJS. Both ES modules and
// CommonJS may import them, so a session has the same type in both, and interface extensions of an app apply to both.
// Each code file has a small declaration file beside it, which has the module kind of the entry and re-exports the
// types.
import { cpSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { ENTRIES } from './entries.mjs'

/** The output folder of tsc. */
const dist = process.argv[2] ?? 'dist'
const types = join(dist, 'types')
const done = new Set()

mkdirSync(types, { recursive: true })
writeFileSync(join(types, 'package.json'), '{ "type": "commonjs" }\n')
for (const [name, module] of Object.entries(ENTRIES)) {
  copy(`${module}.d.ts`)
  for (const extension of ['ts', 'cts']) {
    const text = `export * from '../types/${module}.js'\n`
    writeFileSync(join(dist, `lib/${name}.d.${extension}`), text)
  }
}

/**
 * Copies this declaration file, and the files that it imports.
 *
 * @param {string} file
 */
function copy(file) {
  if (done.has(file)) return
  done.add(file)
  const from = join(dist, file)
  if (!existsSync(from)) throw new Error(`${file} is imported by declarations, and is not there`)
  const to = join(types, file)
  mkdirSync(dirname(to), { recursive: true })
  cpSync(from, to)
  for (const [, target = ''] of readFileSync(from, 'utf8').matchAll(
    /(?:from |import\()['"](\.{1,2}\/[^'"]+)\.[jt]s['"]/g,
  )) {
    copy(join(dirname(file), `${target}.d.ts`))
  }
}
