import { test } from 'node:test'
import { start } from '../../test/frameworks/shared/site.mjs'
import { visit } from '../../test/frameworks/shared/visit.mjs'

test('a visitor logs in and out', async () => {
  const site = await start('node', ['app.js'])
  try {
    await visit(site.port)
  } finally {
    await site.stop()
  }
})
