import type { SessionKey } from './id.ts'
import type { SecurityKeyName, SecurityKeyRecord, SessionRecord } from './record.ts'

/**
 * The expiry index. A timestamp in an index rises for all writers at once, and Datastore takes only some
 * 500 writes a second at the end of one index ("Best Practices"). So the index holds a shard, drawn from the
 * key, and after it the end of the bucket of time in which the session expires.
 */

/** Over how many shards the index is spread unless set. */
export const DEFAULT_SHARDS = 16

/** How long a bucket is unless set: one hour, in milliseconds. */
export const BUCKET: number = 60 * 60 * 1000

const MINUTE = 60 * 1000

/**
 * The instant that decides in which bucket a record stands: its expiry, or when it was marked as ended. One that a
 * request gave an expiry in the past stands where it was last seen: sweeps have left the buckets of the past behind.
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

/** The shard of a key: the top bits of the hash that it is. */
export function shardOf(key: SessionKey | SecurityKeyName, shards: number): number {
  const byte = Buffer.from(key.slice(0, 2), 'base64url')[0] ?? 0
  return Math.floor((byte * shards) / 256)
}

/** When the bucket of this instant ends, in milliseconds since the epoch. */
export function bucketEnd(time: number, bucket: number): number {
  return (Math.floor(time / bucket) + 1) * bucket
}

/** What the shards of records begin with whose id came from outside: they are swept in another way. */
const OUTSIDE = 'x'

/** `ss:mmmmmmmmmm`: the shard in hex, then the end of the bucket in minutes, so that text order is time order. */
export function sweepValue(shard: number, end: number, outside: boolean = false): string {
  return `${outside ? OUTSIDE : ''}${shard.toString(16).padStart(2, '0')}:${String(Math.floor(end / MINUTE)).padStart(10, '0')}`
}

/** Whether the value of the index says that the id of its record came from outside. */
export function isOutside(value: string | null): boolean {
  return value?.startsWith(OUTSIDE) === true
}
