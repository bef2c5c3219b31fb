import { SessionStoreError } from '../../base/errors.ts'
import { noteAs } from '../../base/shared-copies.ts'
import { endOfTurn } from '../../base/turn.ts'
import { BUCKET, bucketEnd, DEFAULT_SHARDS, shardOf, sweepTime } from '../../record/buckets.ts'
import type { SessionKey } from '../../record/id.ts'
import { checkNoteName } from '../../record/limits.ts'
import type { Found, Unreadable, Version } from '../../record/record.ts'
import { checkMutations } from '../mutation-check.ts'
import { keyOfMutation, storesRecord } from '../mutations.ts'
import type {
  CallOptions,
  KeyPage,
  Mutation,
  NoteStore,
  NoteWrite,
  Page,
  PageOptions,
  SecurityKeyStore,
  Selection,
  SessionStore,
  WriteEachResult,
  WriteResult,
  WriteTogetherResult,
  WriteWithNoteResult,
} from '../store.ts'
import type { SqliteDatabase, Statements } from './database.ts'
import { applyNote, holdsNote, SqliteNotes } from './notes.ts'
import { pageIn } from './pages.ts'
import { foundIn, textOf } from './records.ts'
import { SqliteKeys } from './security-keys.ts'
import { nextVersions } from './versions.ts'

/** The largest number of independent writes in one transaction, which blocks this process and makes others wait. */
const MOST_AT_ONCE = 50

/** The SQLite store. Apps get one from `sqliteStore()`. */
export class SqliteStore implements SessionStore {
  readonly name = 'sqlite'
  /** The absolute path, for `doctor`. */
  readonly file: string
  readonly shards: number = DEFAULT_SHARDS
  readonly notes: NoteStore
  readonly keys: SecurityKeyStore
  readonly #database: SqliteDatabase

  constructor(database: SqliteDatabase) {
    this.#database = database
    this.file = database.file
    this.notes = new SqliteNotes(database)
    this.keys = new SqliteKeys(database, this.shards)
  }

  async find(key: SessionKey, options?: CallOptions): Promise<Found | Unreadable | null> {
    return await this.#database.read((sql) => {
      const row = sql.get(
        'SELECT key, version, record, CAST(data AS BLOB) AS data FROM sessions WHERE key = ?',
        key,
      )
      return row === undefined ? null : foundIn(row)
    }, options)
  }

  async write(mutation: Mutation, options?: CallOptions): Promise<WriteResult> {
    const result = await this.writeTogether([mutation], options)
    return result.outcome === 'applied'
      ? { outcome: 'applied', version: result.versions[0] as Version }
      : result
  }

  async writeTogether(
    mutations: readonly Mutation[],
    options?: CallOptions,
  ): Promise<WriteTogetherResult> {
    checkMutations(mutations)
    return await this.#database.write((sql): WriteTogetherResult => {
      if (!mutations.every((mutation) => holds(sql, mutation))) return { outcome: 'conflict' }
      return { outcome: 'applied', versions: this.#apply(sql, mutations) }
    }, options)
  }

  async writeWithNote(
    mutations: readonly Mutation[],
    note: NoteWrite,
    options?: CallOptions,
  ): Promise<WriteWithNoteResult> {
    checkMutations(mutations)
    checkNoteName(note.name)
    return await this.#database.write((sql): WriteWithNoteResult => {
      const holdsAll = mutations.every((mutation) => holds(sql, mutation)) && holdsNote(sql, note)
      if (!holdsAll) return { outcome: 'conflict' }
      const versions = this.#apply(sql, mutations)
      return { outcome: 'applied', versions, note: applyNote(sql, note) }
    }, options)
  }

  async writeEach(mutations: readonly Mutation[]): Promise<readonly WriteEachResult[]> {
    checkMutations(mutations)
    const results: WriteEachResult[] = []
    for (let start = 0; start < mutations.length; start += MOST_AT_ONCE) {
      const some = mutations.slice(start, start + MOST_AT_ONCE)
      results.push(...(await this.#writeSome(some)))
      // Lets the process serve requests between two transactions.
      await new Promise((resolve) => setImmediate(resolve))
    }
    return results
  }

  async page(selection: Selection, options: PageOptions): Promise<Page> {
    const { rows, cursor } = await pageIn(this.#database, selection, options, true)
    return { entries: rows.map(foundIn), cursor }
  }

  async pageKeys(selection: Selection, options: PageOptions): Promise<KeyPage> {
    const { rows, cursor } = await pageIn(this.#database, selection, options, false)
    return { keys: rows.map((row) => row['key'] as SessionKey), cursor }
  }

  async ready(): Promise<void> {
    await this.#database.open()
  }

  async close(): Promise<void> {
    // Earlier calls of this turn run first.
    await endOfTurn()
    this.#database.close()
  }

  async #writeSome(mutations: readonly Mutation[]): Promise<readonly WriteEachResult[]> {
    try {
      return await this.#database.write((sql) =>
        mutations.map((mutation): WriteResult => {
          if (!holds(sql, mutation)) return { outcome: 'conflict' }
          const [version] = this.#apply(sql, [mutation]) as [Version]
          return { outcome: 'applied', version }
        }),
      )
    } catch (error) {
      if (error instanceof SessionStoreError) {
        return mutations.map(() => ({ outcome: 'failed', error }))
      }
      throw error
    }
  }

  #apply(sql: Statements, mutations: readonly Mutation[]): readonly Version[] {
    const versions = nextVersions(sql, mutations.length)
    for (const [at, mutation] of mutations.entries()) {
      sql.run('DELETE FROM properties WHERE key = ?', keyOfMutation(mutation))
      if (!storesRecord(mutation)) {
        sql.run('DELETE FROM sessions WHERE key = ?', mutation.key)
        continue
      }
      const { record } = mutation
      const sweepAt = mutation.kind === 'update' ? mutation.sweepAt : undefined
      sql.run(
        `INSERT OR REPLACE INTO sessions (key, version, user, shard, outside, bucket, record, data)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
        record.key,
        versions[at] as number,
        record.user,
        shardOf(record.key, this.shards),
        record.outside === true ? 1 : 0,
        bucketEnd(sweepAt ?? sweepTime(record), BUCKET),
        textOf(record),
        record.data,
      )
      for (const [name, value] of Object.entries(record.properties ?? {})) {
        sql.run(
          'INSERT INTO properties (name, value, key) VALUES (?, ?, ?)',
          name,
          value,
          record.key,
        )
      }
    }
    return versions.map(String)
  }
}

noteAs('store', SqliteStore.prototype)

function holds(sql: Statements, mutation: Mutation): boolean {
  if (mutation.kind === 'remove') return true
  const row = sql.get('SELECT version FROM sessions WHERE key = ?', keyOfMutation(mutation))
  if (mutation.kind === 'insert') return row === undefined
  return row !== undefined && String(row['version']) === mutation.version
}
