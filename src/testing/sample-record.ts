import { randomBytes } from 'node:crypto'
import { checkOptions } from '../base/option-checks.ts'
import { encodeValue } from '../record/codec.ts'
import { keyOf, mintId, mintRev } from '../record/id.ts'
import { Payload, unitOf } from '../record/payload.ts'
import { RECORD_PROPERTIES } from '../record/record-names.ts'
import { GUEST_USER, type SessionRecord } from '../record/record.ts'

/** The given properties of a {@link sampleRecord}. `values` becomes its payload unless there is `data`. */
export interface SampleOptions extends Partial<SessionRecord> {
  /** The data of the session, by key. */
  readonly values?: Readonly<Record<string, unknown>>
}

const OPTIONS: readonly (keyof SampleOptions)[] = ['values', ...RECORD_PROPERTIES]

/** The default creation time of a sample: 1 January 2030, 12:30 UTC. */
const CREATED = Date.UTC(2030, 0, 1, 12, 30)

const HOUR = 60 * 60 * 1000

/** Makes a record as the sessions of this package store it, under a random key, for tests of stores. */
export function sampleRecord(options: SampleOptions = {}): SessionRecord {
  checkOptions('sampleRecord()', options, OPTIONS)
  const { values = { views: 1 }, ...given } = options
  const key = given.key ?? keyOf(mintId(randomBytes))
  const created = given.created ?? CREATED
  const lastSeen = given.lastSeen ?? created
  return {
    key,
    data: encode(values).encode(key),
    user: GUEST_USER,
    created,
    lastSeen,
    authenticated: null,
    expires: lastSeen + HOUR,
    expiry: null,
    ended: null,
    reason: null,
    rev: mintRev(randomBytes),
    ...given,
  }
}

function encode(values: Readonly<Record<string, unknown>>): Payload {
  const units = Object.entries(values).map(
    ([key, value]) => [unitOf(null, key), encodeValue(value, key)] as const,
  )
  return Payload.empty.with(new Map(units))
}
