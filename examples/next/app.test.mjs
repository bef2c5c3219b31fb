import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { filesOf } from '../../test/frameworks/shared/page.mjs'
import { Browser, start } from '../../test/frameworks/shared/site.mjs'

/** The fields that the form with this button sends when there is no JavaScript. */
async function press(browser, button) {
  const { body } = await browser.ask('/')
  const form = body.split('<form').find((one) => one.includes(`>${button}</button>`))
  const data = new FormData()
  for (const [, key] of form.matchAll(/name="(\$ACTION[^"]+)"/g)) data.set(key, '')
  return await browser.ask('/', { method: 'POST', body: data })
}

test('a visitor logs in and out by server actions', async () => {
  const site = await start('node', ['node_modules/.bin/next', 'start', '-p', '{port}'])
  try {
    const browser = new Browser(site.port)
    assert.match((await browser.ask('/')).body, /__guest__ pressed 0 times/)
    const first = await press(browser, 'Press')
    assert.match(first.setCookie[0], /^__Host-viur-session=/)
    assert.match((await browser.ask('/')).body, /__guest__ pressed 1 times/)
    assert.equal((await press(browser, 'Log in')).setCookie.length, 1)
    assert.match((await browser.ask('/')).body, /alice pressed 0 times/)
    const copy = browser.copy()
    await press(browser, 'Log out')
    assert.equal(browser.cookie, undefined)
    assert.match((await copy.ask('/')).body, /__guest__/)
  } finally {
    await site.stop()
  }
})

test('the file of the session is the one of the page', () => {
  const shown = filesOf('frameworks/next.md').get('lib/session.ts')
  assert.equal(readFileSync('lib/session.ts', 'utf8'), shown)
})
