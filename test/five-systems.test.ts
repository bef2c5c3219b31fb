import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { parseDuration } from '../src/base/duration.ts'
import { createSessions, memoryStore } from '../src/index.ts'
import { Session } from '../src/request/session.ts'

const root = fileURLToPath(new URL('..', import.meta.url))
const read = (file: string): string => readFileSync(join(root, file), 'utf8')

/** How many rows each list of behaviours has. */
const ROWS = { V: 67, G: 10, P: 21, D: 45, B: 26, N: 24 }

const VERDICTS = ['Same', 'Better', 'Other', 'Partly', 'Dropped', 'Missing']

/** The public interface: the names of all entries, and the members of each interface and class with their types. */
const exported = new Set<string>()
const members = new Map<string, Map<string, string>>()
for (const page of readdirSync(join(root, 'test/interface'))) {
  let owner: Map<string, string> | null = null
  for (const line of read(`test/interface/${page}`).split('\n')) {
    const [, name] =
      /^export (?:abstract )?(?:class|interface|type|const|function) (\w+)/.exec(line) ?? []
    if (name !== undefined) {
      exported.add(name)
      owner = members.get(name) ?? new Map()
      members.set(name, owner)
    }
    const [, member] =
      /^ {4}(?:(?:static|readonly|get|abstract) )*(\w+)\??[(<:]/.exec(line) ??
      /readonly (\w+)\??:/.exec(line) ??
      []
    if (member !== undefined) owner?.set(member, `${owner.get(member) ?? ''} ${line}`)
    const literals = line.match(/'[^']+'/g)
    if (literals !== null && owner !== null) owner.set('', `${owner.get('') ?? ''} ${line}`)
  }
}

const typesOf = (member: string): string[] =>
  [...members.values()].flatMap((of) => of.get(member) ?? [])
const isMember = (owner: string, name: string): boolean => members.get(owner)?.has(name) === true
const isLiteral = (text: string): boolean =>
  [...members.values()].some((of) => of.get('')?.includes(text))

/** The kind of the property with this name of a session or of its base classes, if there is one. */
function kindInSession(name: string): 'method' | 'value' | null {
  if (!(name in Session.prototype) || name in Object.prototype) return null
  try {
    return typeof Reflect.get(Session.prototype, name) === 'function' ? 'method' : 'value'
  } catch {
    return 'value' // a getter, which needs a session
  }
}

const sessions = createSessions({ store: memoryStore() })

/** Whether a text in code font is a name of this package, of the language, or a file of the repository. */
function isThere(code: string): boolean {
  if (/^(test|docs|src)\//.test(code)) return existsSync(join(root, code))
  if (['true', 'false', 'null', 'undefined', 'await'].includes(code)) return true
  const [, option, value] = /^(\w+): ('[^']+'|true|false)$/.exec(code) ?? []
  if (option !== undefined && value !== undefined) {
    const types = typesOf(option).join(' ')
    return value.startsWith("'") ? types.includes(value) : types.includes('boolean')
  }
  if (/^'[^']+'$/.test(code)) {
    return isLiteral(code) || parseDuration(code.slice(1, -1)) !== null
  }
  if (/^viur-session(\/[\w-]+)?$/.test(code)) return `.${code.slice(12)}` in entries
  const [, owner, name, call] = /^(?:(\w+)\.)?(\w+)(\(\))?$/.exec(code) ?? []
  if (name === undefined) return false
  const isCall = call !== undefined
  switch (owner) {
    case 'session':
      return kindInSession(name) === (isCall ? 'method' : 'value')
    case 'sessions':
      return isCall && typeof Reflect.get(sessions, name) === 'function'
    case 'entry':
      return isMember('SessionEntry', name) || isMember('SessionInfo', name)
    case 'event':
      return isMember('SessionDeleteEvent', name)
    case 'cookie':
      return isMember('CookieOptions', name)
    case undefined:
      break
    default:
      return false
  }
  if (isCall) return exported.has(name) || typesOf(name).some((line) => line.includes(`${name}(`))
  return exported.has(name) || typesOf(name).length > 0 || name in globalThis
}

const { exports: entries } = JSON.parse(read('package.json')) as { exports: object }

const codeIn = (text: string): string[] =>
  [...text.matchAll(/`([^`]+)`/g)].map(([, code = '']) => code)

/** The cells of the rows of a page, without the header rows. */
const rowsOf = (page: string): string[][] =>
  read(page)
    .split('\n')
    .filter((line) => line.startsWith('| ') && !line.startsWith('| ---'))
    .map((line) =>
      line
        .slice(2, -1)
        .split(/(?<!\\)\|/)
        .map((cell) => cell.trim()),
    )

describe('the table of the five systems', () => {
  const rows = rowsOf('docs/five-systems.md').filter(([number = '']) => /^[A-Z]\d+$/.test(number))

  it('has each row once, in order', () => {
    const expected = Object.entries(ROWS).flatMap(([letter, count]) =>
      Array.from({ length: count }, (_, at) => `${letter}${at + 1}`),
    )
    expect(rows.map(([number]) => number)).toEqual(expected)
  })

  it.each(rows)(
    'says for %s what covers it, with names that exist',
    (_number, there, here = '') => {
      expect(there).not.toBe('')
      const [, verdict = ''] = /^\*\*(\w+)\.\*\*/.exec(here) ?? []
      expect(VERDICTS).toContain(verdict)
      const code = codeIn(here)
      expect(code.filter((name) => !isThere(name))).toEqual([])
      if (['Dropped', 'Missing'].includes(verdict)) expect(here.length).toBeGreaterThan(20)
      else expect(code.some((name) => /^(test|docs)\//.test(name))).toBe(true)
    },
  )
})

const pages = readdirSync(join(root, 'docs/coming-from')).map((name) => `docs/coming-from/${name}`)

describe.each(pages)('%s', (page) => {
  it('contains only names that exist in its tables', () => {
    const rows = rowsOf(page).filter((cells) => cells.length === 2)
    expect(rows.length).toBeGreaterThan(10)
    const missing = rows.flatMap(([, here = '']) => codeIn(here)).filter((name) => !isThere(name))
    expect(missing).toEqual([])
  })

  it('is in the list of five-systems.md', () => {
    expect(read('docs/five-systems.md')).toContain(`](${page.slice('docs/'.length)})`)
  })
})

describe('the check of names', () => {
  it.each([
    'session.logout()',
    'session.user',
    'sessions.entry()',
    'cookie.formerly',
    "load: 'lazy'",
    'events: true',
    "'14d'",
    "'already-running'",
    'viur-session/sqlite',
    'test/five-systems.test.ts',
    'handleFinish()',
  ])('knows %s', (code) => {
    expect(isThere(code)).toBe(true)
  })

  it.each([
    'session.destroy()',
    'session.logout',
    'session.user()',
    'sessions.entries()',
    'cookie.maxAge',
    "load: 'never'",
    'tasks: true',
    "'fortnight'",
    "'no-such-state'",
    'viur-session/redis',
    'test/no-such.test.ts',
    'regenerate_id()',
    'saveUninitialized',
  ])('does not know %s', (code) => {
    expect(isThere(code)).toBe(false)
  })
})
