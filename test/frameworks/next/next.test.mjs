import assert from 'node:assert/strict'
import { cpSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { after, before, test } from 'node:test'
import { unpack } from '../shared/page.mjs'
import { Browser, run, start } from '../shared/site.mjs'

const NEXT = '../node_modules/next/dist/bin/next'

let site

before(async () => {
  unpack('frameworks/next.md', 'app', { more: 'more' })
  process.chdir('app')
  // The use of a session is recorded after a minute, on a clock that POST /later moves.
  const now = '() => Date.now() + ((globalThis as { later?: number }).later ?? 0)'
  change('lib/session.ts', 'cookie: {', `now: ${now}, touchEvery: '1m', cookie: {`)
  const { version } = JSON.parse(readFileSync('../node_modules/next/package.json', 'utf8'))
  if (version.startsWith('15.')) asBefore16()
  await run('node', [NEXT, 'build'], { NEXT_TELEMETRY_DISABLED: '1' })
  site = await start('node', [NEXT, 'start', '-p', '{port}'])
})

after(() => site?.stop())

function change(file, from, to) {
  const code = readFileSync(file, 'utf8')
  assert.ok(code.includes(from), `${file} has no ${from}`)
  writeFileSync(file, code.replace(from, to))
}

/** The statement of the page about older releases. */
function asBefore16() {
  change('proxy.ts', 'const proxy', 'const middleware')
  change('proxy.ts', '{ matcher', "{ runtime: 'nodejs', matcher")
  cpSync('proxy.ts', 'middleware.ts')
  rmSync('proxy.ts')
}

/** The fields that a form without JavaScript sends to its action. */
async function act(browser, button, fields = {}) {
  const { body } = await browser.ask('/account')
  const form = body.split('<form').find((one) => one.includes(`>${button}</button>`)) ?? ''
  const [, name] = /name="(\$ACTION[^"]+)"/.exec(form) ?? []
  assert.ok(name, body)
  const data = new FormData()
  for (const [, key, value = ''] of form.matchAll(/name="(\$ACTION[^"]+)"(?: value="([^"]*)")?/g)) {
    data.set(key, value.replaceAll('&quot;', '"'))
  }
  for (const [key, value] of Object.entries(fields)) data.set(key, value)
  return await browser.ask('/account', { method: 'POST', body: data })
}

test('a route handler stores before it answers, and a login gives another id', async () => {
  const browser = new Browser(site.port)
  const first = await browser.ask('/views')
  assert.deepEqual(first.json(), { user: '__guest__', views: 1 })
  assert.match(first.setCookie[0], /^__Host-viur-session=.*; HttpOnly; Secure; SameSite=Lax$/)
  assert.equal(first.headers.get('cache-control'), 'no-store')
  assert.match(first.headers.get('vary'), /Cookie/)
  const guest = browser.copy()
  const login = await browser.post('/login', { user: 'alice' })
  assert.deepEqual([login.status, login.location], [303, '/account'])
  assert.equal(login.setCookie.length, 1)
  assert.equal((await browser.ask('/views')).json().user, 'alice')
  assert.deepEqual((await guest.ask('/views')).json(), { user: '__guest__', views: 1 })
})

test('redirect() and notFound() in a route handler keep the changes', async () => {
  const browser = new Browser(site.port)
  const moved = await browser.ask('/thrown?by=redirect')
  assert.deepEqual([moved.status, moved.location], [307, '/views?after=1'])
  assert.equal((await browser.ask('/thrown?by=notFound')).status, 404)
  assert.equal((await browser.ask('/views')).json().views, 3)
})

test('a commit that fails is an error', async () => {
  const browser = new Browser(site.port)
  const response = await browser.ask('/unkept')
  assert.equal(response.status, 500)
  assert.deepEqual(response.setCookie, [])
})

test('the proxy sends guests away, and lets others read the page', async () => {
  const browser = new Browser(site.port)
  const away = await browser.ask('/account')
  assert.equal(away.status, 307)
  await browser.post('/login', { user: 'alice' })
  const page = await browser.ask('/account')
  assert.match(page.body, /Hello, alice/)
  assert.match(page.headers.get('cache-control'), /private/)
})

test('a server action logs in and out, with redirect() inside and after', async () => {
  const browser = new Browser(site.port)
  await browser.post('/login', { user: 'alice' })
  const before = browser.copy()
  const switched = await act(browser, 'Log in', { user: 'bob' })
  assert.deepEqual([switched.status, switched.location], [303, '/account'])
  assert.match((await browser.ask('/account')).body, /Hello, bob/)
  assert.equal((await before.ask('/account')).status, 307)
  const copy = browser.copy()
  const out = await act(browser, 'Log out')
  assert.deepEqual([out.status, out.location], [303, '/'])
  assert.equal(browser.cookie, undefined)
  assert.equal((await copy.ask('/account')).status, 307)
})

test('a server action whose commit fails is an error, and sets no cookie', async () => {
  const browser = new Browser(site.port)
  await browser.post('/login', { user: 'alice' })
  const response = await act(browser, 'Log in', { user: 'x'.repeat(2000) })
  assert.equal(response.status, 500)
  assert.deepEqual(response.setCookie, [])
  assert.match((await browser.ask('/account')).body, /Hello, alice/)
})

test('a cookie that the proxy renews comes before the one of the action', async () => {
  const browser = new Browser(site.port)
  await browser.post('/login', { user: 'alice' })
  await browser.post('/later')
  assert.equal((await browser.ask('/account')).setCookie.length, 1)
  await browser.post('/later')
  await act(browser, 'Log in', { user: 'bob' })
  assert.match((await browser.ask('/account')).body, /Hello, bob/)
})

test('a route of the Pages Router has the same session', async () => {
  const browser = new Browser(site.port)
  await browser.post('/login', { user: 'alice' })
  await browser.ask('/views')
  const legacy = await browser.ask('/api/legacy')
  assert.deepEqual(legacy.json(), { user: 'alice', views: 2 })
  assert.match(legacy.headers.get('cache-control'), /no-cache/)
})
