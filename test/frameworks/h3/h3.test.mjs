import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { unpack } from '../shared/page.mjs'
import { keepsPromises } from '../shared/promises.mjs'
import { Browser, run, start } from '../shared/site.mjs'

before(async () => {
  unpack('frameworks/h3.md', 'app', { more: 'more' })
  await run('npx', ['tsc'])
})

for (const H3 of ['1', '2']) {
  describe(`h3 ${H3}`, () => {
    let site
    before(async () => {
      site = await start('node', ['--import', 'tsx', 'app/main.ts'], { H3 })
    })
    after(() => site?.stop())
    keepsPromises(() => site.port)

    if (H3 === '1') return
    test('an HTTPError drops the changes', async () => {
      const browser = new Browser(site.port)
      assert.equal((await browser.ask('/missing')).status, 404)
      assert.equal((await browser.ask('/views')).json().views, 1)
    })
  })
}
