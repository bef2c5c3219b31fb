import type { SessionStoreError } from '../base/errors.ts'
import type { Json } from '../base/json.ts'
import type {
  Found,
  SecurityKeyName,
  SecurityKeyRecord,
  SessionRecord,
  Unreadable,
  Version,
} from '../record/record.ts'
import type { SessionKey } from '../record/id.ts'

/** One conditional write. */
export type Mutation =
  /** Stores a record that must not exist yet. */
  | { readonly kind: 'insert'; readonly record: SessionRecord }
  /**
   * Replaces the record if it still is at this version. `sweepAt` (milliseconds since the epoch) puts the record into
   * the bucket of that time, instead of the bucket of its expiry or of its end.
   */
  | {
      readonly kind: 'update'
      readonly record: SessionRecord
      readonly version: Version
      readonly sweepAt?: number
    }
  /** Deletes the record if it still is at this version. */
  | { readonly kind: 'delete'; readonly key: SessionKey; readonly version: Version }
  /**
   * Deletes the record unconditionally. Safe only for a record that no request can save any more: it expired longer ago
   * than the leeway, and this package made its id, so that no other session can have its key.
   */
  | { readonly kind: 'remove'; readonly key: SessionKey }

/** The result of one write; `conflict`: its condition did not hold, and nothing was written. */
export type WriteResult =
  | { readonly outcome: 'applied'; readonly version: Version }
  | {
      readonly outcome: 'conflict'
      /** `true`: an earlier answer may have been lost, so that this write itself may have caused the conflict. */
      readonly maybeOwn?: true
    }

/** The result of several atomic writes, with one version for each of them in order. */
export type WriteTogetherResult =
  | { readonly outcome: 'applied'; readonly versions: readonly Version[] }
  | { readonly outcome: 'conflict' }

/** The result of one write of {@link SessionStore.writeEach}. */
export type WriteEachResult =
  | WriteResult
  /** The write failed, or its outcome is unknown. */
  | { readonly outcome: 'failed'; readonly error: SessionStoreError }

/** Options of calls of a store. */
export interface CallOptions {
  /**
   * The longest time for the call, in milliseconds: the rest of the time that a request waits for the store. Default:
   * the store decides. A store may ignore it, since callers stop waiting by themselves.
   */
  readonly deadline?: number
}

/** A small piece of JSON under a name, beside the sessions: run records, watermarks, intents. */
export interface Note {
  /** The name: 1 to 200 letters, digits and `:._-`; the first is a letter or a digit. */
  readonly name: string
  /** The content of the note. */
  readonly value: Json
  /** The version that a write which replaces or deletes the note must give as its condition. */
  readonly version: Version
}

/** A conditional write of a note, applied atomically with writes of sessions. */
export interface NoteWrite {
  /** The name of the note. */
  readonly name: string
  /** The new content; `undefined` deletes the note. */
  readonly value: Json | undefined
  /** The version that the note must have; `null`: the note must not exist yet. */
  readonly version: Version | null
}

/** The result of writes with a note. `note`: the note's new version, which has no meaning if the note was deleted. */
export type WriteWithNoteResult =
  | {
      readonly outcome: 'applied'
      readonly versions: readonly Version[]
      readonly note: Version
    }
  | { readonly outcome: 'conflict' }

/**
 * Storage for the state of sweeps and iterators. Reads are strongly consistent and writes conditional, as for sessions.
 */
export interface NoteStore {
  /** Reads the current note, never a stale one; `null` if there is none. */
  get(name: string, options?: CallOptions): Promise<Note | null>
  /**
   * Reads 1 to 100 notes in the order of their names in the list; `null` for each that does not exist. If the method is
   * absent, each note is read by its own call.
   */
  getMany?(names: readonly string[], options?: CallOptions): Promise<readonly (Note | null)[]>
  /** Inserts the note if `version` is `null`, else replaces the note if it still is at this version. */
  put(
    name: string,
    value: Json,
    version: Version | null,
    options?: CallOptions,
  ): Promise<WriteResult>
  /** Deletes the note if it still is at this version. */
  delete(name: string, version: Version, options?: CallOptions): Promise<WriteResult>
  /** Returns at most `limit` notes whose names start with `prefix`, sorted by name. */
  list(prefix: string, limit: number, options?: CallOptions): Promise<readonly Note[]>
}

/** A security key with its version. */
export interface FoundSecurityKey {
  /** The stored key. */
  readonly record: SecurityKeyRecord
  /** The version that `use()` must give as its condition. */
  readonly version: Version
}

/** The security keys of a page, selected by `expires` like the `expiry` of {@link Selection}. */
export interface SecurityKeySelection {
  /** The number of the shard, from 0 on. */
  readonly shard: number
  /**
   * Selects keys whose bucket ends after this time, in milliseconds since the epoch. Absent: from the first bucket on.
   */
  readonly after?: number
  /** Selects keys whose bucket ends no later than this time, in milliseconds since the epoch. */
  readonly upTo: number
}

/** A page of names of security keys. */
export interface SecurityKeyPage {
  /** The names, sorted by bucket of expiry. */
  readonly names: readonly SecurityKeyName[]
  /** Where the next page starts, as in {@link Page}. */
  readonly cursor: string | null
}

