import { MAX_PAYLOAD_BYTES } from '../../src/record/limits.ts'
import { MAX_KEY_DATA_BYTES, MAX_KEYS_BYTES } from '../../src/record/limits-security-keys.ts'
import { MAX_INDEXED_BYTES } from '../../src/record/properties.ts'
import { MAX_CONTENTION_TRIES, MAX_TROUBLE_TRIES } from '../../src/write/retry.ts'

type Assumed = 'lanes' | 'live' | 'pageSize' | 'redisBytes' | 'requests' | 'sweepPage'
type Published = 'delete' | 'read' | 'sequentialWrites' | 'write'

// The benchmark has no types.
const file: string = '../../bench/scale/facts.mjs'
const { assumed, published } = (await import(file)) as {
  assumed: Readonly<Record<Assumed, number>>
  published: Readonly<Record<Published, number>>
}

const HOURS_OF_A_MONTH = (365.25 / 12) * 24
const SECONDS_OF_A_YEAR = 365.25 * 24 * 60 * 60

/** Figures that mean the same on every page, and their values in the source. A sealed text is a third larger. */
export const CONSTANTS: Readonly<Record<string, number>> = {
  '900 KiB': MAX_PAYLOAD_BYTES / 1024,
  '675 KiB': (MAX_PAYLOAD_BYTES / 1024) * 0.75,
  '64 KiB': MAX_KEY_DATA_BYTES / 1024,
  '48 KiB': (MAX_KEY_DATA_BYTES / 1024) * 0.75,
  '3 MiB': MAX_KEYS_BYTES / 1024 ** 2,
  '1,500 bytes': MAX_INDEXED_BYTES,
  '1 to 1,500 bytes': MAX_INDEXED_BYTES,
  '3 times': MAX_TROUBLE_TRIES,
  '32 times': MAX_CONTENTION_TRIES,
  // docs/scale.md, from the input of its model.
  '2.4 KB': assumed.redisBytes / 1000,
  '20,000 a second': (assumed.lanes * assumed.pageSize) / assumed.sweepPage,
  $47: 0.064 * HOURS_OF_A_MONTH,
  '363 times': (assumed.requests / 43.5 / assumed.live) * SECONDS_OF_A_YEAR,
  '500 writes a second': published.sequentialWrites,
  // docs/sockets.md: 5,000 sockets, 100 of them with one call.
  '50 lookups': 5000 / 100,
  // docs/cost.md: "follow from its prices" in figures.test.ts has the sums.
  '0.30': published.read,
  '1.20': published.read + published.write,
  '1.90': 3 * published.read + published.write + published.delete,
  '0.40': published.read + published.delete,
}

/** Limits of platforms and of others, by where they are written down. */
export const PUBLISHED: Readonly<Record<string, string>> = {
  '1 MiB': 'https://cloud.google.com/datastore/docs/concepts/limits',
  '4 KB': 'https://www.rfc-editor.org/rfc/rfc6265#section-6.1',
}

interface Held {
  readonly page: string
  /** A test, a source file, or a part of bench/RESULTS.md after a `#`. It has to contain the numbers, rounded or not. */
  readonly by: string
  readonly figures: readonly string[]
}

const ONCE = 'bench/RESULTS.md#Measured once'
const CALLS = 'test/emulator/calls.test.ts'
const COOKIE = 'src/cookie-sessions/request-store.ts'
const SECRET = 'src/request/cookie-ids.ts'
const FACTS = 'bench/scale/facts.mjs'

