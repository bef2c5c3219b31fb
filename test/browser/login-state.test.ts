import { readFileSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { once } from 'node:events'
import express from 'express'
import type { Browser, BrowserContext } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { sessionMiddleware } from '../../src/express/index.ts'
import { createSessions, type Sessions } from '../../src/index.ts'
import { launchBrowser, withoutBrowser } from './browser.ts'

const text = readFileSync(new URL('../../docs/testing.md', import.meta.url), 'utf8')
const [, code = ''] = /(export async function loginCookie[\s\S]+?)^```/m.exec(text) ?? []
const loginCookie = new Function(`${code.replace('export ', '')}; return loginCookie`)() as (
  sessions: Sessions,
  user: string,
  url: string,
) => Promise<Parameters<BrowserContext['addCookies']>[0][number]>

describe.skipIf(withoutBrowser)('the login state of the page on testing', () => {
  let browser: Browser
  beforeAll(async () => {
    browser = await launchBrowser()
  })
  afterAll(() => browser?.close())

  it('logs a context of Playwright in, and no other', async () => {
    const sessions = createSessions()
    const app = express()
    app.use(sessionMiddleware(sessions))
    app.get('/', (req, res) => void res.send(req.session.user))
    const server = app.listen(0, '127.0.0.1')
    try {
      await once(server, 'listening')
      const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`
      const [context, other] = [await browser.newContext(), await browser.newContext()]
      await context.addCookies([await loginCookie(sessions, 'alice', url)])
      const seenIn = async (one: BrowserContext): Promise<string | null> => {
        const page = await one.newPage()
        await page.goto(url)
        return page.textContent('body')
      }
      expect([await seenIn(context), await seenIn(other)]).toEqual(['alice', '__guest__'])
    } finally {
      server.closeAllConnections()
      server.close()
    }
  })
})
