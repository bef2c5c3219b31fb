import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { deviceName } from '../../src/app/pages/device-name.ts'
import { textsIn } from '../../src/app/pages/texts-in.ts'
import { type Answer, fakeNow, type RunningApp, startApp, Visitor } from './harness.ts'

let app: RunningApp
let clock: ReturnType<typeof fakeNow>

const FIREFOX = 'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0'
const IPHONE =
  'Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.0 Mobile/15E148 Safari/604.1'

beforeEach(async () => {
  clock = fakeNow()
  app = await startApp({ options: { now: clock.now } })
})

afterEach(() => app.close())

/** A new visitor, who signs in one second after the one before. */
async function signedIn(user: string, agent = FIREFOX): Promise<Visitor> {
  clock.advance(1000)
  const visitor = new Visitor(app.url)
  visitor.headers = { 'user-agent': agent }
  await visitor.send('/login', { user })
  return visitor
}

/** The keys of the sessions that can be ended on this page, in its order. */
function keysIn({ text }: Answer): string[] {
  return [...text.matchAll(/name="key" value="([^"]*)"/g)].map(([, key = '']) => key)
}

const titles = ({ text }: Answer): string[] =>
  [...text.matchAll(/<h3>(.*?)<\/h3>/g)].map(([, title = '']) => title.replace(/<[^>]+>/g, ''))

async function userOf(visitor: Visitor): Promise<string> {
  return (await visitor.get()).fact('user')
}

describe('the list of devices', () => {
  it('shows all sessions of the user, this one marked and first, the others as last seen', async () => {
    const phone = await signedIn('ada', IPHONE)
    const old = await signedIn('ada', 'curl/8.9.1')
    const here = await signedIn('ada')
    await signedIn('grace')
    clock.advance(10 * 60_000)
    await old.get()
    clock.advance(10 * 60_000)
    await phone.get()
    const page = await here.get('/devices')
    expect(page.status).toBe(200)
    expect(page.headers.get('cache-control')).toContain('no-store')
    expect(titles(page)).toEqual(['Firefox on Linux this device', 'Safari on iPhone', 'curl'])
    expect(page.fact('current-device')).toBe('this device')
    expect(page.text.match(/id="current-device"/g)).toHaveLength(1)
    expect(page.text).toContain(`<code>${IPHONE}</code>`)
    // The session keeps only the network: the last part of the address is 0.
    expect(page.text.match(/<code>127\.0\.0\.0<\/code>/g)).toHaveLength(3)
    // The times of the second device: of its login, and of its last visit.
    const times = page.text.matchAll(/<time datetime="([^"]+)" title="([^"]+)">([^<]+)</g)
    expect([...times].slice(2, 4).map(([, ...time]) => time)).toEqual([
      ['2030-01-01T00:00:01.000Z', '1 Jan 2030, 00:00:01 UTC', '20 minutes ago'],
      ['2030-01-01T00:20:04.000Z', '1 Jan 2030, 00:20:04 UTC', 'now'],
    ])
    for (const visitor of [phone, old, here])
      expect(page.text).not.toContain(visitor.cookies.get('viur-session'))
  })

  it('is for users who are signed in', async () => {
    const guest = new Visitor(app.url)
    for (const path of ['/devices', '/confirm']) {
      const asked = await guest.get(path)
      expect(asked.status).toBe(303)
      expect(asked.headers.get('location')).toBe(`/login?returnTo=%2F${path.slice(1)}`)
    }
    expect(guest.cookies.size).toBe(0)
    for (const [path, page] of [
      ['/devices/end', 'devices'],
      ['/devices/end-others', 'devices'],
      ['/confirm', 'confirm'],
    ] as const) {
      const refused = await guest.send(path, { key: 'A'.repeat(43) })
      expect(refused.status).toBe(401)
      expect(refused.text).toContain('This page is for users who are signed in')
      expect(refused.text).toContain(`href="/login?returnTo=%2F${page}"`)
    }
  })

  it('shows the agent as text, and names a device that says nothing', async () => {
    const here = await signedIn('ada', '"><img src=x onerror=alert(1)>')
    const page = await here.get('/devices')
    expect(page.text).not.toMatch(/<img src=x|<script|<style| style=/)
    expect(titles(page)).toEqual(['Unknown device this device'])
    expect(page.text).toContain('You are signed in nowhere else')
    expect(page.text).not.toContain('/devices/end')
  })

  it('is never longer than ten: an eleventh login ends the oldest', async () => {
    const visitors: Visitor[] = []
    for (let count = 0; count < 11; count += 1) visitors.push(await signedIn('ada'))
    const page = await (visitors[10] as Visitor).get('/devices')
    expect(titles(page)).toHaveLength(10)
    expect(await userOf(visitors[0] as Visitor)).toBe('Nobody')
    expect(await userOf(visitors[1] as Visitor)).toBe('Ada Lovelace')
  })

  it('speaks German, and the switches lead back to it', async () => {
    const here = await signedIn('ada')
    await here.post('/language', { language: 'de', returnTo: '/devices' })
    const page = await here.post('/theme', { theme: 'dark', returnTo: '/devices' })
    expect(page.text).toContain('<h1>Ihre Geräte</h1>')
    expect(titles(page)).toEqual(['Firefox auf Linux dieses Gerät'])
  })
})

