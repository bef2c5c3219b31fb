// Both kinds of modules in one process of Node. With require() of ES modules there is one copy of the package. Without it
// there are two copies, which have to work together.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'

const mixed = fileURLToPath(new URL('mixed.cjs', import.meta.url))

/** Whether this Node can load ES modules with require(), and so knows the condition `module-sync`. */
const loadsModules = process.features.require_module === true

for (const [flags, copies] of [
  [[], loadsModules ? 1 : 2],
  [['--no-experimental-require-module'], 2],
]) {
  test(`require() and import() of one app, node ${flags.join(' ')}: copies: ${copies}`, () => {
    const { status, stdout, stderr } = spawnSync(
      process.execPath,
      [...flags, '--disable-warning=ExperimentalWarning', mixed],
      { encoding: 'utf8' },
    )
    assert.equal(stderr, '')
    assert.equal(stdout, `copies: ${copies}\nfine\n`)
    assert.equal(status, 0)
  })
}
