// What every adapter promises, of an app that has a few routes: GET /views counts and says `{ user, views }`, POST /login
// logs the field `user` in, POST /logout logs out, both with a redirect, and GET /unkept changes what cannot be stored.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Browser } from './site.mjs'

/**
 * @param {() => number} port
 * @param {{ cookie?: string, views?: string, login?: string, logout?: string, logoutFields?: Record<string, string>, unkept?: string | null }} [of]
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
  test('a visitor is known again, and no cache keeps what is theirs', async () => {
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

  test('a login gives another id, and the former one is dead', async () => {
    const browser = new Browser(port())
    await browser.ask(views)
    const before = browser.copy()
    const response = await browser.post(login, { user: 'alice' })
    assert.ok([302, 303].includes(response.status), `${response.status}: ${response.body}`)
    assert.equal(response.setCookie.length, 1)
    assert.equal((await browser.ask(views)).json().user, 'alice')
    assert.deepEqual((await before.ask(views)).json(), { user: '__guest__', views: 1 })
  })

  test('a logout ends the session for whoever has the cookie', async () => {
    const browser = new Browser(port())
    await browser.post(login, { user: 'alice' })
    assert.equal((await browser.ask(views)).json().user, 'alice')
    const copy = browser.copy()
    await browser.post(logout, logoutFields)
    assert.equal(browser.cookie, undefined)
    assert.equal((await copy.ask(views)).json().user, '__guest__')
  })

  // A framework that has one route alone tries it by itself.
  if (unkept === null) return
  test('what cannot be stored is an error, and sets no cookie', async () => {
    const response = await new Browser(port()).ask(unkept)
    assert.equal(response.status, 500)
    assert.deepEqual(response.setCookie, [])
    assert.doesNotMatch(response.body, /\bkept\b/)
  })
}

/** Changes a session in a way that its commit finds out about. */
export function spoil(session) {
  const views = []
  session.set('views', views)
  views.push(() => {})
}
