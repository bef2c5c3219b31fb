import { after, before } from 'node:test'
import { servesGraphQl } from '../shared/graphql.mjs'
import { unpack } from '../shared/page.mjs'
import { run, start } from '../shared/site.mjs'

let site

before(async () => {
  unpack('frameworks/graphql-yoga.md', 'app', { more: 'more' })
  await run('npx', ['tsc'])
  site = await start('node', ['--import', 'tsx', 'app/main.ts'])
})

after(() => site?.stop())

servesGraphQl(() => site.port)
