import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Browser, start } from '../../test/frameworks/shared/site.mjs'

test('a visitor logs in and out', async () => {
  const evil = { origin: 'https://evil.test', 'sec-fetch-site': 'cross-site' }
  const site = await start('node', ['app.js'])
  try {
    const browser = new Browser(site.port)
    assert.match((await browser.ask('/')).body, /__guest__ was here 1 times/)
    assert.match((await browser.ask('/')).body, /__guest__ was here 2 times/)
    const login = await browser.post('/login')
    assert.equal(login.status, 303)
    assert.match(login.setCookie[0], /^__Host-viur-session=\S+; Max-Age=7200;/)
    assert.match((await browser.ask('/')).body, /alice was here 1 times/)
    const copy = browser.copy()
    await browser.post('/logout')
    assert.match((await copy.ask('/')).body, /__guest__/)
    assert.equal((await browser.post('/login', {}, evil)).status, 403)
  } finally {
    await site.stop()
  }
})
