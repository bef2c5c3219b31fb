import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type RunningApp, startApp, Visitor } from './harness.ts'

let app: RunningApp
let visitor: Visitor

beforeEach(async () => {
  app = await startApp()
  visitor = new Visitor(app.url)
})

afterEach(() => app.close())

describe('a request that changes something', () => {
  const paths = ['/login', '/logout', '/cart/add', '/theme', '/language', '/session/reset']

  it('is refused from another site, whatever it asks for', async () => {
    await visitor.post('/login', { user: 'ada' })
    for (const site of ['cross-site', 'same-site']) {
      visitor.headers = { 'sec-fetch-site': site, origin: app.url }
      for (const path of paths) expect((await visitor.send(path)).status).toBe(403)
    }
    visitor.headers = {}
    expect((await visitor.get()).fact('user')).toBe('Ada Lovelace')
  })

  it('is refused before the store is asked', async () => {
    await visitor.get()
    const before = { ...app.calls }
    visitor.headers = { 'sec-fetch-site': 'cross-site' }
    await visitor.send('/logout')
    expect(app.calls).toEqual(before)
  })

  it('counts by its origin where the browser does not say the site', async () => {
    const statusFor = async (headers: Record<string, string>): Promise<number> =>
      (await fetch(`${app.url}/logout`, { method: 'POST', redirect: 'manual', headers })).status
    expect(await statusFor({ origin: app.url })).toBe(303)
    expect(await statusFor({ origin: app.url.replace('http:', 'https:') })).toBe(403)
    expect(await statusFor({ origin: `http://localhost:${app.port}` })).toBe(403)
    expect(await statusFor({ origin: 'null' })).toBe(403)
    expect(await statusFor({})).toBe(403)
    expect(await statusFor({ 'sec-fetch-site': 'none' })).toBe(403)
    const forged = { origin: 'http://evil.example', 'x-forwarded-host': 'evil.example' }
    expect(await statusFor(forged)).toBe(403)
  })

  it('is refused when its body is too large, or of another kind', async () => {
    expect((await visitor.send('/cart/add', { name: 'x'.repeat(3000) })).status).toBe(413)
    visitor.headers = { 'content-type': 'application/json' }
    expect((await visitor.send('/cart/add', { name: 'x' })).status).toBe(400)
  })
})

describe('pages without a session', () => {
  it('answers /healthz without store and cookie, even when the store is down', async () => {
    await visitor.get()
    const before = { ...app.calls }
    app.setDown(true)
    const answer = await visitor.get('/healthz')
    expect(answer.status).toBe(200)
    expect(answer.text).toBe('ok\n')
    expect(answer.headers.getSetCookie()).toEqual([])
    expect(answer.headers.get('vary')).toBeNull()
    expect(app.calls).toEqual(before)
  })

  it('warms up with one lookup, and sets no cookie', async () => {
    const answer = await visitor.get('/_ah/warmup')
    expect(answer.status).toBe(200)
    expect(answer.headers.getSetCookie()).toEqual([])
    expect(app.calls).toEqual({ find: 1, write: 0 })
  })

  it('serves the style sheet and the icon to be cached by everybody', async () => {
    const { text } = await visitor.get()
    const before = { ...app.calls }
    const style = await visitor.get(/href="(\/style\.css[^"]+)"/.exec(text)?.[1] ?? '')
    expect(style.headers.get('content-type')).toMatch(/^text\/css/)
    expect(style.headers.get('cache-control')).toContain('immutable')
    expect(style.headers.get('vary')).toBeNull()
    expect((await visitor.get('/icon.svg')).headers.get('content-type')).toMatch(/^image\/svg/)
    expect(app.calls).toEqual(before)
  })
})

