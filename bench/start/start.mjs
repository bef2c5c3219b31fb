/**
 * Measures cold start: the time from process start to the first answered request, without a cookie and with that of a
 * stored session, and the memory at that point. With `ready()` before it listens, the wait of the first visitor is
 * separated from the rest.
 *
 *   ./emulator.sh -- node bench/start/start.mjs [--quick]
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { variants } from '../apps/variants.mjs'
import { startApp } from '../lib/app-process.mjs'
import { barChart } from '../lib/chart.mjs'
import { makeSessions } from '../lib/load.mjs'
import { median, ratio, show, table } from '../lib/numbers.mjs'
import { freshNamespace, needEmulator } from '../lib/parts.mjs'
import { aims, chart, isMainNode, quick, report, say } from '../lib/report.mjs'

needEmulator()
const rounds = quick ? 2 : isMainNode ? 8 : 6
const cache = mkdtempSync(join(tmpdir(), 'bench-cache-'))
const hasCompileCache = Number(/^v(\d+)/.exec(process.version)[1]) >= 22

/** `variant`: the app. `waits`: calls `ready()` before it listens. `cached`: uses the compile cache of Node. */
const COLUMNS = [
  { name: 'bare', variant: 'bare' },
  ...(isMainNode
    ? [{ name: 'memory', variant: 'memory-ours', title: 'viur-session, memory' }]
    : []),
  { name: 'ours', variant: 'eager' },
  { name: 'ready', variant: 'eager', title: 'viur-session, ready()', waits: true },
  { name: 'client', variant: 'client' },
  ...(isMainNode ? [{ name: 'drop-in', variant: 'drop-in' }] : []),
  { name: 'rival', variant: 'rival' },
  ...(hasCompileCache
    ? [
        {
          name: 'ours cached',
          variant: 'eager',
          title: 'viur-session, compile cache',
          cached: true,
        },
        { name: 'rival cached', variant: 'rival', title: 'the rival, compile cache', cached: true },
      ]
    : []),
]

const columns = COLUMNS.map((column) => ({
  ...column,
  namespace: freshNamespace(),
  cookie: '',
  runs: [],
}))
for (const column of columns) {
  const app = await startApp(column.variant, column.namespace, settingsOf(column))
  const [cookie] = await makeSessions(app.url, 1, 'bytes=500')
  column.cookie = cookie
  await app.stop()
}

for (let round = 0; round < rounds; round++) {
  for (const column of columns) {
    const without = await once(column, {})
    const { cookie } = column
    const withCookie = await once(column, cookie === '' ? {} : { cookie })
    // The first run fills the cache with the modules that a request loads.
    if (round > 0 || !column.cached) column.runs.push({ without, withCookie })
  }
  say(`round ${round + 1}`)
}
rmSync(cache, { recursive: true, force: true })

function settingsOf({ waits = false, cached = false }) {
  return { waits, ...(cached && { env: { NODE_COMPILE_CACHE: cache } }) }
}

/** Runs one process, from start to answer. `visitor`: the time since it listens. */
async function once(column, headers) {
  const began = performance.now()
  const app = await startApp(column.variant, column.namespace, settingsOf(column))
  const listened = performance.now()
  const response = await fetch(`${app.url}/read`, { headers })
  await response.text()
  const answered = performance.now()
  const { rss, cpu } = await app.usage()
  await app.stop()
  if (response.status !== 200) throw new Error(`${column.name} answered ${response.status}`)
  return {
    ms: answered - began,
    visitor: answered - listened,
    rss: rss / 2 ** 20,
    cpu: cpu / 1000,
  }
}

const of = (name, kind, field) => {
  const { runs } = columns.find((column) => column.name === name)
  return median(runs.map((run) => run[kind][field]))
}
const KINDS = [
  ['without', 'no cookie'],
  ['withCookie', 'cookie of a stored session'],
]
const titleOf = ({ title, variant }) => title ?? variants[variant].title
const row = (title, kind, field) => [
  title,
  ...columns.map(({ name }) => show(of(name, kind, field))),
  `**${ratio(of('ours', kind, field), of('rival', kind, field))}**`,
]
aims(
  'start',
  [
    ['ms', 'time', 0.62],
    ['cpu', 'processor time', 0.55],
    ['rss', 'memory', 0.75],
  ].map(([field, what, limit]) => {
    return {
      what: `first answer with a cookie: ${what}, of the rival's`,
      limit,
      now: of('ours', 'withCookie', field) / of('rival', 'withCookie', field),
    }
  }),
)
report('start', [
  `Median of ${rounds} fresh processes, all taking turns. The page reads one key; the session holds 0.5 KB. The ratio is viur-session (without \`ready()\` and compile cache) to the rival; less is better.`,
  table(
    ['', ...columns.map(titleOf), 'ratio'],
    KINDS.flatMap(([kind, what]) => [
      row(`first answer, ms, ${what}`, kind, 'ms'),
      row(`of it since the app listens, ms, ${what}`, kind, 'visitor'),
      row(`processor time until then, ms, ${what}`, kind, 'cpu'),
      row(`resident memory then, MiB, ${what}`, kind, 'rss'),
    ]),
  ),
])
chart(
  'start',
  barChart({
    title: 'Cold start: ms from process start to the first answer',
    note: 'On the Datastore emulator; less is better',
    series: columns.map(titleOf),
    groups: KINDS.map(([kind, what]) => ({
      label: what,
      values: columns.map(({ name }) => of(name, kind, 'ms')),
    })),
  }),
)
