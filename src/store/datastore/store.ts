import { noteAs } from '../../base/shared-copies.ts'
import type { SessionKey } from '../../record/id.ts'
import { Commits } from './commits.ts'
import type { Sharing } from './shared-writes.ts'
import type { Connection } from './connection.ts'
import type { EntityLayout } from './entity-codec.ts'
import { keyLayoutOf } from './security-key-codec.ts'
import { DatastoreKeys } from './security-keys.ts'
import { Lookups } from './lookups.ts'
import { DatastoreNotes, noteEntity } from './notes.ts'
import { readKeyPage, readPage } from './pages.ts'
import type { EntityStore } from '../entities.ts'
import type { StoreOperations } from '../operations.ts'
import { probeSharedWrites } from './shared-writes-probe.ts'
import type { TransportInUse } from './transport/choose.ts'
import type {
  CallOptions,
  KeyPage,
  Mutation,
  NoteStore,
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
import type { Found, Unreadable } from '../../record/record.ts'

/** The Datastore store. Apps get one from `datastoreStore()`. */
export class DatastoreStore implements SessionStore {
  readonly name = 'datastore'
  readonly shards: number
  readonly bucket: number
  readonly sweepRate: number
  readonly deadline: number
  readonly notes: NoteStore
  readonly keys: DatastoreKeys
  /** Access to entities of other kinds, for sessions that another system stored. */
  readonly entities: EntityStore
  /** Functions for operators' commands. */
  readonly operations: StoreOperations
  readonly #connection: Connection
  readonly #layout: EntityLayout
  readonly #lookups: Lookups
  readonly #commits: Commits
  readonly #noteKind: string

  constructor(
    connection: Connection,
    layout: EntityLayout,
    sharedWrites: 'auto' | 'off',
    sweepRate: number,
    beside: StoreOperations['beside'],
  ) {
    this.#connection = connection
    this.#layout = layout
    this.#lookups = new Lookups(connection, layout)
    this.#commits = new Commits(connection, layout, sharedWrites)
    this.shards = layout.shards
    this.bucket = layout.bucket
    this.sweepRate = sweepRate
    this.deadline = connection.deadline
    this.#noteKind = `${layout.kind}-note`
    this.notes = new DatastoreNotes(connection, this.#noteKind)
    this.keys = new DatastoreKeys(connection, keyLayoutOf(layout))
    this.entities = {
      find: (at, options) => this.#lookups.findEntity(at, options),
      writeTogether: (...asked) => this.#commits.writeTogether(...asked),
    }
    this.operations = {
      place: async () => ({ ...(await connection.place()), kind: layout.kind }),
      keepsWritesApart: () => probeSharedWrites(connection, layout),
      beside,
    }
  }

  /** The transport of calls to Datastore; `null` before the first call. */
  get transport(): TransportInUse | null {
    return this.#connection.transport
  }

  /** Whether writes of different requests share calls, as far as it is known; for tests. */
  get sharing(): Sharing {
    return this.#commits.sharing
  }

  find(key: SessionKey, options?: CallOptions): Promise<Found | Unreadable | null> {
    return this.#lookups.find(key, options)
  }

  write(mutation: Mutation, options?: CallOptions): Promise<WriteResult> {
    return this.#commits.write(mutation, options)
  }

  async writeTogether(
    mutations: readonly Mutation[],
    options?: CallOptions,
  ): Promise<WriteTogetherResult> {
    const result = await this.#commits.writeTogether(mutations, [], options)
    return result.outcome === 'applied' ? { outcome: 'applied', versions: result.versions } : result
  }

  async writeWithNote(
    mutations: readonly Mutation[],
    note: NoteWrite,
    options?: CallOptions,
  ): Promise<WriteWithNoteResult> {
    const entity = noteEntity(note, this.#noteKind)
    const result = await this.#commits.writeTogether(mutations, [entity], options)
    if (result.outcome !== 'applied') return result
    const [version = ''] = result.entities
    return { outcome: 'applied', versions: result.versions, note: version }
  }

  writeEach(mutations: readonly Mutation[]): Promise<readonly WriteEachResult[]> {
    return this.#commits.writeEach(mutations)
  }

  pageKeys(selection: Selection, options: PageOptions): Promise<KeyPage> {
    return readKeyPage(this.#connection, this.#layout, selection, options)
  }

  page(selection: Selection, options: PageOptions): Promise<Page> {
    return readPage(this.#connection, this.#layout, selection, options)
  }

  /** See {@link SessionStore.ready}. */
  ready(): Promise<void> {
    return this.#connection.ready()
  }

  async close(): Promise<void> {
    this.#lookups.close()
    this.#commits.close()
    this.keys.close()
    await this.#connection.close()
  }
}

noteAs('store', DatastoreStore.prototype)
noteAs('store that tells of its calls', DatastoreStore.prototype)
