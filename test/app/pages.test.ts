import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { fakeNow, type RunningApp, startApp, Visitor } from './harness.ts'

let app: RunningApp
let visitor: Visitor
const clock = fakeNow()

beforeEach(async () => {
  app = await startApp({ options: { now: clock.now } })
  visitor = new Visitor(app.url)
})

afterEach(() => app.close())

describe('the start page', () => {
  it('counts the visits of one session', async () => {
    expect((await visitor.get()).fact('visits')).toBe('1')
    expect((await visitor.get()).fact('visits')).toBe('2')
    expect((await new Visitor(app.url).get()).fact('visits')).toBe('1')
  })

  it('costs one lookup and one write with a cookie, and no lookup without', async () => {
    await visitor.get()
    expect(app.calls).toEqual({ find: 0, write: 1 })
    await visitor.get()
    expect(app.calls).toEqual({ find: 1, write: 2 })
  })

  it('says how the session was found', async () => {
    const first = await visitor.get()
    expect(first.fact('session-new')).toBe('yes')
    expect(first.fact('session-outcome')).toMatch(/^none/)
    expect(first.fact('session-key')).toBe('gets one with this page')
    const second = await visitor.get()
    expect(second.fact('session-new')).toBe('no')
    expect(second.fact('session-outcome')).toMatch(/^live/)
    expect(second.fact('session-key')).toMatch(/^[\w-]{10}…$/)
    expect(second.text).toContain('datetime="2030-01-01T')
    visitor.cookies.set('viur-session', 'rubbish')
    expect((await visitor.get()).fact('session-outcome')).toMatch(/^malformed/)
    visitor.cookies.set('viur-session', 'A'.repeat(43))
    expect((await visitor.get()).fact('session-outcome')).toMatch(/^unknown/)
  })

  it('never shows the session id', async () => {
    await visitor.get()
    const { text } = await visitor.post('/login', { user: 'ada' })
    expect(text).not.toContain(visitor.cookies.get('viur-session'))
  })

  it('sends a plain cookie over loopback, HttpOnly, for this host alone', async () => {
    await visitor.get()
    expect(visitor.setCookies).toEqual([
      expect.stringMatching(
        /^viur-session=[\w-]{43}; Max-Age=3600; Path=\/; HttpOnly; SameSite=Lax$/,
      ),
    ])
  })

  it('is kept by no cache and framed by no site', async () => {
    const { headers } = await visitor.get()
    expect(headers.get('cache-control')).toContain('no-store')
    expect(headers.get('vary')).toMatch(/cookie/i)
    expect(headers.get('content-security-policy')).toMatch(
      /default-src 'none'.*frame-ancestors 'none'/,
    )
    expect(headers.get('x-content-type-options')).toBe('nosniff')
    expect(headers.get('referrer-policy')).toBe('same-origin')
    expect(headers.get('x-powered-by')).toBeNull()
  })

  it('has nothing inline that its own policy would refuse', async () => {
    await visitor.post('/login', { user: 'ada' })
    const { text } = await visitor.post('/cart/add', { name: 'Coffee' })
    expect(text).not.toMatch(/<script|<style| style=| on\w+=|javascript:/i)
  })

  it('does not count what only asks for the headers', async () => {
    await visitor.get()
    const cookie = `viur-session=${visitor.cookies.get('viur-session')}`
    await fetch(app.url, { method: 'HEAD', headers: { cookie } })
    expect((await visitor.get()).fact('visits')).toBe('2')
  })
})

