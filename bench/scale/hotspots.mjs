import { published } from './facts.mjs'
import { poisson, randomFrom } from './random.mjs'

/** Simulated seconds. */
const SECONDS = 600

/**
 * Returns the writes per second to the busiest range of an index, in the worst second of ten minutes. An index on a
 * rising timestamp has one range that takes all writes. An index by shard and bucket has one range per shard, since
 * nearly all sessions that are written at a moment expire in the same bucket. A new bucket is a range that was never
 * split.
 */
export function busiestRange(writes, ranges, seed) {
  const random = randomFrom(seed)
  let most = 0
  for (let second = 0; second < SECONDS; second++) {
    for (let range = 0; range < ranges; range++) {
      most = Math.max(most, poisson(random, writes / ranges))
    }
  }
  return { mean: writes / ranges, most }
}

/** Returns the smallest power of two of shards that keeps a new range below the limit. */
export function shardsFor(writes) {
  return 2 ** Math.max(0, Math.ceil(Math.log2(writes / published.sequentialWrites)))
}

/** Returns by how many seconds an index with this limit falls behind in a minute. */
export function behind(writes, ranges) {
  const perRange = writes / ranges
  return Math.max(0, 60 - (60 * published.sequentialWrites) / perRange)
}
