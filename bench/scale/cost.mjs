import { assumed, HOUR, MONTH, published } from './facts.mjs'

const million = 1_000_000

/** Returns dollars per month. `operations` per second. */
function bill({ reads, writes, deletes, live, tasks = 0 }) {
  const of = (perSecond, price) => ((perSecond * MONTH) / million) * price
  const parts = {
    reads: of(reads, published.read),
    writes: of(writes, published.write),
    deletes: of(deletes, published.delete),
    storage: ((live * published.sessionBytes) / 2 ** 30) * published.storage,
    tasks: (Math.max(0, tasks * MONTH - million) / million) * published.task,
  }
  return { ...parts, sum: Object.values(parts).reduce((sum, part) => sum + part, 0) }
}

/** This package: a lookup per request, a write per change, and deletes by the sweep. */
export function ours(traffic, { events, tasksPerHour, shards }) {
  const ending = traffic.begin
  const pages = ending / assumed.pageSize
  const probes = shards / HOUR
  return bill({
    reads: assumed.requests + (events ? ending : pages) + probes,
    writes: traffic.writes,
    deletes: ending,
    live: assumed.live + ending * HOUR,
    // Adding a task, and its delivery.
    tasks: (2 * tasksPerHour) / HOUR,
  })
}

/** A store that writes on every request, changed or not, with the same cheap sweep. */
export function writePerRequest(traffic) {
  return bill({
    reads: assumed.requests,
    writes: assumed.requests,
    deletes: traffic.begin,
    live: assumed.live,
  })
}
