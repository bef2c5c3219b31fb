/**
 * Measures whether a request costs more when more is stored: with 1,000 to 100,000 other sessions, and with sessions of
 * 1 to 1,000 keys of which a page reads one.
 *
 *   ./emulator.sh -- node bench/growth/growth.mjs [--quick]
 */
import { variants } from '../apps/variants.mjs'
import { startApp } from '../lib/app-process.mjs'
import { barChart } from '../lib/chart.mjs'
import { ratio, show, table } from '../lib/numbers.mjs'
import { freshNamespace, needEmulator } from '../lib/parts.mjs'
import { chart, quick, report, say } from '../lib/report.mjs'
import { measure } from '../throughput/rounds.mjs'
import { fill } from './fill.mjs'

needEmulator()
const rounds = quick ? 1 : 2
const seconds = 1
const stored = quick ? [1000, 10_000] : [1000, 10_000, 100_000]
const names = ['eager', 'rival']
const titles = names.map((name) => variants[name].title)

/** Stored size of one key and its value from `sampleData()`, in bytes. */
const BYTES_OF_KEYS = 42

const apps = []
const rows = { stored: [], keys: [] }
try {
  const namespaces = Object.fromEntries(names.map((name) => [name, freshNamespace()]))
  for (const name of names) apps.push(await startApp(name, namespaces[name]))
  rows.keys = await cellsOf(
    [
      ['1 key', 'keys=1'],
      ['10 keys', 'keys=10'],
      ['100 keys', 'keys=100'],
      // The same number of bytes in few keys, to separate the cost of bytes from that of keys.
      ['3 keys, the bytes of 100', `bytes=${BYTES_OF_KEYS * 100}`],
      ['1000 keys', 'keys=1000'],
      ['3 keys, the bytes of 1000', `bytes=${BYTES_OF_KEYS * 1000}`],
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
  tell()
} finally {
  for (const app of apps) await app.stop()
}

async function cellsOf(list, warm) {
  const cells = list.map(([name, query]) => ({ name, page: '/read', query, connections: 64 }))
  const result = await measure(apps, cells, { rounds, seconds, warm })
  return cells.map((cell) => ({ name: cell.name, values: apps.map((app) => result(cell, app)) }))
}

function tell() {
  const tableOf = (list, field, ratios) =>
    table(
      ['', ...titles],
      [
        ...list.map(({ name, values }) => [name, ...values.map((value) => show(value[field]))]),
        ...ratios.map(([title, first, second]) => [
          `**${title}**`,
          ...names.map((_, at) => {
            const [one, other] = [first, second].map((name) =>
              list.find((row) => row.name === name),
            )
            return ratio(one.values[at][field], other.values[at][field])
          }),
        ]),
      ],
    )
  const ofStored = [['most to least', rows.stored.at(-1).name, rows.stored[0].name]]
  const ofKeys = [
    ['1000 keys to 1', '1000 keys', '1 key'],
    ['1000 keys to 3 of as many bytes', '1000 keys', '3 keys, the bytes of 1000'],
    ['100 keys to 3 of as many bytes', '100 keys', '3 keys, the bytes of 100'],
  ]
  report('growth', [
    `Median of ${rounds} rounds of ${seconds} s over 64 connections, a page that reads one key, all apps taking turns. Sessions of 0.5 KB, or of so many keys of 42 bytes.`,
    'Processor time of the app for one request, ms, by how much is stored beside the sessions in use:',
    tableOf(rows.stored, 'cpu', ofStored),
    'Requests per second:',
    tableOf(rows.stored, 'perSecond', ofStored),
    'Processor time of the app for one request, ms, by the keys of each session, of which the page reads one:',
    tableOf(rows.keys, 'cpu', ofKeys),
    'Requests per second:',
    tableOf(rows.keys, 'perSecond', ofKeys),
  ])
  chart(
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
