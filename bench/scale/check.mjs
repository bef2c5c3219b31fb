/**
 * Checks the assumptions of the scale model that an emulator can show. These are the number of commits of a page load
 * whose requests all change one session, that none of the changes is lost, and how many deletes and how large pages go
 * into one call. Times are those of the emulator, and say nothing about Datastore.
 *
 *   ./emulator.sh -- node bench/scale/check.mjs [--quick]
 */
import { createSessions } from '../../dist/index.js'
import { datastoreStore } from '../../dist/store/datastore/index.js'
import { sampleRecord } from '../../dist/testing/index.js'
import { median, show, table } from '../lib/numbers.mjs'
import { freshNamespace, needEmulator } from '../lib/parts.mjs'
import { quick, report, reportTo, say } from '../lib/report.mjs'
import { tapWire } from '../lib/wire.mjs'
import { pageLoads } from './contention.mjs'
import { randomFrom } from './random.mjs'

const PROJECT = 'viur-session-bench'
const ROUNDS = quick ? 3 : 10
const random = randomFrom(1)
const wire = await tapWire(needEmulator())
process.env.DATASTORE_EMULATOR_HOST = wire.host

/** Makes stores of their own, as several processes have. */
function processesOf(count) {
  const namespace = freshNamespace()
  return Array.from({ length: count }, () => {
    const store = datastoreStore({
      projectId: PROJECT,
      namespace,
      transport: 'grpc',
      deadline: '1m',
    })
    return { store, sessions: createSessions({ store, cookie: { secure: true } }) }
  })
}

const sleep = (time) => new Promise((resolve) => setTimeout(resolve, time))

async function pageLoad(parallel, processes) {
  const all = processesOf(processes)
  const found = []
  for (let round = 0; round < ROUNDS; round++) {
    const first = await all[0].sessions.open({ secure: true }).load()
    first.set('name', 'Ada')
    const { setCookie } = await all[0].sessions.commit(first)
    const cookie = setCookie[0].split(';')[0]
    const open = (at) => all[at % processes].sessions.open({ secure: true, cookie }).load()
    wire.take()
    const slowest = Math.max(
      ...(await Promise.all(
        Array.from({ length: parallel }, async (_, at) => {
          await sleep(random() * 50)
          const began = performance.now()
          const session = await open(at)
          session.set(`key${at}`, at)
          await all[at % processes].sessions.commit(session)
          return performance.now() - began
        }),
      )),
    )
    const commits = wire.take().filter(({ method }) => method === 'Commit').length
    const after = await open(0)
    const kept = Array.from({ length: parallel }, (_, at) => after.get(`key${at}`) === at)
    found.push({ commits, slowest, lost: kept.filter((isKept) => !isKept).length })
  }
  await Promise.all(all.map(({ store }) => store.close()))
  const model = pageLoads({ parallel, share: 1, processes, blind: false }, 1)
  say(`${parallel} requests on ${processes} processes`)
  return {
    parallel,
    processes,
    lost: found.reduce((sum, { lost }) => sum + lost, 0),
    commits: found.reduce((sum, { commits }) => sum + commits, 0) / ROUNDS,
    slowest: median(found.map(({ slowest }) => slowest)),
    model,
  }
}

async function sizes() {
  const [{ store }] = processesOf(1)
  const now = Date.now()
  const rows = []
  for (const size of [1, 50, 500]) {
    const records = Array.from({ length: size }, () =>
      sampleRecord({ created: now, lastSeen: now, expires: now + 3_600_000, values: { n: 1 } }),
    )
    const results = await store.writeEach(records.map((record) => ({ kind: 'insert', record })))
    if (results.some(({ outcome }) => outcome !== 'applied')) throw new Error('not stored')
    wire.take()
    const { keys } = await store.pageKeys({ by: 'all' }, { limit: size })
    const queried = wire.take()
    const began = performance.now()
    await store.writeEach(keys.map((key) => ({ kind: 'remove', key })))
    const took = performance.now() - began
    rows.push([size, keys.length, queried.length, wire.take().length, show(took / size)])
  }
  await store.close()
  return rows
}

const loads = []
for (const [parallel, processes] of [
  [20, 1],
  [50, 4],
  [50, 20],
]) {
  loads.push(await pageLoad(parallel, processes))
}
const contention = table(
  [
    'requests at once',
    'processes',
    'commits sent',
    'in the model',
    'changes lost',
    'slowest, p50 ms',
    'in the model',
  ],
  loads.map(({ parallel, processes, commits, lost, slowest, model }) => [
    parallel,
    processes,
    commits.toFixed(1),
    (model.writes + model.conflicts).toFixed(1),
    lost,
    Math.round(slowest),
    Math.round(model.p50),
  ]),
)
const perCall = table(
  ['sessions', 'on one page', 'calls for the page', 'calls for their deletes', 'ms per delete'],
  await sizes(),
)
wire.close()
report('scale', [
  `Page loads of which every request changes another key, within 50 ms, on the emulator beside the model of [docs/scale.md](../docs/scale.md), which has a lookup of 10 ms and a commit of 20 ms; means of ${ROUNDS}.`,
  contention,
  'Pages and deletes in one call:',
  perCall,
])
reportTo('docs/scale.md', 'checked', [contention, perCall].join('\n\n'))
process.exit()
