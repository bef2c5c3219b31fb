/**
 * Cold start: from the start of the process to its first answered request, without a cookie and with that of a stored
 * session, and the memory that it takes then.
 *
 *   ./emulator.sh -- node bench/start/start.mjs [--quick]
 */
import { hasDropIn, variants } from '../apps/variants.mjs'
import { startApp } from '../lib/app-process.mjs'
import { barChart } from '../lib/chart.mjs'
import { makeSessions } from '../lib/load.mjs'
import { median, ratio, show, table } from '../lib/numbers.mjs'
import { freshNamespace, needEmulator } from '../lib/parts.mjs'
import { quick, say, setting, writeChart, writeSection } from '../lib/report.mjs'

needEmulator()
const rounds = quick ? 2 : 9
const names = ['bare', 'memory-ours', 'eager', ...(hasDropIn ? ['drop-in'] : []), 'rival']
const titles = { ...Object.fromEntries(names.map((name) => [name, variants[name].title])) }
titles['memory-ours'] = 'viur-session, memory'

const columns = names.map((name) => ({ name, namespace: freshNamespace(), cookie: '', runs: [] }))
for (const column of columns) {
  const app = await startApp(column.name, column.namespace)
  const [cookie] = await makeSessions(app.url, 1, 'bytes=500')
  column.cookie = cookie
  await app.stop()
}

for (let round = 0; round < rounds; round++) {
  for (const column of columns) {
    const without = await once(column, {})
    const cookie = column.cookie
    const withCookie = await once(column, cookie === '' ? {} : { cookie })
    column.runs.push({ without, withCookie })
  }
  say(`round ${round + 1}`)
}

/** One process, from start to answer. */
async function once({ name, namespace }, headers) {
  const began = performance.now()
  const app = await startApp(name, namespace)
  const response = await fetch(`${app.url}/read`, { headers })
  await response.text()
  const ms = performance.now() - began
  const { rss, cpu } = await app.usage()
  await app.stop()
  if (response.status !== 200) throw new Error(`${name} answered ${response.status}`)
  return { ms, rss: rss / 2 ** 20, cpu: cpu / 1000 }
}

const of = (name, kind, field) => {
  const { runs } = columns.find((column) => column.name === name)
  return median(runs.map((run) => run[kind][field]))
}
const KINDS = [
  ['without', 'no cookie'],
  ['withCookie', 'cookie of a stored session'],
]
const row = (title, kind, field) => [
  title,
  ...names.map((name) => show(of(name, kind, field))),
  `**${ratio(of('eager', kind, field), of('rival', kind, field))}**`,
]
writeSection(
  'bench/RESULTS.md',
  'start',
  [
    '## Cold start',
    setting(
      `Median of ${rounds} fresh processes, all taking turns. The page reads one key; the session holds 0.5 KB. The ratio is viur-session to the rival; less is better.`,
    ),
    table(
      ['', ...names.map((name) => titles[name]), 'ratio'],
      KINDS.flatMap(([kind, what]) => [
        row(`first answer, ms, ${what}`, kind, 'ms'),
        row(`processor time until then, ms, ${what}`, kind, 'cpu'),
        row(`resident memory then, MiB, ${what}`, kind, 'rss'),
      ]),
    ),
  ].join('\n\n'),
)
writeChart(
  'start',
  barChart({
    title: 'Cold start: ms from process start to the first answer',
    note: 'On the Datastore emulator; less is better',
    series: names.map((name) => titles[name]),
    groups: KINDS.map(([kind, what]) => ({
      label: what,
      values: names.map((name) => of(name, kind, 'ms')),
    })),
  }),
)
