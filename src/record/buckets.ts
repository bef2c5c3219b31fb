import type { SessionKey } from './id.ts'
import type { SecurityKeyName, SecurityKeyRecord, SessionRecord } from './record.ts'

// The expiry index. A timestamp in an index rises for all writers at once, and Datastore accepts only about 500 writes
// a second at the end of one index ("Best Practices"). So the indexed value starts with a shard, derived from the key.
// The end of the time bucket in which the session expires follows it.

/** Default number of shards of the index. */
export const DEFAULT_SHARDS = 16

/** Default length of a bucket: one hour, in milliseconds. */
export const BUCKET: number = 60 * 60 * 1000

const MINUTE = 60 * 1000

/**
 * Returns the time that decides the bucket of a record: its expiry, or the time when it was marked as ended. An expiry
 * that a request set into the past is replaced by `lastSeen`, because sweeps have already passed older buckets.
 */
export function sweepTime(record: Pick<SessionRecord, 'expires' | 'ended' | 'lastSeen'>): number {
  return record.ended ?? Math.max(record.expires, record.lastSeen)
}

/** {@link sweepTime} of a security key. */
export function keySweepTime({
  expires,
  created,
}: Pick<SecurityKeyRecord, 'expires' | 'created'>): number {
  return Math.max(expires, created)
}

/** Returns the shard of a key: the highest bits of the key, which is a hash. */
export function shardOf(key: SessionKey | SecurityKeyName, shards: number): number {
  const byte = Buffer.from(key.slice(0, 2), 'base64url')[0] ?? 0
  return Math.floor((byte * shards) / 256)
}

/** Returns the end of the bucket that contains this time, in milliseconds since the epoch. */
export function bucketEnd(time: number, bucket: number): number {
  return (Math.floor(time / bucket) + 1) * bucket
}

/** Prefix of the shards of records whose id came from outside. Sweeps handle these records differently. */
const OUTSIDE = 'x'

/**
 * Returns `ss:mmmmmmmmmm`: the shard in hex, then the end of the bucket in minutes. Within a shard, text order is time
 * order.
 */
export function sweepValue(shard: number, end: number, outside: boolean = false): string {
  return `${outside ? OUTSIDE : ''}${shard.toString(16).padStart(2, '0')}:${String(Math.floor(end / MINUTE)).padStart(10, '0')}`
}

/** Whether this value of the index belongs to a record whose id came from outside. */
export function isOutside(value: string | null): boolean {
  return value?.startsWith(OUTSIDE) === true
}
