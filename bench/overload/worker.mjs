/**
 * Sends requests at a fixed pace, whether or not answers come, as visitors do, while the store behind the proxy has one
 * trouble after another. Prints one line of JSON per phase. Started by overload.mjs.
 *
 *   node --expose-gc worker.mjs ours|plain
 */
import { randomBytes } from 'node:crypto'
import { createRequire } from 'node:module'
import { createSessions } from '../../dist/index.js'
import { keyOf, mintId } from '../../dist/record/id.js'
import { datastoreStore } from '../../dist/store/datastore/index.js'
import { sampleRecord } from '../../dist/testing/index.js'
import { startProxy } from './proxy.mjs'

const require = createRequire(new URL('../../package.json', import.meta.url))
const { Datastore, v1 } = require('@google-cloud/datastore')

const [variant = 'ours', speed = '1'] = process.argv.slice(2)
const DAY = 24 * 60 * 60 * 1000
const PROJECT = 'viur-session-bench'
const SESSIONS = 6000
/** Bytes per second of the link: about 150 of these sessions. */
const BANDWIDTH = 400_000
const CALM = 75
const FLOOD = 1500

/** `rate`: requests per second. A quick run shortens `seconds`. */
const PHASES = [
  { name: 'calm', rate: CALM, seconds: 8 },
  { name: 'ten times as much', rate: FLOOD, seconds: 20 },
  { name: 'calm again', rate: CALM, seconds: 10, heal: true },
  { name: 'calls hang', rate: CALM, seconds: 20, begin: (proxy) => hang(proxy, true) },
  {
    name: 'it comes back',
    rate: CALM,
    seconds: 10,
    heal: true,
    begin: (proxy) => hang(proxy, false),
  },
  { name: 'nobody listens', rate: CALM, seconds: 20, begin: (proxy) => proxy.vanish() },
  { name: 'it is back', rate: CALM, seconds: 10, heal: true, begin: (proxy) => proxy.comeBack() },
  {
    name: 'connections die in silence',
    rate: CALM,
    seconds: 30,
    heal: true,
    begin: (proxy) => proxy.deaden(),
  },
]

const hang = (proxy, silent) => {
  proxy.settings.silent = silent
}

const sleep = (time) => new Promise((resolve) => setTimeout(resolve, time))

const upstream = process.env.DATASTORE_EMULATOR_HOST
const proxy = await startProxy(upstream)
process.env.DATASTORE_EMULATOR_HOST = proxy.address

/** Counts calls of the client, and the keys or mutations in them. */
const wire = { calls: 0, lookups: 0 }
for (const method of ['lookup', 'commit']) {
  const { prototype } = v1.DatastoreClient
  const original = prototype[method]
  prototype[method] = function (...args) {
    wire.calls += 1
    if (method === 'lookup') wire.lookups += args[0].keys.length
    return original.apply(this, args)
  }
}

const request = variant === 'ours' ? await ours() : await plain()
proxy.settings.bandwidth = BANDWIDTH

let pending = 0
let mostPending = 0
for (const phase of PHASES) {
  await phase.begin?.(proxy)
  const seconds = phase.seconds * Number(speed)
  const seen = { ok: [], failed: [], wrong: 0, firstOk: null }
  const began = performance.now()
  const before = { ...wire }
  mostPending = pending
  let sent = 0
  while (performance.now() - began < seconds * 1000) {
    const due = Math.floor(((performance.now() - began) / 1000) * phase.rate)
    for (; sent < due; sent++) void one(seen, began)
    await sleep(5)
  }
  const inPhase = { ok: seen.ok.slice(), failed: seen.failed.slice() }
  globalThis.gc?.()
  const { heapUsed, rss } = process.memoryUsage()
  console.log(
    JSON.stringify({
      variant,
      phase: phase.name,
      offered: phase.rate,
      okPerSecond: inPhase.ok.length / seconds,
      okP50: quantile(inPhase.ok, 0.5),
      okP99: quantile(inPhase.ok, 0.99),
      failedPerSecond: inPhase.failed.length / seconds,
      failedP50: quantile(inPhase.failed, 0.5),
      failedP99: quantile(inPhase.failed, 0.99),
      wrong: seen.wrong,
      firstOk: phase.heal ? seen.firstOk : null,
      pending: mostPending,
      calls: wire.calls - before.calls,
      lookups: wire.lookups - before.lookups,
      requests: sent,
      heap: heapUsed / 2 ** 20,
      rss: rss / 2 ** 20,
    }),
  )
}
process.exit(0)

async function one(seen, began) {
  pending += 1
  mostPending = Math.max(mostPending, pending)
  const start = performance.now()
  try {
    const found = await request()
    const now = performance.now()
    // A store that is down must not be taken for "no session", the worst possible answer.
    if (!found) seen.wrong += 1
    seen.ok.push(now - start)
    seen.firstOk ??= now - began
  } catch {
    seen.failed.push(performance.now() - start)
  } finally {
    pending -= 1
  }
}

function quantile(values, share) {
  if (values.length === 0) return null
  return values.toSorted((a, b) => a - b)[
    Math.min(values.length - 1, Math.floor(values.length * share))
  ]
}

/** A page that reads its session. */
async function ours() {
  const store = datastoreStore({ projectId: PROJECT, namespace: namespace() })
  const now = Date.now()
  const ids = Array.from({ length: SESSIONS }, () => mintId(randomBytes))
  const records = ids.map((id) =>
    sampleRecord({
      key: keyOf(id),
      created: now,
      lastSeen: now,
      expires: now + DAY,
      values: { cart: 'x'.repeat(2000) },
    }),
  )
  for (let at = 0; at < SESSIONS; at += 500) {
    const some = records.slice(at, at + 500)
    await store.writeEach(some.map((record) => ({ kind: 'insert', record })))
  }
  const sessions = createSessions({
    store,
    lifetime: '1d',
    cookie: { name: 'sid', secure: false },
    logger: { warn() {} },
  })
  let next = 0
  return async () => {
    const cookie = `sid=${ids[next++ % SESSIONS]}`
    const session = sessions.open({ cookie, secure: true })
    await session.load()
    return session.get('cart') !== undefined
  }
}

/** The same read as in most stores for Datastore: `get()` of the client with its defaults. */
async function plain() {
  const datastore = new Datastore({
    projectId: PROJECT,
    namespace: namespace(),
    apiEndpoint: proxy.address,
  })
  const keys = Array.from({ length: SESSIONS }, () =>
    datastore.key(['session', randomBytes(32).toString('base64url')]),
  )
  const data = { data: JSON.stringify({ cart: 'x'.repeat(2000) }) }
  for (let at = 0; at < SESSIONS; at += 500) {
    const some = keys.slice(at, at + 500)
    await datastore.save(some.map((key) => ({ key, data, excludeFromIndexes: ['data'] })))
  }
  let next = 0
  return async () => {
    const [entity] = await datastore.get(keys[next++ % SESSIONS])
    return entity !== undefined
  }
}

function namespace() {
  return `bench-${randomBytes(6).toString('hex')}`
}
