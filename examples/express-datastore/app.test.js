import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Browser, start } from '../../test/frameworks/shared/site.mjs'

test('a visitor logs in with a password, and comes back to the page that asked for it', async () => {
  const site = await start('bash', ['../../emulator.sh', '--', 'node', 'app.js'])
  try {
    const browser = new Browser(site.port)
    assert.match((await browser.ask('/')).body, /1 times/)
    const away = await browser.ask('/account')
    assert.deepEqual([away.status, away.location], [303, '/login?returnTo=%2Faccount'])
    const wrong = await browser.post(away.location, { name: 'alice', password: 'guess' })
    assert.equal(wrong.status, 401)
    const repeated = new URLSearchParams([...'ab'].map((password) => ['password', password]))
    assert.equal((await browser.post(away.location, repeated)).status, 400)
    const login = await browser.post(away.location, { name: 'alice', password: 'wonderland' })
    assert.deepEqual([login.status, login.location], [303, '/account'])
    assert.match((await browser.ask('/account')).body, /Only for you, alice/)
    assert.match((await browser.ask('/')).body, /2 times/)
    const copy = browser.copy()
    await browser.post('/logout')
    assert.equal((await copy.ask('/account')).status, 303)
  } finally {
    await site.stop()
  }
})
