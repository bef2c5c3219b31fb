import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Browser, start } from '../../test/frameworks/shared/site.mjs'
import { visit } from '../../test/frameworks/shared/visit.mjs'

test('a visitor logs in and out', async () => {
  const site = await start('node', ['app.js'])
  try {
    await visit(site.port)
  } finally {
    await site.stop()
  }
})

test('an instance starts though Datastore cannot be reached yet', async () => {
  // As on Cloud Run, with credentials that do not exist.
  const down = {
    K_SERVICE: 'shop',
    GOOGLE_CLOUD_PROJECT: 'shop',
    GOOGLE_APPLICATION_CREDENTIALS: './none.json',
  }
  const site = await start('node', ['app.js'], down)
  try {
    assert.equal((await new Browser(site.port).ask('/')).status, 503)
  } finally {
    await site.stop()
  }
})
