// The types that are shipped. Those that tsc wrote stand once, in dist/types, as CommonJS: both ES modules and CommonJS
// may import such, so a session is the same type in both, and what an app adds to an interface counts in both. Beside
// each file of code stands one that says as which kind of module the entry is loaded, and hands on the types.
import { cpSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { ENTRIES } from './entries.mjs'

/** Where tsc has written to. */
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
 * This file of types, and those that it imports.
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
