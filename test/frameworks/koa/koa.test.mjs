import { after, before } from 'node:test'
import { unpack } from '../shared/page.mjs'
import { keepsPromises } from '../shared/promises.mjs'
import { run, start } from '../shared/site.mjs'

let site

before(async () => {
  unpack('frameworks/koa.md', 'app', { more: 'more' })
  await run('npx', ['tsc'])
  site = await start('node', ['--import', 'tsx', 'app/main.ts'])
})

after(() => site?.stop())

keepsPromises(() => site.port)