describe('signing in', () => {
  it('gives the session a new key, keeps the cart and the theme, and drops the rest', async () => {
    await visitor.get()
    await visitor.post('/theme', { theme: 'dark' })
    const before = await visitor.post('/cart/add', { name: 'Notebook' })
    const oldId = visitor.cookies.get('viur-session')
    const after = await visitor.post('/login', { user: 'ada' })
    expect(after.fact('user')).toBe('Ada Lovelace')
    expect(after.fact('session-user')).toBe('ada')
    expect(after.fact('session-key')).not.toBe(before.fact('session-key'))
    expect(after.text).toContain(`<code>${before.fact('session-key')}</code> →`)
    expect(after.text).toContain('>Notebook<')
    expect(after.text).toContain('data-theme="dark"')
    expect(after.fact('visits')).toBe('1')
    expect(visitor.cookies.get('viur-session')).not.toBe(oldId)
  })

  it('makes the old id worthless', async () => {
    await visitor.get()
    const oldId = visitor.cookies.get('viur-session') as string
    await visitor.post('/login', { user: 'ada' })
    const thief = new Visitor(app.url)
    thief.cookies.set('viur-session', oldId)
    const seen = await thief.get()
    expect(seen.fact('user')).toBe('Nobody')
    expect(seen.fact('session-outcome')).toMatch(/^unknown|^ended/)
  })

  it('works without a session before', async () => {
    expect((await visitor.post('/login', { user: 'grace' })).fact('user')).toBe('Grace Hopper')
  })

  it('shows what it has to tell once', async () => {
    const told = await visitor.post('/login', { user: 'ada' })
    expect(told.text).toContain('role="status"')
    expect((await visitor.get()).text).not.toContain('role="status"')
  })

  it('refuses a user who is not in the list', async () => {
    expect((await visitor.post('/login', { user: '__guest__' })).status).toBe(400)
    expect((await visitor.get()).fact('user')).toBe('Nobody')
  })

  it('ends with signing out: the id is dead, and the next page says so', async () => {
    await visitor.post('/login', { user: 'ada' })
    const id = visitor.cookies.get('viur-session') as string
    const answer = await visitor.send('/logout')
    expect(answer.status).toBe(303)
    expect(visitor.cookies.get('viur-session')).not.toBe(id)
    expect((await visitor.get()).text).toContain('You are signed out')
    expect((await visitor.get()).text).not.toContain('You are signed out')
    const thief = new Visitor(app.url)
    thief.cookies.set('viur-session', id)
    expect((await thief.get()).fact('user')).toBe('Nobody')
    expect((await visitor.get()).fact('user')).toBe('Nobody')
  })
})

describe('the cart', () => {
  it('is changed in place: more, less, gone', async () => {
    await visitor.post('/cart/add', { name: 'Coffee' })
    await visitor.post('/cart/add', { name: 'Lamp' })
    await visitor.post('/cart/change', { id: '1', action: 'plus' })
    expect(cartIn(await visitor.get())).toEqual([
      { id: 1, name: 'Coffee', quantity: 2 },
      { id: 2, name: 'Lamp', quantity: 1 },
    ])
    await visitor.post('/cart/change', { id: '1', action: 'minus' })
    await visitor.post('/cart/change', { id: '2', action: 'remove' })
    expect(cartIn(await visitor.get())).toEqual([{ id: 1, name: 'Coffee', quantity: 1 }])
    expect(cartIn(await visitor.post('/cart/change', { id: '1', action: 'minus' }))).toEqual([])
  })

  it('counts the same name up, and stops at its bounds', async () => {
    await visitor.post('/cart/add', { name: ' Desk   lamp ' })
    expect(cartIn(await visitor.post('/cart/add', { name: 'Desk lamp' }))).toEqual([
      { id: 1, name: 'Desk lamp', quantity: 2 },
    ])
    for (let count = 0; count < 25; count += 1)
      await visitor.send('/cart/add', { name: `${count}` })
    expect(cartIn(await visitor.get())).toHaveLength(20)
  })

  it('leaves alone what is not there, and refuses what makes no sense', async () => {
    await visitor.post('/cart/add', { name: 'Coffee' })
    expect((await visitor.post('/cart/change', { id: '9', action: 'remove' })).status).toBe(200)
    expect((await visitor.post('/cart/change', { id: '1', action: 'eat' })).status).toBe(400)
    expect((await visitor.post('/cart/add', { name: '  ' })).status).toBe(400)
    expect((await visitor.post('/cart/add')).status).toBe(400)
    expect((await visitor.send('/cart/add', 'name=a&name=b')).status).toBe(400)
    expect(cartIn(await visitor.get())).toHaveLength(1)
  })

  it('shows names as text, whatever is in them', async () => {
    const name = `"><img src=x onerror=alert(1)>'</pre><script>`
    const { text } = await visitor.post('/cart/add', { name })
    expect(text).not.toMatch(/<img src=x|<script/)
    expect(text).toContain('&#34;&#62;&#60;img src=x onerror=alert(1)&#62;&#39;&#60;/pre&#62;')
  })
})

