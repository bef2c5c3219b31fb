import { createServer, type RequestListener } from 'node:http'
import { createServer as createSecureServer } from 'node:https'
import type { Browser, BrowserContext, Cookie, Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { close, listen, movableClock, type RunningApp, startApp, Visitor } from '../app/harness.ts'
import { describeOnce, IN_SLOW, itInTurn } from '../setup/matrix.ts'
import { launchBrowser, selfSigned, withoutBrowser } from './browser.ts'

/** Each test of a group runs in one of these ways here, and in the other one in the project *slow*. */
const WITH_SCRIPT = [true, false].map((javaScriptEnabled, at, { length }) => ({
  javaScriptEnabled,
  it: itInTurn(at, length),
}))

describe.skipIf(withoutBrowser)('in a real browser', () => {
  let browser: Browser
  let context: BrowserContext
  let page: Page
  let app: RunningApp

  beforeAll(async () => {
    browser = await launchBrowser()
  })

  afterAll(() => browser?.close())

  beforeEach(async () => {
    app = await startApp()
  })

  afterEach(async () => {
    await context.close()
    await app.close()
  })

  /** A new context: its own cookies, nothing in the cache. */
  async function renew(options: Parameters<Browser['newContext']>[0] = {}): Promise<void> {
    context = await browser.newContext({ locale: 'en-GB', ...options })
    page = await context.newPage()
    page.setDefaultTimeout(10_000)
  }

  const text = async (selector: string): Promise<string | undefined> =>
    (await page.locator(selector).textContent())?.trim()

  const fact = async (id: string): Promise<string | undefined> => await text(`#${id}`)

  async function press(name: string): Promise<void> {
    await Promise.all([
      page.waitForEvent('load'),
      page.getByRole('button', { name, exact: true }).click(),
    ])
  }

  async function sessionCookie(url = app.url): Promise<Cookie> {
    const found = (await context.cookies(url)).filter(({ name }) => name.endsWith('viur-session'))
    expect(found).toHaveLength(1)
    return found[0] as Cookie
  }

  describeOnce('over http on this machine', () => {
    beforeEach(() => renew())

    it('keeps one session: the visits go up', async () => {
      await page.goto(app.url)
      expect(await fact('visits')).toBe('1')
      await page.reload()
      expect(await fact('visits')).toBe('2')
    })

    it('has a plain cookie that no script sees and no other host gets', async () => {
      await page.goto(app.url)
      expect(await sessionCookie()).toMatchObject({
        name: 'viur-session',
        domain: '127.0.0.1',
        path: '/',
        httpOnly: true,
        secure: false,
        sameSite: 'Lax',
      })
      expect(await page.evaluate('document.cookie')).toBe('')
    })

    it('loads without a word of complaint in its console', async () => {
      const words: string[] = []
      page.on('console', (message) => words.push(message.text()))
      page.on('pageerror', (error) => words.push(error.message))
      page.on('requestfailed', (request) => words.push(request.url()))
      await page.goto(app.url)
      await press('Sign in as Ada Lovelace')
      expect(await page.evaluate('getComputedStyle(document.body).display')).toBe('flex')
      expect(words).toEqual([])
    })
  })

  describe.each(WITH_SCRIPT)('with JavaScript: $javaScriptEnabled', ({ javaScriptEnabled, it }) => {
    beforeEach(() => renew({ javaScriptEnabled }))

    it('does everything: cart, login, lifetime, language, theme, new id, reset, logout', async () => {
      await page.goto(app.url)
      await page.getByLabel('What do you need?').fill('Coffee <b>')
      await press('Add')
      await press('One more: Coffee <b>')
      expect(await text('.item')).toMatch(/Coffee <b>[\s\S]*2/)
      const guest = await fact('session-key')

      await press('Sign in as Ada Lovelace')
      expect(await fact('user')).toBe('Ada Lovelace')
      const ada = await fact('session-key')
      expect(ada).not.toBe(guest)
      expect(await text('[role=status]')).toContain(`${guest} → ${ada}`)
      expect(await text('.item .name')).toBe('Coffee <b>')

      await press('Start two requests')
      expect([await fact('race-left'), await fact('race-together')]).toEqual(['kept', '+2 of 2'])
      expect([await fact('whole-left'), await fact('whole-together')]).toEqual(['lost', '+1 of 2'])

      await page.getByLabel('10 minutes').check()
      await press('Apply')
      expect(await fact('expires')).toBe('10 minutes')
      await press('Dark')
      expect(await page.locator('html').getAttribute('data-theme')).toBe('dark')
      await press('New session id')
      expect(await fact('session-key')).not.toBe(ada)
      await press('Deutsch')
      expect(await page.locator('html').getAttribute('lang')).toBe('de')
      expect(await fact('user')).toBe('Ada Lovelace')
      await press('English')
      await press('Remove: Coffee <b>')
      expect(await page.locator('.item').count()).toBe(0)

      await press('Sign out')
      expect(await fact('user')).toBe('Nobody')
      await press('Sign in as Konrad Zuse')
      await press('Reset')
      expect(await fact('user')).toBe('Nobody')
    })

    it('shows nothing of the user to the back button after signing out', async () => {
      await page.goto(app.url)
      await press('Sign in as Ada Lovelace')
      expect(await page.content()).toContain('Signed in <time')
      await page.goto(`${app.url}/nowhere`)
      await page.goto(app.url)
      await press('Sign out')
      for (let count = 0; count < 3; count += 1) {
        await page.goBack()
        expect(await page.content()).not.toContain('Signed in <time')
      }
    })
  })

  describe.each(WITH_SCRIPT)(
    'signed in, with JavaScript: $javaScriptEnabled',
    ({ javaScriptEnabled, it }) => {
      let clock: ReturnType<typeof movableClock>

      beforeEach(async () => {
        await app.close()
        clock = movableClock()
        app = await startApp({ options: { now: clock.now } })
        await renew({ javaScriptEnabled })
        await page.goto(app.url)
      })

      /** Another device, with cookies of its own, on which Ada signs in. */
      async function elsewhere(userAgent: string): Promise<Visitor> {
        const other = new Visitor(app.url)
        other.headers = { 'user-agent': userAgent }
        expect((await other.post('/login', { user: 'ada' })).fact('user')).toBe('Ada Lovelace')
        return other
      }

      const userOn = async (device: Visitor): Promise<string> => (await device.get()).fact('user')

      it('returns to the page that asked for a login', async () => {
        await page.goto(`${app.url}/devices`)
        expect(page.url()).toBe(`${app.url}/login?returnTo=%2Fdevices`)
        await press('Sign in as Ada Lovelace')
        expect(page.url()).toBe(`${app.url}/devices`)
        expect(await text('[role=status]')).toContain('You are signed in')
      })

      it('orders once, whether one goes back or sends the used form again', async () => {
        await page.getByLabel('What do you need?').fill('Coffee')
        await press('Add')
        await Promise.all([page.waitForURL(/\/order$/), page.getByText('Order this').click()])
        const used = await page.locator('input[name=skey]').inputValue()
        await page.getByLabel('A note for the shop').fill('Ring twice')
        await press('Place the order')
        expect(await text('[role=status]')).toContain('Your order is placed, once')
        expect(await page.locator('#orders li').count()).toBe(1)
        await page.goBack()
        expect(await page.locator('#orders li').count()).toBe(1)
        expect(await page.getByRole('button', { name: 'Place the order' }).count()).toBe(0)

        // A browser may send a form that it has kept, after the cart has changed.
        await page.goto(app.url)
        await page.getByLabel('What do you need?').fill('Lamp')
        await press('Add')
        await page.goto(`${app.url}/order`)
        const skey = page.locator('input[name=skey]')
        await skey.evaluate((element, key) => element.setAttribute('value', key), used)
        await press('Place the order')
        expect(await page.getByRole('alert').textContent()).toContain('It was sent before')
        expect(await page.locator('#orders li').count()).toBe(1)
      })

      it('explains a form that was made stale by another tab, and keeps what was typed', async () => {
        await page.getByLabel('What do you need?').fill('Coffee')
        await press('Add')
        await page.goto(`${app.url}/order`)
        await page.getByLabel('A note for the shop').fill('Ring twice')
        const tab = await context.newPage()
        await tab.goto(app.url)
        await Promise.all([tab.waitForEvent('load'), tab.locator('button[value=ada]').click()])

        await press('Place the order')
        expect(await page.getByRole('alert').textContent()).toContain('This form did not count')
        expect(await page.locator('#orders li').count()).toBe(0)
        expect(await page.getByLabel('A note for the shop').inputValue()).toBe('Ring twice')
        await press('Place the order')
        expect(await page.locator('#orders li').count()).toBe(1)
        expect(await text('#orders')).toContain('Ring twice')
      })

      it('shows the devices of the user, and ends one or all others', async () => {
        const phone = await elsewhere(
          'Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.0 Mobile/15E148 Safari/604.1',
        )
        const fox = await elsewhere(
          'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0',
        )
        const third = await elsewhere('curl/8.9.1')
        await press('Sign in as Ada Lovelace')
        await Promise.all([page.waitForURL(/\/devices$/), page.getByText('Your devices:').click()])
        const names = page.getByRole('heading', { level: 3 })
        expect(await names.allTextContents()).toEqual([
          'Chrome on Linux this device',
          'curl',
          'Firefox on Linux',
          'Safari on iPhone',
        ])
        await press('End the session of Safari on iPhone')
        expect(await text('[role=status]')).toContain('That session has ended')
        expect(await names.count()).toBe(3)
        expect(await userOn(phone)).toBe('Nobody')
        expect(await userOn(fox)).toBe('Ada Lovelace')

        await press('End all others')
        expect(await text('[role=status]')).toContain('2 other sessions have ended')
        expect(await names.allTextContents()).toEqual(['Chrome on Linux this device'])
        expect(await userOn(fox)).toBe('Nobody')
        expect(await userOn(third)).toBe('Nobody')
        await page.goto(app.url)
        expect(await fact('user')).toBe('Ada Lovelace')
      })

      it('asks for a recent login first, and comes back', async () => {
        const fox = await elsewhere(
          'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0',
        )
        await press('Sign in as Ada Lovelace')
        await page.goto(`${app.url}/devices`)
        clock.advance(6 * 60_000)
        await press('End all others')
        expect(page.url()).toBe(`${app.url}/confirm`)
        expect(await userOn(fox)).toBe('Ada Lovelace')
        const before = (await sessionCookie()).value
        await press('I am Ada Lovelace')
        expect(page.url()).toBe(`${app.url}/devices`)
        expect(await text('[role=status]')).toContain('Your login is fresh again')
        expect((await sessionCookie()).value).not.toBe(before)
        expect(await page.getByRole('heading', { level: 3 }).count()).toBe(2)
        await press('End all others')
        expect(page.url()).toBe(`${app.url}/devices`)
        expect(await userOn(fox)).toBe('Nobody')
      })
    },
  )

  it.each([IN_SLOW])(
    'sweeps 1,000 sessions by the console, with JavaScript: %s',
    async (javaScriptEnabled) => {
      await renew({ javaScriptEnabled })
      const words: string[] = []
      page.on('console', (message) => words.push(message.text()))
      await page.goto(app.url)
      await Promise.all([page.waitForURL(/\/ops$/), page.getByText('Operations').click()])
      await press('Make 1,000 expired sessions')
      expect(await text('[role=status]')).toContain('1,000 expired sessions wait')
      await page.getByRole('link', { name: 'Open the console' }).click()
      await page.waitForURL(/\/_console\/$/)
      await press('Start a sweep')
      expect(await text('[role=status]')).toBe('The sweep has finished.')
      await page.goto(`${app.url}/ops`)
      expect(await fact('count-expired')).toBe('1,000')
      expect(words).toEqual([])
    },
  )

  describeOnce('against another site', () => {
    let other: { readonly url: string; close(): Promise<void> }

    // localhost and 127.0.0.1 are two sites. Two ports of one host are the same site.
    beforeEach(async () => {
      other = await serve((request, response) => {
        const target = new URL(request.url ?? '/', 'http://localhost').searchParams.get('target')
        response.setHeader('Content-Type', 'text/html').end(`<!doctype html>
<form method="post" action="${target}"><button>Win a prize</button></form>
<img src="${target}" alt=""><iframe src="${target}"></iframe>`)
      })
      await renew()
      await page.goto(app.url)
      await press('Sign in as Ada Lovelace')
    })

    afterEach(() => other.close())

    it('neither sends the cookie with a POST from there, nor obeys it', async () => {
      await page.goto(`${other.url}/?target=${app.url}/logout`)
      const [response] = await Promise.all([
        page.waitForResponse((answer) => answer.request().method() === 'POST'),
        page.getByRole('button').click(),
      ])
      expect(response.status()).toBe(403)
      const posted = app.seen.findLast(({ method }) => method === 'POST')
      expect(posted?.path).toBe('/logout')
      expect(posted?.headers['sec-fetch-site']).toBe('cross-site')
      expect(posted?.headers.cookie).toBeUndefined()
      await page.goto(app.url)
      expect(await fact('user')).toBe('Ada Lovelace')
    })

    it('neither sends the cookie with what another page embeds, nor lets itself be framed', async () => {
      await page.goto(`${other.url}/?target=${app.url}/%3Fembedded`)
      const embedded = app.seen.filter(({ path }) => path === '/?embedded')
      const kinds = embedded.map(({ headers }) => headers['sec-fetch-dest'])
      expect(kinds.sort()).toEqual(['iframe', 'image'])
      expect(embedded.map(({ headers }) => headers.cookie)).toEqual([undefined, undefined])
      // The frame shows an error page of the browser, whose origin no script can reach.
      const [frame] = page.frames().filter((candidate) => candidate !== page.mainFrame())
      expect(frame?.url()).not.toContain(app.url)
    })

    it('does send the cookie when the visitor follows a link', async () => {
      await page.goto(other.url)
      await page.evaluate(`location.href = ${JSON.stringify(`${app.url}/`)}`)
      await page.waitForURL(`${app.url}/`)
      expect(await fact('user')).toBe('Ada Lovelace')
    })
  })

  describeOnce('over https', () => {
    let secure: RunningApp
    let tls: ReturnType<typeof selfSigned>

    beforeAll(() => {
      tls = selfSigned()
    })

    beforeEach(async () => {
      secure = await startApp({ tls })
      await renew({ ignoreHTTPSErrors: true })
    })

    afterEach(() => secure.close())

    it('has a __Host- cookie, Secure and for this host alone', async () => {
      await page.goto(secure.url)
      expect(await sessionCookie(secure.url)).toMatchObject({
        name: '__Host-viur-session',
        domain: '127.0.0.1',
        path: '/',
        httpOnly: true,
        secure: true,
        sameSite: 'Lax',
      })
      expect(await page.evaluate('document.cookie')).toBe('')
      await page.reload()
      expect(await fact('visits')).toBe('2')
    })

    it('is not sent over http to the same host', async () => {
      // By a name and not by an address: browsers trust http on loopback as much as https.
      await page.goto(secure.url.replace('127.0.0.1', 'app.shop.test'))
      await page.goto(app.url.replace('127.0.0.1', 'app.shop.test'))
      expect(app.seen.at(0)?.headers.cookie).toBeUndefined()
    })

    it('cannot be planted by a sibling domain', async () => {
      const planted = 'E'.repeat(43)
      const sibling = await serve((_request, response) => {
        response
          .setHeader('Set-Cookie', [
            `__Host-viur-session=${planted}; Domain=shop.test; Path=/; Secure`,
            `__Host-viur-session=${planted}; Domain=shop.test; Path=/`,
            // Browsers refuse these too: one has no Secure, the other a path.
            `__Host-viur-session=${planted}; Path=/`,
            `__Host-viur-session=${planted}; Path=/deep; Secure`,
            // Browsers accept this one: the prefix __Host- is what stops a sibling.
            `viur-session=${planted}; Domain=shop.test; Path=/; Secure`,
          ])
          .end('<!doctype html>planted')
      }, tls)
      await page.goto(sibling.url.replace('localhost', 'evil.shop.test'))
      const url = secure.url.replace('127.0.0.1', 'app.shop.test')
      await page.goto(url)
      expect(secure.seen.at(0)?.headers.cookie).toBe(`viur-session=${planted}`)
      expect(await fact('session-outcome')).toMatch(/^none/)
      const names = (await context.cookies(url)).map(({ name, value }) => [name, value !== planted])
      expect(names.sort()).toEqual([
        ['__Host-viur-session', true],
        ['viur-session', false],
      ])
      await sibling.close()
    })
  })

  describeOnce('seen by people', () => {
    beforeEach(() => renew())

    it('can be used with the keyboard alone', async () => {
      await page.goto(app.url)
      await page.keyboard.press('Tab')
      expect(await page.evaluate('document.activeElement.className')).toBe('skip')
      const button = page.getByRole('button', { name: 'Sign in as Grace Hopper' })
      for (let count = 0; count < 30; count += 1) {
        if (await button.evaluate((element) => element === document.activeElement)) break
        await page.keyboard.press('Tab')
      }
      await Promise.all([page.waitForEvent('load'), page.keyboard.press('Enter')])
      expect(await fact('user')).toBe('Grace Hopper')
    })
  })
})

/** Starts a server on localhost, which is another site than 127.0.0.1. */
async function serve(
  listener: RequestListener,
  tls?: { key: string; cert: string },
): Promise<{ readonly url: string; close(): Promise<void> }> {
  const server = tls === undefined ? createServer(listener) : createSecureServer(tls, listener)
  const port = await listen(server)
  const url = `${tls === undefined ? 'http' : 'https'}://localhost:${port}`
  return { url, close: () => close(server) }
}
