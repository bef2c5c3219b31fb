// A visit for all small examples, whose pages are `/`, `/login` and `/logout`.
import assert from 'node:assert/strict'
import { Browser } from './site.mjs'

/**
 * A visitor counts views, logs in and logs out. A page of another site cannot log a visitor in.
 *
 * @param {number} port The port of the example.
 */
export async function visit(port) {
  const evil = { origin: 'https://evil.test', 'sec-fetch-site': 'cross-site' }
  const browser = new Browser(port)
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
}
