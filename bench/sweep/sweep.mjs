/**
 * How fast a sweep ends sessions, and with how many tasks, against the pattern of the reference system: pages of 5,
 * one delete call per session, an unnamed task per page, one after the other. Both in this process, on the same
 * emulator, alternating. See ../RESULTS.md for how to run it.
 *
 *   node bench/sweep/sweep.mjs [expired sessions, default 20000] [rounds, default 3] [ms per call, default 0] [observed]
 *
 * `ms per call` holds every call of both for that long, as the way to Datastore does, which an emulator has not.
 * `observed`: only with an observer.
 */
import { randomBytes } from 'node:crypto'
import { createRequire } from 'node:module'
import { cpus, totalmem } from 'node:os'
import { createSessions } from '../../dist/index.js'
import { datastoreStore } from '../../dist/store/datastore/index.js'
import { sampleRecord } from '../../dist/testing/index.js'

const COUNT = Number(process.argv[2] ?? 20_000)
const ROUNDS = Number(process.argv[3] ?? 3)
const WAY = Number(process.argv[4] ?? 0)
const SUFFIXES = process.argv[5] === 'observed' ? [', observers'] : ['', ', observers']
// The reference's pace does not depend on the backlog, and a whole one of its runs would take minutes.
const REFERENCE_COUNT = Math.min(COUNT, 2000)
const HOUR = 60 * 60 * 1000

if (!process.env.DATASTORE_EMULATOR_HOST) {
  console.error('Run it on an emulator: ./emulator.sh -- node bench/sweep/sweep.mjs')
  process.exit(2)
}

function makeStore() {
  const namespace = `bench-${randomBytes(6).toString('hex')}`
  // The emulator shares the machine, and a call that is late there says nothing about the sweep.
  return datastoreStore({ projectId: 'viur-session-bench', namespace, deadline: '1m' })
}

/** The store at the end of a way. */
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

/** A queue as Cloud Tasks is one, without its delays; both patterns get the same. */
function makeQueue() {
  const waiting = []
  const names = new Set()
  return {
    tasks: 0,
    async add(task) {
      if (task.name !== undefined && names.has(task.name)) return 'exists'
      names.add(task.name)
      this.tasks += 1
      // Over the wire, as JSON.
      waiting.push(JSON.stringify(task))
      return 'added'
    },
    async drain(handle) {
      for (let task = waiting.shift(); task !== undefined; task = waiting.shift()) {
        await handle(JSON.parse(task).body)
      }
    },
  }
}

async function ours(observed) {
  const store = makeStore()
  await fill(store, COUNT)
  const queue = makeQueue()
  const sessions = createSessions({ store: distant(store), tasks: queue, events: observed })
  let events = 0
  if (observed) {
    sessions.onDelete(async () => {
      events += 1
    })
  }
  const began = performance.now()
  await sessions.startClearSessions()
  await queue.drain((body) => sessions.handleTask(body))
  const seconds = (performance.now() - began) / 1000
  const { keys } = await store.pageKeys({ by: 'all' }, { limit: 1 })
  if (keys.length > 0) throw new Error('sessions are left')
  if (observed && events !== COUNT) throw new Error(`${events} events`)
  await store.close()
  return {
    perSecond: COUNT / seconds,
    tasksPer1000: (queue.tasks / COUNT) * 1000,
    tasks: queue.tasks,
  }
}

/** `QueryIter._qryStep` and `DeleteSessionsIter.handleEntry` of viur-core 3.8, in the same client. */
async function reference(observed) {
  const store = makeStore()
  await fill(store, REFERENCE_COUNT)
  const far = distant(store)
  const queue = makeQueue()
  let events = 0
  const observer = async () => {
    events += 1
  }
  const step = async ({ cursor }) => {
    const page = await far.page({ by: 'all' }, { limit: 5, ...(cursor !== null && { cursor }) })
    for (const { record } of page.entries) {
      await far.write({ kind: 'remove', key: record.key })
      if (observed) await observer({ data: JSON.parse(JSON.stringify(record.data)) })
    }
    if (page.cursor !== null) await queue.add({ body: { cursor: page.cursor } })
  }
  const began = performance.now()
  await queue.add({ body: { cursor: null } })
  // No names there, so no names here: each add is another task.
  await queue.drain(step)
  const seconds = (performance.now() - began) / 1000
  if (observed && events < REFERENCE_COUNT) throw new Error(`${events} events`)
  await store.close()
  return {
    perSecond: REFERENCE_COUNT / seconds,
    tasksPer1000: (queue.tasks / REFERENCE_COUNT) * 1000,
    tasks: Math.round((queue.tasks / REFERENCE_COUNT) * COUNT),
  }
}

const median = (values) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]

const variants = { ours: () => ours(false), 'ours, observers': () => ours(true) }
const others = { reference: () => reference(false), 'reference, observers': () => reference(true) }
const results = {}
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
const { version } = createRequire(import.meta.url)('@google-cloud/datastore/package.json')
console.log(
  `${COUNT} expired sessions (reference: ${REFERENCE_COUNT}, tasks scaled), ${WAY} ms per call, median of ${ROUNDS}; Node ${process.version}, @google-cloud/datastore ${version}, ${cpus().length} x ${cpus()[0].model}, ${Math.round(totalmem() / 2 ** 30)} GiB, ${new Date().toISOString().slice(0, 10)}`,
)
console.log('| | ended per second | ratio | tasks | ratio |\n|---|---|---|---|---|')
for (const suffix of SUFFIXES) {
  const mine = median(results[`ours${suffix}`].map(({ perSecond }) => perSecond))
  const theirs = median(results[`reference${suffix}`].map(({ perSecond }) => perSecond))
  const [{ tasks }] = results[`ours${suffix}`]
  const [{ tasks: theirTasks }] = results[`reference${suffix}`]
  const title = suffix === '' ? 'without observers' : 'with one observer'
  console.log(`| reference, ${title} | ${Math.round(theirs)} | 1 | ${theirTasks} | 1 |`)
  console.log(
    `| viur-session, ${title} | ${Math.round(mine)} | **${(mine / theirs).toFixed(1)}** | ${tasks} | **1/${Math.round(theirTasks / tasks)}** |`,
  )
}
