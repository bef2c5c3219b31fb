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
   * Replaces the record if it still is at this version. `sweepAt` (milliseconds) puts it into the bucket of
   * that instant, instead of the one in which it expires or was marked.
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
   * Deletes the record as it is. Safe only for what no request can save any more: expired beyond the leeway, and with
   * an id of ours, under which no other session ever lives.
   */
  | { readonly kind: 'remove'; readonly key: SessionKey }

/** What became of one write; `conflict`: its condition did not hold, and nothing was written. */
export type WriteResult =
  | { readonly outcome: 'applied'; readonly version: Version }
  | {
      readonly outcome: 'conflict'
      /** `true`: after trouble on the way, so that the condition may have been broken by this very write. */
      readonly maybeOwn?: true
    }

/** What became of several writes that stand or fall together; one version for each, in their order. */
export type WriteTogetherResult =
  | { readonly outcome: 'applied'; readonly versions: readonly Version[] }
  | { readonly outcome: 'conflict' }

/** What became of one of many writes of {@link SessionStore.writeEach}. */
export type WriteEachResult =
  | WriteResult
  /** It could not be done, or nobody knows. */
  | { readonly outcome: 'failed'; readonly error: SessionStoreError }

/** What the caller of a store says of a call. */
export interface CallOptions {
  /**
   * How long the call may take, in milliseconds: what is left of the time that a request waits for the store. Default:
   * what the store thinks right. A store may ignore it: whoever waits gives up by itself.
   */
  readonly deadline?: number
}

/** A small piece of JSON under a name, beside the sessions: run records, watermarks, intents. */
export interface Note {
  /** Names it: 1 to 200 letters, digits and `:._-`, the first a letter or a digit. */
  readonly name: string
  /** What it holds. */
  readonly value: Json
  /** The condition of the write that is to replace or delete it. */
  readonly version: Version
}

/** A conditional write of a note, to be applied together with those of sessions. */
export interface NoteWrite {
  /** Which note. */
  readonly name: string
  /** `undefined`: the note is deleted. */
  readonly value: Json | undefined
  /** `null`: the note must not exist yet. */
  readonly version: Version | null
}

/** What became of writes with a note: `note` is its version; of one that was deleted it says nothing. */
export type WriteWithNoteResult =
  | {
      readonly outcome: 'applied'
      readonly versions: readonly Version[]
      readonly note: Version
    }
  | { readonly outcome: 'conflict' }

/** Where the long work over sessions keeps its state. Strong and conditional, like the sessions themselves. */
export interface NoteStore {
  /** The note now, never a stale one; `null` for one that is not there. */
  get(name: string, options?: CallOptions): Promise<Note | null>
  /**
   * Those of these names, 1 to 100, in their order; `null` for one that is not there. Absent: each is asked for by
   * itself, which is right as well, and costs a call for each.
   */
  getMany?(names: readonly string[], options?: CallOptions): Promise<readonly (Note | null)[]>
  /** Inserts with `version: null`, else replaces the note if it still is at this version. */
  put(
    name: string,
    value: Json,
    version: Version | null,
    options?: CallOptions,
  ): Promise<WriteResult>
  /** Deletes the note if it still is at this version. */
  delete(name: string, version: Version, options?: CallOptions): Promise<WriteResult>
  /** Those whose name starts with this, in the order of their names, at most `limit`. */
  list(prefix: string, limit: number, options?: CallOptions): Promise<readonly Note[]>
}

/** A security key, and the version that it was read at. */
export interface FoundSecurityKey {
  /** What is stored. */
  readonly record: SecurityKeyRecord
  /** The condition of its use. */
  readonly version: Version
}

/** Which security keys a page is taken from: like the `expiry` of {@link Selection}, by `expires`. */
export interface SecurityKeySelection {
  /** Which shard, from 0 on. */
  readonly shard: number
  /** Those whose bucket ends after this, in milliseconds since the epoch. Absent: from the first on. */
  readonly after?: number
  /** Those whose bucket ends at this at the latest, in milliseconds since the epoch. */
  readonly upTo: number
}

/** A page of names, as {@link KeyPage} is one of keys. */
export interface SecurityKeyPage {
  /** The names, those that expire first before the others. */
  readonly names: readonly SecurityKeyName[]
  /** As that of {@link Page}. */
  readonly cursor: string | null
}

