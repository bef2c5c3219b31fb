/**
 * Tests the optional peers of viur-session/datastore, with and without each. npm and pnpm install apps with the packed
 * tarball. The apps run unbundled and as one file from esbuild, on this Node and on the other supported versions. Each
 * writes and reads a session on the emulator, or prints which package to install.
 *
 *   npm test                     all
 *   npm test -- npm, nothing     the apps whose names begin with these words
 */
import { execFileSync, spawnSync } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import { nodesToMeasure } from '../../../bench/lib/nodes.mjs'
import { appsFor } from './apps.mjs'

const here = fileURLToPath(new URL('.', import.meta.url))
const root = join(here, '../../..')
const PEERS = ['@grpc/grpc-js', 'google-auth-library', '@google-cloud/datastore']
const TRANSPORTS = ['auto', 'grpc', 'client']
const PNPM = join(here, 'node_modules/pnpm/bin/pnpm.cjs')

/** Each installs the dependencies in package.json, also if a peer is older than the range allows. */
const MANAGERS = {
  npm: [
    'npm',
    'install',
    '--silent',
    '--no-audit',
    '--no-fund',
    '--no-package-lock',
    '--legacy-peer-deps',
  ],
  pnpm: [process.execPath, PNPM, 'install', '--silent', '--no-lockfile'],
}

/** Bundles an app into one file, with or without the peers. */
const BUNDLES = {
  'left out': { file: 'left-out.mjs', format: 'esm', external: PEERS },
  'inside, CommonJS': { file: 'inside.cjs', format: 'cjs' },
  'inside, ES module': { file: 'inside.mjs', format: 'esm' },
}

const scratch = mkdtempSync(join(tmpdir(), 'viur-peers-'))
process.once('exit', () => rmSync(scratch, { recursive: true, force: true }))
const tarball = run(process.execPath, ['scripts/pack-for-folder.mjs'], root)
  .trim()
  .split('\n')
  .at(-1)

const wanted = process.argv.slice(2).join(' ')
let tried = 0
let wrong = 0

for (const node of nodesToMeasure()) {
  const major = Number(/^v(\d+)/.exec(node.version)[1])
  const before = tried
  for (const manager of Object.keys(MANAGERS)) {
    for (const app of appsFor(major)) {
      if (`${manager}, ${app.name}`.startsWith(wanted)) await tryApp(node, manager, app)
    }
  }
  console.log(`Node ${node.version}: ${tried - before} tried`)
}
console.log(`peers: ${tried} tried, ${wrong} wrong`)
process.exitCode = wrong === 0 && tried > 0 ? 0 : 1

async function tryApp(node, manager, app) {
  const folder = await install(manager, app.peers)
  const { says, leftOut = {}, inside = { commonjs: {}, esm: {} }, cloud } = app
  const forms = [
    ['as it is', 'app.mjs', says],
    ['left out', BUNDLES['left out'].file, { ...says, ...leftOut[manager] }],
    ['inside, CommonJS', BUNDLES['inside, CommonJS'].file, { ...says, ...inside.commonjs }],
    ['inside, ES module', BUNDLES['inside, ES module'].file, { ...says, ...inside.esm }],
  ]
  for (const [form, file, expected] of forms) {
    check(
      `${node.version}, ${manager}, ${app.name}, ${form}`,
      use(node, join(folder, file), true),
      expected,
    )
  }
  if (cloud === undefined) return
  check(
    `${node.version}, ${manager}, ${app.name}, no emulator`,
    use(node, join(folder, 'app.mjs'), false),
    cloud,
  )
}

/** The folder of an app with these peers, and its bundles. It is the same on each Node. */
async function install(manager, peers) {
  const dependencies = { 'viur-session': `file:${tarball}`, ...peers }
  const named = JSON.stringify([manager, peers]).replaceAll(/\W+/g, '-')
  const folder = join(scratch, named)
  if (existsSync(folder)) return folder
  mkdirSync(folder)
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ private: true, dependencies }))
  const app = join(folder, 'app.mjs')
  cpSync(join(here, 'app.mjs'), app)
  const [program, ...args] = MANAGERS[manager]
  run(program, args, folder)
  for (const { file, ...options } of Object.values(BUNDLES)) {
    const outfile = join(folder, file)
    await build({
      ...options,
      entryPoints: [app],
      outfile,
      bundle: true,
      platform: 'node',
      logLevel: 'silent',
    })
  }
  return folder
}

/** The output of the app, for each transport. */
function use(node, file, onEmulator) {
  const { PATH, DATASTORE_EMULATOR_HOST } = process.env
  const env = {
    PATH,
    SPACE: `peers-${process.pid}-${tried}`,
    METADATA_SERVER_DETECTION: 'none',
    // The oldest packages use features about which the newest versions of Node warn.
    NODE_NO_WARNINGS: '1',
    ...(onEmulator && { DATASTORE_EMULATOR_HOST }),
  }
  const { stdout, stderr, status } = spawnSync(node.path, [file], {
    env,
    encoding: 'utf8',
    timeout: 120_000,
  })
  if (status === 0 && stderr === '') return JSON.parse(stdout)
  const said = `exit status ${status}: ${stdout}${stderr}`
  return Object.fromEntries(TRANSPORTS.map((transport) => [transport, said]))
}

function check(what, said, expected) {
  tried += 1
  for (const transport of TRANSPORTS) {
    const wish = expected[transport]
    if (wish instanceof RegExp ? wish.test(said[transport]) : wish === said[transport]) continue
    wrong += 1
    console.error(
      `${what}, transport '${transport}':\n  said   ${said[transport]}\n  wanted ${wish}`,
    )
  }
}

function run(program, args, cwd) {
  return execFileSync(program, args, {
    cwd,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
  })
}
