import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { BLOCKS, type Block, PAGES, root } from './blocks.ts'
import { wayOf } from './rules.ts'

const read = (path: string): string => readFileSync(join(root, path), 'utf8')
const placeOf = ({ page, line }: Block): string => `${page}:${line}`

describe('the blocks of the pages', () => {
  it('all have a rule that says what holds them', () => {
    const counts = Object.fromEntries(
      ['runs', 'compiled', 'parsed', 'test', 'commands', 'data'].map((way) => [
        way,
        BLOCKS.filter((block) => wayOf(block)?.way === way).length,
      ]),
    )
    expect(BLOCKS.filter((block) => wayOf(block) === undefined).map(placeOf)).toEqual([])
    // Other fences than backticks would not be found.
    expect(PAGES.filter((page) => /^ *(?:~~~|<pre)/m.test(read(page)))).toEqual([])
    expect(Object.values(counts).reduce((all, one) => all + one)).toBe(BLOCKS.length)
    // A rule that matches too much would leave out blocks silently.
    expect([counts['compiled'], counts['parsed']]).toEqual([1, 12])
    expect(counts['runs']).toBeGreaterThan(100)
  })

  it('are in a test that reads their page, where a rule says so', () => {
    const missing = BLOCKS.filter((block) => {
      const way = wayOf(block)
      if (way?.way !== 'test') return false
      const page = block.page.replace('docs/', '')
      return !existsSync(join(root, way.file)) || !read(way.file).includes(`unpack('${page}'`)
    })
    expect(missing.map(placeOf)).toEqual([])
  })

  const data = BLOCKS.filter((block) => wayOf(block)?.way === 'data')
  it.each(data.map((block) => [placeOf(block), block] as const))(
    'agree with us: %s',
    (_, block) => {
      const check = AGREES[block.language]
      expect(check).toBeDefined()
      check?.(block.code)
    },
  )

  it('write files that can be read, and that agree with ours', () => {
    const written = BLOCKS.flatMap(({ code }) =>
      [...code.matchAll(/^cat > (\S+) <<'\w+'\n([\s\S]*?)\n\w+$/gm)].map(
        ([, name = '', text = '']) => ({ name, text }),
      ),
    )
    const ofKind = (ending: string) => written.filter(({ name }) => name.endsWith(ending))
    for (const { text } of ofKind('.json')) expect(JSON.parse(text)).toBeTypeOf('object')
    const { runtime, handlers, inbound_services } = parse(read('app.yaml')) as object & {
      [name: string]: unknown
    }
    for (const { name, text } of ofKind('.yaml')) {
      expect(name).toBe('app.yaml')
      expect(parse(text)).toMatchObject({ runtime, handlers, inbound_services })
    }
    expect(ofKind('.json').length).toBeGreaterThan(3)
    expect(ofKind('.yaml').length).toBeGreaterThan(0)
  })
})

function expectChangeFile(shown: object): void {
  const { kinds } = parse(read('.changie.yaml')) as { kinds: { label: string }[] }
  expect(Object.keys(shown)).toEqual(['kind', 'body', 'time'])
  expect(kinds.map(({ label }) => label)).toContain((shown as { kind: string }).kind)
}

/** For each language of a block: the file or the source with which it has to agree. */
const AGREES: Readonly<Record<string, (code: string) => void>> = {
  json: (code) => {
    const { scripts } = JSON.parse(`{${code}}`) as { scripts: Record<string, string> }
    const folders = readdirSync(join(root, 'test/frameworks')).filter((name) => name !== 'shared')
    const tests = folders.map((name) => read(`test/frameworks/${name}/package.json`))
    const parsed = tests.map((text) => JSON.parse(text) as { scripts: Record<string, string> })
    expect(parsed.map((one) => one.scripts)).toContainEqual(scripts)
  },
  yaml: (code) => {
    const shown = parse(code) as object
    const [first = ''] = Object.keys(shown)
    if (first === 'kind') expectChangeFile(shown)
    else expect(shown).toEqual(parse(read(`${first}.yaml`)))
  },
  http: (code) => {
    const [header = ''] = code.split(':')
    expect(read('src/express/csrf/security-key.ts').toLowerCase()).toContain(header.toLowerCase())
  },
  mermaid: (code) => {
    const rooms = [...code.matchAll(/\[([\w-]+): /g)].map(([, name = '']) => name)
    expect(rooms.length).toBeGreaterThan(10)
    expect(rooms.filter((name) => !existsSync(join(root, 'src', name)))).toEqual([])
  },
}
