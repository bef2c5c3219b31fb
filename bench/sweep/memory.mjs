/**
 * Measures the memory of a worker during a sweep, by the size of the backlog. Another process fills the store, so that
 * only the worker is measured.
 *
 *   node --expose-gc bench/sweep/memory.mjs [expired sessions, ...]   default 5000 20000 100000
 */
import { spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { fileURLToPath } from 'node:url'
import { createSessions } from '../../dist/index.js'
import { datastoreStore } from '../../dist/store/datastore/index.js'
import { sampleRecord } from '../../dist/testing/index.js'

const HOUR = 60 * 60 * 1000
const MIB = 2 ** 20
const [mode, ...rest] = process.argv.slice(2)

const makeStore = (namespace) => datastoreStore({ projectId: 'viur-session-bench', namespace })

if (mode === 'fill') {
  const [namespace, count] = rest
  const store = makeStore(namespace)
  const expires = Date.now() - 3 * HOUR
  for (let at = 0; at < Number(count); at += 500) {
    const records = Array.from({ length: Math.min(500, Number(count) - at) }, () =>
      sampleRecord({
        created: expires - HOUR,
        expires,
        lastSeen: expires - HOUR,
        values: { blob: 'x'.repeat(1000) },
      }),
    )
    await store.writeEach(records.map((record) => ({ kind: 'insert', record })))
  }
  await store.close()
} else if (mode === 'sweep') {
  const [namespace, count] = rest
  const store = makeStore(namespace)
  const sessions = createSessions({ store, events: true })
  let events = 0
  sessions.onDelete(() => {
    events += 1
  })
  let heap = 0
  let rss = 0
  const timer = setInterval(() => {
    globalThis.gc?.()
    const usage = process.memoryUsage()
    heap = Math.max(heap, usage.heapUsed)
    rss = Math.max(rss, usage.rss)
  }, 200)
  const began = performance.now()
  await sessions.startClearSessions()
  clearInterval(timer)
  await store.close()
  const seconds = (performance.now() - began) / 1000
  if (events !== Number(count)) throw new Error(`${events} events`)
  console.log(
    `| ${count} | ${Math.round(heap / MIB)} | ${Math.round(rss / MIB)} | ${Math.round(count / seconds)} |`,
  )
} else {
  const script = fileURLToPath(import.meta.url)
  const counts = process.argv.length > 2 ? process.argv.slice(2) : ['5000', '20000', '100000']
  console.log('| backlog | live heap, MiB | rss, MiB | ended per second |\n|---|---|---|---|')
  for (const count of counts) {
    const namespace = `bench-${randomBytes(6).toString('hex')}`
    for (const step of ['fill', 'sweep']) {
      const { status } = spawnSync(
        process.execPath,
        ['--expose-gc', script, step, namespace, count],
        { stdio: 'inherit' },
      )
      if (status !== 0) process.exit(1)
    }
  }
}
