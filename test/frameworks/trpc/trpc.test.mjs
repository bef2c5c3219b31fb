import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { unpack } from '../shared/page.mjs'
import { Browser, run, start } from '../shared/site.mjs'

const JSON_BODY = { 'content-type': 'application/json' }

let site

before(async () => {
  unpack('frameworks/trpc.md', 'app', { more: 'more' })
  await run('npx', ['tsc'])
  site = await start('node', ['--import', 'tsx', 'app/main.ts'])
})

after(() => site?.stop())

const call = (browser, path, headers = {}) =>
  browser.ask(`/${path}`, { method: 'POST', body: '{}', headers: { ...JSON_BODY, ...headers } })

test('procedures have the session of the visitor', async () => {
  const browser = new Browser(site.port)
  const first = await call(browser, 'views')
  assert.deepEqual(first.json().result.data, { user: '__guest__', views: 1 })
  assert.equal(first.headers.get('cache-control'), 'no-store')
  const guest = browser.copy()
  assert.equal((await call(browser, 'logout')).status, 401)
  assert.equal((await call(browser, 'login')).setCookie.length, 1)
  assert.equal((await call(browser, 'views')).json().result.data.user, 'alice')
  assert.deepEqual((await call(guest, 'views')).json().result.data, { user: '__guest__', views: 1 })
  const copy = browser.copy()
  await call(browser, 'logout')
  assert.equal(browser.cookie, undefined)
  assert.equal((await call(copy, 'views')).json().result.data.user, '__guest__')
})

test('a batch is one response', async () => {
  const browser = new Browser(site.port)
  const body = JSON.stringify({ 0: {}, 1: {} })
  const batch = await browser.ask('/views,nowhere?batch=1', {
    method: 'POST',
    body,
    headers: JSON_BODY,
  })
  assert.equal(batch.status, 207)
  assert.equal((await call(browser, 'views')).json().result.data.views, 2)
})

test('a stream of a batch begins before a procedure could log in', async () => {
  const browser = new Browser(site.port)
  const body = JSON.stringify({ 0: {} })
  const headers = { ...JSON_BODY, 'trpc-accept': 'application/jsonl' }
  const stream = await browser.ask('/login?batch=1', { method: 'POST', body, headers })
  assert.deepEqual(stream.setCookie, [])
  assert.match(stream.body, /INTERNAL_SERVER_ERROR/)
  assert.equal((await call(browser, 'views')).json().result.data.user, '__guest__')
})

test('fetchRequestHandler() does the same', async () => {
  const { tsImport } = await import('tsx/esm/api')
  const { serve } = await tsImport('./app/fetch.ts', import.meta.url)
  const login = await serve(
    new Request('https://site.test/login', { method: 'POST', body: '{}', headers: JSON_BODY }),
  )
  const [cookie = ''] = login.headers.getSetCookie()
  const user = await serve(
    new Request('https://site.test/user', { headers: { cookie: cookie.split(';')[0] } }),
  )
  assert.equal((await user.json()).result.data, 'alice')
})