describe('ending a session', () => {
  it('signs that device out, and no other', async () => {
    const phone = await signedIn('ada', IPHONE)
    const desk = await signedIn('ada')
    const here = await signedIn('ada')
    const [first = ''] = keysIn(await here.get('/devices'))
    const after = await here.post('/devices/end', { key: first })
    expect(after.text).toContain('That session has ended')
    expect(titles(after)).toHaveLength(2)
    expect(await userOf(desk)).toBe('Nobody')
    expect(await userOf(phone)).toBe('Ada Lovelace')
    expect(await userOf(here)).toBe('Ada Lovelace')
  })

  it('refuses the key of somebody else, like one that nobody has', async () => {
    const grace = await signedIn('grace')
    const guest = new Visitor(app.url)
    await guest.get()
    const foreign: string[] = []
    for (const user of ['grace', '__guest__'])
      for await (const { key } of app.sessions.listSessionsByUser(user)) foreign.push(key)
    expect(foreign).toHaveLength(2)
    const here = await signedIn('ada')
    const pages: string[] = []
    for (const key of [
      ...foreign,
      'A'.repeat(43),
      '',
      'x',
      '../ops',
      grace.cookies.get('viur-session') ?? '',
    ]) {
      const answer = await here.send('/devices/end', { key })
      expect([key, answer.status]).toEqual([key, 404])
      pages.push(answer.text)
    }
    // All answers are the same, so nobody learns which keys exist.
    expect(new Set(pages).size).toBe(1)
    expect(pages[0]).toContain('You have no such session')
    expect((await here.send('/devices/end')).status).toBe(400)
    expect(await userOf(grace)).toBe('Grace Hopper')
    expect((await guest.get()).fact('visits')).toBe('2')
  })

  it('says so when the session has ended meanwhile', async () => {
    const desk = await signedIn('ada')
    const here = await signedIn('ada')
    const [key = ''] = keysIn(await here.get('/devices'))
    await desk.send('/logout')
    expect((await here.send('/devices/end', { key })).status).toBe(404)
  })

  it('signs out where it is this one', async () => {
    const here = await signedIn('ada')
    const there = await signedIn('ada')
    const [key = ''] = keysIn(await there.get('/devices'))
    const id = here.cookies.get('viur-session')
    expect((await here.post('/devices/end', { key })).text).toContain('You are signed out')
    expect(here.cookies.get('viur-session')).not.toBe(id)
    expect(await userOf(here)).toBe('Nobody')
    expect(await userOf(there)).toBe('Ada Lovelace')
  })

  it('can be all others at once', async () => {
    const others = [await signedIn('ada'), await signedIn('ada', IPHONE)]
    const grace = await signedIn('grace')
    const here = await signedIn('ada')
    const after = await here.post('/devices/end-others')
    expect(after.text).toContain('2 other sessions have ended. This one stays.')
    expect(titles(after)).toEqual(['Firefox on Linux this device'])
    for (const other of others) expect(await userOf(other)).toBe('Nobody')
    expect(await userOf(here)).toBe('Ada Lovelace')
    expect(await userOf(grace)).toBe('Grace Hopper')
    expect((await here.post('/devices/end-others')).text).toContain('There was no other session')
  })

  it('obeys only forms of its own', async () => {
    const desk = await signedIn('ada')
    const here = await signedIn('ada')
    const [key = ''] = keysIn(await here.get('/devices'))
    here.headers = { 'sec-fetch-site': 'cross-site', origin: 'http://evil.example' }
    for (const path of ['/devices/end', '/devices/end-others', '/confirm'])
      expect((await here.send(path, { key })).status).toBe(403)
    expect(await userOf(desk)).toBe('Ada Lovelace')
  })
})

