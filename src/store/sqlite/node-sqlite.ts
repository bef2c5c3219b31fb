import { SessionConfigError } from '../../base/errors.ts'

/** A value of a row. */
export type SqliteValue = string | number | null | Uint8Array

/** One row, by the names of its columns. */
export type Row = Readonly<Record<string, SqliteValue>>

/** What of a prepared statement of `node:sqlite` is used here. */
export interface Statement {
  run(...values: SqliteValue[]): unknown
  get(...values: SqliteValue[]): Row | undefined
  all(...values: SqliteValue[]): Row[]
}

/** What of an open database of `node:sqlite` is used here. */
export interface Connection {
  exec(sql: string): void
  prepare(sql: string): Statement
  close(): void
}

interface NodeSqlite {
  readonly DatabaseSync: new (file: string) => Connection
}

/**
 * Throws `SessionConfigError` on a Node without `node:sqlite`. Asks for it by a function and not by an import, so that this
 * package can be imported on every Node that it supports. Loads it, since nothing else tells: Node 22 prints its
 * ExperimentalWarning then.
 */
export function nodeSqlite(): NodeSqlite {
  const found = process.getBuiltinModule('node:sqlite') as NodeSqlite | undefined
  if (typeof found?.DatabaseSync === 'function') return found
  throw new SessionConfigError(
    `sqliteStore() needs node:sqlite, which Node 22.13 and newer have, and this is ${process.version}: run the app by a newer Node, or use memoryStore() or datastoreStore()`,
  )
}
