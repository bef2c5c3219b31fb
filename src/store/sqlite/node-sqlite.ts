import { SessionConfigError } from '../../base/errors.ts'

/** A value of a row. */
export type SqliteValue = string | number | null | Uint8Array

/** One row, by column name. */
export type Row = Readonly<Record<string, SqliteValue>>

/** The used methods of a prepared statement of `node:sqlite`. */
export interface Statement {
  run(...values: SqliteValue[]): unknown
  get(...values: SqliteValue[]): Row | undefined
  all(...values: SqliteValue[]): Row[]
}

/** The used methods of an open database of `node:sqlite`. */
export interface Connection {
  exec(sql: string): void
  prepare(sql: string): Statement
  close(): void
}

interface NodeSqlite {
  readonly DatabaseSync: new (file: string) => Connection
}

/**
 * Returns the module `node:sqlite`. Throws `SessionConfigError` on a Node without it. It uses a function and not an
 * import, so that this package can be imported on every supported Node. Only loading shows whether the module exists,
 * and makes Node 22 print its ExperimentalWarning.
 */
export function nodeSqlite(): NodeSqlite {
  const found = process.getBuiltinModule('node:sqlite') as NodeSqlite | undefined
  if (typeof found?.DatabaseSync === 'function') return found
  throw new SessionConfigError(
    `sqliteStore() needs node:sqlite, which Node 22.13 and newer have, but this is Node ${process.version}: run the app with a newer Node, or use memoryStore() or datastoreStore()`,
  )
}