/** Storage for one-time security keys, separate from the sessions and never in the same call. */
export interface SecurityKeyStore {
  /** Stores 1 to 100 keys that must not exist yet, all of them or none. `conflict`: a name already exists. */
  insert(records: readonly SecurityKeyRecord[], options?: CallOptions): Promise<WriteTogetherResult>
  /** Reads the current key, never a stale one; `null` if there is none or it is unreadable. */
  find(name: SecurityKeyName, options?: CallOptions): Promise<FoundSecurityKey | null>
  /** Deletes the key if it still is at this version. If several callers try, only one gets `applied`. */
  use(name: SecurityKeyName, version: Version, options?: CallOptions): Promise<WriteResult>
  /** Returns names of keys, sorted by bucket of expiry. */
  page(selection: SecurityKeySelection, options: PageOptions): Promise<SecurityKeyPage>
  /** Deletes up to 500 keys unconditionally. Safe only for expired keys. */
  remove(names: readonly SecurityKeyName[]): Promise<void>
}

/** The sessions of a page. */
export type Selection =
  | { readonly by: 'all' }
  | { readonly by: 'user'; readonly user: string }
  /** Sessions with one of the app's own properties that has exactly this value. */
  | { readonly by: 'property'; readonly name: string; readonly value: string }
  /**
   * Sessions of one shard whose bucket ends after `after` and no later than `upTo` (milliseconds since the epoch). A
   * record is in the bucket of its expiry, or of the time when it was marked as ended. `outside`: selects only records
   * whose id came from outside, which have shards of their own; absent: only the other records.
   */
  | {
      readonly by: 'expiry'
      readonly shard: number
      readonly after?: number
      readonly upTo: number
      readonly outside?: true
    }

/** The size of a page, and its start. */
export interface PageOptions {
  /** The largest number of entries, 1 to 1000. */
  readonly limit: number
  /** The cursor of the previous page; absent for the first page. */
  readonly cursor?: string
}

/** A page of records. */
export interface Page {
  /** The records in the order of the selection, including unreadable ones. */
  readonly entries: readonly (Found | Unreadable)[]
  /** Where the next page starts; `null` if this page was empty, which is the only sign of the end. */
  readonly cursor: string | null
}

/** A page of keys without records, which costs less. */
export interface KeyPage {
  /** The keys, in the order of the selection. */
  readonly keys: readonly SessionKey[]
  /** Where the next page starts, as in {@link Page}. */
  readonly cursor: string | null
}

/**
 * Storage for sessions. All writes are conditional, except the mutation `remove`: there is no blind upsert.
 *
 * Expected outcomes are return values. A fault is a `SessionStoreError`: its `effect` says whether the call may have
 * been applied, its `retryable` whether the same call may succeed a moment later. A record that no server would accept
 * is refused with `SessionValueError` or `SessionTooLargeError` before anything is sent. A store does not retry, merge
 * or decide on expiry; its callers do.
 */
export interface SessionStore {
  /** The name of the store in messages, such as `memory` or `datastore`. */
  readonly name: string
  /** The number of shards of the expiry index: a power of two up to 256. */
  readonly shards: number
  /** The length of a bucket of the expiry index, in milliseconds. Absent: one hour. */
  readonly bucket?: number
  /**
   * The longest total time that a request waits for the store, including all tries, in milliseconds. Absent: 5 seconds.
   * Each call gets the remaining time as its `deadline`.
   */
  readonly deadline?: number
  /**
   * The starting rate of a sweep, in sessions per second; it rises over time. Absent: a sweep runs as fast as it can.
   */
  readonly sweepRate?: number
  /** Reads the current record, never a stale one: it sees every write that was answered before this call. */
  find(key: SessionKey, options?: CallOptions): Promise<Found | Unreadable | null>
  /** Makes one write, which is applied completely or not at all. */
  write(mutation: Mutation, options?: CallOptions): Promise<WriteResult>
  /** Makes several writes to different records, all applied or none. */
  writeTogether(mutations: readonly Mutation[], options?: CallOptions): Promise<WriteTogetherResult>
  /**
   * Makes writes to different records (there may be none) and one write of a note, all applied or none. Without this
   * method `session.exclusive()` is refused.
   */
  writeWithNote?(
    mutations: readonly Mutation[],
    note: NoteWrite,
    options?: CallOptions,
  ): Promise<WriteWithNoteResult>
  /**
   * Makes up to 500 writes to different records in as few calls as possible. Each write is applied independently. After
   * a lost answer a `conflict` may come from the write itself: read the record to find out.
   */
  writeEach(mutations: readonly Mutation[]): Promise<readonly WriteEachResult[]>
  /**
   * Returns a page of sessions in a stable order. A cursor of another selection throws a `SessionStoreError` with
   * `retryable: false`.
   */
  page(selection: Selection, options: PageOptions): Promise<Page>
  /** Like `page`, without the records. */
  pageKeys(selection: Selection, options: PageOptions): Promise<KeyPage>
  /** Storage for the state of sweeps and iterators. */
  readonly notes: NoteStore
  /** Storage for one-time security keys. */
  readonly keys: SecurityKeyStore
  /**
   * Connects, and throws the error that the first call would throw. If the method is absent, `sessions.ready()` reads a
   * session that does not exist instead.
   */
  ready?(): Promise<void>
  /** Closes connections. The store is not used afterwards. */
  close(): Promise<void>
}
