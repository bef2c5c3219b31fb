/**
 * Requests per second, latency and processor time of an Express app whose sessions are in the Datastore emulator: the
 * app in a process of its own, the load from this one.
 *
 *   ./emulator.sh -- node bench/throughput/throughput.mjs [--quick]
 */
import { hasDropIn, variants } from '../apps/variants.mjs'
import { startApp } from '../lib/app-process.mjs'
import { barChart } from '../lib/chart.mjs'
import { ratio, show, table } from '../lib/numbers.mjs'
import { freshNamespace, needEmulator } from '../lib/parts.mjs'
import { quick, setting, writeChart, writeSection } from '../lib/report.mjs'
import { measure } from './rounds.mjs'

needEmulator()
const names = ['bare', 'eager', 'lazy', ...(hasDropIn ? ['drop-in'] : []), 'rival']
const rounds = quick ? 1 : 3
const seconds = quick ? 0.8 : 1.5
const connections = quick ? [1, 64] : [1, 8, 64, 256]
const sizes = quick ? [500, 50_000] : [500, 50_000]

const cells = []
for (const page of ['/read', '/write']) {
  for (const count of connections) cells.push(makeCell(page, 5000, count))
  for (const bytes of sizes) cells.push(makeCell(page, bytes, 64))
}

function makeCell(page, bytes, count) {
  return {
    name: `${page} ${bytes} ${count}`,
    page,
    bytes,
    query: `bytes=${bytes}`,
    connections: count,
  }
}

const apps = []
try {
  for (const name of names) apps.push(await startApp(name, freshNamespace()))
  const result = await measure(apps, cells, { rounds, seconds })
  report((cell, name) =>
    result(
      cell,
      apps.find((app) => app.variant === name),
    ),
  )
} finally {
  for (const app of apps) await app.stop()
}

function report(result) {
  const titles = names.map((name) => variants[name].title)
  const label = ({ connections: count, bytes }) => `${count} connections, ${bytes / 1000} KB`
  const tables = ['/read', '/write'].flatMap((page) => {
    const rows = cells.filter((cell) => cell.page === page)
    const perSecond = rows.map((cell) => [
      label(cell),
      ...names.map((name) => show(result(cell, name).perSecond)),
      `**${ratio(result(cell, 'eager').perSecond, result(cell, 'rival').perSecond)}**`,
    ])
    const cpu = rows.map((cell) => {
      const bare = result(cell, 'bare').cpu
      const above = (name) => result(cell, name).cpu - bare
      return [
        label(cell),
        ...names.map((name) => show(result(cell, name).cpu)),
        `**${Math.round((above('eager') / above('rival')) * 100)} %**`,
      ]
    })
    const slow = rows.map((cell) => [
      label(cell),
      ...names.map((name) => `${show(meanOf(cell, name))} / ${show(result(cell, name).slow)}`),
    ])
    const what =
      page === '/read'
        ? 'Page that reads one key'
        : 'Page that changes one key, each connection in its own session'
    return [
      `### ${what}\n\nRequests per second; the ratio is viur-session to the rival.`,
      table(['', ...titles, 'ratio'], perSecond),
      'Processor time of the app for one request, ms; the last column is what viur-session adds to the bare app, as a share of what the rival adds.',
      table(['', ...titles, 'share'], cpu),
      'Latency, ms: mean / 99 of 100 are faster.',
      table(['', ...titles], slow),
    ]
  })
  const details = `Median of ${rounds} rounds of ${seconds} s, all apps taking turns, each in a process of its own; the emulator and the load share the machine's cores with them.`
  writeSection(
    'bench/RESULTS.md',
    'throughput',
    [
      '## Throughput, latency and processor time, on the emulator',
      setting(details),
      ...tables,
    ].join('\n\n'),
  )
  for (const [page, title] of [
    ['/read', 'Page that reads one key'],
    ['/write', 'Page that changes one key'],
  ]) {
    const shown = cells.filter((cell) => cell.page === page && cell.bytes === 5000)
    writeChart(
      `throughput-${page.slice(1)}`,
      barChart({
        title: `${title}: requests per second`,
        note: '5 KB of session data, on the Datastore emulator; more is better',
        series: titles,
        groups: shown.map((cell) => ({
          label: `${cell.connections} connections`,
          values: names.map((name) => result(cell, name).perSecond),
        })),
      }),
    )
    writeChart(
      `cpu-${page.slice(1)}`,
      barChart({
        title: `${title}: processor time for one request, ms`,
        note: '5 KB of session data, on the Datastore emulator; less is better',
        series: titles,
        groups: shown.map((cell) => ({
          label: `${cell.connections} connections`,
          values: names.map((name) => result(cell, name).cpu),
        })),
      }),
    )
  }

  /** Of so many connections that each ask again as soon as they are answered (Little's law). */
  function meanOf(cell, name) {
    return (cell.connections / result(cell, name).perSecond) * 1000
  }
}
