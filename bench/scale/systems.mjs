import { assumed, MONTH, published } from './facts.mjs'

const MILLION = 1_000_000
const HOURS = MONTH / 3600

/** Returns the dollars per month for this many events per second, at a price per million. */
const monthly = (perSecond, price) => ((perSecond * MONTH) / MILLION) * price

/** Returns the share of the later requests of a visit that come within this many seconds of the previous one. */
export function hitRate(maxAge, processes) {
  const follows = 1 - 1 / assumed.requestsPerVisit
  return (follows * (1 - Math.exp(-maxAge / assumed.gap))) / processes
}

/**
 * Computes one scene, with this many live sessions, for each system: dollars per month and instances. `traffic` is that
 * of the model's scene, scaled in proportion. `measured`: processor time of one request in ms on the newest Node, by
 * system.
 */
export function systems(live, traffic, measured) {
  const scale = live / assumed.live
  const requests = assumed.requests * scale
  const of = (perSecond) => perSecond * scale
  const logins = of(traffic.begin * assumed.loginsPerSession)
  const stored = (sessions, bytes = published.sessionBytes) =>
    ((sessions * bytes) / 2 ** 30) * published.storage
  const ops = ({ reads = 0, writes = 0, deletes = 0 }) =>
    monthly(reads, published.read) +
    monthly(writes, published.write) +
    monthly(deletes, published.delete)

  const base = {
    // A new id for each login, and two reads to check that no kill has begun.
    reads: requests + 2 * logins,
    writes: of(traffic.writes) + logins,
    deletes: of(traffic.begin) + logins,
  }
  const hits = requests * (1 - assumed.changes) * hitRate(assumed.fromMemory, 1)
  const rows = [
    {
      name: 'viur-session',
      cpu: mixed(measured, 'ours'),
      database: ops(base) + stored(live),
    },
    {
      name: `the same with \`readCache\` of ${assumed.fromMemory} s, and session affinity`,
      cpu: mixed(measured, 'ours'),
      database: ops({ ...base, reads: base.reads - hits }) + stored(live),
    },
    {
      name: 'express-session + connect-datastore, best settings',
      cpu: mixed(measured, 'rival'),
      // It deletes only on request, so the sessions of a year are left.
      database:
        ops({
          reads: requests + logins,
          writes: of(traffic.inserts + traffic.changes) + 2 * logins,
          deletes: logins,
        }) + stored(live + of(traffic.begin) * 12 * MONTH),
    },
    {
      name: 'the same, as in its README',
      cpu: mixed(measured, 'rival', 1),
      database:
        ops({ reads: requests, writes: requests + 2 * logins, deletes: logins }) +
        stored(live + of(traffic.begin) * 12 * MONTH),
    },
    {
      name: 'express-session + Redis (Memorystore, Standard)',
      cpu: measured.bare.read + assumed.redisCpu,
      database: memorystore((live * assumed.redisBytes) / assumed.redisUse / 1e9),
    },
    {
      name: 'all in a signed cookie',
      cpu: measured.bare.read + assumed.cookieCpu,
      // Sent with every answer that changes the session; incoming traffic is free.
      database: monthly(
        requests * assumed.changes,
        (assumed.cookieBytes / 1e9) * MILLION * published.egress,
      ),
    },
  ]
  const bare = instancesOf(requests, measured.bare.read)
  return {
    requests,
    bare,
    rows: rows.map(({ name, cpu, database }) => {
      const instances = instancesOf(requests, cpu)
      const processors = (instances - bare) * published.instance * MONTH
      return { name, instances, database, processors, sum: database + processors }
    }),
  }
}

/** Processor time of an average request, of which some change the session. */
function mixed(measured, name, changes = assumed.changes) {
  const { read, write } = measured[name]
  return read * (1 - changes) + write * changes
}

function instancesOf(requests, ms) {
  return Math.max(1, Math.ceil((requests * ms) / 1000 / assumed.use))
}

/** As few instances as possible for this many GB, each at the price of its size. */
function memorystore(gb) {
  const { sizes, most } = published.redis
  let dollars = 0
  for (let left = gb; left > 0; left -= most) {
    const size = Math.max(1, Math.ceil(Math.min(left, most)))
    const { price } = sizes.find(({ upTo }) => size <= upTo)
    dollars += size * price * HOURS
  }
  return dollars
}