/** Where one-time security keys are kept, apart from the sessions, and never in one call with them. */
export interface SecurityKeyStore {
  /** Stores keys that must not exist yet, 1 to 100, all of them or none. `conflict`: a name is taken. */
  insert(records: readonly SecurityKeyRecord[], options?: CallOptions): Promise<WriteTogetherResult>
  /** The key now, never a stale answer; `null` also for one that cannot be read. */
  find(name: SecurityKeyName, options?: CallOptions): Promise<FoundSecurityKey | null>
  /** Deletes the key if it still is at this version: of several that try, one alone is `applied`. */
  use(name: SecurityKeyName, version: Version, options?: CallOptions): Promise<WriteResult>
  /** The names of keys in the order in which they expire. */
  page(selection: SecurityKeySelection, options: PageOptions): Promise<SecurityKeyPage>
  /** Deletes up to 500 keys as they are. Safe only for what has expired. */
  remove(names: readonly SecurityKeyName[]): Promise<void>
}

/** Which sessions a page is taken from. */
export type Selection =
  | { readonly by: 'all' }
  | { readonly by: 'user'; readonly user: string }
  /** Those that have a property of the app's own with just this value. */
  | { readonly by: 'property'; readonly name: string; readonly value: string }
  /**
   * Those of one shard whose bucket ends after `after` and not after `upTo` (milliseconds): a record
   * stands in the bucket in which it expires, or in which it was marked as ended. `outside`: of the records whose id
   * came from outside, which stand in none of the other shards; absent: of the others.
   */
  | {
      readonly by: 'expiry'
      readonly shard: number
      readonly after?: number
      readonly upTo: number
      readonly outside?: true
    }

/** How much a page holds, and where it begins. */
export interface PageOptions {
  /** How many entries at the most, 1 to 1000. */
  readonly limit: number
  /** The cursor of the page before; absent for the first. */
  readonly cursor?: string
}

/** A page of records. */
export interface Page {
  /** The records, those that cannot be read among them, in the order of the selection. */
  readonly entries: readonly (Found | Unreadable)[]
  /** Where the next page starts. `null` when this page was empty: the only sign of the end. */
  readonly cursor: string | null
}

/** A page of keys alone, which costs less than one of records. */
export interface KeyPage {
  /** The keys, in the order of the selection. */
  readonly keys: readonly SessionKey[]
  /** As that of {@link Page}. */
  readonly cursor: string | null
}

/**
 * Where sessions are kept. All writes are conditional: there is no blind upsert.
 *
 * Expected outcomes are results. A fault is a `SessionStoreError` whose `effect` says whether the call
 * may have been applied, and whose `retryable` says whether trying again may help. A record that no
 * server would take is refused before anything is sent, with `SessionValueError` or
 * `SessionTooLargeError`. A store does not retry, merge or decide on expiry; its callers do.
 */
export interface SessionStore {
  /** What the store is called in messages, such as `memory` or `datastore`. */
  readonly name: string
  /** Over how many shards the expiry index is spread. A power of two. */
  readonly shards: number
  /** How long a bucket of the expiry index is, in milliseconds. Absent: one hour. */
  readonly bucket?: number
  /**
   * How long a request waits for the store all in all, with every try, in milliseconds. Absent: 5 seconds. It is passed
   * to each call as what is left of it.
   */
  readonly deadline?: number
  /** At how many sessions per second a sweep begins; it grows with use. Absent: a sweep goes as fast as it can. */
  readonly sweepRate?: number
  /** The record now, never a stale one: a write that was answered before this call is seen by it. */
  find(key: SessionKey, options?: CallOptions): Promise<Found | Unreadable | null>
  /** One write, applied at once and whole, or not at all. */
  write(mutation: Mutation, options?: CallOptions): Promise<WriteResult>
  /** Several writes to different records, all applied or none. */
  writeTogether(mutations: readonly Mutation[], options?: CallOptions): Promise<WriteTogetherResult>
  /**
   * Writes to different records, none perhaps, and one of a note, all applied or none. Absent: `session.exclusive()` is
   * refused.
   */
  writeWithNote?(
    mutations: readonly Mutation[],
    note: NoteWrite,
    options?: CallOptions,
  ): Promise<WriteWithNoteResult>
  /**
   * Up to 500 writes to different records, each applied or not for itself, in as few calls as there can be.
   * After trouble on the way `conflict` may stand for an own write whose answer was lost: read to know.
   */
  writeEach(mutations: readonly Mutation[]): Promise<readonly WriteEachResult[]>
  /** A page of sessions in a stable order. A cursor that is not from this selection is a `SessionStoreError` that is not retryable. */
  page(selection: Selection, options: PageOptions): Promise<Page>
  /** Like `page`, without the records. */
  pageKeys(selection: Selection, options: PageOptions): Promise<KeyPage>
  /** State of the long work over sessions. */
  readonly notes: NoteStore
  /** One-time security keys. */
  readonly keys: SecurityKeyStore
  /**
   * Connects, and throws what the first call would have met. Absent: `sessions.ready()` looks for a session that is not
   * there.
   */
  ready?(): Promise<void>
  /** Lets go of connections. The store is not used after that. */
  close(): Promise<void>
}
