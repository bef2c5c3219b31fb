import { noteAs } from '../../base/shared-copies.ts'
import { type Clock, clockFrom } from '../../base/clock.ts'
import { storeRefusal } from '../../base/store-errors.ts'
import { SessionConfigError, SessionStoreError } from '../../base/errors.ts'
import { checkOptions, functionOption, namesOf } from '../../base/option-checks.ts'
import { endOfTurn } from '../../base/turn.ts'
import type { SessionKey } from '../../record/id.ts'
import type { Properties } from '../../record/properties.ts'
import { BUCKET, bucketEnd, DEFAULT_SHARDS, shardOf, sweepTime } from '../../record/buckets.ts'
import { checkMutations } from '../mutation-check.ts'
import { keyOfMutation, storesRecord } from '../mutations.ts'
import { decodeCursor, encodeCursor, position } from '../cursors.ts'
import { bytesInMemory, MemoryKeys, type Standing } from './security-keys.ts'
import { MemoryNotes } from './notes.ts'
import type {
  KeyPage,
  Mutation,
  NoteWrite,
  Page,
  PageOptions,
  Selection,
  SessionStore,
  WriteEachResult,
  WriteResult,
  WriteTogetherResult,
  WriteWithNoteResult,
} from '../store.ts'
import type { Found, SessionRecord, Version } from '../../record/record.ts'

/** Options of {@link memoryStore}. */
export interface MemoryStoreOptions {
  /** The largest number of sessions. Default 100,000. */
  readonly maxSessions?: number
  /**
   * The largest size of all sessions in memory, in bytes: one per character of a text that is all Latin-1, else two.
   * The same limit applies to security keys, which are counted separately. Default 256 MiB.
   */
  readonly maxBytes?: number
  /** The largest number of security keys. Default 100,000. */
  readonly maxSecurityKeys?: number
  /** The clock, in milliseconds since the epoch. Default `Date.now`. */
  readonly now?: () => number
}

const OPTIONS = namesOf<MemoryStoreOptions>({
  maxSessions: true,
  maxBytes: true,
  maxSecurityKeys: true,
  now: true,
})

interface Entry {
  readonly record: SessionRecord
  readonly version: Version
  readonly size: number
  /** The time that decides the bucket of the record. */
  readonly sweepAt: number
}

/** The approximate size of a record without its texts, in bytes. */
const OVERHEAD = 500

/**
 * Makes a store that keeps sessions in the memory of this process, with the same conditional writes as Datastore. It is
 * for tests, local work and single-process apps that may lose their sessions. When it is full, a new session replaces
 * expired ones, then the guests that were unused for longest. Sessions of logged-in users are never removed; if only
 * these are left, the insert fails with `SessionStoreError`. A new security key replaces expired ones, then those of
 * ended sessions, then those of guests.
 */
export function memoryStore(options: MemoryStoreOptions = {}): SessionStore {
  checkOptions('memoryStore()', options, OPTIONS)
  return new MemoryStore(options)
}

class MemoryStore implements SessionStore {
  readonly name = 'memory'
  readonly shards = DEFAULT_SHARDS
  readonly notes: MemoryNotes = new MemoryNotes()
  readonly keys: MemoryKeys
  readonly #entries = new Map<SessionKey, Entry>()
  readonly #maxSessions: number
  readonly #maxBytes: number
  readonly #now: Clock
  #bytes = 0
  #versions = 0
  /** Sessions that can be removed at any time: those of guests, and those that have ended. */
  readonly #weak = new Set<SessionKey>()
  /** No other session expires before this time, so that a store full of users is not searched in vain. */
  #earliest = Number.POSITIVE_INFINITY

