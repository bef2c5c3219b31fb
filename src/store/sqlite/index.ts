import { resolve } from 'node:path'
import { SessionConfigError } from '../../base/errors.ts'
import { checkOptions, namesOf, type OptionHints, wrongOption } from '../../base/option-checks.ts'
import type { SessionStore } from '../store.ts'
import { SqliteDatabase } from './database.ts'
import { nodeSqlite } from './node-sqlite.ts'
import { SqliteStore } from './store.ts'

/** Options of {@link sqliteStore}. */
export interface SqliteStoreOptions {
  /**
   * The path of the database file, on a local disk. SQLite puts two more files beside it, whose names end in `-wal` and
   * `-shm`. If the file does not exist, it is created with permissions for its owner only (0600). Its directory must
   * exist. A relative path starts at the working directory of the process.
   */
  readonly file: string
}

const OPTIONS = namesOf<SqliteStoreOptions>({ file: true })

const HINTS: OptionHints = {
  path: 'use "file"',
  filename: 'use "file"',
  db: 'use "file": the store opens it itself',
  dir: 'use "file", with the directory in it',
  ttl: 'set "lifetime" of createSessions()',
  lifetime: 'it is an option of createSessions()',
  table: 'the names of tables are fixed: give the store a file of its own',
}

/**
 * Makes a store that keeps sessions in an SQLite file on one machine. Sessions survive a restart, and several processes
 * can share the file. It uses `node:sqlite`, so it needs Node 22.13 or newer, but no compiler and no further package.
 * Writes are conditional, as on Datastore, and are on the disk when they are answered.
 *
 * SQLite works in the thread of the app: while it reads or writes, nothing else runs in this process.
 *
 * Throws `SessionConfigError` for options that cannot work, and on an older Node. The file is opened at the first use,
 * or by `sessions.ready()`; a failure throws a `SessionStoreError`.
 */
export function sqliteStore(options: SqliteStoreOptions): SessionStore {
  checkOptions('sqliteStore()', options, OPTIONS, HINTS)
  const { file } = options
  if (typeof file !== 'string' || file.trim() === '' || file.includes('\0')) {
    throw wrongOption('sqliteStore: file', 'must be the path of a file', file)
  }
  if (/^(?::memory:|file:)/i.test(file)) {
    throw new SessionConfigError(
      `sqliteStore: file must be the path of a file, but is ${JSON.stringify(file)}: for sessions in memory use memoryStore()`,
    )
  }
  nodeSqlite()
  return new SqliteStore(new SqliteDatabase(resolve(file)))
}
