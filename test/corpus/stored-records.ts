import type { Found, LoadOutcome, SessionRecord, Unreadable } from '../../src/index.ts'
import { Payload } from '../../src/record/payload.ts'
import { DAY, HOUR } from '../request/harness.ts'

/** A stored record that another program changed, made from a valid one. */
export interface StoredCase {
  readonly becomes: (found: Found) => Found | Unreadable
  readonly outcome: LoadOutcome
}

function record(
  change: Partial<SessionRecord> | ((record: SessionRecord) => Partial<SessionRecord>),
) {
  return (found: Found): Found => ({
    ...found,
    record: { ...found.record, ...(typeof change === 'function' ? change(found.record) : change) },
  })
}

function mistyped(why: string) {
  return ({ record: { key }, version }: Found): Unreadable => ({ record: null, key, version, why })
}

/** When the session was created. */
const NOON = Date.UTC(2030, 0, 1, 12)

const OTHER_KEY = 'B'.repeat(43) as SessionRecord['key']

/** Section D of the attack corpus: records from elsewhere. */
export const STORED_RECORDS: Readonly<Record<string, StoredCase>> = {
  'a missing property': { becomes: mistyped('"data" is missing'), outcome: 'unreadable' },
  'a property of the wrong type': {
    becomes: mistyped('"expires" is no timestamp'),
    outcome: 'unreadable',
  },
  'no payload': { becomes: record({ data: '' }), outcome: 'unreadable' },
  'a payload that is JSON': { becomes: record({ data: '{"views":1}' }), outcome: 'unreadable' },
  'a payload of version 0': {
    becomes: record((r) => ({ data: r.data.replace(/^1/, '0') })),
    outcome: 'unreadable',
  },
  'a payload of version -1': {
    becomes: record((r) => ({ data: r.data.replace(/^1/, '-1') })),
    outcome: 'unreadable',
  },
  'a payload of version 1.5': {
    becomes: record((r) => ({ data: r.data.replace(/^1/, '1.5') })),
    outcome: 'unreadable',
  },
  'a payload of version 01': {
    becomes: record((r) => ({ data: `0${r.data}` })),
    outcome: 'unreadable',
  },
  'a payload of version 1e1': {
    becomes: record((r) => ({ data: r.data.replace(/^1/, '1e1') })),
    outcome: 'unreadable',
  },
  'a payload without its head': {
    becomes: record((r) => ({ data: r.data.slice(r.data.indexOf('\n')) })),
    outcome: 'unreadable',
  },
  'a head alone': {
    becomes: record((r) => ({ data: r.data.slice(0, r.data.indexOf('\n')) })),
    outcome: 'unreadable',
  },
  'a payload cut at its end': {
    becomes: record((r) => ({ data: r.data.slice(0, -1) })),
    outcome: 'unreadable',
  },
  'a payload cut in the middle': {
    becomes: record((r) => ({ data: r.data.slice(0, r.data.length - 5) })),
    outcome: 'unreadable',
  },
  'a payload with a character changed': {
    becomes: record((r) => ({ data: r.data.replace('views', 'viewz') })),
    outcome: 'unreadable',
  },
  'a payload with something behind it': {
    becomes: record((r) => ({ data: `${r.data}x` })),
    outcome: 'unreadable',
  },
  'a payload with a longer head': {
    becomes: record((r) => ({ data: r.data.replace('\n', ' x\n') })),
    outcome: 'unreadable',
  },
  'the payload of another session': {
    becomes: record({ data: Payload.empty.encode(OTHER_KEY) }),
    outcome: 'unreadable',
  },
  'seen before it was created': {
    becomes: record((r) => ({ lastSeen: r.created - 1 })),
    outcome: 'unreadable',
  },
  'created the day after tomorrow': {
    becomes: record((r) => ({
      created: r.created + 2 * DAY,
      lastSeen: r.created + 2 * DAY,
      expires: r.expires + 2 * DAY,
    })),
    outcome: 'unreadable',
  },
  'a login in a year': {
    becomes: record((r) => ({ authenticated: r.created + 365 * DAY, user: 'alice' })),
    outcome: 'unreadable',
  },
  'times in seconds': {
    becomes: record((r) => ({
      created: Math.floor(r.created / 1000),
      lastSeen: Math.floor(r.lastSeen / 1000),
      expires: Math.floor(r.expires / 1000),
    })),
    outcome: 'expired',
  },
  'times in microseconds': {
    becomes: record((r) => ({
      created: r.created * 1000,
      lastSeen: r.lastSeen * 1000,
      expires: r.expires * 1000,
    })),
    outcome: 'unreadable',
  },
  'negative times': {
    becomes: record({ created: -2, lastSeen: -1, expires: -1 }),
    outcome: 'expired',
  },
  'times that are no numbers': {
    becomes: record({ created: Number.NaN, lastSeen: Number.NaN, expires: Number.NaN }),
    outcome: 'expired',
  },
  'an expiry that is no number': { becomes: record({ expires: Number.NaN }), outcome: 'expired' },
  'an expiry in a million years, long unused': {
    becomes: record((r) => ({
      created: r.created - 9 * HOUR,
      lastSeen: r.lastSeen - 8 * HOUR,
      expires: 8e15,
    })),
    outcome: 'expired',
  },
  'created 31 days ago by a guest': {
    becomes: record({ created: NOON - 31 * DAY }),
    outcome: 'expired',
  },
  'created 31 days ago, with a login since': {
    becomes: record({ created: NOON - 31 * DAY, authenticated: NOON }),
    outcome: 'live',
  },
  'marked as ended': {
    becomes: record((r) => ({ ended: r.created, reason: 'killed' })),
    outcome: 'ended',
  },
  'marked as ended, with a broken payload': {
    becomes: record((r) => ({ ended: r.created, reason: 'killed', data: '' })),
    outcome: 'ended',
  },
  'expired, with a broken payload': {
    becomes: record({ expires: 1, data: '' }),
    outcome: 'expired',
  },
  'properties of a later release': {
    becomes: record({ extra: { later: { stringValue: 'x' } } }),
    outcome: 'live',
  },
}
