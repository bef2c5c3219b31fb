/**
 * Whether a request costs more when more is stored: with 1,000 to 100,000 sessions beside those in use, and with
 * sessions of 1 to 1,000 keys of which a page reads one.
 *
 *   ./emulator.sh -- node bench/growth/growth.mjs [--quick]
 */
import { hasDropIn, variants } from '../apps/variants.mjs'
import { startApp } from '../lib/app-process.mjs'
import { barChart } from '../lib/chart.mjs'
import { ratio, show, table } from '../lib/numbers.mjs'
import { freshNamespace, needEmulator } from '../lib/parts.mjs'
import { quick, say, setting, writeChart, writeSection } from '../lib/report.mjs'
import { measure } from '../throughput/rounds.mjs'
import { fill } from './fill.mjs'

needEmulator()
const rounds = quick ? 1 : 3
const seconds = quick ? 0.8 : 1.5
const stored = quick ? [1000, 10_000] : [1000, 10_000, 100_000]
const keys = quick ? [1, 1000] : [1, 10, 100, 1000]
const names = ['eager', ...(hasDropIn ? ['drop-in'] : []), 'rival']
const titles = names.map((name) => variants[name].title)

const apps = []
const rows = { stored: [], keys: [] }
try {
  const namespaces = Object.fromEntries(names.map((name) => [name, freshNamespace()]))
  for (const name of names) apps.push(await startApp(name, namespaces[name]))
  rows.keys = await cellsOf(
    [
      // As many bytes as the last, so that what is read over the wire can be told from the number of keys.
      ['3 keys, 40 KB', 'bytes=40000'],
      ...keys.map((count) => [`${count} ${count === 1 ? 'key' : 'keys'}`, `keys=${count}`]),
    ],
    false,
  )
  let there = 0
  for (const count of stored) {
    for (const name of names) await fill(name, namespaces[name], count - there)
    there = count
    say(`${count} stored`)
    rows.stored.push(...(await cellsOf([[`${count} sessions stored`, 'bytes=500']], true)))
  }
  report()
} finally {
  for (const app of apps) await app.stop()
}

async function cellsOf(list, warm) {
  const cells = list.map(([name, query]) => ({ name, page: '/read', query, connections: 64 }))
  const result = await measure(apps, cells, { rounds, seconds, warm })
  return cells.map((cell) => ({ name: cell.name, values: apps.map((app) => result(cell, app)) }))
}

function report() {
  const tableOf = (list, field, from = 0) =>
    table(
      ['', ...titles],
      [
        ...list.map(({ name, values }) => [name, ...values.map((value) => show(value[field]))]),
        [
          from === 0 ? '**last to first**' : '**1,000 keys to 1**',
          ...names.map((_, at) =>
            ratio(list.at(-1).values[at][field], list[from].values[at][field]),
          ),
        ],
      ],
    )
  writeSection(
    'bench/RESULTS.md',
    'growth',
    [
      '## Growth',
      setting(
        `Median of ${rounds} rounds of ${seconds} s over 64 connections, a page that reads one key, all apps taking turns. Sessions of 0.5 KB, or of so many keys of 40 bytes.`,
      ),
      'Processor time of the app for one request, ms, by how much is stored beside the sessions in use:',
      tableOf(rows.stored, 'cpu'),
      'Requests per second:',
      tableOf(rows.stored, 'perSecond'),
      'Processor time of the app for one request, ms, by the keys of each session, of which the page reads one:',
      tableOf(rows.keys, 'cpu', 1),
      'Requests per second:',
      tableOf(rows.keys, 'perSecond', 1),
    ].join('\n\n'),
  )
  writeChart(
    'growth',
    barChart({
      title: 'Processor time for one request that reads one key, ms',
      note: '64 connections, on the Datastore emulator; less is better',
      series: titles,
      groups: [...rows.stored, ...rows.keys].map(({ name, values }) => ({
        label: name,
        values: values.map((value) => value.cpu),
      })),
    }),
  )
}
