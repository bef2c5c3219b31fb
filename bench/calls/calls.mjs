/**
 * Counts the Datastore calls of each kind of request, on the wire between the clients and the emulator, and computes
 * their price.
 *
 *   ./emulator.sh -- node bench/calls/calls.mjs
 */
import { hasDropIn, variants } from '../apps/variants.mjs'
import { barChart } from '../lib/chart.mjs'
import { table } from '../lib/numbers.mjs'
import { freshNamespace, needEmulator } from '../lib/parts.mjs'
import { chart, report, reportTo, say } from '../lib/report.mjs'
import { tapWire } from '../lib/wire.mjs'
import { openColumn } from './columns.mjs'
import { PRICES, perMillion } from './prices.mjs'

const SIX_MINUTES = 6 * 60 * 1000

const wire = await tapWire(needEmulator())
// From here on every client of this process uses the tapped wire.
process.env.DATASTORE_EMULATOR_HOST = wire.host

const names = ['eager', 'lazy', ...(hasDropIn ? ['drop-in'] : []), 'rival', 'rival-readme']

/** Each row gets the cookie of a stored session, and makes the requests that are counted. */
const ROWS = [
  ['anonymous, session not used', (app) => app.ask('/none')],
  ['cookie that is junk', (app) => app.ask('/read', junk(app))],
  ['cookie of a session that is gone', (app, cookie) => app.ask('/read', cookie), '/logout'],
  ['page that does not use the session', (app, cookie) => app.ask('/none', cookie)],
  ['page that reads', (app, cookie) => app.ask('/read', cookie)],
  ['page that changes', (app, cookie) => app.ask('/write', cookie)],
  ['page that reads, 6 minutes later', readLater],
  ['first value of a visitor', (app) => app.ask('/write')],
  ['login', (app, cookie) => app.ask('/login', cookie)],
  ['login with Passport', (app, cookie) => app.ask('/passport-login?user=ada', cookie)],
  ['logout', (app, cookie) => app.ask('/logout', cookie)],
  ['50 parallel requests that read', fifty],
]

function junk(app) {
  const id = 'a'.repeat(43)
  const name = app.name === 'eager' || app.name === 'lazy' ? 'viur-session' : 'connect.sid'
  return `${name}=s%3A${id}.${'b'.repeat(43)}`
}

async function readLater(app, cookie) {
  app.advance(SIX_MINUTES)
  await app.ask('/read', cookie)
}

async function fifty(app, cookie) {
  await Promise.all(Array.from({ length: 50 }, () => app.ask('/read', cookie)))
}

async function count(app, make, before) {
  const cookie = await app.ask('/fill?bytes=500')
  if (before !== undefined) await app.ask(before, cookie)
  // Makes the calls that a process makes at most once a minute, so that they are not counted.
  await app.ask('/login', await app.ask('/fill?bytes=500'))
  wire.take()
  await make(app, cookie)
  const calls = wire.take()
  const sum = (field) => calls.reduce((total, call) => total + call[field], 0)
  return {
    calls: calls.length,
    reads: sum('reads'),
    writes: sum('writes'),
    deletes: sum('deletes'),
  }
}

const counted = {}
for (const name of names) {
  const app = await openColumn(name, freshNamespace())
  // Makes the calls that a store tries once, for example to find out how the server shares calls; they are not part of
  // the cost of a request.
  const warm = await app.ask('/fill?bytes=500')
  await fifty(app, warm)
  await Promise.all(Array.from({ length: 4 }, () => app.ask('/fill?bytes=500')))
  await new Promise((resolve) => {
    setTimeout(resolve, 500)
  })
  counted[name] = []
  for (const [, make, before] of ROWS) counted[name].push(await count(app, make, before))
  await app.close()
  say(`${name}: ${counted[name].map(show).join(', ')}`)
}
wire.close()

function show({ calls, reads, writes, deletes }) {
  if (calls === 0) return '0'
  const parts = [
    [reads, 'L'],
    [writes, 'W'],
    [deletes, 'D'],
  ].flatMap(([times, letter]) => (times === 0 ? [] : [times === 1 ? letter : `${times} ${letter}`]))
  return `${calls} (${parts.join(' ')})`
}

const titles = names.map((name) => variants[name].title)
const dollars = (counts) => (perMillion(counts) === 0 ? '0' : perMillion(counts).toFixed(2))
const best = (row) => {
  const [mine, theirs] = ['eager', 'rival'].map((name) => perMillion(counted[name][row]))
  return theirs === 0 ? '-' : `**${Math.round((mine / theirs) * 100)} %**`
}
const details = `Prices per million: reads $${PRICES.reads.toFixed(2)}, writes $${PRICES.writes.toFixed(2)}, deletes $${PRICES.deletes.toFixed(2)}: list prices of Firestore\nin Datastore mode, single region (us-central1), from Google's pricing pages of 21 August 2026. Free quota is left out.`
const callRows = ROWS.map(([title], row) => [
  title,
  ...names.map((name) => show(counted[name][row])),
])
const callTable = table(['', ...titles], callRows)
const legend =
  'Each cell: calls, and what they are billed as. L: a key looked up, W: an entity written, D: an entity deleted.'
report('calls', [
  details,
  legend,
  callTable,
  'Dollars per million such requests (of the last row: page loads); the share is viur-session of the rival at its best.',
  table(
    ['', ...titles, 'share'],
    ROWS.map(([title], row) => [
      title,
      ...names.map((name) => dollars(counted[name][row])),
      best(row),
    ]),
  ),
])
reportTo('docs/performance.md', 'calls', [legend, callTable, details].join('\n\n'))
const shown = [3, 4, 5, 6, 8, 9]
chart(
  'price',
  barChart({
    title: 'Dollars per million requests',
    note: "Datastore's list prices, single region; less is better",
    series: titles,
    groups: shown.map((row) => ({
      label: ROWS[row][0].replace('session', 'it').replace('page that ', ''),
      values: names.map((name) => perMillion(counted[name][row])),
    })),
  }),
)
// The client of the rival cannot be closed.
process.exit()
