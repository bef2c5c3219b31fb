import { assumed } from './facts.mjs'
import { exponential, geometric, randomFrom } from './random.mjs'

/** Number of simulated visits. */
const VISITS = 20_000

/**
 * Returns the operations of the store per second for the visitors of the scene. Sessions begin as often as they end
 * (Little's law: the number of live sessions is the number that begin per second times their lifetime). Visits are
 * simulated one by one, by the rules of this package. A change is a write. A use is noted at most once per
 * `touchEvery`, with a change or by a separate touch. The index changes only when the expiry moves to another bucket.
 */
export function trafficOf(lifetime, bucket, seed) {
  const random = randomFrom(seed)
  const begin = assumed.live / (lifetime + assumed.visit)
  const visits = Math.max(assumed.requests / assumed.requestsPerVisit, begin)
  const perVisit = assumed.requests / visits
  const isNew = begin / visits
  const sums = { inserts: 0, changes: 0, touches: 0, moves: 0 }
  for (let at = 0; at < VISITS; at++) {
    let time = random() * bucket
    let bucketNow = null
    let noted = Number.NEGATIVE_INFINITY
    const requests = geometric(random, perVisit)
    for (let asked = 0; asked < requests; asked++) {
      if (asked > 0) time += exponential(random, assumed.gap)
      const inserts = asked === 0 && random() < isNew
      const changes = random() < assumed.changes
      const isDue = time - noted >= assumed.touchEvery
      if (inserts) sums.inserts += 1
      else if (changes) sums.changes += 1
      else if (isDue) sums.touches += 1
      if (!isDue) continue
      noted = time
      const next = Math.floor((time + lifetime) / bucket)
      // A visitor who returns has been away for longer than a bucket.
      if (next !== bucketNow) sums.moves += 1
      bucketNow = next
    }
  }
  const perSecond = (count) => (count / VISITS) * visits
  return {
    begin,
    visits,
    requestsPerSession: assumed.requests / begin,
    inserts: perSecond(sums.inserts),
    changes: perSecond(sums.changes),
    touches: perSecond(sums.touches),
    writes: perSecond(sums.inserts + sums.changes + sums.touches),
    /** Writes that change the expiry index. */
    moves: perSecond(sums.moves),
  }
}
