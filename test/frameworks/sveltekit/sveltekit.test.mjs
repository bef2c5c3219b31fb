import assert from 'node:assert/strict'
import { cpSync, readFileSync, writeFileSync } from 'node:fs'
import { after, before, test } from 'node:test'
import { unpack } from '../shared/page.mjs'
import { keepsPromises } from '../shared/promises.mjs'
import { Browser, run, start } from '../shared/site.mjs'

let site

before(async () => {
  unpack('frameworks/sveltekit.md', 'app', { more: 'more' })
  const { version } = JSON.parse(readFileSync('node_modules/@sveltejs/kit/package.json', 'utf8'))
  if (version.startsWith('2.')) asIn2()
  cpSync('package.json', 'app/package.json')
  process.chdir('app')
  await run('node', ['../node_modules/vite/bin/vite.js', 'build'])
  await run('npx', ['tsc', '--noEmit', '--skipLibCheck'])
  site = await start('node', ['build'], { ORIGIN: 'https://site.test' })
})

/** The statement of the page about it. */
function asIn2() {
  cpSync('more-2', 'app', { recursive: true })
  const hooks = readFileSync('app/src/hooks.server.ts', 'utf8')
  writeFileSync('app/src/hooks.server.ts', hooks.replace('@sveltejs/kit/hooks', '@sveltejs/kit'))
}

after(() => site?.stop())

keepsPromises(() => site.port, { login: '/?/login', logout: '/?/logout' })

test('a page reads the session, and fail() of an action keeps the data', async () => {
  const browser = new Browser(site.port)
  assert.match((await browser.ask('/')).body, /Hello, __guest__/)
  assert.equal((await browser.post('/?/login', { user: '' })).status, 400)
  await browser.post('/?/login', { user: 'alice' })
  const page = await browser.ask('/')
  assert.match(page.body, /Hello, alice/)
  assert.match(page.headers.get('cache-control'), /private/)
})

test('an action that JavaScript calls sets the cookie too', async () => {
  const browser = new Browser(site.port)
  const headers = { accept: 'application/json', 'x-sveltekit-action': 'true' }
  const login = await browser.post('/?/login', { user: 'alice' }, headers)
  assert.deepEqual([login.status, login.json().type, login.setCookie.length], [200, 'redirect', 1])
  assert.match((await browser.ask('/')).body, /Hello, alice/)
})
