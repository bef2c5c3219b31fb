import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { lifeLine } from '../../src/app/pages/life-line.ts'
import { textsIn } from '../../src/app/pages/texts-in.ts'
import { regionIn, SNIPPETS, type SnippetName } from '../../src/app/snippets.ts'
import { type Answer, fakeNow, type RunningApp, startApp, Visitor } from './harness.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))
const HOUR = 60 * 60 * 1000

let app: RunningApp
let visitor: Visitor
let clock: ReturnType<typeof fakeNow>

beforeEach(async () => {
  clock = fakeNow()
  app = await startApp({ options: { now: clock.now } })
  visitor = new Visitor(app.url)
})

afterEach(() => app.close())

/** The file and the lines of every snippet on a page. */
function snippetsIn({ text }: Answer): string[] {
  const found = text.matchAll(
    /<figure class="source"[^>]*>\s*<figcaption>([^<]+)<\/figcaption>\s*<pre><code>([\s\S]*?)<\/code>/g,
  )
  return [...found].map(([, file = '', code = '']) => `${file}\n${unescaped(code).trimEnd()}`)
}

const unescaped = (text: string): string =>
  text
    .replace(/<[^>]+>/g, '')
    .replace(/&#(\d+);/g, (_, code: string) => String.fromCharCode(Number(code)))

describe('the code on the cards', () => {
  const names = Object.keys(SNIPPETS) as SnippetName[]

  it.each(names)('has three to six lines that stand in the source: %s', (name) => {
    const { file, code } = SNIPPETS[name]
    const lines = code.split('\n')
    expect(lines.length).toBeGreaterThanOrEqual(3)
    expect(lines.length).toBeLessThanOrEqual(6)
    expect(lines.filter((line) => line.length > 80)).toEqual([])
    const source = readFileSync(`${root}${file}`, 'utf8').replace(/^ +/gm, '')
    expect(source).toContain(code.replace(/^ +/gm, ''))
  })

  it('stands on every card, and every snippet on a card', async () => {
    await visitor.post('/login', { user: 'ada' })
    await visitor.post('/cart/add', { name: 'Coffee' })
    const pages = ['/', '/order', '/devices', '/confirm', '/ops', '/login']
    const shown = new Set<string>()
    for (const path of pages) {
      const page = await visitor.get(path)
      for (const snippet of snippetsIn(page)) shown.add(snippet)
      for (const [card = ''] of page.text.matchAll(/<(section|form) class="card[\s\S]*?<\/\1>/g))
        if (!card.includes('class="lines"')) expect(card).toContain('class="source"')
    }
    expect(shown).toEqual(
      new Set(Object.values(SNIPPETS).map(({ file, code }) => `${file}\n${code}`)),
    )
  })

  it('stops the app where a region is missing, and says which', () => {
    const source = 'a\n  // #region one\n  b\n    c\n  // #endregion\n// #region two\nd\n'
    expect(regionIn(source, 'one', 'x.ts')).toBe('b\n  c')
    for (const name of ['two', 'three']) {
      expect(() => regionIn(source, name, 'x.ts')).toThrow(
        `x.ts has no lines between "// #region ${name}" and "// #endregion"`,
      )
    }
  })
})

describe('a race', () => {
  it('keeps both changes of the session, and loses one of a record that is saved as a whole', async () => {
    await visitor.get()
    const page = await visitor.post('/race')
    expect(page.fact('race-left')).toBe('kept')
    expect(page.fact('race-right')).toBe('kept')
    expect(page.fact('race-together')).toBe('+2 of 2')
    expect(page.fact('whole-left')).toBe('lost')
    expect(page.fact('whole-right')).toBe('kept')
    expect(page.fact('whole-together')).toBe('+1 of 2')
  })

  it('really changes the session, each time', async () => {
    await visitor.get()
    await visitor.post('/race')
    const page = await visitor.post('/race')
    for (const [name, value] of [
      ['left', '2'],
      ['right', '2'],
      ['together', '4'],
    ])
      expect(page.text).toContain(`<dt><code>${name}</code></dt><dd><pre>${value}</pre></dd>`)
    expect((await visitor.get()).text).not.toContain('id="race-left"')
  })

  it('stores nothing for a browser without a session', async () => {
    const { write } = app.calls
    const answer = await visitor.send('/race')
    expect([answer.status, answer.headers.get('location')]).toEqual([303, '/#race'])
    expect(app.calls.write).toBe(write)
    expect(visitor.cookies.size).toBe(0)
  })
})

describe('the life of the session', () => {
  it('shows both limits, and the idle one moves with use', async () => {
    await visitor.post('/login', { user: 'ada' })
    clock.advance(30 * 60_000)
    const page = await visitor.get()
    expect(page.fact('life-used')).toBe('30 minutes')
    expect(page.fact('life-idle')).toBe('60 minutes')
    expect(page.fact('life-absolute')).toBe('12 hours')
    expect(page.fact('life-desc')).toBe(
      'In use for 30 minutes. Ends in 60 minutes if it is not used, and in 12 hours in any case.',
    )
  })

  it('is bound by the absolute limit, which no use moves', async () => {
    await visitor.post('/login', { user: 'ada' })
    for (let hour = 0; hour < 23; hour += 1) {
      clock.advance(HOUR / 2)
      await visitor.get()
    }
    const page = await visitor.get()
    expect(page.fact('life-idle')).toBe('30 minutes')
    expect(page.fact('life-absolute')).toBe('30 minutes')
    clock.advance(HOUR / 2 + 1)
    expect((await visitor.get()).fact('user')).toBe('Nobody')
  })

  it.each([
    [0, 0, HOUR],
    [0, 6 * HOUR, 6 * HOUR + 30_000],
    [0, 12 * HOUR, 12 * HOUR],
    [0, 13 * HOUR, 14 * HOUR],
    [HOUR, 0, HOUR],
  ])('stays within its drawing: %d, %d, %d', (began, now, expires) => {
    const drawn = lifeLine({ began, now, expires }, textsIn('en'), 'en').toString()
    const spans = [...drawn.matchAll(/<rect class="(\w+)" x="(-?\d+)" y="\d+" width="(-?\d+)"/g)]
    expect(spans.map(([, name]) => name)).toEqual(['rest', 'idle', 'used'])
    for (const [, , x, width] of spans) {
      expect(Number(x)).toBeGreaterThanOrEqual(0)
      expect(Number(width)).toBeGreaterThanOrEqual(0)
      expect(Number(x) + Number(width)).toBeLessThanOrEqual(1000)
    }
    // The span until the idle limit stays visible.
    expect(Number(spans[1]?.[3])).toBeGreaterThanOrEqual(6)
  })
})

describe('a login', () => {
  it('returns to the page that needs one', async () => {
    const asked = await visitor.get('/devices')
    expect(asked.headers.get('location')).toBe('/login?returnTo=%2Fdevices')
    const form = await visitor.get('/login?returnTo=%2Fdevices')
    expect(form.text).toContain('<input type="hidden" name="returnTo" value="/devices">')
    const answer = await visitor.send('/login', { user: 'ada', returnTo: '/devices' })
    expect(answer.headers.get('location')).toBe('/devices')
    const page = await visitor.get('/devices')
    expect(page.text).toContain('You are signed in, and the session has a new id.')
  })

  it('leads from every page for guests back to it', async () => {
    for (const path of ['/', '/order', '/ops'])
      expect((await visitor.get(path)).text).toContain(
        `href="/login?returnTo=${encodeURIComponent(path)}"`,
      )
    await visitor.post('/login', { user: 'ada' })
    expect((await visitor.get()).text).not.toContain('href="/login')
  })

  it.each(['//evil.example', 'https://evil.example', '/\\evil.example', 'javascript:alert(1)'])(
    'leads to no other site: %s',
    async (returnTo) => {
      const form = await visitor.get(`/login?returnTo=${encodeURIComponent(returnTo)}`)
      expect(form.text).not.toContain('evil.example')
      for (const path of ['/login', '/language', '/theme']) {
        const fields = { user: 'ada', language: 'en', theme: 'dark', returnTo }
        expect((await visitor.send(path, fields)).headers.get('location')).toBe('/')
      }
    },
  )
})

describe('a notice', () => {
  it.each([
    ['/login', { user: 'ada' }, 'You are signed in'],
    ['/logout', {}, 'You are signed out'],
    ['/session/renew', {}, 'The session has a new id'],
    ['/session/reset', {}, 'The old session has ended'],
    ['/session/expiry', { expiry: 'minutes' }, 'follows the lifetime you picked'],
    ['/cart/add', { name: 'Coffee' }, 'Stored: the cart'],
    ['/cart/change', { id: '1', action: 'plus' }, 'Stored: the cart'],
  ])('follows %s, once', async (path, fields, words) => {
    await visitor.get()
    const { text } = await visitor.post(path, fields as Record<string, string>)
    expect(text.match(/role="status"/g)).toHaveLength(1)
    expect(text).toContain(words)
    expect((await visitor.get()).text).not.toContain('role="status"')
  })

  it('tells the visitor of a session that ran out', async () => {
    await visitor.post('/session/expiry', { expiry: 'seconds' })
    clock.advance(31_000)
    expect((await visitor.get()).text).toContain('The time of your session had run out')
    expect((await visitor.get()).text).not.toContain('run out')
  })

  it('tells the visitor of a session that was ended in another browser', async () => {
    await visitor.post('/login', { user: 'ada' })
    clock.advance(1000)
    const other = new Visitor(app.url)
    await other.post('/login', { user: 'ada' })
    await other.post('/devices/end-others')
    expect((await visitor.get()).text).toContain('perhaps in another browser')
  })
})

describe('the navigation', () => {
  it('stands in the header of every page, and marks where one is', async () => {
    await visitor.post('/login', { user: 'ada' })
    for (const path of ['/', '/order', '/devices', '/ops']) {
      const { text } = await visitor.get(path)
      const header = /<header[\s\S]*<\/header>/.exec(text)?.[0] ?? ''
      expect(header.match(/aria-current="page"/g)).toHaveLength(1)
      expect(header).toContain(`<a href="${path}" aria-current="page">`)
    }
    expect((await visitor.get('/nowhere')).text).toContain('<nav aria-label="Pages">')
  })
})

describe('the texts', () => {
  const shape = (value: unknown): unknown =>
    typeof value === 'object' && value !== null
      ? Object.fromEntries(Object.entries(value).map(([key, one]) => [key, shape(one)]))
      : typeof value

  it('are complete in both languages', () => {
    const [english, german] = [textsIn('en'), textsIn('de')]
    expect(shape(german)).toEqual(shape(english))
    const same = (a: unknown, b: unknown, path: string): string[] =>
      typeof a === 'object' && a !== null
        ? Object.keys(a).flatMap((key) =>
            same(a[key as never], (b as never)[key as never], `${path}.${key}`),
          )
        : typeof a === 'string' && a === b
          ? [path]
          : []
    // These are the same word in German.
    expect(same(english, german, '').sort()).toEqual([
      '.race.mine',
      '.start',
      '.stores.datastore.name',
      '.stores.emulator.name',
      '.stores.sqlite.name',
      '.themes.system',
    ])
  })
})
