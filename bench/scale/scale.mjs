/**
 * A model of 100 million live sessions and 50,000 requests a second, with the published limits and prices of Datastore.
 * Writes the tables of ../../docs/scale.md and their charts. Needs no emulator and no installed packages. Processor
 * times come from measured.json, which a whole run of the benchmark writes.
 *
 *   node bench/scale/scale.mjs [seed]
 */
import { readFileSync } from 'node:fs'
import { barChart } from '../lib/chart.mjs'
import { table } from '../lib/numbers.mjs'
import { writeChart, writeSection } from '../lib/page.mjs'
import { pageLoads } from './contention.mjs'
import { ours, writePerRequest } from './cost.mjs'
import { assumed, DAY, HOUR, lifetimes, MINUTE, MONTH, published } from './facts.mjs'
import { behind, busiestRange, shardsFor } from './hotspots.mjs'
import { sweeps, tombstonesPassed } from './sweeping.mjs'
import { hitRate, systems } from './systems.mjs'
import { trafficOf } from './traffic.mjs'

const seed = Number(process.argv[2] ?? 1)
const PAGE = 'docs/scale.md'
const SHARDS = [1, 4, 16, 64, 256]
const BUCKETS = [
  ['5 min', 5 * MINUTE],
  ['15 min', 15 * MINUTE],
  ['1 h', HOUR],
  ['6 h', 6 * HOUR],
  ['24 h', DAY],
]

const whole = (value) => Math.round(value).toLocaleString('en')
const dollars = (value) => `$${whole(value)}`
const minutes = (seconds) => (seconds === null ? 'never' : `${Math.ceil(seconds / 60)} min`)

const scenes = lifetimes.map((one) => ({ ...one, traffic: trafficOf(one.lifetime, HOUR, seed) }))

writeSection(
  PAGE,
  'traffic',
  table(
    [
      'lifetime',
      'requests per session',
      'sessions begin and end /s',
      'inserts /s',
      'changes /s',
      'touches /s',
      'writes /s',
      'of these change the index /s',
    ],
    scenes.map(({ name, traffic }) => [
      name,
      traffic.requestsPerSession.toFixed(1),
      whole(traffic.begin),
      whole(traffic.inserts),
      whole(traffic.changes),
      whole(traffic.touches),
      whole(traffic.writes),
      whole(traffic.moves),
    ]),
  ),
)

const ranges = scenes.map(({ name, traffic }) => ({
  name,
  // A timestamp of the last use changes with every write that notes a use; one of the last write with every write.
  stamp: busiestRange(traffic.writes, 1, seed),
  shards: SHARDS.map((shards) => busiestRange(traffic.moves, shards, seed)),
  behind: behind(traffic.writes, 1),
  needed: shardsFor(traffic.moves),
}))

writeSection(
  PAGE,
  'hotspots',
  table(
    [
      'lifetime',
      'indexed timestamp',
      ...SHARDS.map((shards) => `${shards} shard${shards === 1 ? '' : 's'}`),
      'shards needed',
    ],
    ranges.map(({ name, stamp, shards, needed }) => [
      name,
      whole(stamp.most),
      ...shards.map(({ most }) =>
        most > published.sequentialWrites ? whole(most) : `**${whole(most)}**`,
      ),
      needed,
    ]),
  ),
)

writeChart(
  'scale-hotspots',
  barChart({
    title: 'Writes per second to the busiest range of the expiry index',
    note: `100 million live sessions, 50,000 requests/s, lifetime 24 h; about ${published.sequentialWrites}/s is what a range takes`,
    series: ['indexed timestamp', ...SHARDS.map((shards) => `${shards} shards`), 'limit'],
    groups: [
      {
        label: '',
        values: [
          ranges[1].stamp.most,
          ...ranges[1].shards.map(({ most }) => most),
          published.sequentialWrites,
        ],
      },
    ],
  }),
)

