/**
 * Runs the parts one after the other, each on every Node that matters for it. Only a whole run on a quiet machine
 * writes RESULTS.md, the charts and the tables of the documentation; other runs print their results.
 *
 *   npm run bench                        all parts, then writes
 *   npm run bench -- [--quick] PART...   these parts, on every Node
 *   npm run bench -- --quick             all parts with short rounds, to see that they work
 */
import { spawnSync } from 'node:child_process'
import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { cpus, loadavg, totalmem } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { nodesToMeasure } from './lib/nodes.mjs'
import { inRoot, writeChart, writeSection } from './lib/page.mjs'
import { show, table } from './lib/numbers.mjs'
import { loadIsLow, MOST_OF_OTHERS, othersAreQuiet, watchOthers } from './lib/quiet.mjs'
import { quick, say } from './lib/report.mjs'

const PAGE = 'bench/RESULTS.md'
const here = fileURLToPath(new URL('.', import.meta.url))
const staging = join(here, '.staging')

/** `emulator`: needs an empty emulator. `once`: the result does not depend on Node. */
const PARTS = {
  imports: { title: 'Importing', script: 'start/imports.mjs' },
  start: { title: 'Cold start', script: 'start/start.mjs', emulator: true },
  'in-process': {
    title: 'One request without sockets and database',
    script: 'throughput/in-process.mjs',
  },
  middleware: { title: 'The middleware alone', script: 'throughput/middleware.mjs' },
  adapters: {
    title: 'Adapters, beside what is usual there',
    script: 'adapters/adapters.mjs',
    once: true,
  },
  'one-connection': {
    title: 'Latency over one connection, on the emulator',
    script: 'throughput/one-connection.mjs',
    emulator: true,
  },
  throughput: {
    title: 'Throughput, latency and processor time, on the emulator',
    script: 'throughput/throughput.mjs',
    emulator: true,
  },
  growth: { title: 'Growth', script: 'growth/growth.mjs', emulator: true, once: true },
  calls: {
    title: 'Calls for one request, and their price',
    script: 'calls/calls.mjs',
    emulator: true,
    once: true,
  },
  sweep: { title: 'Sweep', script: 'sweep/report.mjs', emulator: true, once: true },
  scale: {
    title: 'The model of scale, held against the emulator',
    script: 'scale/check.mjs',
    emulator: true,
    once: true,
  },
  overload: { title: 'Overload', script: 'overload/overload.mjs', emulator: true, once: true },
}

const flags = process.argv.slice(2).filter((argument) => argument.startsWith('--'))
const wanted = process.argv.slice(2).filter((argument) => !argument.startsWith('--'))
const unknown = [
  ...wanted.filter((name) => !Object.hasOwn(PARTS, name)),
  ...flags.filter((flag) => flag !== '--quick'),
]
if (unknown.length > 0) {
  console.error(
    `There is no part or flag ${unknown.join(', ')}; there are ${Object.keys(PARTS).join(', ')} and --quick.`,
  )
  process.exit(2)
}

const writes = wanted.length === 0 && !quick
const nodes = nodesToMeasure()
const began = new Date()
const watched = []
if (writes) {
  rmSync(staging, { recursive: true, force: true })
  mkdirSync(staging)
  if (!(await loadIsLow(180)) || !(await othersAreQuiet(60))) refuse('it was busy at the start')
}
const loadAtStart = loadavg()[0]

for (const name of wanted.length > 0 ? wanted : Object.keys(PARTS)) {
  for (const node of PARTS[name].once ? nodes.slice(-1) : nodes) await measure(name, node)
}
if (writes) write()

/** Runs a part on one Node. A part that was disturbed or that failed runs once more. */
async function measure(name, node) {
  for (let tries = 1; ; tries++) {
    if (writes && !(await othersAreQuiet(60))) refuse(`it was busy before ${name}`)
    say(`== ${name}, Node ${node.version}`)
    const others = watchOthers()
    const from = performance.now()
    const status = run(name, node)
    const share = others()
    const seconds = Math.round((performance.now() - from) / 1000)
    say(`== ${name}, Node ${node.version}: ${seconds} s, others took ${percent(share)}`)
    if (status === 0 && (!writes || (share ?? 0) <= MOST_OF_OTHERS)) {
      watched.push({ name, node, seconds, share })
      return
    }
    if (tries === 2 || !writes) {
      if (status !== 0) process.exit(status ?? 1)
      refuse(`others took ${percent(share)} of it during ${name}`)
    }
  }
}

