/**
 * Measures how a first sweep of a large backlog affects the requests of the same process: visitors come at a fixed pace
 * while it runs. Prints one line of JSON. Started by overload.mjs.
 *
 *   node beside.mjs none|unpaced|paced [seconds] [expired sessions]
 */
import { randomBytes } from 'node:crypto'
import { createSessions } from '../../dist/index.js'
import { datastoreStore } from '../../dist/store/datastore/index.js'
import { sampleRecord } from '../../dist/testing/index.js'
import { startProxy } from './proxy.mjs'

const [variant, seconds = '5', backlog = '16000'] = process.argv.slice(2)
const HOUR = 60 * 60 * 1000
const BACKLOG = Number(backlog)
const RATE = 60
const RATES = { none: 500, unpaced: Number.POSITIVE_INFINITY, paced: 500 }

const sleep = (time) => new Promise((resolve) => setTimeout(resolve, time))

const NAMESPACE = `bench-${randomBytes(6).toString('hex')}`
// Without the proxy, and with a long deadline, since it only counts.
const counter = datastoreStore({
  projectId: 'viur-session-bench',
  namespace: NAMESPACE,
  deadline: '1m',
})
const proxy = await startProxy(process.env.DATASTORE_EMULATOR_HOST)
process.env.DATASTORE_EMULATOR_HOST = proxy.address
const store = datastoreStore({
  projectId: 'viur-session-bench',
  namespace: NAMESPACE,
  sweepRate: RATES[variant],
})
const sessions = createSessions({ store, logger: { warn() {}, error() {} } })

if (variant !== 'none') {
  const expires = Date.now() - 3 * HOUR
  for (let at = 0; at < BACKLOG; at += 500) {
    const records = Array.from({ length: 500 }, () =>
      sampleRecord({
        created: expires - HOUR,
        lastSeen: expires - HOUR,
        expires,
        values: { blob: 'x'.repeat(1000) },
      }),
    )
    await counter.writeEach(records.map((record) => ({ kind: 'insert', record })))
  }
}

const cookies = []
for (let at = 0; at < 50; at++) {
  const session = await sessions.open({ secure: true }).load()
  session.set('n', 0)
  cookies.push((await sessions.commit(session)).setCookie[0].split(';')[0])
}
proxy.settings.delay = 3

const took = []
let failed = 0
let next = 0
/** Every fourth request writes. */
async function visit() {
  const at = next++
  const began = performance.now()
  try {
    const session = await sessions
      .open({ cookie: cookies[at % cookies.length], secure: true })
      .load()
    if (at % 4 === 0) session.set('n', at)
    await sessions.commit(session)
    took.push(performance.now() - began)
  } catch {
    failed += 1
  }
}

for (let at = 0; at < 100; at++) await visit()
took.length = 0
if (variant !== 'none') void sessions.startClearSessions().catch(() => {})
const began = performance.now()
let sent = 0
while (performance.now() - began < Number(seconds) * 1000) {
  const due = Math.floor(((performance.now() - began) / 1000) * RATE)
  for (; sent < due; sent++) void visit()
  await sleep(4)
}
// A run writes its record after each step, so the remaining backlog shows how far it came.
let left = 0
if (variant !== 'none') {
  let cursor
  do {
    const page = await counter.pageKeys({ by: 'all' }, { limit: 1000, ...(cursor && { cursor }) })
    left += page.keys.length
    cursor = page.cursor
  } while (cursor !== null)
}
const sorted = took.toSorted((a, b) => a - b)
console.log(
  JSON.stringify({
    variant,
    p50: sorted[Math.floor(sorted.length * 0.5)],
    p99: sorted[Math.floor(sorted.length * 0.99)],
    most: sorted.at(-1),
    answered: took.length,
    failed,
    ended: variant === 'none' ? 0 : BACKLOG - (left - cookies.length),
  }),
)
process.exit(0)
