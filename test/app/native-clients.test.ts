import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type RunningApp, startApp, Visitor } from './harness.ts'

const HEADER = 'Sec-X-ViUR-StaticSessionKey'

let app: RunningApp

beforeEach(async () => {
  app = await startApp()
})

afterEach(() => app.close())

/** A native client: it keeps the cookie, and sends no origin. */
class NativeClient {
  cookie = ''

  async post(
    path: string,
    body: unknown,
    headers: Record<string, string> = {},
  ): Promise<{ status: number; body: unknown; headers: Headers }> {
    const response = await fetch(`${app.url}${path}`, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        ...(this.cookie !== '' && { cookie: this.cookie }),
        ...headers,
      },
      body: typeof body === 'string' ? body : JSON.stringify(body),
    })
    for (const line of response.headers.getSetCookie()) [this.cookie = ''] = line.split(';')
    const text = await response.text()
    const answer: unknown = text === '' ? null : JSON.parse(text)
    return { status: response.status, body: answer, headers: response.headers }
  }

  /** Signs in, and returns the static key. */
  async signIn(user = 'ada'): Promise<string> {
    const { status, headers } = await this.post('/api/login', { user })
    expect(status).toBe(200)
    return headers.get(HEADER) ?? ''
  }
}

describe('a client that is no browser', () => {
  it('gets its static key with the login, once, and changes things with it', async () => {
    const client = new NativeClient()
    const login = await client.post('/api/login', { user: 'ada' })
    expect(login.body).toEqual({ user: 'ada' })
    expect(login.headers.get('cache-control')).toContain('no-store')
    const key = login.headers.get(HEADER) ?? ''
    expect(key).toMatch(/^[\w-]{43}$/)
    expect(client.cookie).toMatch(/^viur-session=[\w-]{43}$/)
    expect(client.cookie).not.toContain(key)
    for (const pieces of [1, 2]) {
      const answer = await client.post('/api/cart', { name: 'Coffee' }, { [HEADER]: key })
      expect([answer.status, answer.body]).toEqual([200, { pieces }])
      expect(answer.headers.get(HEADER)).toBeNull()
    }
    expect((await client.post('/api/logout', {}, { [HEADER]: key })).status).toBe(204)
    const after = await client.post('/api/cart', { name: 'Coffee' }, { [HEADER]: key })
    expect([after.status, after.body]).toEqual([403, { error: 'refused' }])
  })

  it('is in the list of devices, and can be ended there', async () => {
    const client = new NativeClient()
    const key = await client.signIn()
    const browser = new Visitor(app.url)
    await browser.send('/login', { user: 'ada' })
    expect((await browser.get('/devices')).text).toContain('End the session of node')
    await browser.send('/devices/end-others')
    expect((await client.post('/api/cart', { name: 'x' }, { [HEADER]: key })).status).toBe(403)
  })

  it('is refused without its key, and with any other', async () => {
    const client = new NativeClient()
    const key = await client.signIn()
    const other = await new NativeClient().signIn()
    const wrong = ['', 'x', 'A'.repeat(43), other, `${key}x`, key.slice(1)]
    for (const value of wrong) {
      const answer = await client.post('/api/cart', { name: 'x' }, { [HEADER]: value })
      expect([value, answer.status]).toEqual([value, 403])
    }
    expect((await client.post('/api/cart', { name: 'x' })).status).toBe(403)
    // A login makes a new one.
    const next = await client.signIn()
    expect((await client.post('/api/cart', { name: 'x' }, { [HEADER]: key })).status).toBe(403)
    expect((await client.post('/api/cart', { name: 'x' }, { [HEADER]: next })).status).toBe(200)
  })

  it('is nobody without its cookie, whatever key it has', async () => {
    const key = await new NativeClient().signIn()
    const answer = await new NativeClient().post('/api/cart', { name: 'x' }, { [HEADER]: key })
    expect(answer.status).toBe(403)
    expect(answer.headers.getSetCookie()).toEqual([])
  })

  it('gets neither key nor cookie when the session cannot be stored', async () => {
    app.setDown(true)
    const client = new NativeClient()
    const answer = await client.post('/api/login', { user: 'ada' })
    expect([answer.status, answer.body]).toEqual([503, { error: 'unavailable' }])
    expect(answer.headers.get(HEADER)).toBeNull()
    expect(client.cookie).toBe('')
    expect(app.logged).toEqual(['POST /api/login failed with 503'])
  })

  it('is told in JSON what makes no sense', async () => {
    const client = new NativeClient()
    for (const body of [{}, { user: 'eve' }, { user: ['ada'] }, 'null', '{', '"ada"']) {
      const answer = await client.post('/api/login', body)
      expect([body, answer.status, answer.body]).toEqual([body, 400, { error: 'badRequest' }])
      expect(answer.headers.get(HEADER)).toBeNull()
    }
    const nowhere = await client.post('/api/nowhere', {})
    expect([nowhere.status, nowhere.body]).toEqual([404, { error: 'notFound' }])
  })
})

describe('a page of another site', () => {
  const evil = 'http://evil.example'

  it('signs nobody in: a browser says where a request comes from, or sends no JSON', async () => {
    const client = new NativeClient()
    const shapes = [
      { 'sec-fetch-site': 'cross-site' },
      { 'sec-fetch-site': 'same-site', origin: app.url },
      { origin: evil },
      { origin: 'null' },
    ]
    for (const headers of shapes) {
      const answer = await client.post('/api/login', { user: 'ada' }, headers)
      expect([headers, answer.status]).toEqual([headers, 403])
    }
    // The types of body that a form of another site can send, without the headers of browsers.
    const plain = await client.post('/api/login', { user: 'ada' }, { 'content-type': 'text/plain' })
    expect(plain.status).toBe(400)
    const form = await client.post('/api/login', 'user=ada', {
      'content-type': 'application/x-www-form-urlencoded',
    })
    expect(form.status).toBe(400)
    expect(client.cookie).toBe('')
  })

  it('changes nothing, not even with the right static key', async () => {
    const client = new NativeClient()
    const key = await client.signIn()
    for (const headers of [{ 'sec-fetch-site': 'cross-site' }, { origin: evil }]) {
      const answer = await client.post('/api/cart', { name: 'x' }, { ...headers, [HEADER]: key })
      expect(answer.status).toBe(403)
    }
    // Without the key, a page of this app is refused too: this route is not for forms.
    const own = await client.post('/api/cart', { name: 'x' }, { 'sec-fetch-site': 'same-origin' })
    expect(own.status).toBe(403)
  })
})
