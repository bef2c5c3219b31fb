import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { after, before, test } from 'node:test'
import { unpack } from '../shared/page.mjs'
import { keepsPromises } from '../shared/promises.mjs'
import { Browser, run, start } from '../shared/site.mjs'

const BIN = '../node_modules/.bin/react-router'

let site
/** The address of the POST for an action of the first page. */
let data = '_.data'

before(async () => {
  unpack('frameworks/react-router.md', 'app', { more: 'more' })
  const { version } = JSON.parse(readFileSync('node_modules/react-router/package.json', 'utf8'))
  if (version.startsWith('7.')) {
    data = '_root.data'
    writeFileSync(
      'app/react-router.config.ts',
      'export default { future: { v8_middleware: true } }\n',
    )
  }
  process.chdir('app')
  await run('node', [BIN, 'typegen'])
  await run('npx', ['tsc'])
  await run('node', [BIN, 'build'])
  site = await start('node', [`${BIN}-serve`, 'build/server/index.js'])
})

after(() => site?.stop())

keepsPromises(() => site.port, {
  login: '/?index',
  logout: '/?index',
  logoutFields: { intent: 'logout' },
})

test('a page reads the session, and an action that JavaScript calls sets the cookie', async () => {
  const browser = new Browser(site.port)
  assert.match((await browser.ask('/')).body, /Hello, __guest__/)
  const login = await browser.post(`/${data}?index`, { user: 'alice' })
  assert.equal(login.setCookie.length, 1)
  const page = await browser.ask('/')
  assert.match(page.body, /Hello, alice/)
  assert.match(page.headers.get('cache-control'), /private/)
})
