import { storeRefusal } from '../../base/store-errors.ts'
import type { Connection } from './node-sqlite.ts'

/** Marks a database as one of this package ("PRAGMA application_id"): `ViuS`. */
const APPLICATION = 0x56697553

/**
 * The statements that migrate each schema to the next one. A database stores the number of its migrations. Entries are
 * only ever added. Sessions are stored as JSON beside the columns for searching, so that most changes need no
 * migration.
 */
export const MIGRATIONS: readonly string[] = [
  `CREATE TABLE versions (last INTEGER NOT NULL) STRICT;
   INSERT INTO versions (last) VALUES (0);
   CREATE TABLE sessions (
     key TEXT PRIMARY KEY NOT NULL,
     version INTEGER NOT NULL,
     user TEXT NOT NULL,
     shard INTEGER NOT NULL,
     outside INTEGER NOT NULL,
     bucket INTEGER NOT NULL,
     record TEXT NOT NULL,
     data ANY NOT NULL
   ) STRICT;
   CREATE INDEX sessions_by_user ON sessions (user, key);
   CREATE INDEX sessions_by_expiry ON sessions (shard, outside, bucket, key);
   CREATE TABLE properties (
     name TEXT NOT NULL,
     value TEXT NOT NULL,
     key TEXT NOT NULL,
     PRIMARY KEY (name, value, key)
   ) STRICT, WITHOUT ROWID;
   CREATE INDEX properties_by_key ON properties (key);
   CREATE TABLE notes (
     name TEXT PRIMARY KEY NOT NULL,
     version INTEGER NOT NULL,
     value TEXT NOT NULL
   ) STRICT, WITHOUT ROWID;
   CREATE TABLE security_keys (
     name TEXT PRIMARY KEY NOT NULL,
     version INTEGER NOT NULL,
     shard INTEGER NOT NULL,
     bucket INTEGER NOT NULL,
     record TEXT NOT NULL
   ) STRICT;
   CREATE INDEX security_keys_by_expiry ON security_keys (shard, bucket, name);`,
]

/** Throws unless the database is new, or has a schema of this package that this release knows. Changes nothing. */
export function checkSchema(
  connection: Connection,
  file: string,
  migrations: readonly string[] = MIGRATIONS,
): void {
  const application = numberOf(connection, 'application_id')
  const schema = numberOf(connection, 'user_version')
  // The first statement that reads the file. It throws if the file is not a database.
  const tables = connection.prepare('SELECT count(*) AS tables FROM sqlite_schema').get()
  const isNew = application === 0 && schema === 0 && tables?.['tables'] === 0
  if (!isNew && application !== APPLICATION) {
    throw storeRefusal(
      `${file} is a database of another program: give sqliteStore() a file of its own`,
    )
  }
  if (schema > migrations.length) throw newerSchema(file, schema, migrations.length)
}

/**
 * Migrates the database to the schema of this release in one transaction. Several processes may try at the same time.
 */
export function migrate(
  connection: Connection,
  file: string,
  migrations: readonly string[] = MIGRATIONS,
): void {
  if (numberOf(connection, 'user_version') === migrations.length) return
  connection.exec('BEGIN IMMEDIATE')
  try {
    // Another process may have migrated it meanwhile, perhaps to a newer schema.
    checkSchema(connection, file, migrations)
    const schema = numberOf(connection, 'user_version')
    for (const sql of migrations.slice(schema)) connection.exec(sql)
    connection.exec(`PRAGMA application_id = ${APPLICATION}`)
    connection.exec(`PRAGMA user_version = ${migrations.length}`)
    connection.exec('COMMIT')
  } catch (error) {
    rollback(connection)
    throw error
  }
}

/** Throws if a later release has changed the schema since the database was opened. `schema`: the current schema. */
export function requireSchema(schema: unknown, file: string): void {
  if (schema !== MIGRATIONS.length) throw newerSchema(file, Number(schema), MIGRATIONS.length)
}

/** Rolls a transaction back, unless SQLite has already done so. */
export function rollback(connection: Connection): void {
  try {
    connection.exec('ROLLBACK')
  } catch {
    // There was no transaction any more.
  }
}

function newerSchema(file: string, schema: number, known: number): Error {
  return storeRefusal(
    `a later release of viur-session has changed ${file} (schema ${schema}, but this release knows only ${known}): finish the rollout, or give this process a file of its own`,
  )
}

function numberOf(connection: Connection, pragma: 'application_id' | 'user_version'): number {
  return Number(connection.prepare(`PRAGMA ${pragma}`).get()?.[pragma])
}
