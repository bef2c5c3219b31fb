// The promises of every adapter, tested with an app of four routes. GET /views counts and returns `{ user, views }`.
// POST /login logs in the user of the field `user`, and POST /logout logs out, both with a redirect. GET /unkept makes a
// change that cannot be stored.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Browser } from './site.mjs'

/**
 * @typedef {object} Routes
 * @property {string} [cookie]
 * @property {string} [views]
 * @property {string} [login]
 * @property {string} [logout]
 * @property {Record<string, string>} [logoutFields]
 * @property {string | null} [unkept]
 */

/**
 * @param {() => number} port
 * @param {Routes} [of]
 */
export function keepsPromises(
  port,
  {
    cookie = '__Host-viur-session',
    views = '/views',
    login = '/login',
    logout = '/logout',
    logoutFields = {},
    unkept = '/unkept',
  } = {},
) {
  test('a visitor keeps the session, and no cache stores their response', async () => {
    const browser = new Browser(port())
    const first = await browser.ask(views)
    assert.deepEqual(first.json(), { user: '__guest__', views: 1 })
    assert.equal(first.setCookie.length, 1)
    assert.match(
      first.setCookie[0],
      new RegExp(`^${cookie}=\\S+; Max-Age=3600; Path=/; HttpOnly; Secure; SameSite=Lax$`),
    )
    assert.equal(first.headers.get('cache-control'), 'no-store')
    assert.match(first.headers.get('vary'), /\bCookie\b/i)
    const second = await browser.ask(views)
    assert.deepEqual(second.json(), { user: '__guest__', views: 2 })
    assert.match(second.headers.get('cache-control'), /private/)
    assert.deepEqual((await new Browser(port()).ask(views)).json().views, 1)
  })

  test('a login gives a new id, and the old one is no longer valid', async () => {
    const browser = new Browser(port())
    await browser.ask(views)
    const before = browser.copy()
    const response = await browser.post(login, { user: 'alice' })
    assert.ok([302, 303].includes(response.status), `${response.status}: ${response.body}`)
    assert.equal(response.setCookie.length, 1)
    assert.equal((await browser.ask(views)).json().user, 'alice')
    assert.deepEqual((await before.ask(views)).json(), { user: '__guest__', views: 1 })
  })

  test('a logout ends the session for every client with the cookie', async () => {
    const browser = new Browser(port())
    await browser.post(login, { user: 'alice' })
    assert.equal((await browser.ask(views)).json().user, 'alice')
    const copy = browser.copy()
    await browser.post(logout, logoutFields)
    assert.equal(browser.cookie, undefined)
    assert.equal((await copy.ask(views)).json().user, '__guest__')
  })

  // A framework with only one route tests this itself.
  if (unkept === null) return
  test('a change that cannot be stored is an error, and sets no cookie', async () => {
    const response = await new Browser(port()).ask(unkept)
    assert.equal(response.status, 500)
    assert.deepEqual(response.setCookie, [])
    assert.doesNotMatch(response.body, /\bkept\b/)
  })
}

/** Changes a session so that its commit fails. */
export function spoil(session) {
  const views = []
  session.set('views', views)
  views.push(() => {})
}
