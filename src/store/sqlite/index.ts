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
   * Where the sessions are kept, on a local disk; SQLite puts two files beside it, with `-wal` and `-shm` at the end of
   * their names. Created if it is not there, for its owner alone (0600); its directory is not. Relative to where the process
   * was started.
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
  table: 'the tables are those of the store: give it a file of its own',
}

/**
 * Keeps sessions in a file of SQLite, for one machine: they survive a restart, and several processes may share them.
 * Stands on `node:sqlite`, so on Node 22.13 and newer; nothing is compiled or installed. Writes are conditional as on
 * Datastore, and are on the disk when they are answered.
 *
 * SQLite works in the thread of the app: while it reads or writes, nothing else runs in this process.
 *
 * Throws `SessionConfigError` for options that cannot work, and on an older Node. The file is opened at the first use, or
 * by `sessions.ready()`, with a `SessionStoreError` where that fails.
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
