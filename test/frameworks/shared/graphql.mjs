// The same promises for GraphQL servers, with the query `{ user }` and the mutations view, login and logout.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Browser } from './site.mjs'

/**
 * @param {import('./site.mjs').Browser} browser
 * @param {string} query
 */
export const send = (browser, query) =>
  browser.ask('/graphql', {
    method: 'POST',
    body: JSON.stringify({ query }),
    headers: { 'content-type': 'application/json' },
  })

/** @param {() => number} port */
export function servesGraphQl(port) {
  test('resolvers have the session of the visitor', async () => {
    const browser = new Browser(port())
    const first = await send(browser, 'mutation { view }')
    assert.deepEqual(first.json().data, { view: 1 })
    assert.equal(first.headers.get('cache-control'), 'no-store')
    const guest = browser.copy()
    const login = await send(browser, 'mutation { view login(user: "alice") }')
    assert.deepEqual(login.json().data, { view: 2, login: true })
    assert.equal(login.setCookie.length, 1)
    const who = await send(browser, '{ user }')
    assert.deepEqual(who.json().data, { user: 'alice' })
    assert.match(who.headers.get('vary'), /\bCookie\b/i)
    assert.deepEqual((await send(guest, 'mutation { view }')).json().data, { view: 1 })
    const copy = browser.copy()
    await send(browser, 'mutation { logout }')
    assert.equal(browser.cookie, undefined)
    assert.deepEqual((await send(copy, '{ user }')).json().data, { user: null })
  })

  test('a resolver that throws does not drop changes of others', async () => {
    const browser = new Browser(port())
    const mixed = await send(browser, 'mutation { view login(user: "") }')
    assert.equal(mixed.status, 200)
    assert.equal(mixed.json().errors.length, 1)
    assert.deepEqual((await send(browser, 'mutation { view }')).json().data, { view: 2 })
  })
}
