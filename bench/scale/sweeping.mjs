import { assumed, DAY, HOUR, published } from './facts.mjs'

/**
 * Simulates hourly sweeps over this many days, second by second. Sessions end at a steady pace, and each sweep deletes
 * those that had ended at least an hour ago. `rate`: the initial `sweepRate`. The rate grows by a half after every five
 * minutes in which it was reached, and the next sweep continues from there, up to the capacity of one worker.
 */
export function sweeps({ ending, rate: start, days = 3, backlog = 0 }) {
  const able = (assumed.lanes * assumed.pageSize) / assumed.sweepPage
  let rate = start
  let due = backlog
  let used = 0
  let done = 0
  let steps = 0
  let most = 0
  const durations = []
  let isRunning = false
  let began = 0
  for (let now = 0; now < days * DAY; now++) {
    // A bucket closes.
    if (now % HOUR === 0 && now > 0) due += ending * HOUR
    if (now % HOUR === 0 && !isRunning && due > 0) {
      isRunning = true
      began = now
    }
    most = Math.max(most, due)
    if (!isRunning) continue
    const taken = Math.min(due, rate, able)
    due -= taken
    done += taken
    if ((now - began) % assumed.step === 0) steps += 1
    if ((now - began) % published.rampEvery === published.rampEvery - 1) {
      if (done >= 0.5 * rate * published.rampEvery) rate *= published.rampGrowth
      done = 0
    }
    used += taken
    if (due <= 0) {
      isRunning = false
      durations.push(now - began + 1)
    }
  }
  return {
    first: durations[0] ?? null,
    last: durations.at(-1) ?? null,
    keepsUp: due <= 2 * ending * HOUR,
    rate: Math.min(rate, able),
    tasksPerHour: steps / (days * 24),
    ended: used,
    most,
  }
}

/** Returns the deleted index rows that the first query of a sweep passes over, in one shard. */
export function tombstonesPassed(ending, shards, watermark) {
  return watermark ? 0 : (ending * assumed.tombstones) / shards
}
