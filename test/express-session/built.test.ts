import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

const root = fileURLToPath(new URL('../..', import.meta.url))

// The folder is inside the package, so that the built code finds its dependencies.
const built = mkdtempSync(join(root, 'node_modules', '.express-session-'))

beforeAll(() => {
  const tsc = join(root, 'node_modules', 'typescript', 'bin', 'tsc')
  for (const project of ['src', 'src/express-session']) {
    spawnSync(process.execPath, [
      tsc,
      '-p',
      join(root, project),
      '--outDir',
      built,
      '--declaration',
      'false',
    ])
  }
}, 60_000)

afterAll(() => rmSync(built, { recursive: true, force: true }))

/** Runs a script in its own process, outside of vitest. */
function run(
  script: string,
  ...options: string[]
): { stdout: string; stderr: string; status: number | null } {
  const { VITEST: _, NODE_TEST_CONTEXT: __, NODE_OPTIONS: ___, ...env } = process.env
  const { stdout, stderr, status } = spawnSync(
    process.execPath,
    ['--disable-warning=ExperimentalWarning', ...options, '-e', script],
    { cwd: built, env, encoding: 'utf8' },
  )
  return { stdout, stderr, status }
}

describe('the built store', () => {
  it('is loaded with require(), as most apps with express-session do', () => {
    const outcome = run(`
      const session = require('express-session')
      const { DatastoreSessionStore } = require('./express-session/index.js')
      const { memoryStore } = require('./index.js')
      const store = new DatastoreSessionStore({ store: memoryStore() })
      console.log(store instanceof session.Store)
      store.set('a', { cookie: {}, n: 1 }, (error) => {
        store.get('a', (failure, found) => console.log(error, failure, found.n))
      })
    `)
    expect(outcome).toEqual({ stdout: 'true\nnull null 1\n', stderr: '', status: 0 })
  })

  it('does not end the process by a failure without a callback, and does not hide an error of the app', () => {
    const outcome = run(
      `import { DatastoreSessionStore } from './express-session/index.js'
       import { memoryStore } from './index.js'
       import { failingStore } from './testing/index.js'
       const below = failingStore(memoryStore())
       below.failAlways('before')
       const store = new DatastoreSessionStore({
         store: below,
         sleep: async () => {},
         logger: { warn: () => console.log('logged') },
       })
       process.on('uncaughtException', (error, origin) => console.log(origin, error.message))
       store.destroy('a')
       store.set('a', { cookie: {} })
       store.set('a', 5)
       store.get('a', () => { throw new Error('of the app') })`,
      '--input-type=module',
    )
    expect(outcome.stdout.split('\n').sort()).toEqual([
      '',
      'logged',
      'logged',
      'logged',
      'uncaughtException of the app',
    ])
    expect(outcome).toMatchObject({ stderr: '', status: 0 })
  })
})
