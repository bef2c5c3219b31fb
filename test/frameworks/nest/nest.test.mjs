import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { after, before, describe, test } from 'node:test'
import { unpack } from '../shared/page.mjs'
import { keepsPromises } from '../shared/promises.mjs'
import { Browser, run, start } from '../shared/site.mjs'

before(async () => {
  unpack('frameworks/nest.md', 'app', { more: 'more' })
  const module = readFileSync('app/src/app.module.ts', 'utf8')
  assert.ok(module.includes('[ViewsController]'))
  writeFileSync(
    'app/src/app.module.ts',
    module
      .replace('[ViewsController]', '[ViewsController, UnkeptController]')
      .replace('@Module', "import { UnkeptController } from './unkept.controller.js'\n\n@Module"),
  )
  await run('npx', ['tsc'])
})

const { version } = JSON.parse(readFileSync('node_modules/@nestjs/core/package.json', 'utf8'))

// The page explains why.
const mains = version.startsWith('11.') ? ['main'] : ['main', 'main-fastify']

for (const main of mains) {
  describe(main, () => {
    let site
    before(async () => {
      site = await start('node', [`app/dist/${main}.js`])
    })
    after(() => site?.stop())
    keepsPromises(() => site.port)

    test('a guard refuses guests', async () => {
      const browser = new Browser(site.port)
      assert.equal((await browser.post('/logout')).status, 401)
    })
  })
}
