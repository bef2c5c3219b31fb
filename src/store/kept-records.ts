import { LRUCache } from 'lru-cache'
import type { SessionKey } from '../record/id.ts'
import type { Found } from '../record/record.ts'

/** A cached record, and the time at which it was requested, in milliseconds since the epoch. */
export interface Kept {
  readonly found: Found
  readonly since: number
}

/**
 * A cache of records by key. Its number of records and its size in bytes are limited; it keeps the most recently used
 * ones.
 */
export interface KeptRecords {
  get(key: SessionKey): Kept | undefined
  set(key: SessionKey, kept: Kept): unknown
  delete(key: SessionKey): unknown
  clear(): void
}

/** The largest size of the whole cache, in bytes. */
const MAX_KEPT_BYTES = 32 * 1024 * 1024

/** The size of a record without its longest texts, in bytes. */
const OVERHEAD = 1024

/** Makes a cache of at most this many records. */
export function keepRecords(maxSessions: number): KeptRecords {
  return new LRUCache<SessionKey, Kept>({
    max: maxSessions,
    maxSize: MAX_KEPT_BYTES,
    sizeCalculation: ({ found }) => sizeOf(found),
  })
}

/** Returns an upper bound: two bytes for each character, although V8 uses one where it can. */
function sizeOf({ record }: Found): number {
  const { data, user, properties, client, extra } = record
  const rest = properties === undefined && client == null && extra === undefined
  const other = rest ? 0 : JSON.stringify([properties, client, extra], plain).length
  return OVERHEAD + 2 * (data.length + user.length + other)
}

/** Makes the properties of other releases serializable, which may be of any type. */
function plain(_: string, value: unknown): unknown {
  return typeof value === 'bigint' ? value.toString() : value
}
