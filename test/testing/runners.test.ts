import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

const root = fileURLToPath(new URL('../..', import.meta.url))

// The folder is inside the package, so that the built code finds its dependencies.
const built = mkdtempSync(join(root, 'node_modules', '.contract-'))

beforeAll(() => {
  const tsc = join(root, 'node_modules', 'typescript', 'bin', 'tsc')
  spawnSync(process.execPath, [
    tsc,
    '-p',
    join(root, 'src'),
    '--outDir',
    built,
    '--declaration',
    'false',
  ])
}, 60_000)

afterAll(() => rmSync(built, { recursive: true, force: true }))

/** Runs a script in its own process, outside of vitest. */
function run(script: string, ...options: string[]): { stdout: string; status: number | null } {
  const { VITEST: _, NODE_TEST_CONTEXT: __, NODE_OPTIONS: ___, ...env } = process.env
  return spawnSync(process.execPath, [...options, '-e', script], {
    cwd: built,
    env,
    encoding: 'utf8',
  })
}

describe('storeContract()', () => {
  it('registers its tests with node:test, from an ES module', () => {
    const { stdout, status } = run(
      `import { storeContract } from './testing/index.js'
       import { memoryStore } from './index.js'
       storeContract(() => memoryStore())`,
      '--input-type=module',
      '--test-reporter=tap',
    )
    expect(stdout).toContain('ok 1 - finds nothing under a key that was never written')
    expect(stdout).toMatch(/# pass [1-9][0-9]+/)
    expect(stdout).toContain('# fail 0')
    expect(status).toBe(0)
  })

  it('registers its tests with node:test before require() has returned, from CommonJS', () => {
    const { stdout, status } = run(
      `const { storeContract } = require('./testing/index.js')
       const { memoryStore } = require('./index.js')
       storeContract(() => ({ __proto__: memoryStore(), find: async () => null, close: async () => {} }))`,
      '--test-reporter=tap',
    )
    // The store finds nothing, which shows that registered tests run and can fail.
    expect(stdout).toMatch(/# fail [1-9][0-9]*/)
    expect(status).toBe(1)
  })

  it('uses global functions first', () => {
    const { stdout } = run(
      `globalThis.describe = (name, body) => body()
       globalThis.it = (name) => console.log('registered:', name)
       const { storeContract } = require('./testing/index.js')
       storeContract(() => null)`,
    )
    expect(stdout).toContain('registered: finds nothing under a key that was never written')
  })
})