describe('the step-up', () => {
  const MINUTE = 60_000

  it('asks who signed in too long ago to confirm it, and leads back', async () => {
    const desk = await signedIn('ada', IPHONE)
    const here = await signedIn('ada')
    await here.send('/theme', { theme: 'dark' })
    await here.send('/cart/add', { name: 'Coffee' })
    await here.send('/session/expiry', { expiry: 'minutes' })
    await here.get()
    expect((await here.get('/devices')).fact('freshness')).toContain('at once')
    clock.advance(5 * MINUTE + 1)
    const stale = await here.get('/devices')
    expect(stale.fact('freshness')).toContain('asked to confirm')
    const [key = ''] = keysIn(stale)

    for (const path of ['/devices/end', '/devices/end-others']) {
      const answer = await here.send(path, { key })
      expect([answer.status, answer.headers.get('location')]).toEqual([303, '/confirm'])
    }
    expect(await userOf(desk)).toBe('Ada Lovelace')
    const asked = await here.get('/confirm')
    expect(asked.text).toContain('I am Ada Lovelace')
    expect(asked.text).toContain('have no passwords')
    expect(asked.text).toContain('href="/devices"')
    expect(asked.headers.get('cache-control')).toContain('no-store')

    const before = here.cookies.get('viur-session') as string
    const confirmed = await here.send('/confirm')
    expect(confirmed.headers.get('location')).toBe('/devices')
    expect(here.cookies.get('viur-session')).not.toBe(before)
    // A copy of the old cookie is worthless after the confirmation.
    const thief = new Visitor(app.url)
    thief.cookies.set('viur-session', before)
    expect(await userOf(thief)).toBe('Nobody')

    const back = await here.get('/devices')
    expect(back.text).toContain('Your login is fresh again')
    expect(back.fact('freshness')).toContain('at once')
    expect(titles(back)).toEqual(['Firefox on Linux this device', 'Safari on iPhone'])
    const [again = ''] = keysIn(back)
    expect(again).toBe(key)
    await here.send('/devices/end', { key })
    expect(await userOf(desk)).toBe('Nobody')

    // The confirmation keeps all data.
    const home = await here.get()
    expect(home.text).toContain('>Coffee<')
    expect(home.text).toContain('data-theme="dark"')
    expect(home.fact('expires')).toBe('10 minutes')
    expect(home.text).toMatch(/value="minutes" checked/)
    expect(home.fact('visits')).toBe('2')
    expect(home.text).not.toContain('confirming')
  })

  it('lasts five minutes to the millisecond', async () => {
    const here = await signedIn('ada')
    clock.advance(5 * MINUTE)
    expect((await here.send('/devices/end-others')).headers.get('location')).toBe('/devices')
    clock.advance(1)
    expect((await here.send('/devices/end-others')).headers.get('location')).toBe('/confirm')
  })

  it('ends nobody while it is not confirmed, and is forgotten with the session', async () => {
    const desk = await signedIn('ada')
    const here = await signedIn('ada')
    clock.advance(6 * MINUTE)
    await here.send('/devices/end-others')
    await here.send('/logout')
    expect((await here.send('/confirm')).status).toBe(401)
    expect(await userOf(desk)).toBe('Ada Lovelace')
  })

  it('leads to the start where nothing asked for it, and to no address from outside', async () => {
    const here = await signedIn('ada')
    for (const path of ['/confirm', '/confirm?back=//evil.example']) {
      expect((await here.get(path)).text).not.toContain('evil.example')
      const answer = await here.send(path, { back: '//evil.example', confirming: '//evil.example' })
      expect(answer.headers.get('location')).toBe('/')
    }
    expect((await here.get()).text).toContain('Your login is fresh again')
  })

  it('speaks German, and the switches lead back to it', async () => {
    const here = await signedIn('ada')
    clock.advance(6 * MINUTE)
    await here.send('/devices/end-others')
    const page = await here.post('/language', { language: 'de', returnTo: '/confirm' })
    expect(page.text).toContain('<h1>Sind Sie es noch?</h1>')
    expect((await here.send('/confirm')).headers.get('location')).toBe('/devices')
  })
})

describe('the name of a device', () => {
  const like = 'AppleWebKit/537.36 (KHTML, like Gecko)'

  it.each([
    [FIREFOX, 'Firefox on Linux'],
    [IPHONE, 'Safari on iPhone'],
    [
      `Mozilla/5.0 (Windows NT 10.0; Win64; x64) ${like} Chrome/140.0.0.0 Safari/537.36`,
      'Chrome on Windows',
    ],
    [
      `Mozilla/5.0 (Windows NT 10.0; Win64; x64) ${like} Chrome/140.0.0.0 Safari/537.36 Edg/140.0.0.0`,
      'Edge on Windows',
    ],
    [
      `Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) ${like} Chrome/140.0.0.0 Safari/537.36 OPR/121.0.0.0`,
      'Opera on macOS',
    ],
    [
      'Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 Safari/605.1.15',
      'Safari on macOS',
    ],
    [
      `Mozilla/5.0 (Linux; Android 10; K) ${like} Chrome/140.0.0.0 Mobile Safari/537.36`,
      'Chrome on Android',
    ],
    [
      `Mozilla/5.0 (X11; Linux x86_64) ${like} HeadlessChrome/140.0.0.0 Safari/537.36`,
      'Chrome on Linux',
    ],
    [
      'Mozilla/5.0 (iPad; CPU OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) FxiOS/140.0 Mobile/15E148 Safari/605.1.15',
      'Firefox on iPad',
    ],
    ['curl/8.9.1', 'curl'],
    ['node', 'node'],
    ['(nothing that is a name)', 'Unknown device'],
    [undefined, 'Unknown device'],
  ])('of %s is %s', (agent, name) => {
    expect(deviceName(agent, textsIn('en'))).toBe(name)
  })
})