describe('an error page', () => {
  it('is a 404 for an address that leads nowhere', async () => {
    const answer = await visitor.get('/<script>alert(1)</script>')
    expect(answer.status).toBe(404)
    expect(answer.text).toContain('There is no such page')
    expect(answer.text).not.toContain('alert(1)')
    expect((await visitor.get('/%zz')).status).toBe(404)
    expect((await visitor.get('/logout')).status).toBe(404)
  })

  it('is a 503 when the store is down, and the session is there again after', async () => {
    await visitor.post('/login', { user: 'ada' })
    const cookies = new Map(visitor.cookies)
    app.setDown(true)
    const answer = await visitor.get()
    expect(answer.status).toBe(503)
    expect(answer.headers.get('retry-after')).toBe('5')
    expect(answer.headers.getSetCookie()).toEqual([])
    expect(answer.text).toContain('The sessions cannot be reached')
    expect(answer.text).not.toMatch(/secret detail|Error|at \w+ \(/)
    expect(app.logged).toEqual(['GET / failed with 503'])
    app.setDown(false)
    expect(visitor.cookies).toEqual(cookies)
    expect((await visitor.get()).fact('user')).toBe('Ada Lovelace')
  })

  it('takes the place of the page when the session cannot be stored', async () => {
    app.setDown(true)
    const answer = await visitor.get()
    expect(answer.status).toBe(503)
    expect(answer.headers.getSetCookie()).toEqual([])
    expect(answer.text).not.toContain('id="visits"')
    const posted = await visitor.post('/cart/add', { name: 'Coffee' })
    expect(posted.status).toBe(503)
    expect(posted.headers.get('location')).toBeNull()
  })

  it('speaks the language of the visitor', async () => {
    visitor.cookies.set('language', 'de')
    expect((await visitor.get('/nowhere')).text).toContain('Diese Seite gibt es nicht')
    await visitor.get()
    app.setDown(true)
    expect((await visitor.get('/nowhere')).status).toBe(404)
    expect((await visitor.get()).text).toContain('Die Sitzungen sind nicht erreichbar')
  })
})

describe('behind a proxy that ends TLS', () => {
  let proxied: RunningApp

  beforeEach(async () => {
    proxied = await startApp({ behindProxy: true })
    visitor = new Visitor(proxied.url)
    visitor.headers = { 'x-forwarded-proto': 'https' }
  })

  afterEach(() => proxied.close())

  it('sends the __Host- cookie, Secure like the cookie of the language', async () => {
    await visitor.get()
    await visitor.send('/language', { language: 'de' })
    expect(visitor.setCookies[0]).toMatch(
      /^__Host-viur-session=[\w-]{43}; .*; Secure; SameSite=Lax$/,
    )
    expect(visitor.setCookies[0]).not.toMatch(/domain/i)
    expect(visitor.setCookies[1]).toMatch(/^language=de; .*; Secure; SameSite=Lax$/)
  })

  it('does not believe that header where no proxy is expected', async () => {
    const direct = new Visitor(app.url)
    direct.headers = { 'x-forwarded-proto': 'https' }
    await direct.get()
    // The header shows that there is a proxy, so the visitor may be elsewhere, and gets no cookie without Secure.
    expect(direct.setCookies).toEqual([])
    const near = new Visitor(app.url)
    await near.get()
    expect([...near.cookies.keys()]).toEqual(['viur-session'])
  })
})

describe('with other settings', () => {
  it('escapes the list of users', async () => {
    const name = '<img src=x onerror=alert(1)>'
    const other = await startApp({ users: [{ id: '"><script>', name }] })
    const page = await new Visitor(other.url).post('/login', { user: '"><script>' })
    await other.close()
    expect(page.status).toBe(200)
    expect(page.text).not.toMatch(/<img src=x|<script/)
  })

  it('signs the cookie, and costs no lookup for one that it did not sign', async () => {
    const secrets = ['a secret of at least thirty-two bytes']
    const signed = await startApp({ options: { cookie: { secrets } } })
    visitor = new Visitor(signed.url)
    await visitor.get()
    expect(visitor.cookies.get('viur-session')).toMatch(/^s(:|%3A)/)
    expect((await visitor.get()).fact('visits')).toBe('2')
    const { find } = signed.calls
    visitor.cookies.set('viur-session', 'A'.repeat(43))
    expect((await visitor.get()).fact('session-outcome')).toMatch(/^malformed/)
    expect(signed.calls.find).toBe(find)
    await signed.close()
  })
})