/** Where a figure of a page is from, if it is none of the above. */
export const HELD: readonly Held[] = [
  { page: 'README.md', by: 'bench/RESULTS.md#calls', figures: ['$0.30', '$1.20', '$0'] },
  { page: 'SECURITY.md', by: 'src/record/id.ts', figures: ['32 bytes'] },
  {
    page: 'bench/RESULTS.md',
    by: 'bench/RESULTS.md#middleware',
    figures: ['1.02 times'],
  },
  { page: 'bench/RESULTS.md', by: 'bench/RESULTS.md#sweep', figures: ['2 ms', '26.3 times'] },
  { page: 'docs/changing.md', by: 'src/write/lease.ts', figures: ['50 to 500 ms'] },
  { page: 'docs/coming-from/express-session.md', by: SECRET, figures: ['32 bytes'] },
  { page: 'docs/cookie-sessions.md', by: COOKIE, figures: ['4,096 bytes'] },
  {
    page: 'docs/cookie-sessions.md',
    by: 'test/cookie-sessions/sessions.test.ts',
    figures: ['2,800 bytes'],
  },
  { page: 'docs/datastore.md', by: 'src/store/datastore/lookups.ts', figures: ['8 lookups'] },
  { page: 'docs/datastore.md', by: CALLS, figures: ['1 lookup', '2 lookups'] },
  {
    page: 'docs/dependencies.md',
    by: ONCE,
    figures: [
      ...['5 KB', '0.8', '0.5', '3.1', '3.6', '3.2', '5.0', '4.3', '6.1', '5.1'],
      ...['0.5 to 0.8 ms', '45 ms', '6.3', '1.5', '1.2', '9.9', '54 ms', '33 ms'],
      ...['196 ms', '168 ms', '171 and 151 ms', '155 and 124 ms', '20 to 30 ms', '58 MB'],
    ],
  },
  { page: 'docs/deploying.md', by: SECRET, figures: ['32 bytes'] },
  { page: 'docs/encryption.md', by: 'src/record/seal.ts', figures: ['16 bytes'] },
  { page: 'docs/encryption.md', by: ONCE, figures: ['40 µs'] },
  { page: 'docs/five-systems.md', by: COOKIE, figures: ['4,096 bytes'] },
  { page: 'docs/five-systems.md', by: 'docs/coming-from/pythonweb.md', figures: ['5 %'] },
  { page: 'docs/limits.md', by: COOKIE, figures: ['4,096 bytes'] },
  { page: 'docs/limits.md', by: FACTS, figures: ['1 a second'] },
  { page: 'docs/overload.md', by: 'src/store/datastore/lookups.ts', figures: ['8 calls'] },
  { page: 'docs/overload.md', by: 'src/store/datastore/commits.ts', figures: ['4 calls'] },
  {
    page: 'docs/performance.md',
    by: 'src/store/datastore/overload/lookups-in-flight.ts',
    figures: ['25 ms'],
  },
  {
    page: 'docs/performance.md',
    by: ONCE,
    figures: ['1.07 times', '1.1 times', '0.88', '0.97', '0.90', '0.84', '0.95', '1.00', '1.02'],
  },
  {
    page: 'docs/scale.md',
    by: FACTS,
    figures: [
      ...[
        '50,000 requests a second',
        '500/s',
        '10 ms',
        '20 ms',
        '200 ms',
        '500, 200 ms',
        '$0.30, $0.90, $0.10 per million',
        '$0.15',
      ],
      ...['2.8 KB', '2 KB', '$0.000018', '$0.000002', '$0.12', '$0.064', '0.054', '0.046'],
      ...['0.035', '0.030', '4 GB', '300 GB', '$0.40 per million', '0.12 ms', '0.06 ms', '60 %'],
    ],
  },
  { page: 'docs/scale.md', by: 'bench/scale/contention.mjs', figures: ['50 ms'] },
  { page: 'docs/scale.md', by: 'bench/scale/scale.mjs', figures: ['50 requests'] },
  { page: 'docs/scale.md', by: 'bench/scale/scale.mjs', figures: ['30 requests a second'] },
  { page: 'docs/scale.md', by: CALLS, figures: ['20 requests'] },
  { page: 'docs/security.md', by: 'src/record/id.ts', figures: ['32 bytes'] },
  { page: 'docs/security.md', by: COOKIE, figures: ['4,096 bytes'] },
  { page: 'docs/sessions.md', by: SECRET, figures: ['32 bytes'] },
  { page: 'docs/storing.md', by: 'src/store/kept-records.ts', figures: ['32 MiB'] },
  {
    page: 'docs/storing.md',
    by: CALLS,
    figures: ['20 requests', '20 times', '20 lookups', '1 lookup'],
  },
]
