import type { Clock } from '../../base/clock.ts'
import { storeRefusal } from '../../base/store-errors.ts'
import type { SessionKey } from '../../record/id.ts'
import { BUCKET, bucketEnd, keySweepTime, shardOf } from '../../record/buckets.ts'
import { checkKeyName, checkRemoved, checkSecurityKeys } from '../../record/limits-security-keys.ts'
import { decodeCursor, encodeCursor, position } from '../cursors.ts'
import type {
  FoundSecurityKey,
  PageOptions,
  SecurityKeyPage,
  SecurityKeySelection,
  SecurityKeyStore,
  WriteResult,
  WriteTogetherResult,
} from '../store.ts'
import type { SecurityKeyName, SecurityKeyRecord, Version } from '../../record/record.ts'

/** The limits of {@link MemoryKeys}. */
interface MemoryKeysLimits {
  readonly shards: number
  readonly maxKeys: number
  readonly maxBytes: number
}

/** The rank of a session, which decides whether its keys are dropped when the store is full. */
export type Standing = 'dead' | 'guest' | 'user'

/**
 * Security keys in the memory of this process, in a limited number. When it is full, it drops expired keys, then keys
 * of ended sessions, then keys of guests, the oldest first. Keys without a session are dropped only for keys of users:
 * any client can cause new keys, but guests must not invalidate links in mails, which use such keys. Keys of users
 * stay.
 */
export class MemoryKeys implements SecurityKeyStore {
  readonly #limits: MemoryKeysLimits
  readonly #now: Clock
  readonly #standing: (session: SessionKey) => Standing
  readonly #keys = new Map<SecurityKeyName, FoundSecurityKey>()
  #bytes = 0
  #versions = 0
  /** No key expires before this time, so that a full store is not searched in vain. */
  #earliest = Number.POSITIVE_INFINITY

  constructor(
    limits: MemoryKeysLimits,
    now: Clock,
    standing: (session: SessionKey) => Standing = () => 'user',
  ) {
    this.#limits = limits
    this.#standing = standing
    this.#now = now
  }

  async insert(records: readonly SecurityKeyRecord[]): Promise<WriteTogetherResult> {
    checkSecurityKeys(records)
    if (records.some(({ name }) => this.#keys.has(name))) return { outcome: 'conflict' }
    this.#makeRoom(records)
    return { outcome: 'applied', versions: records.map((record) => this.#add(record)) }
  }

  async find(name: SecurityKeyName): Promise<FoundSecurityKey | null> {
    checkKeyName(name)
    return this.#keys.get(name) ?? null
  }

  async use(name: SecurityKeyName, version: Version): Promise<WriteResult> {
    checkKeyName(name)
    if (this.#keys.get(name)?.version !== version) return { outcome: 'conflict' }
    this.#delete(name)
    return { outcome: 'applied', version }
  }

  async page(
    selection: SecurityKeySelection,
    { limit, cursor }: PageOptions,
  ): Promise<SecurityKeyPage> {
    // Marked, so that a cursor of sessions cannot be used for keys.
    const of = { of: 'keys', ...selection }
    const start = cursor === undefined ? '' : decodeCursor(cursor, of)
    const { shard, upTo, after = Number.NEGATIVE_INFINITY } = selection
    const matching = [...this.#keys.values()]
      .map(({ record }) => ({ record, end: bucketEnd(keySweepTime(record), BUCKET) }))
      .filter(
        ({ record, end }) =>
          end > after && end <= upTo && shardOf(record.name, this.#limits.shards) === shard,
      )
      .map(({ record, end }) => ({ name: record.name, at: position(end, record.name) }))
      .filter(({ at }) => at > start)
      .sort((a, b) => (a.at < b.at ? -1 : 1))
      .slice(0, limit)
    const last = matching.at(-1)
    return {
      names: matching.map(({ name }) => name),
      cursor: last === undefined ? null : encodeCursor(last.at, of),
    }
  }

  async remove(names: readonly SecurityKeyName[]): Promise<void> {
    checkRemoved(names)
    for (const name of names) this.#delete(name)
  }

  clear(): void {
    this.#keys.clear()
    this.#bytes = 0
    this.#earliest = Number.POSITIVE_INFINITY
  }

  #add(record: SecurityKeyRecord): Version {
    this.#versions += 1
    const version = String(this.#versions)
    this.#keys.set(record.name, { record, version })
    this.#bytes += sizeOfKey(record)
    this.#earliest = Math.min(this.#earliest, record.expires)
    return version
  }

  #delete(name: SecurityKeyName): void {
    const found = this.#keys.get(name)
    if (found === undefined) return
    this.#keys.delete(name)
    this.#bytes -= sizeOfKey(found.record)
  }

  /** Drops keys if there is not enough room for the new ones, or throws before anything is stored. */
  #makeRoom(records: readonly SecurityKeyRecord[]): void {
    const { maxKeys, maxBytes } = this.#limits
    const bytes = records.reduce((sum, record) => sum + sizeOfKey(record), 0)
    const fits = (): boolean =>
      this.#keys.size + records.length <= maxKeys && this.#bytes + bytes <= maxBytes
    if (fits()) return
    this.#dropExpired()
    if (fits()) return
    // Frees a little more than needed, so that a full store does not search its keys at every insert.
    const hasRoom = (): boolean =>
      this.#keys.size + records.length <= maxKeys - Math.floor(maxKeys / 100) &&
      this.#bytes + bytes <= maxBytes - Math.floor(maxBytes / 100)
    const standingOf = ({ session }: SecurityKeyRecord): Standing | 'of no session' =>
      session === null ? 'of no session' : this.#standing(session)
    const isForUser = records.some((record) => standingOf(record) === 'user')
    for (const standing of ['dead', 'guest', ...(isForUser ? ['of no session'] : [])]) {
      for (const [name, { record }] of this.#keys) {
        if (hasRoom()) return
        if (standingOf(record) === standing) this.#delete(name)
      }
    }
    if (fits()) return
    throw storeRefusal(
      `the memory store is full of security keys that belong to logged-in users or to no session (at most ${maxKeys}, and ${maxBytes} bytes): raise its limits, give keys a shorter duration, or use datastoreStore()`,
    )
  }

  #dropExpired(): void {
    const now = this.#now()
    if (now < this.#earliest) return
    this.#earliest = Number.POSITIVE_INFINITY
    for (const [name, { record }] of this.#keys) {
      if (record.expires <= now) this.#delete(name)
      else this.#earliest = Math.min(this.#earliest, record.expires)
    }
  }
}

/** The approximate size of a key without its texts, in bytes. */
const OVERHEAD = 500

function sizeOfKey({ purpose, data }: SecurityKeyRecord): number {
  return OVERHEAD + bytesInMemory(purpose) + bytesInMemory(data ?? '')
}

/** Estimates the size of a text in memory, in bytes: V8 uses one per character if all are Latin-1, else two. */
export function bytesInMemory(text: string): number {
  return WIDE.test(text) ? text.length * 2 : text.length
}

/** V8 answers this without reading a text that it keeps with one byte per character. */
const WIDE = /[^\0-\xff]/
