import { assumed } from './facts.mjs'
import { exponential, randomFrom } from './random.mjs'

/** Number of simulated page loads. */
const PAGES = 400

/**
 * Simulates one page load: this many requests of one session within 50 ms, spread over processes. Some of them change
 * the session, each another key. Optimistic: a commit of a version that is not the latest is repeated after another
 * read and a short random wait. Within a process only one write is under way, and changes that arrive meanwhile are
 * written together. Blind: each request writes the whole session as it read it.
 */
export function pageLoads({ parallel, share, processes, blind }, seed) {
  const random = randomFrom(seed)
  const totals = { writes: 0, conflicts: 0, lost: 0, took: [] }
  for (let page = 0; page < PAGES; page++) {
    const result = blind
      ? blindPage(random, parallel, share)
      : optimisticPage(random, parallel, share, processes)
    totals.writes += result.writes
    totals.conflicts += result.conflicts
    totals.lost += result.lost
    totals.took.push(result.took)
  }
  const sorted = totals.took.toSorted((a, b) => a - b)
  return {
    writes: totals.writes / PAGES,
    conflicts: totals.conflicts / PAGES,
    lost: totals.lost / PAGES,
    p50: sorted[Math.floor(PAGES * 0.5)] * 1000,
    p99: sorted[Math.floor(PAGES * 0.99)] * 1000,
  }
}

const spread = (random, mean) => mean * (0.7 + 0.6 * random())

function arrivals(random, parallel, share) {
  return Array.from({ length: parallel }, () => ({
    at: random() * 0.05,
    changes: random() < share,
  }))
}

function optimisticPage(random, parallel, share, processes) {
  const events = []
  const push = (time, run) => {
    events.push({ time, run })
    events.sort((a, b) => b.time - a.time)
  }
  let version = 0
  let writes = 0
  let conflicts = 0
  let took = 0
  const chains = Array.from({ length: processes }, () => ({ busy: false, waiting: [] }))
  const start = (now, chain, jobs, base, tries) => {
    push(now + spread(random, assumed.commit), (time) => {
      if (base === version) {
        version += 1
        writes += 1
        for (const { at } of jobs) took = Math.max(took, time - at)
        const next = chain.waiting.splice(0)
        // The chain knows the version that it has just written.
        if (next.length > 0) start(time, chain, next, version, 0)
        else chain.busy = false
        return
      }
      conflicts += 1
      const wait = (1 + random() * Math.min(250, 4 * 2 ** (tries + 1))) / 1000
      push(time + wait + spread(random, assumed.lookup), (later) => {
        start(later, chain, jobs, version, tries + 1)
      })
    })
  }
  for (const job of arrivals(random, parallel, share)) {
    const chain = chains[Math.floor(random() * processes)]
    push(job.at + spread(random, assumed.lookup), (time) => {
      if (!job.changes) return
      const read = version
      push(time + exponential(random, 0.01), (later) => {
        if (chain.busy) chain.waiting.push(job)
        else {
          chain.busy = true
          start(later, chain, [job], read, 0)
        }
      })
    })
  }
  for (let event = events.pop(); event !== undefined; event = events.pop()) event.run(event.time)
  return { writes, conflicts, lost: 0, took }
}

/** Every request reads, works, and writes everything back, changed or not; the last write wins. */
function blindPage(random, parallel, share) {
  const writes = arrivals(random, parallel, share).map(({ at, changes }) => {
    const read = at + spread(random, assumed.lookup)
    const done = read + exponential(random, 0.01) + spread(random, assumed.commit)
    return { at, read, done, changes }
  })
  const lost = writes.filter(
    (mine) =>
      mine.changes && writes.some((other) => other.read < mine.done && other.done > mine.done),
  ).length
  return {
    writes: writes.length,
    conflicts: 0,
    lost,
    took: Math.max(...writes.map(({ at, done }) => done - at)),
  }
}
