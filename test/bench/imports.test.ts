import { spawnSync } from 'node:child_process'
import {
  copyFileSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  statSync,
  symlinkSync,
} from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { EMULATORS } from '../setup/stores.ts'

/** The files of an import do not depend on the machine, so they have a budget here; its time is in bench/RESULTS.md. */

const root = fileURLToPath(new URL('../..', import.meta.url))
const scratch = realpathSync(mkdtempSync(join(tmpdir(), 'imports-')))

beforeAll(() => {
  const typescript = createRequire(import.meta.url).resolve('typescript/package.json')
  const tsc = join(dirname(typescript), 'bin/tsc')
  for (const project of ['src', 'src/express-session']) {
    // Files that are being changed may not compile, but tsc writes its output anyway.
    const out = [
      '--outDir',
      join(scratch, 'dist'),
      '--declaration',
      'false',
      '--sourceMap',
      'false',
    ]
    spawnSync(process.execPath, [
      tsc,
      '-p',
      join(root, project),
      ...out,
      '--inlineSources',
      'false',
    ])
  }
  copyFileSync(join(root, 'package.json'), join(scratch, 'package.json'))
  symlinkSync(join(root, 'node_modules'), join(scratch, 'node_modules'))
  spawnSync(process.execPath, [join(root, 'scripts/bundle.mjs'), join(scratch, 'dist')])
})

afterAll(() => rmSync(scratch, { recursive: true, force: true }))

function urlOf(entry: string): string {
  const { exports } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
    exports: Record<string, { import: string }>
  }
  const { import: path = '' } = exports[entry] ?? {}
  return pathToFileURL(join(scratch, path)).href
}

/** The files that an import of these entries loads in a new process. */
function filesOf(...entries: readonly string[]): string[] {
  const urls = entries.map(urlOf)
  const { stdout, stderr } = spawnSync(
    process.execPath,
    [join(root, 'bench/start/one-import.mjs'), 'files', ...urls],
    { encoding: 'utf8' },
  )
  expect(stderr).toBe('')
  return (JSON.parse(stdout) as string[]).filter((file) => !file.startsWith(join(root, 'bench')))
}

function packagesOf(files: readonly string[]): string[] {
  const names = files.map((file) => /.*node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(file)?.[1] ?? '')
  return [...new Set(names)].filter((name) => name !== '').sort()
}

const kibOf = (files: readonly string[]): number =>
  files.reduce((sum, file) => sum + statSync(file).size, 0) / 1024

/** Loaded on first use, or by the app. */
const NOT_YET = /google|grpc|protobuf|^express$/

/** KiB of code, dependencies included, that an app on Express with the memory store loads at import. */
const BUDGET_KIB = 400

/** All entries except those that depend on a package which loads these itself, as express-session does. */
const ENTRIES = [
  '.',
  './express',
  './node',
  './fetch',
  './datastore',
  './migrate',
  './tasks',
  './testing',
]

/**
 * The further modules that an `import` of `node:util`, `node:http` or `node:http2` loads. On Node 22 and later they
 * take
 * longer than all our code. See src/base/node-builtins.ts.
 */
const NOT_OF_NODE: ReadonlySet<string> = new Set([
  'http',
  'http2',
  'zlib',
  'worker_threads',
  'internal/util/parse_args/parse_args',
  'internal/deps/undici/undici',
])

/** The modules of Node that an import of this entry loads. */
function nodeModulesOf(entry: string): string[] {
  const script = `
    const before = new Set(process.moduleLoadList)
    await import(${JSON.stringify(urlOf(entry))})
    console.log(JSON.stringify(process.moduleLoadList.filter((name) => !before.has(name))))`
  const { stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', script], {
    cwd: root,
    encoding: 'utf8',
  })
  expect(stderr).toBe('')
  return (JSON.parse(stdout) as string[]).flatMap(
    (name) => /^NativeModule (.*)/.exec(name)?.[1] ?? [],
  )
}

/** The CommonJS files that a first lookup has loaded. All files of Google's packages are CommonJS. */
function loadedByLookup(transport: string): string[] {
  const [{ host } = { host: null }] = EMULATORS.filter(({ missing }) => missing === null)
  const script = `
    import { createRequire } from 'node:module'
    const { datastoreStore } = await import(${JSON.stringify(pathToFileURL(join(scratch, 'dist/lib/datastore.js')).href)})
    const files = () => Object.keys(createRequire(import.meta.url).cache)
    const before = files().length
    const store = datastoreStore({ projectId: 'p', transport: '${transport}' })
    await store.find('A'.repeat(43))
    await store.close()
    console.log(JSON.stringify(files().slice(before)))`
  const { stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', script], {
    cwd: root,
    encoding: 'utf8',
    env: { ...process.env, DATASTORE_EMULATOR_HOST: host as string },
  })
  expect(stderr).toBe('')
  return JSON.parse(stdout) as string[]
}

describe.skipIf(EMULATORS.every(({ missing }) => missing !== null))('a first lookup', () => {
  it('over gRPC loads @grpc/grpc-js and nothing else of Google', () => {
    const files = loadedByLookup('grpc')
    expect(packagesOf(files)).toContain('@grpc/grpc-js')
    expect(
      packagesOf(files).filter((name) => /google|protobuf|proto-loader|gaxios/.test(name)),
    ).toEqual([])
    expect(files.length).toBeLessThanOrEqual(90)
    expect(kibOf(files)).toBeLessThanOrEqual(1000)
  })

  it("with Google's client loads that client", () => {
    const packages = packagesOf(loadedByLookup('client'))
    expect(packages).toEqual(expect.arrayContaining(['@google-cloud/datastore', 'google-gax']))
  })
})

describe('an import', () => {
  it('of the core, the express adapter and the memory store stays within its budget', () => {
    const files = filesOf('.', './express')
    expect(packagesOf(files)).toEqual([])
    expect(files.length).toBeGreaterThan(2)
    expect(files.length).toBeLessThanOrEqual(5)
    // Loaded when an app sweeps, kills many sessions or iterates.
    expect(files.filter((file) => file.includes('long-work'))).toEqual([])
    expect(kibOf(files)).toBeGreaterThan(200)
    expect(kibOf(files)).toBeLessThanOrEqual(BUDGET_KIB)
  })

  it.each(ENTRIES)(
    'of %s evaluates no module of Node that only servers or few apps need',
    (entry) => {
      const loaded = nodeModulesOf(entry)
      expect(loaded).toContain('crypto')
      expect(loaded.filter((name) => NOT_OF_NODE.has(name))).toEqual([])
    },
  )

  it.each(['./datastore', './migrate', './tasks', './express', './testing'])(
    'of %s loads no package of Google, and no Express',
    (entry) => {
      expect(packagesOf(filesOf(entry)).filter((name) => NOT_YET.test(name))).toEqual([])
    },
  )

  it.each([
    'function viurCoreSessions',
    'connect.sid',
    'viur_cookie_',
    'viur-session-moved',
    'id of an old session',
  ])('of all but ./migrate loads no code of a migration, such as %s', (word) => {
    const having = (...entries: readonly string[]) =>
      filesOf(...entries).filter(
        (file) => !file.includes('node_modules') && readFileSync(file, 'utf8').includes(word),
      )
    expect(having('.', './datastore', './express', './express-session', './tasks')).toEqual([])
    expect(having('./migrate')).not.toEqual([])
  })

  it('of ./express-session loads express-session, and nothing of Google', () => {
    const packages = packagesOf(filesOf('./express-session'))
    expect(packages).toContain('express-session')
    expect(packages.filter((name) => NOT_YET.test(name))).toEqual([])
  })
})
