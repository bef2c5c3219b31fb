import { existsSync, readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'

const root = new URL('../', import.meta.url)
const page = readFileSync(new URL('docs/architecture.md', root), 'utf8')

/** The rows of the table of the rules: number, rooms, tests. */
const rules = [...page.matchAll(/^\| (\d+a?) \|[^|]*\|([^|]*)\|([^|]*)\|$/gm)].map(
  ([, number = '', rooms = '', tests = '']) => ({
    number,
    rooms: pathsIn(rooms),
    tests: pathsIn(tests),
  }),
)

const NUMBERS = [
  ...Array.from({ length: 25 }, (_, at) => String(at + 1)),
  ...['3a', '8a', '14a', '23a'],
]

function pathsIn(text: string): string[] {
  return [...text.matchAll(/`((?:src|test)\/[^`]+)`/g)].map(([, path = '']) => path)
}

describe('the page on architecture', () => {
  it('has every rule once', () => {
    expect(rules.map(({ number }) => number).sort()).toEqual([...NUMBERS].sort())
  })

  it('names the same exception to conditional writes as the promises about security', () => {
    const [, exception = ''] = /^\| 5 \|.* (The only exception: [^|]*?) \|/m.exec(page) ?? []
    expect(exception).not.toBe('')
    const promises = readFileSync(new URL('SECURITY.md', root), 'utf8').replace(/\s+/g, ' ')
    expect(promises).toContain(exception)
  })

  it.each(rules)('names a room and a test for rule $number, and both exist', ({ rooms, tests }) => {
    expect(rooms.length).toBeGreaterThan(0)
    expect(tests.length).toBeGreaterThan(0)
    for (const path of rooms) expect(path).toMatch(/^src\//)
    for (const path of tests) expect(path).toMatch(/^test\/.*\.test\.ts$/)
  })

  it('names only files and folders that exist', () => {
    const named = pathsIn(page)
    expect(named.length).toBeGreaterThan(60)
    expect(named.filter((path) => !existsSync(new URL(path, root)))).toEqual([])
  })

  it('names only files that exist in the chapters about the life of a request, a login and a sweep', () => {
    const lives = page.slice(page.indexOf('## The life of a request'), page.indexOf('## The rules'))
    const named = [...lives.matchAll(/`([a-z-]+\/[a-z/-]+(?:\.ts)?)`/g)].map(
      ([, path = '']) => path,
    )
    expect(named.length).toBeGreaterThan(15)
    expect(named.filter((path) => !existsSync(new URL(`src/${path}`, root)))).toEqual([])
  })
})
