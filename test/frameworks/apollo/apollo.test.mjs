import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { send, servesGraphQl } from '../shared/graphql.mjs'
import { unpack } from '../shared/page.mjs'
import { Browser, run, start } from '../shared/site.mjs'

let site

before(async () => {
  unpack('frameworks/apollo.md', 'app', { more: 'more' })
  await run('npx', ['tsc'])
  site = await start('node', ['--import', 'tsx', 'app/main.ts'])
})

after(() => site?.stop())

servesGraphQl(() => site.port)

test('the context of a standalone server gives the session too', async () => {
  const standalone = await start('node', ['app/standalone.mjs'])
  try {
    const browser = new Browser(standalone.port)
    assert.equal((await send(browser, 'mutation { login }')).setCookie.length, 1)
    assert.deepEqual((await send(browser, '{ user }')).json().data, { user: 'alice' })
  } finally {
    await standalone.stop()
  }
})