  constructor({
    maxSessions = 100_000,
    maxBytes = 256 * 1024 * 1024,
    maxSecurityKeys = 100_000,
    now,
  }: MemoryStoreOptions) {
    for (const [option, value] of Object.entries({ maxSessions, maxBytes, maxSecurityKeys })) {
      if (!Number.isSafeInteger(value) || value < 1) {
        throw new SessionConfigError(
          `memoryStore: ${option} must be a whole number above 0, but is ${value}`,
        )
      }
    }
    this.#maxSessions = maxSessions
    this.#maxBytes = maxBytes
    this.#now = clockFrom(functionOption('now', now) ?? (() => Date.now()))
    const limits = { shards: this.shards, maxKeys: maxSecurityKeys, maxBytes }
    this.keys = new MemoryKeys(limits, this.#now, (key) => this.#standing(key))
  }

  async find(key: SessionKey): Promise<Found | null> {
    await endOfTurn()
    const entry = this.#entries.get(key)
    return entry === undefined ? null : { record: entry.record, version: entry.version }
  }

  async write(mutation: Mutation): Promise<WriteResult> {
    await endOfTurn()
    return this.#write(mutation)
  }

  #write(mutation: Mutation): WriteResult {
    const [version] = this.#applyTogether([mutation]) ?? []
    return version === undefined ? { outcome: 'conflict' } : { outcome: 'applied', version }
  }

  async writeTogether(mutations: readonly Mutation[]): Promise<WriteTogetherResult> {
    await endOfTurn()
    const versions = this.#applyTogether(mutations)
    return versions === null ? { outcome: 'conflict' } : { outcome: 'applied', versions }
  }

  async writeWithNote(
    mutations: readonly Mutation[],
    note: NoteWrite,
  ): Promise<WriteWithNoteResult> {
    await endOfTurn()
    if (!this.notes.holds(note)) {
      checkMutations(mutations)
      return { outcome: 'conflict' }
    }
    const versions = this.#applyTogether(mutations)
    if (versions === null) return { outcome: 'conflict' }
    return { outcome: 'applied', versions, note: this.notes.apply(note) }
  }

