/** Returns numbers from 0 to 1, the same for the same seed (mulberry32). Good enough for a model only. */
export function randomFrom(seed) {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

/** Returns a random wait until the next event, with this mean. */
export function exponential(random, mean) {
  return -mean * Math.log(1 - random())
}

/** Returns a random number of simultaneous events, with this mean. */
export function poisson(random, mean) {
  if (mean > 50) {
    // From here on the normal distribution is close enough.
    const normal = Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random())
    return Math.max(0, Math.round(mean + Math.sqrt(mean) * normal))
  }
  const limit = Math.exp(-mean)
  let count = 0
  for (let product = random(); product > limit; product *= random()) count += 1
  return count
}

/** Returns a random whole number from 1 on, with this mean. */
export function geometric(random, mean) {
  if (mean <= 1) return 1
  return 1 + Math.floor(Math.log(1 - random()) / Math.log(1 - 1 / mean))
}