function run(name, node) {
  const { script, emulator } = PARTS[name]
  const command = [node.path, join(here, script), ...flags]
  const all = emulator ? ['bash', inRoot('emulator.sh'), '--', ...command] : command
  const env = {
    ...process.env,
    BENCH_MAIN_NODE: node === nodes.at(-1) ? 'yes' : 'no',
    ...(writes && { BENCH_STAGING: staging }),
  }
  // Each part starts its own emulator, so that its processor time does not count as that of other processes.
  if (writes) delete env.DATASTORE_EMULATOR_HOST
  return spawnSync(all[0], all.slice(1), { stdio: 'inherit', env }).status
}

function refuse(why) {
  console.error(
    `\nNo figures are written, since only a quiet machine gives comparable ones, and ${why}.`,
  )
  process.exit(3)
}

function percent(share) {
  return share === null ? 'an unknown share' : `${(share * 100).toFixed(1)} %`
}

/** Puts all results in their places. */
function write() {
  writeSection(PAGE, 'run', aboutTheRun())
  writeSection(PAGE, 'aims', aimsMet())
  for (const [name, { title }] of Object.entries(PARTS)) {
    const found = nodes.flatMap(({ version }) => {
      const path = join(staging, 'sections', `${name}.${version}.md`)
      return existsSync(path)
        ? [`### Node ${version.slice(1)}\n\n${readFileSync(path, 'utf8')}`]
        : []
    })
    // Newest first, since an app should run on that.
    writeSection(PAGE, name, [`## ${title}`, ...found.toReversed()].join('\n\n'))
  }
  for (const page of filesIn('pages')) {
    const name = page.split('/').at(-1).replace(/\.md$/, '')
    const target = page.split('/').slice(0, -1).join('/')
    writeSection(target, name, readFileSync(join(staging, 'pages', page), 'utf8'))
  }
  for (const file of filesIn('data')) {
    copyFileSync(join(staging, 'data', file), join(here, file))
  }
  for (const file of filesIn('charts')) {
    writeChart(file.replace(/\.svg$/, ''), readFileSync(join(staging, 'charts', file), 'utf8'))
  }
  rmSync(staging, { recursive: true })
  // The model uses the processor times of this run.
  const { status } = spawnSync(process.execPath, [join(here, 'scale/scale.mjs')], {
    stdio: 'ignore',
  })
  if (status !== 0) throw new Error('bench/scale/scale.mjs failed')
}

function filesIn(folder) {
  const path = join(staging, folder)
  if (!existsSync(path)) return []
  return readdirSync(path, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath ?? entry.path, entry.name).slice(path.length + 1))
}

/** Returns the targets that parts have reported, in the order of the parts. */
function aimsMet() {
  const rows = Object.keys(PARTS).flatMap((name) =>
    nodes.toReversed().flatMap(({ version }) => {
      const path = join(staging, 'aims', `${name}.${version}.json`)
      if (!existsSync(path)) return []
      return JSON.parse(readFileSync(path, 'utf8')).map(({ what, limit, now, atLeast = false }) => {
        const isMet = atLeast ? now >= limit : now <= limit
        const off = Math.abs(now / limit - 1) * 100
        return [
          `${what}, Node ${version.slice(1)}`,
          `${atLeast ? 'at least' : 'at most'} ${limit}`,
          show(now),
          isMet ? 'yes' : `missed by ${off < 1 ? off.toFixed(1) : Math.round(off)} %`,
        ]
      })
    }),
  )
  return table(['', 'aim', 'now', 'met'], rows)
}

function aboutTheRun() {
  const rivals = createRequire(new URL('./package.json', import.meta.url))
  const ours = createRequire(new URL('../package.json', import.meta.url))
  const version = (from, name) => `${name} ${from(`${name}/package.json`).version}`
  const minutes = Math.round((Date.now() - began.getTime()) / 60_000)
  const busiest = watched.reduce((most, one) => ((one.share ?? 0) > (most.share ?? 0) ? one : most))
  return [
    `All sections below are of one run: ${began.toISOString().slice(0, 16).replace('T', ' ')} UTC, ${minutes} minutes, Node ${nodes.map((node) => node.version.slice(1)).join(', ')}, ${cpus().length} cores (${cpus()[0].model}), ${Math.round(totalmem() / 2 ** 30)} GiB.`,
    `Load average ${loadAtStart.toFixed(2)} at its start and ${loadavg()[0].toFixed(2)} at its end, which the run itself caused. The highest share of all cores that other processes used during a part: ${percent(busiest.share)} (${busiest.name}, Node ${busiest.node.version.slice(1)}).`,
    `viur-session ${ours('./package.json').version} on ${version(ours, '@grpc/grpc-js')} and, where its client is named, ${version(ours, '@google-cloud/datastore')}; ${version(rivals, 'express')}, ${version(rivals, 'express-session')}, ${version(rivals, '@google-cloud/connect-datastore')} on ${version(rivals, '@google-cloud/datastore')}.`,
  ].join('\n\n')
}
