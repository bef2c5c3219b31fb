import { execFile } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'

const run = promisify(execFile)
const root = fileURLToPath(new URL('../..', import.meta.url))

const hosts = [
  ['older', process.env['DATASTORE_EMULATOR_HOST']],
  ['newer', process.env['VIUR_TEST_NEWER_EMULATOR_HOST']],
] as const

const SCRIPT = `
import { datastoreStore } from './store/datastore/index.js'
const store = datastoreStore({ namespace: 'silence-' + process.pid })
const key = 'A'.repeat(43)
const now = 1770000000000
const record = { key, data: 'd', user: 'u', created: now, lastSeen: now, authenticated: null,
  expires: now, expiry: null, ended: null, reason: null, rev: 'r' }
const written = await store.write({ kind: 'insert', record })
const found = await store.find(key)
const page = await store.page({ by: 'all' }, { limit: 5 })
await store.close()
const good = written.version === found.version && page.entries.length === 1
process.exitCode = good ? 0 : 9
`

/** Runs the built package in a separate process, since the loader of the tests itself prints and catches things. */
describe('the Datastore store in a fresh process on an emulator', () => {
  let built: string

  beforeAll(async () => {
    // The file is inside the package, so that Node finds the dependencies.
    built = await mkdtemp(join(root, 'node_modules', '.silence-'))
    const tsc = join(root, 'node_modules', 'typescript', 'bin', 'tsc')
    await run(process.execPath, [tsc, '-p', join(root, 'src'), '--outDir', built]).catch(
      () => undefined,
    )
    await writeFile(join(built, 'package.json'), '{"type":"module"}')
    await writeFile(join(built, 'script.js'), SCRIPT)
  })

  afterAll(() => rm(built, { recursive: true, force: true }))

  for (const [name, host] of hosts) {
    test.skipIf(host === undefined)(`prints nothing, and ends by itself: ${name}`, async () => {
      const env = { DATASTORE_EMULATOR_HOST: host }
      const { stdout, stderr } = await run(process.execPath, [join(built, 'script.js')], { env })
      expect({ stdout, stderr }).toEqual({ stdout: '', stderr: '' })
    })
  }
})
