import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Browser, start } from '../../test/frameworks/shared/site.mjs'

test('express-session keeps its sessions in Datastore, and a user is logged out everywhere', async () => {
  const site = await start('bash', ['../../emulator.sh', '--', 'node', 'app.js'])
  try {
    const browser = new Browser(site.port)
    assert.match((await browser.ask('/')).body, /guest was here 1 times/)
    await browser.post('/login')
    assert.match((await browser.ask('/')).body, /alice was here 1 times/)
    const other = new Browser(site.port)
    await other.post('/login')
    await browser.post('/everywhere')
    assert.match((await other.ask('/')).body, /guest was here 1 times/)
  } finally {
    await site.stop()
  }
})