  /** Applies all mutations and returns their versions, or applies none and returns `null`. */
  #applyTogether(mutations: readonly Mutation[]): Version[] | null {
    checkMutations(mutations)
    if (!mutations.every((mutation) => this.#holds(mutation))) return null
    const sizes = mutations.map(sizeAfter)
    this.#makeRoom(mutations, sizes)
    return mutations.map((mutation, at) => this.#apply(mutation, sizes[at] as number))
  }

  async writeEach(mutations: readonly Mutation[]): Promise<readonly WriteEachResult[]> {
    await endOfTurn()
    checkMutations(mutations)
    return mutations.map((mutation) => this.#writeOne(mutation))
  }

  #writeOne(mutation: Mutation): WriteEachResult {
    try {
      return this.#write(mutation)
    } catch (error) {
      if (error instanceof SessionStoreError) return { outcome: 'failed', error }
      throw error
    }
  }

  async pageKeys(selection: Selection, options: PageOptions): Promise<KeyPage> {
    const { entries, cursor } = await this.page(selection, options)
    return { keys: entries.map((entry) => (entry.record ?? entry).key), cursor }
  }

  async page(selection: Selection, { limit, cursor }: PageOptions): Promise<Page> {
    const after = cursor === undefined ? '' : decodeCursor(cursor, selection)
    const matching = [...this.#entries.values()]
      .filter((entry) => matches(selection, entry, this.shards))
      .map((entry) => ({ entry, at: position(bucketEnd(entry.sweepAt, BUCKET), entry.record.key) }))
      .filter(({ at }) => at > after)
      .sort((a, b) => (a.at < b.at ? -1 : 1))
      .slice(0, limit)
    const last = matching.at(-1)
    return {
      entries: matching.map(({ entry }) => ({ record: entry.record, version: entry.version })),
      cursor: last === undefined ? null : encodeCursor(last.at, selection),
    }
  }

  async close(): Promise<void> {
    this.#entries.clear()
    this.#bytes = 0
    this.#weak.clear()
    this.#earliest = Number.POSITIVE_INFINITY
    this.keys.clear()
  }

  #holds(mutation: Mutation): boolean {
    const entry = this.#entries.get(keyOfMutation(mutation))
    if (mutation.kind === 'remove') return true
    return mutation.kind === 'insert' ? entry === undefined : entry?.version === mutation.version
  }

  #apply(mutation: Mutation, size: number): Version {
    const key = keyOfMutation(mutation)
    this.#versions += 1
    const version = String(this.#versions)
    this.#remove(key)
    if (storesRecord(mutation)) {
      const { record } = mutation
      const sweepAt =
        (mutation.kind === 'update' ? mutation.sweepAt : undefined) ?? sweepTime(record)
      this.#entries.set(key, { record, version, size, sweepAt })
      this.#bytes += size
      if (record.ended !== null || record.authenticated === null) this.#weak.add(key)
      else this.#earliest = Math.min(this.#earliest, record.expires)
    }
    return version
  }

  #remove(key: SessionKey): void {
    this.#bytes -= this.#entries.get(key)?.size ?? 0
    this.#entries.delete(key)
    this.#weak.delete(key)
  }

  #standing(key: SessionKey): Standing {
    const record = this.#entries.get(key)?.record
    if (record === undefined || record.ended !== null || record.expires < this.#now()) return 'dead'
    return record.authenticated === null ? 'guest' : 'user'
  }

  /** Removes sessions to make room for the mutations, or throws before anything is changed. */
  #makeRoom(mutations: readonly Mutation[], sizes: readonly number[]): void {
    let sessions = this.#entries.size
    let bytes = this.#bytes
    for (const [at, mutation] of mutations.entries()) {
      const before = this.#entries.get(keyOfMutation(mutation))
      sessions += (storesRecord(mutation) ? 1 : 0) - (before === undefined ? 0 : 1)
      bytes += (sizes[at] as number) - (before?.size ?? 0)
    }
    if (sessions <= this.#maxSessions && bytes <= this.#maxBytes) return
    const keys = new Set(mutations.map(keyOfMutation))
    const victims: SessionKey[] = []
    // Frees a little more than needed, so that a full store does not search for victims at every insert.
    const spareSessions = Math.floor(this.#maxSessions / 100)
    const spareBytes = Math.floor(this.#maxBytes / 100)
    for (const { record, size } of this.#evictable(keys)) {
      if (sessions <= this.#maxSessions - spareSessions && bytes <= this.#maxBytes - spareBytes)
        break
      victims.push(record.key)
      sessions -= 1
      bytes -= size
    }
    if (sessions > this.#maxSessions || bytes > this.#maxBytes) {
      throw storeRefusal(
        `the memory store is full of sessions of logged-in users (at most ${this.#maxSessions} sessions, and ${this.#maxBytes} bytes): raise its limits, or use datastoreStore()`,
      )
    }
    for (const key of victims) this.#remove(key)
  }

  /** Returns the sessions that may be removed, in the order of removal. */
  #evictable(keep: ReadonlySet<SessionKey>): Entry[] {
    const now = this.#now()
    if (this.#weak.size === 0 && now <= this.#earliest) return []
    this.#earliest = Number.POSITIVE_INFINITY
    for (const { record } of this.#entries.values()) {
      if (record.expires >= now && !this.#weak.has(record.key))
        this.#earliest = Math.min(this.#earliest, record.expires)
    }
    const rank = ({ record }: Entry): number =>
      record.ended !== null || record.expires < now ? 0 : record.authenticated === null ? 1 : 2
    return [...this.#entries.values()]
      .filter((entry) => rank(entry) < 2 && !keep.has(entry.record.key))
      .sort((a, b) => rank(a) - rank(b) || a.record.lastSeen - b.record.lastSeen)
  }
}

noteAs('store', MemoryStore.prototype)

function ownValue(properties: Properties = {}, name: string): string | undefined {
  return Object.hasOwn(properties, name) ? properties[name] : undefined
}

/** The size that the record of a mutation takes once it is applied; 0 where it stores none. */
function sizeAfter(mutation: Mutation): number {
  return storesRecord(mutation) ? sizeOf(mutation.record) : 0
}

function sizeOf({ data, user, staticKey, client, properties }: SessionRecord): number {
  let size = OVERHEAD + bytesInMemory(data) + bytesInMemory(user) + bytesInMemory(staticKey ?? '')
  size += bytesInMemory(client?.agent ?? '') + bytesInMemory(client?.address ?? '')
  for (const [name, value] of Object.entries(properties ?? {}))
    size += bytesInMemory(name) + bytesInMemory(value)
  return size
}

function matches(selection: Selection, { record, sweepAt }: Entry, shards: number): boolean {
  switch (selection.by) {
    case 'all':
      return true
    case 'user':
      return record.user === selection.user
    case 'property':
      return ownValue(record.properties, selection.name) === selection.value
    case 'expiry': {
      const end = bucketEnd(sweepAt, BUCKET)
      return (
        shardOf(record.key, shards) === selection.shard &&
        (record.outside === true) === (selection.outside === true) &&
        end <= selection.upTo &&
        (selection.after === undefined || end > selection.after)
      )
    }
  }
}
