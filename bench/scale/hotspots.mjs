import { published } from './facts.mjs'
import { poisson, randomFrom } from './random.mjs'

/** Seconds that are played through. */
const SECONDS = 600

/**
 * The busiest range of an index, in writes per second, in the worst of ten minutes. An index on a rising timestamp has
 * one range that takes all writes. One by shard and bucket has as many as there are shards, since at any moment nearly
 * all sessions that are written expire in the same bucket; a bucket that has just begun is a range that was never split.
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

/** The smallest power of two of shards that keeps a fresh range below the limit. */
export function shardsFor(writes) {
  return 2 ** Math.max(0, Math.ceil(Math.log2(writes / published.sequentialWrites)))
}

/** How many seconds an index that takes only so much falls behind in a minute. */
export function behind(writes, ranges) {
  const perRange = writes / ranges
  return Math.max(0, 60 - (60 * published.sequentialWrites) / perRange)
}