writeSection(
  PAGE,
  'buckets',
  table(
    [
      'bucket',
      'index changes /s, 1 h',
      '24 h',
      '14 d',
      'swept after at most',
      'ranges begun per hour, 16 shards',
    ],
    BUCKETS.map(([name, bucket]) => [
      name,
      ...lifetimes.map(({ lifetime }) => whole(trafficOf(lifetime, bucket, seed).moves)),
      // The bucket, the leeway, and the hour until the next sweep.
      `${((bucket + 5 * MINUTE + HOUR) / HOUR).toFixed(1)} h`,
      whole((16 * HOUR) / bucket),
    ]),
  ),
)

const loads = [
  [5, 0.1, 1],
  [20, 0.1, 1],
  [50, 0.1, 4],
  [50, 0.1, 20],
  [20, 1, 1],
  [50, 1, 4],
  [50, 1, 20],
].map(([parallel, share, processes]) => ({
  parallel,
  share,
  processes,
  mine: pageLoads({ parallel, share, processes, blind: false }, seed),
  blind: pageLoads({ parallel, share, processes, blind: true }, seed),
}))

writeSection(
  PAGE,
  'contention',
  table(
    [
      'requests at once',
      'of which change',
      'processes',
      'writes',
      'tried again',
      'slowest, p50 ms',
      'p99 ms',
      'changes lost',
      'blind: writes',
      'changes lost',
    ],
    loads.map(({ parallel, share, processes, mine, blind }) => [
      parallel,
      `${share * 100} %`,
      processes,
      mine.writes.toFixed(1),
      mine.conflicts.toFixed(1),
      Math.round(mine.p50),
      Math.round(mine.p99),
      mine.lost,
      blind.writes.toFixed(1),
      blind.lost.toFixed(1),
    ]),
  ),
)

const runs = scenes.flatMap(({ name, traffic }) =>
  [500, 5000].map((rate) => ({
    name,
    rate,
    ending: traffic.begin,
    run: sweeps({ ending: traffic.begin, rate }),
  })),
)
const able = (assumed.lanes * assumed.pageSize) / assumed.sweepPage

writeSection(
  PAGE,
  'sweeping',
  table(
    [
      'lifetime',
      'sessions end /s',
      '`sweepRate`',
      'first sweep takes',
      'a sweep after 3 days',
      'keeps up',
      'tasks per hour',
      'most that waited',
    ],
    runs.map(({ name, rate, ending, run }) => [
      name,
      whole(ending),
      rate,
      minutes(run.first),
      minutes(run.last),
      run.keepsUp ? 'yes' : '**no**',
      run.tasksPerHour.toFixed(1),
      whole(run.most),
    ]),
  ),
)

const backlogs = [100_000, 1_000_000, 10_000_000, 100_000_000]
writeSection(
  PAGE,
  'first-sweep',
  table(
    ['backlog', 'at `sweepRate` 500', 'at 5,000', 'as fast as one worker can', 'dollars'],
    backlogs.map((backlog) => [
      whole(backlog),
      ...[500, 5000, Number.POSITIVE_INFINITY].map((rate) =>
        minutes(sweeps({ ending: 0, rate, backlog, days: 5 }).first),
      ),
      `$${((backlog / 1e6) * published.delete).toFixed(2)}`,
    ]),
  ),
)

writeSection(
  PAGE,
  'tombstones',
  table(
    ['lifetime', 'without a watermark', 'with it'],
    scenes.map(({ name, traffic }) => [
      name,
      whole(tombstonesPassed(traffic.begin, 16, false)),
      whole(tombstonesPassed(traffic.begin, 16, true)),
    ]),
  ),
)

const bills = scenes.map(({ name, traffic }) => {
  const { tasksPerHour } = sweeps({ ending: traffic.begin, rate: 500 })
  return {
    name,
    plain: ours(traffic, { events: false, tasksPerHour, shards: 16 }),
    events: ours(traffic, { events: true, tasksPerHour, shards: 16 }),
    rival: writePerRequest(traffic),
  }
})

