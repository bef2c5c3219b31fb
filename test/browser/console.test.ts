import { readFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import { createRequire } from 'node:module'
import express from 'express'
import type { Browser, BrowserContext, Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { consoleRoutes } from '../../src/express/index.ts'
import { createSessions, type SessionKey, type Sessions } from '../../src/index.ts'
import { fakeClock } from '../../src/testing/index.ts'
import { close, listen } from '../app/harness.ts'
import { describeOnce, IN_SLOW } from '../setup/matrix.ts'
import { launchBrowser, withoutBrowser } from './browser.ts'

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')

const LONG = 'W'.repeat(300)

const DAY = 24 * 60 * 60 * 1000

describe.skipIf(withoutBrowser)('the console in a real browser', () => {
  let browser: Browser
  const open: { context?: BrowserContext; server?: Server } = {}

  beforeAll(async () => {
    browser = await launchBrowser()
  })

  afterAll(() => browser?.close())

  afterEach(async () => {
    await open.context?.close()
    if (open.server !== undefined) await close(open.server)
  })

  async function visitor(options: Parameters<Browser['newContext']>[0]): Promise<Page> {
    await open.context?.close()
    open.context = await browser.newContext(options)
    const page = await open.context.newPage()
    page.setDefaultTimeout(10_000)
    return page
  }

  async function login(sessions: Sessions, user: string | null): Promise<SessionKey> {
    const session = await sessions.open({ secure: true, userAgent: `Firefox ${LONG}` }).load()
    if (user !== null) await session.login(user, { client: true })
    session.update({ seed: 1, [LONG]: [LONG] })
    await sessions.commit(session)
    return session.key as SessionKey
  }

  /** An app with a session of each kind, a run and a backlog. */
  async function app(access: 'view' | 'act' = 'act') {
    const clock = fakeClock()
    const sessions = createSessions({ now: clock.now, logger: { warn: () => {} } })
    const logged: unknown[] = []
    const logger = { warn: (...said: unknown[]) => void logged.push(said) }
    await login(sessions, null)
    clock.advance(2 * DAY)
    await sessions.startClearSessions()
    await login(sessions, null)
    clock.advance(DAY)
    const key = await login(sessions, 'alice')
    await login(sessions, LONG)
    const allow = (): { access: 'view' | 'act'; name: string } => ({ access, name: 'olga' })
    const routes = consoleRoutes(sessions, { allow, logger, showData: true })
    open.server = createServer(express().use('/_console', routes))
    const url = `http://localhost:${await listen(open.server)}/_console`
    return { sessions, logged, key, url }
  }

  const WIDTHS = [320, 768, 1920]
  const SCHEMES = ['light', 'dark'] as const

  /** The pages of an app. */
  const pathsOf = (key: string): string[] => {
    const found = ['/sessions?user=alice', `/sessions?user=${LONG}`, `/session?key=${key}`]
    return ['', '/?done=swept', ...found, '/nothing']
  }

  async function checkFit(page: Page, path: string): Promise<void> {
    const overflow = await page.evaluate(
      () => document.documentElement.scrollWidth - document.documentElement.clientWidth,
    )
    expect(overflow, path).toBeLessThanOrEqual(0)
  }

  async function checkAxe(page: Page, path: string): Promise<void> {
    await page.evaluate(AXE)
    const found = await page.evaluate(async () => {
      const { axe } = globalThis as unknown as {
        axe: { run(): Promise<{ violations: { id: string; nodes: { html: string }[] }[] }> }
      }
      const { violations } = await axe.run()
      return violations.map(({ id, nodes }) => [id, nodes.map(({ html }) => html)])
    })
    expect(found, path).toEqual([])
  }

  describeOnce('on every page', () => {
    it('fits every screen, and has nothing that axe objects to on one of them', async () => {
      const { url, key } = await app()
      const page = await visitor({})
      for (const [at, path] of pathsOf(key).entries()) {
        await page.emulateMedia({ colorScheme: SCHEMES[at % 2] as (typeof SCHEMES)[number] })
        await page.goto(url + path)
        // Axe checks on the last screen, which is another one for the next page.
        for (let turn = 1; turn <= WIDTHS.length; turn++) {
          const width = WIDTHS[(at + turn) % WIDTHS.length] as number
          await page.setViewportSize({ width, height: 800 })
          await checkFit(page, `${path} on ${width} px`)
        }
        await checkAxe(page, path)
      }
    })
  })

  if (IN_SLOW) {
    for (const colorScheme of SCHEMES) {
      for (const width of WIDTHS) {
        it(`has nothing that axe objects to, and fits: ${width} px, ${colorScheme}`, async () => {
          const { url, key } = await app()
          const page = await visitor({ colorScheme, viewport: { width, height: 800 } })
          for (const path of pathsOf(key)) {
            await page.goto(url + path)
            await checkAxe(page, path)
            await checkFit(page, path)
          }
        })
      }
    }
  }

  describeOnce('whoever uses it', () => {
    it('works without script: finds a user, shows a session, ends it, and starts a sweep', async () => {
      const { sessions, logged, key, url } = await app()
      const page = await visitor({ javaScriptEnabled: false })
      const failed: string[] = []
      page.on('console', (message) => failed.push(message.text()))
      await page.goto(url)
      expect(page.url()).toBe(`${url}/`)
      await page.getByRole('button', { name: 'Start a sweep' }).click()
      await page.getByText('The sweep has finished.').waitFor()
      await page.getByLabel('User').fill('alice')
      await page.getByRole('button', { name: 'Find' }).click()
      await page.getByRole('link', { name: key.slice(0, 12) }).click()
      await page.getByRole('button', { name: 'End this session' }).click()
      await page.getByText('The session has ended.').waitFor()
      expect(await sessions.get(key)).toBeNull()
      await page.goto(`${url}/sessions?user=${LONG}`)
      await page.getByLabel('I am sure').check()
      await page.getByRole('button', { name: 'End all sessions' }).click()
      await page.getByText('No session is alive.').waitFor()
      expect(logged).toHaveLength(4)
      expect(failed).toEqual([])
    })

    it('shows who may only look no button that acts', async () => {
      const { key, url } = await app('view')
      const page = await visitor({})
      for (const path of ['/', '/sessions?user=alice', `/session?key=${key}`]) {
        await page.goto(url + path)
        expect(await page.getByRole('button', { name: /^(?:End|Start)/ }).count()).toBe(0)
      }
    })
  })
})
