import { after, before, describe } from 'node:test'
import { unpack } from '../shared/page.mjs'
import { keepsPromises } from '../shared/promises.mjs'
import { run, start } from '../shared/site.mjs'

for (const [version, command] of [
  ['2', 'nitropack'],
  ['3', 'nitro'],
]) {
  describe(`Nitro ${version}`, () => {
    let site
    before(async () => {
      const folder = `app/${version}`
      unpack('frameworks/nitro.md', folder, { more: `more-${version}`, pick: `Nitro ${version}` })
      await run('node', [`node_modules/.bin/${command}`, 'build', '--dir', folder])
      site = await start('node', [`${folder}/.output/server/index.mjs`])
    })
    after(() => site?.stop())
    keepsPromises(() => site.port)
  })
}
