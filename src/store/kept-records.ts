import { LRUCache } from 'lru-cache'
import type { SessionKey } from '../record/id.ts'
import type { Found } from '../record/record.ts'

/** A record, and the instant at which it was asked for, in milliseconds since the epoch. */
export interface Kept {
  readonly found: Found
  readonly since: number
}

/** Records by their keys: so many and so many bytes, those that were used last. */
export interface KeptRecords {
  get(key: SessionKey): Kept | undefined
  set(key: SessionKey, kept: Kept): unknown
  delete(key: SessionKey): unknown
  clear(): void
}

/** What all of them may take together. */
const MAX_KEPT_BYTES = 32 * 1024 * 1024

/** What a record takes beside its longest texts. */
const OVERHEAD = 1024

export function keepRecords(maxSessions: number): KeptRecords {
  return new LRUCache<SessionKey, Kept>({
    max: maxSessions,
    maxSize: MAX_KEPT_BYTES,
    sizeCalculation: ({ found }) => sizeOf(found),
  })
}

/** At the most: two bytes for each unit of a text, though V8 takes one where it can. */
function sizeOf({ record }: Found): number {
  const { data, user, properties, client, extra } = record
  const rest = properties === undefined && client == null && extra === undefined
  const other = rest ? 0 : JSON.stringify([properties, client, extra], plain).length
  return OVERHEAD + 2 * (data.length + user.length + other)
}

/** What a store keeps of other releases may be anything. */
function plain(_: string, value: unknown): unknown {
  return typeof value === 'bigint' ? value.toString() : value
}