describe('the lifetime', () => {
  it('is what the visitor picked: 30 seconds', async () => {
    const page = await visitor.post('/session/expiry', { expiry: 'seconds' })
    expect(page.fact('expires')).toBe('30 seconds')
    expect(page.text).toMatch(/value="seconds" checked/)
    expect(visitor.setCookies.at(-1)).toContain('Max-Age=30;')
    const { cookies } = visitor
    const id = cookies.get('viur-session') as string
    clock.advance(31_000)
    const late = await visitor.get()
    expect(late.fact('session-outcome')).toMatch(/^expired/)
    expect(late.fact('visits')).toBe('1')
    expect(cookies.get('viur-session')).not.toBe(id)
  })

  it('goes on with use', async () => {
    await visitor.post('/session/expiry', { expiry: 'seconds' })
    for (let count = 0; count < 4; count += 1) {
      clock.advance(20_000)
      await visitor.get()
    }
    expect((await visitor.get()).fact('visits')).toBe('6')
  })

  it('can be ten minutes, the browser, and the rule again', async () => {
    expect((await visitor.post('/session/expiry', { expiry: 'minutes' })).fact('expires')).toBe(
      '10 minutes',
    )
    const browser = await visitor.post('/session/expiry', { expiry: 'browser' })
    expect(browser.fact('session-browser-close')).toBe('yes')
    expect(visitor.setCookies.at(-1)).not.toContain('Max-Age')
    const rule = await visitor.post('/session/expiry', { expiry: 'rule' })
    expect(rule.fact('session-browser-close')).toBe('no')
    expect(rule.fact('expires')).toBe('60 minutes')
    expect(visitor.setCookies.at(-1)).toContain('Max-Age=3600;')
    expect((await visitor.post('/session/expiry', { expiry: 'toString' })).status).toBe(400)
  })
})

describe('the identity', () => {
  it('changes with a new id, and all data stays', async () => {
    await visitor.post('/cart/add', { name: 'Coffee' })
    const before = await visitor.post('/login', { user: 'ada' })
    const after = await visitor.post('/session/renew')
    expect(after.fact('session-key')).not.toBe(before.fact('session-key'))
    expect(after.fact('user')).toBe('Ada Lovelace')
    expect(after.fact('visits')).toBe('2')
    expect(cartIn(after)).toHaveLength(1)
  })

  it('changes with a reset, and nothing stays', async () => {
    await visitor.post('/cart/add', { name: 'Coffee' })
    const before = await visitor.post('/login', { user: 'ada' })
    const after = await visitor.post('/session/reset')
    expect(after.fact('session-key')).not.toBe(before.fact('session-key'))
    expect(after.fact('user')).toBe('Nobody')
    expect(after.text).not.toContain('Coffee</span>')
  })
})

describe('the language', () => {
  it('is kept in a cookie of the app, beside that of the session', async () => {
    await visitor.get()
    const id = visitor.cookies.get('viur-session')
    const page = await visitor.post('/language', { language: 'de' })
    expect(page.text).toContain('<html lang="de"')
    expect(page.text).toContain('Ihre Sitzung, offen gezeigt')
    expect(page.fact('visits')).toBe('2')
    expect(visitor.cookies).toEqual(
      new Map([
        ['viur-session', id],
        ['language', 'de'],
      ]),
    )
    expect(visitor.setCookies.at(-1)).toMatch(
      /^language=de; Max-Age=31536000; Path=\/; Expires=[^;]+; HttpOnly; SameSite=Lax$/,
    )
  })

  it('outlives the session', async () => {
    await visitor.post('/language', { language: 'de' })
    await visitor.post('/login', { user: 'ada' })
    expect((await visitor.post('/logout')).text).toContain('<html lang="de"')
  })

  it('is what the browser asks for where nobody chose', async () => {
    visitor.headers = { 'accept-language': 'de-AT,de;q=0.9,en;q=0.5' }
    expect((await visitor.get()).text).toContain('<html lang="de"')
    visitor.cookies.set('language', 'j%3A%5B%22de%22%5D')
    visitor.headers = { 'accept-language': 'fr' }
    expect((await visitor.get()).text).toContain('<html lang="en"')
  })

  it('is one of ours', async () => {
    expect((await visitor.post('/language', { language: 'xx' })).status).toBe(400)
  })
})

describe('the theme', () => {
  it('is kept in a scope, apart from the data of the app', async () => {
    const dark = await visitor.post('/theme', { theme: 'dark' })
    expect(dark.text).toContain('data-theme="dark"')
    expect(dark.text).toMatch(/Scope <code>appearance<\/code>/)
    expect((await visitor.post('/theme', { theme: 'system' })).text).toContain(
      'data-theme="system"',
    )
    expect((await visitor.post('/theme', { theme: '"><b>' })).status).toBe(400)
  })
})

function cartIn({ text }: { text: string }): unknown {
  const match = /<dt><code>cart<\/code><\/dt><dd><pre>([\s\S]*?)<\/pre>/.exec(text)
  const json = (match?.[1] ?? '{"items":[]}').replace(/&#(\d+);/g, (_, code: string) =>
    String.fromCharCode(Number(code)),
  )
  return (JSON.parse(json) as { items: unknown }).items
}
