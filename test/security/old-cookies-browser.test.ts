import type { Browser, BrowserContext, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { launchBrowser, withoutBrowser } from '../browser/browser.ts'
import { matrix } from '../setup/matrix.ts'
import { type Seen, type Site, site } from '../setup/site.ts'
import { MEMORY } from '../setup/stores.ts'

describe.skipIf(withoutBrowser)('the old cookie in a real browser', () => {
  let browser: Browser

  beforeAll(async () => {
    browser = await launchBrowser()
  })

  afterAll(async () => {
    await browser?.close()
  })

  async function read(s: Site, page: Page): Promise<Seen> {
    await page.goto(`${s.url}/read`)
    return JSON.parse(await page.innerText('body')) as Seen
  }

  /** The user that the app shows to a client with a copy of these cookies. Any program can be one. */
  async function replay(
    s: Site,
    kept: Awaited<ReturnType<BrowserContext['cookies']>>,
  ): Promise<Seen> {
    const cookie = kept.map(({ name, value }) => `${name}=${value}`).join('; ')
    const answer = await fetch(`${s.url}/read`, { headers: { cookie } })
    return (await answer.json()) as Seen
  }

  /** Sends a request with the cookies of the page, also to another process of the app, which has another port. */
  const ask = async (page: Page, url: string): Promise<void> =>
    await page.evaluate(async (address) => {
      await (await fetch(address, { mode: 'no-cors', credentials: 'include' })).text()
    }, url)

  /** A browser in which alice is logged in, and her cookie. */
  async function alice(s: Site): Promise<{
    context: BrowserContext
    page: Page
    old: Awaited<ReturnType<BrowserContext['cookies']>>
  }> {
    // The server's clock advances, so that the cookie is renewed; the browser's clock does not.
    const context = await browser.newContext()
    const page = await context.newPage()
    await page.goto(`${s.url}/login/alice`)
    const old = await context.cookies()
    expect((await replay(s, old)).user).toBe('alice')
    s.advance(10)
    return { context, page, old }
  }

  const ENDS = [
    ['/login/bob', 'bob'],
    ['/logout', '__guest__'],
    ['/reset', '__guest__'],
    ['a kill', '__guest__'],
  ] as const

  async function end(s: Site, what: string, page: Page): Promise<void> {
    if (what === 'a kill') {
      expect((await s.sessions.killSessionByUser('alice')).ended).toBe(1)
      return
    }
    await ask(page, `${s.url}${what}`)
  }

  it.each(matrix(ENDS, ['/read', '/set/late']).map(([[what, user], path]) => [what, path, user]))(
    'after %s is nobody, with a request to %s that is answered last',
    async (what, path, user) => {
      const s = await site(MEMORY)
      const { context, page, old } = await alice(s)
      try {
        const { query, gate } = s.gate()
        const slow = ask(page, `${s.url}${path}?${query}`)
        await gate.reached
        await end(s, what, page)
        gate.open()
        await slow
        expect((await read(s, page)).user).toBe(user)
        expect(await replay(s, old)).toEqual({ user: '__guest__', outcome: 'unknown', data: {} })
      } finally {
        await context.close()
      }
    },
  )

  it.each(matrix(ENDS, ['/set/late', '/read']).map(([[what], path]) => [what, path]))(
    'after %s is nobody, with a request to %s that was stored before and lands last',
    async (what, path) => {
      const s = await site(MEMORY)
      const other = await site(MEMORY, { beside: s })
      const { context, page, old } = await alice(s)
      try {
        const stored = s.store.hold({ method: 'write', when: 'after' })
        const slow = ask(page, `${s.url}${path}`)
        await stored.reached
        await end(other, what, page)
        stored.release()
        await slow
        // Its response renews a cookie that is no longer valid. The visitor can lose the new session by that, but no client
        // gets the old one.
        expect((await read(s, page)).user).toBe('__guest__')
        expect(await replay(s, old)).toEqual({ user: '__guest__', outcome: 'unknown', data: {} })
      } finally {
        await context.close()
      }
    },
  )
})
