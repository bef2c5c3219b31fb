import type { Json } from '../../base/json.ts'
import { checkNoteName } from '../../record/limits.ts'
import type { Version } from '../../record/record.ts'
import type { CallOptions, Note, NoteStore, NoteWrite, WriteResult } from '../store.ts'
import { storedNote } from '../stored-note.ts'
import type { SqliteDatabase, Statements } from './database.ts'
import type { Row } from './node-sqlite.ts'
import { nextVersions } from './versions.ts'

/** Notes in an SQLite file. */
export class SqliteNotes implements NoteStore {
  readonly #database: SqliteDatabase

  constructor(database: SqliteDatabase) {
    this.#database = database
  }

  async get(name: string, options?: CallOptions): Promise<Note | null> {
    checkNoteName(name)
    return await this.#database.read((sql) => noteNamed(sql, name), options)
  }

  async getMany(
    names: readonly string[],
    options?: CallOptions,
  ): Promise<readonly (Note | null)[]> {
    names.forEach(checkNoteName)
    return await this.#database.read((sql) => names.map((name) => noteNamed(sql, name)), options)
  }

  async put(
    name: string,
    value: Json,
    version: Version | null,
    options?: CallOptions,
  ): Promise<WriteResult> {
    return await this.#write({ name, value, version }, options)
  }

  async delete(name: string, version: Version, options?: CallOptions): Promise<WriteResult> {
    return await this.#write({ name, value: undefined, version }, options)
  }

  async #write(write: NoteWrite, options: CallOptions | undefined): Promise<WriteResult> {
    checkNoteName(write.name)
    return await this.#database.write(
      (sql): WriteResult =>
        holdsNote(sql, write)
          ? { outcome: 'applied', version: applyNote(sql, write) }
          : { outcome: 'conflict' },
      options,
    )
  }

  async list(prefix: string, limit: number, options?: CallOptions): Promise<readonly Note[]> {
    checkNoteName(prefix)
    return await this.#database.read(
      (sql) =>
        sql
          .all(
            'SELECT name, version, value FROM notes WHERE name >= ? AND name < ? ORDER BY name LIMIT ?',
            prefix,
            // Sorts after all characters that the name of a note can have.
            `${prefix}\x7f`,
            limit,
          )
          .map(noteIn),
      options,
    )
  }
}

/** Whether the condition of the write holds. */
export function holdsNote(sql: Statements, { name, version }: NoteWrite): boolean {
  return versionOf(sql, name) === version
}

/** Applies the write, after {@link holdsNote} has checked its condition, and returns the new version. */
export function applyNote(sql: Statements, { name, value }: NoteWrite): Version {
  const [next] = nextVersions(sql, 1) as [number]
  if (value === undefined) sql.run('DELETE FROM notes WHERE name = ?', name)
  else {
    sql.run(
      'INSERT OR REPLACE INTO notes (name, version, value) VALUES (?, ?, ?)',
      name,
      next,
      JSON.stringify(value),
    )
  }
  return String(next)
}

function versionOf(sql: Statements, name: string): Version | null {
  const row = sql.get('SELECT version FROM notes WHERE name = ?', name)
  return row === undefined ? null : String(row['version'])
}

function noteNamed(sql: Statements, name: string): Note | null {
  const row = sql.get('SELECT name, version, value FROM notes WHERE name = ?', name)
  return row === undefined ? null : noteIn(row)
}

function noteIn(row: Row): Note {
  return storedNote(row['name'] as string, String(row['version']), row['value'])
}
