/**
 * Measures how fast a sweep ends sessions, and with how many tasks, compared with the pattern of the reference system:
 * pages of 5, one delete call per session, an unnamed task per page, one after the other. Both run in this process, on
 * the same emulator, alternating.
 *
 *   node bench/sweep/sweep.mjs [expired sessions, default 20000] [rounds, default 3] [ms per call, default 0]
 *   [observed]
 *
 * `ms per call` delays every call of both by this time, for the way to Datastore, which an emulator does not have.
 * `observed`: only with an observer.
 */
import { randomBytes } from 'node:crypto'
import { createSessions } from '../../dist/index.js'
import { datastoreStore } from '../../dist/store/datastore/index.js'
import { sampleRecord } from '../../dist/testing/index.js'
import { makeQueue, reference } from './patterns.mjs'

const COUNT = Number(process.argv[2] ?? 20_000)
const ROUNDS = Number(process.argv[3] ?? 3)
const WAY = Number(process.argv[4] ?? 0)
const SUFFIXES = process.argv[5] === 'observed' ? [', observers'] : ['', ', observers']
// The reference's speed does not depend on the backlog, and a whole run of it would take minutes.
const REFERENCE_COUNT = Math.min(COUNT, 2000)
const HOUR = 60 * 60 * 1000

if (!process.env.DATASTORE_EMULATOR_HOST) {
  console.error('Run it on an emulator: ./emulator.sh -- node bench/sweep/sweep.mjs')
  process.exit(2)
}

function makeStore() {
  const namespace = `bench-${randomBytes(6).toString('hex')}`
  // The emulator shares the machine, and a late call there says nothing about the sweep.
  return datastoreStore({ projectId: 'viur-session-bench', namespace, deadline: '1m' })
}

/** The store with delayed calls. */
function distant(store) {
  if (WAY === 0) return store
  const far =
    (call) =>
    async (...args) => {
      await new Promise((resolve) => setTimeout(resolve, WAY))
      return await call(...args)
    }
  const behind = (target) =>
    new Proxy(target, {
      get(_, name) {
        const value = target[name]
        if (name === 'notes') return behind(value)
        return typeof value === 'function' ? far(value.bind(target)) : value
      },
    })
  return behind(store)
}

async function fill(store, count) {
  const expires = Date.now() - 3 * HOUR
  const chunks = Array.from({ length: Math.ceil(count / 500) }, (_, at) =>
    Math.min(500, count - at * 500),
  )
  const worker = async () => {
    for (let size = chunks.pop(); size !== undefined; size = chunks.pop()) {
      const records = Array.from({ length: size }, () =>
        sampleRecord({
          created: expires - HOUR,
          lastSeen: expires - HOUR,
          expires,
          values: { cart: ['a', 'b', 'c'], views: 3, language: 'de' },
        }),
      )
      const results = await store.writeEach(records.map((record) => ({ kind: 'insert', record })))
      if (results.some(({ outcome }) => outcome !== 'applied')) throw new Error('not filled')
    }
  }
  await Promise.all([worker(), worker(), worker()])
}

async function ours(observed, count = COUNT) {
  const store = makeStore()
  await fill(store, count)
  const queue = makeQueue()
  const sessions = createSessions({ store: distant(store), tasks: queue, events: observed })
  let events = 0
  if (observed) {
    sessions.onDelete(async () => {
      events += 1
    })
  }
  const used = process.cpuUsage()
  const began = performance.now()
  await sessions.startClearSessions()
  await queue.drain((body) => sessions.handleTask(body))
  const seconds = (performance.now() - began) / 1000
  const { user, system } = process.cpuUsage(used)
  const { keys } = await store.pageKeys({ by: 'all' }, { limit: 1 })
  if (keys.length > 0) throw new Error('sessions are left')
  if (observed && events !== count) throw new Error(`${events} events`)
  await store.close()
  return {
    perSecond: count / seconds,
    busy: (user + system) / 1e6 / seconds,
    tasksPer1000: (queue.tasks / count) * 1000,
    tasks: queue.tasks,
  }
}

async function theirs(observed, count = REFERENCE_COUNT) {
  const store = makeStore()
  await fill(store, count)
  const queue = makeQueue()
  const began = performance.now()
  const events = await reference(distant(store), queue, observed)
  const seconds = (performance.now() - began) / 1000
  if (observed && events < count) throw new Error(`${events} events`)
  await store.close()
  return {
    perSecond: count / seconds,
    tasksPer1000: (queue.tasks / count) * 1000,
    tasks: Math.round((queue.tasks / count) * COUNT),
  }
}

const median = (values) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]

const variants = { ours: () => ours(false), 'ours, observers': () => ours(true) }
const others = { reference: () => theirs(false), 'reference, observers': () => theirs(true) }
const results = {}
// Warms up: an emulator that has just started takes several times as long, until its code is compiled.
await ours(true, Math.min(COUNT, 5000))
await theirs(true, 100)
for (let round = 0; round < ROUNDS; round++) {
  for (const [name, run] of Object.entries({ ...variants, ...others })) {
    if (!SUFFIXES.some((suffix) => name === `ours${suffix}` || name === `reference${suffix}`))
      continue
    const result = await run()
    results[name] ??= []
    results[name].push(result)
    console.error(
      `round ${round + 1}, ${name}: ${Math.round(result.perSecond)} per second, ${result.tasks} tasks`,
    )
  }
}
console.log(
  '| | ended per second | ratio | tasks | ratio | the sweep at work, share of the time |\n|---|---|---|---|---|---|',
)
for (const suffix of SUFFIXES) {
  const mine = median(results[`ours${suffix}`].map(({ perSecond }) => perSecond))
  const theirs = median(results[`reference${suffix}`].map(({ perSecond }) => perSecond))
  const busy = median(results[`ours${suffix}`].map((result) => result.busy))
  const [{ tasks }] = results[`ours${suffix}`]
  const [{ tasks: theirTasks }] = results[`reference${suffix}`]
  const title = suffix === '' ? 'without observers' : 'with one observer'
  console.log(`| reference, ${title} | ${Math.round(theirs)} | 1 | ${theirTasks} | 1 | - |`)
  console.log(
    `| viur-session, ${title} | ${Math.round(mine)} | **${(mine / theirs).toFixed(1)}** | ${tasks} | **1/${Math.round(theirTasks / tasks)}** | ${Math.round(busy * 100)} % |`,
  )
}
