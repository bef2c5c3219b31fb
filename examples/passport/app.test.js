import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Browser, start } from '../../test/frameworks/shared/site.mjs'

test('Passport logs in and out, and out everywhere', async () => {
  const site = await start('node', ['app.js'])
  const right = { username: 'alice', password: 'wonderland' }
  try {
    const browser = new Browser(site.port)
    assert.match((await browser.ask('/')).body, /Hello, guest/)
    assert.equal((await browser.post('/login', { ...right, password: 'x' })).location, '/?wrong')
    assert.equal((await browser.post('/login', right)).setCookie.length, 1)
    assert.match((await browser.ask('/')).body, /Hello, alice/)
    const copy = browser.copy()
    await browser.post('/logout')
    assert.match((await copy.ask('/')).body, /Hello, guest/)
    const other = new Browser(site.port)
    await other.post('/login', right)
    await browser.post('/login', right)
    await browser.post('/everywhere')
    assert.match((await other.ask('/')).body, /Hello, guest/)
  } finally {
    await site.stop()
  }
})
