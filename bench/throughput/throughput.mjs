/**
 * Measures requests per second, latency and processor time of an Express app whose sessions are in the Datastore
 * emulator. The app has its own process; the load comes from this one.
 *
 *   ./emulator.sh -- node bench/throughput/throughput.mjs [--quick]
 */
import { variants } from '../apps/variants.mjs'
import { startApp } from '../lib/app-process.mjs'
import { barChart } from '../lib/chart.mjs'
import { ratio, show, table } from '../lib/numbers.mjs'
import { freshNamespace, needEmulator } from '../lib/parts.mjs'
import { aims, chart, data, isMainNode, quick, report } from '../lib/report.mjs'
import { measure } from './rounds.mjs'

needEmulator()
/** On older Nodes only the measurements that show their difference from the newest. */
const isShort = quick || !isMainNode
const names = isMainNode
  ? ['bare', 'eager', 'client', 'lazy', 'rival']
  : ['bare', 'eager', 'client', 'rival']
const rounds = quick ? 1 : isMainNode ? 3 : 2
const seconds = 1
const connections = isShort ? [64] : [8, 64, 256]
const sizes = [500, 50_000]

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
  tell((cell, name) =>
    result(
      cell,
      apps.find((app) => app.variant === name),
    ),
  )
} finally {
  for (const app of apps) await app.stop()
}

function tell(result) {
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
      `#### ${what}\n\nRequests per second; the ratio is viur-session to the rival.`,
      table(['', ...titles, 'ratio'], perSecond),
      'Processor time of the app for one request, ms; the last column is what viur-session adds to the bare app, as a share of what the rival adds.',
      table(['', ...titles, 'share'], cpu),
      'Latency, ms: mean / 99 of 100 are faster.',
      table(['', ...titles], slow),
    ]
  })
  const details = `Median of ${rounds} rounds of ${seconds} s, all apps taking turns, each in a process of its own; the emulator and the load share the machine's cores with them.`
  report('throughput', [details, ...tables])
  const timesRival = (page, bytes, count) => {
    const cell = cells.find(({ name }) => name === `${page} ${bytes} ${count}`)
    return cell === undefined
      ? Number.NaN
      : result(cell, 'eager').perSecond / result(cell, 'rival').perSecond
  }
  const shareOf = (page) => {
    const cell = cells.find(({ name }) => name === `${page} 5000 64`)
    const above = (name) => result(cell, name).cpu - result(cell, 'bare').cpu
    return above('eager') / above('rival')
  }
  aims('throughput', [
    ...[
      ['/read', 'read page', [3.1, 2.8, 4]],
      ['/write', 'write page', [2.8, 2.6, 4]],
    ].flatMap(([page, what, limits]) =>
      [500, 5000, 50_000].map((bytes, at) => {
        return {
          what: `${what}, 64 connections, ${bytes / 1000} KB: requests per second, times the rival`,
          limit: limits[at],
          now: timesRival(page, bytes, 64),
          atLeast: true,
        }
      }),
    ),
    {
      what: 'read page, 8 connections, 5 KB: requests per second, times the rival',
      limit: 2,
      now: timesRival('/read', 5000, 8),
      atLeast: true,
    },
    {
      what: 'read page, 64 connections, 5 KB: processor time above the bare app, of what the rival adds',
      limit: 0.22,
      now: shareOf('/read'),
    },
  ])
  const at64 = (page) => cells.find((cell) => cell.name === `${page} 5000 64`)
  const cpuOf = (name) => ({
    read: round(result(at64('/read'), name).cpu),
    write: round(result(at64('/write'), name).cpu),
  })
  data('scale/measured.json', {
    from: `Node ${process.version.slice(1)}, ${new Date().toISOString().slice(0, 10)}, 64 connections`,
    bare: cpuOf('bare'),
    ours: cpuOf('eager'),
    rival: cpuOf('rival'),
  })
  for (const [page, title] of [
    ['/read', 'Page that reads one key'],
    ['/write', 'Page that changes one key'],
  ]) {
    const shown = cells.filter((cell) => cell.page === page && cell.bytes === 5000)
    chart(
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
    chart(
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

  function round(ms) {
    return Math.round(ms * 1000) / 1000
  }

  /** Mean latency of this many connections that each request again as soon as they are answered (Little's law). */
  function meanOf(cell, name) {
    return (cell.connections / result(cell, name).perSecond) * 1000
  }
}
