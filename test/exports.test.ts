import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'

const entriesModule = new URL('../scripts/entries.mjs', import.meta.url).href
const { ENTRIES } = (await import(entriesModule)) as { ENTRIES: Record<string, string> }
const manifest = JSON.parse(
  readFileSync(new URL('../package.json', import.meta.url), 'utf8'),
) as Record<string, unknown>
const { './package.json': _, ...entries } = manifest['exports'] as Record<string, object>
const names = Object.keys(ENTRIES)

describe('package.json', () => {
  it('exports exactly the entries that are built', () => {
    const expected = names.map((name) => (name === 'index' ? '.' : `./${name}`))
    expect(Object.keys(entries).toSorted()).toEqual(expected.toSorted())
  })

  it.each(names)('has both kinds of modules behind conditions, in this order: %s', (name) => {
    const file = `./dist/lib/${name}`
    const conditions = {
      types: { import: `${file}.d.ts`, require: `${file}.d.cts` },
      'module-sync': `${file}.js`,
      import: `${file}.js`,
      require: `${file}.cjs`,
    }
    const found = entries[name === 'index' ? '.' : `./${name}`]
    // Compared as text, since the first matching condition decides.
    expect(JSON.stringify(found)).toBe(JSON.stringify(conditions))
  })

  it('lists each entry also for tools that do not know exports', () => {
    const others = names.filter((name) => name !== 'index')
    const paths = Object.fromEntries(others.map((name) => [name, [`./dist/lib/${name}.d.cts`]]))
    expect(manifest).toMatchObject({
      main: './dist/lib/index.cjs',
      types: './dist/lib/index.d.cts',
    })
    expect(manifest['typesVersions']).toEqual({ '*': paths })
  })
})
