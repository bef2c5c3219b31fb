/**
 * Measures the cost of the middleware itself, without a database: viur-session on its memory store, compared with
 * express-session on its own, and two packages that store everything in the cookie.
 *
 *   node bench/throughput/middleware.mjs [--quick]
 */
import { variants } from '../apps/variants.mjs'
import { startApp } from '../lib/app-process.mjs'
import { barChart } from '../lib/chart.mjs'
import { ratio, show, table } from '../lib/numbers.mjs'
import { freshNamespace } from '../lib/parts.mjs'
import { aims, chart, isMainNode, quick, report } from '../lib/report.mjs'
import { measure } from './rounds.mjs'

const names = [
  'bare',
  'memory-ours',
  'memory-express-session',
  ...(isMainNode ? ['cookie-session', 'iron-session'] : []),
]
const rounds = quick ? 1 : 3
const seconds = 0.8
const cells = ['/none', '/read', '/write'].map((page) => ({
  name: page,
  page,
  query: 'bytes=500',
  connections: 64,
}))
const TITLES = {
  '/none': 'page that does not use it',
  '/read': 'page that reads one key',
  '/write': 'page that changes one key',
}

const apps = []
try {
  for (const name of names) apps.push(await startApp(name, freshNamespace()))
  const result = await measure(apps, cells, { rounds, seconds })
  const of = (cell, name) =>
    result(
      cell,
      apps.find((app) => app.variant === name),
    )
  const titles = names.map((name) => variants[name].title)
  const details = `Median of ${rounds} rounds of ${seconds} s over 64 connections, 0.5 KB of data, no database: sessions in the memory of the app, or in the cookie.`
  const isNewest = Number(/^v(\d+)/.exec(process.version)[1]) >= 24
  aims(
    'middleware',
    [
      ['/read', isNewest ? 1.35 : 1.5],
      ['/write', isNewest ? 0.9 : 1],
    ].map(([page, limit]) => {
      const cell = cells.find((one) => one.page === page)
      return {
        what: `the middleware alone, ${TITLES[page]}: requests per second, times express-session`,
        limit,
        now: of(cell, 'memory-ours').perSecond / of(cell, 'memory-express-session').perSecond,
        atLeast: true,
      }
    }),
    { everyNode: true },
  )
  report('middleware', [
    details,
    'Requests per second; the ratio is viur-session to express-session.',
    table(
      ['', ...titles, 'ratio'],
      cells.map((cell) => [
        TITLES[cell.page],
        ...names.map((name) => show(of(cell, name).perSecond)),
        `**${ratio(of(cell, 'memory-ours').perSecond, of(cell, 'memory-express-session').perSecond)}**`,
      ]),
    ),
    'Processor time of the app for one request, ms.',
    table(
      ['', ...titles],
      cells.map((cell) => [
        TITLES[cell.page],
        ...names.map((name) => of(cell, name).cpu.toFixed(3)),
      ]),
    ),
  ])
  chart(
    'middleware',
    barChart({
      title: 'The middleware alone: requests per second',
      note: '64 connections, 0.5 KB of session data, no database; more is better',
      series: titles,
      groups: cells.map((cell) => ({
        label: TITLES[cell.page],
        values: names.map((name) => of(cell, name).perSecond),
      })),
    }),
  )
} finally {
  for (const app of apps) await app.stop()
}
