import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { unpack } from '../shared/page.mjs'
import { keepsPromises } from '../shared/promises.mjs'
import { run, start } from '../shared/site.mjs'

let site

before(async () => {
  unpack('frameworks/workers.md', 'app', { more: 'more' })
  await run('npx', ['tsc'])
  site = await start('node', ['--import', 'tsx', 'app/start.ts'])
})

after(() => site?.stop())

keepsPromises(() => site.port)

test('plain http over loopback works outside of production', async () => {
  const local = await start('node', ['--import', 'tsx', 'app/main.ts'], { NODE_ENV: 'development' })
  try {
    const response = await fetch(`http://127.0.0.1:${local.port}/views`)
    assert.match(response.headers.get('set-cookie'), /^viur-session=[^;]+;(?!.*Secure)/)
  } finally {
    await local.stop()
  }
})
