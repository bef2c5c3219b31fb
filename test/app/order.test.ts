import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { MAX_ORDERS } from '../../src/app/order-list.ts'
import { type Answer, fakeNow, type RunningApp, startApp, Visitor } from './harness.ts'

let app: RunningApp
let visitor: Visitor
let clock: ReturnType<typeof fakeNow>

beforeEach(async () => {
  clock = fakeNow()
  app = await startApp({ options: { now: clock.now } })
  visitor = new Visitor(app.url)
})

afterEach(() => app.close())

/** Puts something into the cart, and opens the form. */
async function openForm(): Promise<{ page: Answer; skey: string }> {
  await visitor.send('/cart/add', { name: 'Coffee' })
  const page = await visitor.get('/order')
  return { page, skey: keyIn(page) }
}

function keyIn({ text }: Answer): string {
  const key = /<input type="hidden" name="skey" value="([^"]*)">/.exec(text)?.[1]
  if (key === undefined) throw new Error('the page has no form with a key')
  return key
}

const ordersIn = ({ text }: Answer): number => text.match(/<strong>Order \d+/g)?.length ?? 0

describe('the form of the order', () => {
  it('orders once what is in the cart, and empties it', async () => {
    const { page, skey } = await openForm()
    expect(skey).toMatch(/^[\w-]{43}$/)
    expect(page.headers.get('cache-control')).toContain('no-store')
    const after = await visitor.post('/order', { skey, note: ' Ring   twice ' })
    expect(after.status).toBe(200)
    expect(after.fact('orders')).toMatch(/Order 1.*Ring twice.*1 piece/s)
    expect(after.text).toContain('Your cart is empty')
    expect(after.text).toContain('role="status"')
    expect((await visitor.get('/order')).text).not.toContain('role="status"')
  })

  it('has a key of its own at each view, and none where there is nothing to order', async () => {
    expect((await visitor.get('/order')).text).not.toContain('skey')
    expect(visitor.cookies.size).toBe(0)
    const { skey } = await openForm()
    expect(keyIn(await visitor.get('/order'))).not.toBe(skey)
  })

  it.each([
    [
      'that was used',
      async (skey: string) => void (await visitor.send('/order', { skey, note: '' })),
    ],
    [
      'of a session with another id by now',
      async () => void (await visitor.send('/session/renew')),
    ],
    [
      'of the time before a login',
      async () => void (await visitor.send('/login', { user: 'ada' })),
    ],
    ['that was open for too long', async () => clock.advance(15 * 60_000)],
  ])('gives a helpful page for a key %s, and orders nothing', async (_why, make) => {
    const { skey } = await openForm()
    await make(skey)
    await visitor.send('/cart/add', { name: 'Lamp' })
    const before = ordersIn(await visitor.get('/order'))
    const refused = await visitor.post('/order', { skey, note: 'Ring "twice"' })
    expect(refused.status).toBe(403)
    expect(refused.headers.get('cache-control')).toContain('no-store')
    expect(refused.fact('refused')).toMatch(/did not count.*Here is the form again/s)
    expect(ordersIn(refused)).toBe(before)
    expect(refused.text).toContain('<span class="name">Lamp</span>')
    expect(refused.text).toContain('value="Ring &#34;twice&#34;"')
    // The typed note is still there, and the new key counts.
    const after = await visitor.post('/order', { skey: keyIn(refused), note: 'Ring "twice"' })
    expect(ordersIn(after)).toBe(before + 1)
    expect(after.text).toContain('Ring &#34;twice&#34;')
  })

  it('counts once when it is sent ten times at once', async () => {
    const { skey } = await openForm()
    const answers = await Promise.all(
      Array.from({ length: 10 }, () => visitor.send('/order', { skey, note: '' })),
    )
    expect(answers.filter(({ status }) => status === 303)).toHaveLength(1)
    expect(answers.filter(({ status }) => status === 403)).toHaveLength(9)
    expect(ordersIn(await visitor.get('/order'))).toBe(1)
  })

  it('refuses what is no key of it, and does not use up the one there is', async () => {
    const { skey } = await openForm()
    const bad = [
      '',
      'note=',
      'skey=',
      'skey=x',
      `skey=${'A'.repeat(43)}`,
      `skey=${skey}&skey=${skey}`,
    ]
    for (const body of bad) {
      const answer = await visitor.send('/order', body)
      expect([body, answer.status]).toEqual([body, 403])
    }
    const stranger = new Visitor(app.url)
    await stranger.send('/cart/add', { name: 'Lamp' })
    expect((await stranger.send('/order', { skey, note: '' })).status).toBe(403)
    visitor.headers = { 'sec-fetch-site': 'cross-site' }
    const foreign = await visitor.send('/order', { skey, note: '' })
    expect(foreign.status).toBe(403)
    // A page of another site gets no form.
    expect(foreign.text).not.toContain('skey')
    visitor.headers = {}
    const cookie = `viur-session=${visitor.cookies.get('viur-session')}`
    const session = await app.sessions.open({ cookie, loopback: true }).load()
    for (const options of [{}, { purpose: 'another form' }]) {
      const elsewhere = await session.getSecurityKey(options)
      expect((await visitor.send('/order', { skey: elsewhere, note: '' })).status).toBe(403)
    }
    expect(ordersIn(await visitor.post('/order', { skey, note: '' }))).toBe(1)
  })

  it('keeps the cart when the form lacks its field', async () => {
    const { skey } = await openForm()
    expect((await visitor.send('/order', { skey })).status).toBe(400)
    expect((await visitor.get('/order')).text).toContain('<span class="name">Coffee</span>')
  })

  it('answers 503 while the store is down, and the same form counts after', async () => {
    const { skey } = await openForm()
    app.setDown(true)
    expect((await visitor.get('/order')).status).toBe(503)
    expect((await visitor.send('/order', { skey, note: '' })).status).toBe(503)
    app.setDown(false)
    expect(ordersIn(await visitor.post('/order', { skey, note: '' }))).toBe(1)
  })

  it('orders nothing for a second tab, once the cart is empty', async () => {
    const { skey } = await openForm()
    const second = keyIn(await visitor.get('/order'))
    await visitor.send('/order', { skey, note: '' })
    const after = await visitor.post('/order', { skey: second, note: '' })
    expect(after.status).toBe(200)
    expect(ordersIn(after)).toBe(1)
    expect(after.text).not.toContain('name="skey"')
  })

  it('keeps the latest orders, and shows notes as text', async () => {
    for (let count = 0; count <= MAX_ORDERS; count += 1) {
      const { skey } = await openForm()
      await visitor.send('/order', { skey, note: '<img src=x onerror=alert(1)>' })
    }
    const page = await visitor.get('/order')
    expect(ordersIn(page)).toBe(MAX_ORDERS)
    expect(page.text).toContain(`Order ${MAX_ORDERS + 1}`)
    expect(page.text).not.toMatch(/<img src=x|<script|<style| style=/)
  })

  it('stores no key for one who only asks for the headers', async () => {
    await openForm()
    const { write } = app.calls
    const cookie = `viur-session=${visitor.cookies.get('viur-session')}`
    const answer = await fetch(`${app.url}/order`, { method: 'HEAD', headers: { cookie } })
    expect(answer.status).toBe(200)
    expect(app.calls.write).toBe(write)
  })

  it('speaks German', async () => {
    visitor.cookies.set('language', 'de')
    const { page } = await openForm()
    expect(page.text).toContain('<h1>Bestellung</h1>')
    expect((await visitor.send('/order', {})).fact('refused')).toContain('hat nicht gezählt')
  })
})