writeSection(
  PAGE,
  'dollars',
  table(
    ['lifetime', '', 'reads', 'writes', 'deletes', 'storage', 'tasks', 'sum', 'ratio'],
    bills.flatMap(({ name, plain, events, rival }) =>
      [
        ['viur-session', plain],
        ['with `events: true`', events],
        ['a write per request', rival],
      ].map(([title, bill]) => [
        name,
        title,
        ...['reads', 'writes', 'deletes', 'storage', 'tasks', 'sum'].map((part) =>
          dollars(bill[part]),
        ),
        (bill.sum / plain.sum).toFixed(2),
      ]),
    ),
  ),
)

writeChart(
  'scale-dollars',
  barChart({
    title: 'Dollars per month',
    note: '100 million live sessions, 50,000 requests/s; list prices of one region of the us-central1 class, August 2026',
    series: ['viur-session', 'with events: true', 'a write per request'],
    groups: bills.map(({ name, plain, events, rival }) => ({
      label: `lifetime ${name}`,
      values: [plain.sum, events.sum, rival.sum],
    })),
  }),
)

/** Returns the dollars per month for lookups that memory answers, for requests that only read. */
const savedBy = (maxAge, processes) =>
  ((assumed.requests * (1 - assumed.changes) * hitRate(maxAge, processes) * MONTH) / 1e6) *
  published.read

const CACHES = [5, 10, 30, 60]
const PROCESSES = [1, 4, 20, 100]
const percent = (share) => `${(share * 100).toFixed(share < 0.1 ? 1 : 0)} %`
writeSection(
  PAGE,
  'read-cache',
  table(
    [
      '`maxAge`',
      'session affinity',
      ...PROCESSES.slice(1).map((count) => `${count} processes`),
      'saved per month, affinity',
      'of 100 processes',
    ],
    CACHES.map((maxAge) => [
      `${maxAge} s`,
      ...PROCESSES.map((processes) => percent(hitRate(maxAge, processes))),
      ...[1, 100].map((processes) => dollars(savedBy(maxAge, processes))),
    ]),
  ),
)

writeSection(
  PAGE,
  'fence',
  table(
    ['lifetime', 'logins /s', 'reads of the fence /s', 'dollars per month', 'of the sum'],
    scenes.map(({ name, traffic }, at) => {
      const logins = traffic.begin * assumed.loginsPerSession
      const price = ((2 * logins * MONTH) / 1e6) * published.read
      const share = price / (bills[at].plain.sum + price)
      return [name, whole(logins), whole(2 * logins), dollars(price), percent(share)]
    }),
  ),
)

const measured = JSON.parse(readFileSync(new URL('./measured.json', import.meta.url), 'utf8'))
const [, day] = scenes
writeSection(
  PAGE,
  'systems',
  [
    `Processor time of a request: ${measured.from}, ms for a page that reads and one that\nchanges 5 KB: bare app ${measured.bare.read} and ${measured.bare.write}, viur-session ${measured.ours.read} and ${measured.ours.write},\nconnect-datastore ${measured.rival.read} and ${measured.rival.write}.`,
    ...[1e6, 1e8, 1e10].map((live) => {
      const { requests, bare, rows } = systems(live, day.traffic, measured)
      return [
        `${whole(live / 1e6)} million sessions, ${whole(requests)} requests a second; the app without sessions takes ${whole(bare)} instance${bare === 1 ? '' : 's'}:`,
        table(
          [
            '',
            'instances',
            'database or network',
            'instances for sessions',
            'sum per month',
            'ratio',
          ],
          rows.map(({ name, instances, database, processors, sum }) => [
            name,
            whole(instances),
            dollars(database),
            dollars(processors),
            dollars(sum),
            (sum / rows[0].sum).toFixed(2),
          ]),
        ),
      ].join('\n\n')
    }),
  ].join('\n\n'),
)

for (const { name, needed } of ranges) console.log(`lifetime ${name}: ${needed} shards needed`)
for (const { name, rate, run } of runs) {
  console.log(`lifetime ${name}, sweepRate ${rate}: ${run.keepsUp ? 'keeps up' : 'falls behind'}`)
}
console.log(
  `one worker: at most ${able} sessions per second; index on a timestamp is ${ranges[1].behind.toFixed(0)} s behind per minute at a lifetime of 24 h`,
)
