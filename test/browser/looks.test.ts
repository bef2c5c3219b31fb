import { mkdirSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'
import type { Browser, BrowserContext, Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { movableClock, type RunningApp, startApp } from '../app/harness.ts'
import { IN_SLOW } from '../setup/matrix.ts'
import { launchBrowser, withoutBrowser } from './browser.ts'

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')

const WIDTHS = [320, 768, 1280, 1920]

/** The folder for pictures of all pages, if SCREENSHOTS is set. */
const folder = fileURLToPath(new URL('screenshots/', import.meta.url))
const pictures = Boolean(process.env['SCREENSHOTS'])

const LONG = 'A very long name of a thing that nobody needs but you'

describe.skipIf(withoutBrowser)('the looks of the reference app', () => {
  let browser: Browser
  const open: { context?: BrowserContext; app?: RunningApp } = {}

  beforeAll(async () => {
    browser = await launchBrowser()
    if (pictures) mkdirSync(folder, { recursive: true })
  })

  afterAll(() => browser?.close())

  afterEach(async () => {
    await open.context?.close()
    await open.app?.close()
  })

  const WAYS = [
    { name: 'light', colorScheme: 'light', forcedColors: 'none', language: 'en' },
    { name: 'dark', colorScheme: 'dark', forcedColors: 'none', language: 'en' },
    { name: 'forced', colorScheme: 'dark', forcedColors: 'active', language: 'en' },
    { name: 'german', colorScheme: 'light', forcedColors: 'none', language: 'de' },
  ] as const

  /**
   * The checks of each walk. In *slow*, and for pictures, each way has one, on all screens. Here one walk changes its way
   * and the screen of axe from page to page: each second page is German, and each third of the others has other colours.
   */
  const WALKS =
    IN_SLOW || pictures
      ? WAYS.map((way) => ({
          name: way.name as string,
          wayOf: (): Way => way,
          // Only the colours differ between looks, so one look is enough for the second screen.
          axeOn: (): number[] => (way.name === 'light' ? [320, 1280] : [320]),
        }))
      : [
          {
            name: 'all ways in turn',
            wayOf: (at: number): Way => WAYS[at % 2 === 1 ? 3 : (at / 2) % 3] as Way,
            axeOn: (at: number): number[] => [at % 4 < 2 ? 320 : 1280],
          },
        ]

  type Way = (typeof WAYS)[number]

  for (const { name: walk, wayOf, axeOn } of WALKS) {
    it(`fit every screen and have nothing that axe objects to: ${walk}`, async () => {
      const clock = movableClock()
      const app = await startApp({ options: { now: clock.now } })
      open.app = app
      open.context = await browser.newContext()
      const page = await open.context.newPage()
      page.setDefaultTimeout(10_000)
      let at = 0

      /** The language of the next page. */
      const speak = async (): Promise<void> =>
        await page.setExtraHTTPHeaders({ 'accept-language': wayOf(at).language })

      /** Checks the page on every screen, and takes pictures if SCREENSHOTS is set. */
      async function look(name: string): Promise<void> {
        const way = wayOf(at)
        const { colorScheme, forcedColors, language } = way
        expect([name, await page.locator('html').getAttribute('lang')]).toEqual([name, language])
        await page.emulateMedia({ colorScheme, forcedColors })
        for (const width of WIDTHS) {
          await page.setViewportSize({ width, height: 900 })
          const path = `${folder}${name}-${way.name}-${width}.png`
          if (pictures) await page.screenshot({ path, fullPage: true })
          const place = [name, way.name, width]
          expect([...place, await tooWide(page)]).toEqual([...place, []])
          if (axeOn(at).includes(width))
            expect([...place, await axe(page, forcedColors === 'none')]).toEqual([...place, []])
        }
        at += 1
        await speak()
      }

      const press = async (selector: string): Promise<void> => {
        await Promise.all([page.waitForEvent('load'), page.locator(selector).click()])
      }

      for (const agent of ['curl/8.9.1', 'Mozilla/5.0 (X11; Linux x86_64) Firefox/140.0'])
        await signIn(app, agent)
      await speak()
      await page.goto(app.url)
      await look('guest')
      await page.goto(`${app.url}/devices`)
      await look('login')
      await press('button[value=ada]')
      await look('devices')
      await page.goto(app.url)
      for (const thing of ['Coffee', LONG]) {
        await page.locator('#item-name').fill(thing)
        await press('.add button')
      }
      await look('cart')
      await press('form[action="/race"] button')
      await look('race')
      clock.advance(6 * 60_000)
      await press('form[action="/session/renew"] button')
      await look('user')
      await page.goto(`${app.url}/order`)
      await look('order')
      const skey = page.locator('input[name=skey]')
      await skey.evaluate((element) => element.setAttribute('value', 'old'))
      await page.locator('#note').fill('Ring twice, please')
      await press('.add button')
      await look('order-refused')
      await press('.add button')
      await look('order-placed')
      await page.goto(`${app.url}/devices`)
      await page.locator('summary').first().click()
      await look('devices-stale')
      await press('form[action="/devices/end-others"] button')
      await look('confirm')
      await page.goto(`${app.url}/ops`)
      await press('form[action="/ops/fill"] button')
      await look('ops')
      await page.goto(`${app.url}/nowhere`)
      await look('error')
    })
  }
})

/** Signs Ada in on another device. */
async function signIn(app: RunningApp, agent: string): Promise<void> {
  const answer = await fetch(`${app.url}/api/login`, {
    method: 'POST',
    headers: { 'user-agent': agent, 'content-type': 'application/json' },
    body: '{"user":"ada"}',
  })
  expect(answer.status).toBe(200)
}

/** Returns the elements that stick out of the screen, or out of their card. */
async function tooWide(page: Page): Promise<string[]> {
  return await page.evaluate(() => {
    const width = document.documentElement.clientWidth
    const shown = [...document.querySelectorAll('body *')].filter(
      (element) => element.closest('.hidden, .skip, svg') === null,
    )
    const outside = shown.filter((element) => {
      const { left, right } = element.getBoundingClientRect()
      const card = element.closest('.card')?.getBoundingClientRect()
      return left < -1 || right > width + 1 || (card !== undefined && right > card.right + 1)
    })
    return outside.map((element) => element.outerHTML.slice(0, 120))
  })
}

/**
 * Returns the findings of axe, also of rules that it leaves out by default. `contrast`: whether to check the contrast; forced
 * colours come from the visitor's system.
 */
async function axe(page: Page, contrast: boolean): Promise<unknown[]> {
  await page.evaluate(AXE)
  return await page.evaluate(async (enabled) => {
    const { axe } = globalThis as unknown as {
      axe: {
        run(options: object): Promise<{ violations: { id: string; nodes: { html: string }[] }[] }>
      }
    }
    const rules = {
      'color-contrast': { enabled },
      'label-content-name-mismatch': { enabled: true },
      'target-size': { enabled: true },
    }
    const { violations } = await axe.run({ rules })
    return violations.map(({ id, nodes }) => [id, nodes.map(({ html }) => html)])
  }, contrast)
}
