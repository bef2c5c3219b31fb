/**
 * Measures the limit of a sweep when the database is not the limit: a store that answers from memory, after this many
 * milliseconds for each call. For comparison, the pattern of the reference system, as in sweep.mjs.
 *
 *   node bench/sweep/from-memory.mjs [--quick]     prints JSON
 */
import { createSessions, memoryStore } from '../../dist/index.js'
import { sampleRecord } from '../../dist/testing/index.js'
import { makeQueue, reference } from './patterns.mjs'

const quick = process.argv.includes('--quick')
const COUNT = quick ? 40_000 : 200_000
const HOUR = 60 * 60 * 1000
/** Delays of each call in milliseconds, for the way to a database. */
const WAYS = [2, 5, 20]
/** The reference's speed does not depend on the backlog. */
const REFERENCE_COUNT = quick ? 50 : 300

/** A store with expired sessions by shard, each of which exists until it is deleted. */
function expiredStore(count, way) {
  const base = memoryStore()
  const expires = Date.now() - 3 * HOUR
  const values = { cart: ['a', 'b', 'c'], views: 3, language: 'de' }
  // Making records takes longer than sweeping them, so a few records are used many times.
  const few = Array.from({ length: 500 }, () =>
    sampleRecord({ created: expires - HOUR, lastSeen: expires - HOUR, expires, values }),
  )
  const left = Array.from({ length: base.shards }, (_, shard) =>
    Math.floor((count + base.shards - 1 - shard) / base.shards),
  )
  const calls = { all: 0, deleted: 0 }
  const take = (selection, { limit, cursor }) => {
    if (selection.outside) return { size: 0, cursor: null }
    const shard = selection.shard ?? 0
    const from = cursor === undefined ? 0 : Number(cursor)
    const size = Math.max(0, Math.min(limit, left[shard] - from))
    return { size, cursor: size === 0 ? null : String(from + size) }
  }
  const far = async (answer) => {
    calls.all += 1
    await new Promise((resolve) => setTimeout(resolve, way))
    return answer()
  }
  const own = {
    page: (selection, options) =>
      far(() => {
        const { size, cursor } = take(selection, options)
        const entries = few.slice(0, size).map((record) => ({ record, version: '1' }))
        return { entries, cursor }
      }),
    pageKeys: (selection, options) =>
      far(() => {
        const { size, cursor } = take(selection, options)
        return { keys: few.slice(0, size).map(({ key }) => key), cursor }
      }),
    writeEach: (mutations) =>
      far(() => {
        calls.deleted += mutations.length
        return mutations.map(() => ({ outcome: 'applied', version: '2' }))
      }),
    write: () =>
      far(() => {
        calls.deleted += 1
        return { outcome: 'applied', version: '2' }
      }),
  }
  const behind = (target, extra) =>
    new Proxy(target, {
      get(_, name) {
        if (Object.hasOwn(extra, name)) return extra[name]
        const value = target[name]
        if (name === 'notes' || name === 'keys') return behind(value, {})
        return typeof value === 'function'
          ? (...args) => far(() => value.apply(target, args))
          : value
      },
    })
  return { store: behind(base, own), calls }
}

async function ours(way, observed) {
  const { store, calls } = expiredStore(COUNT, way)
  const queue = makeQueue()
  const sessions = createSessions({ store, tasks: queue, events: observed })
  let events = 0
  if (observed) {
    sessions.onDelete(async () => {
      events += 1
    })
  }
  const { cpu, seconds } = await timed(async () => {
    await sessions.startClearSessions()
    await queue.drain((body) => sessions.handleTask(body))
  })
  if (calls.deleted !== COUNT) throw new Error(`${calls.deleted} of ${COUNT} were deleted`)
  if (observed && events !== COUNT) throw new Error(`${events} events`)
  return figures({ count: COUNT, seconds, cpu, calls: calls.all, tasks: queue.tasks })
}

async function theirs(way, observed) {
  const { store, calls } = expiredStore(REFERENCE_COUNT, way)
  const queue = makeQueue()
  // With one shard, since the reference has none.
  const all = Array.from({ length: REFERENCE_COUNT })
  const paged = {
    write: (mutation) => store.write(mutation),
    async page(_, { limit, cursor }) {
      const from = Number(cursor ?? 0)
      const { entries } = await store.page({ shard: 0 }, { limit: Math.min(limit, 5) })
      const size = Math.min(limit, all.length - from)
      return {
        entries: entries.slice(0, size),
        cursor: size <= 0 ? null : String(from + size),
      }
    },
  }
  const { cpu, seconds } = await timed(() => reference(paged, queue, observed))
  return figures({
    count: REFERENCE_COUNT,
    seconds,
    cpu,
    calls: calls.all + queue.tasks,
    tasks: queue.tasks,
  })
}

async function timed(run) {
  const used = process.cpuUsage()
  const began = performance.now()
  await run()
  const seconds = (performance.now() - began) / 1000
  const { user, system } = process.cpuUsage(used)
  return { seconds, cpu: (user + system) / 1e6 }
}

function figures({ count, seconds, cpu, calls, tasks }) {
  return {
    perSecond: count / seconds,
    callsPerMillion: (calls / count) * 1e6,
    tasks,
    tasksPerMillion: (tasks / count) * 1e6,
    cpuPerMillion: (cpu / count) * 1e6,
  }
}

const rows = []
// Warms up: figures before compilation are different.
await ours(0, true)
for (const way of WAYS) {
  for (const observed of [false, true]) {
    rows.push({
      way,
      observed,
      mine: await ours(way, observed),
      theirs: await theirs(way, observed),
    })
  }
}
console.log(JSON.stringify({ count: COUNT, referenceCount: REFERENCE_COUNT, rows }))
