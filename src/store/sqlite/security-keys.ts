import { BUCKET, bucketEnd, keySweepTime, shardOf } from '../../record/buckets.ts'
import { checkKeyName, checkRemoved, checkSecurityKeys } from '../../record/limits-security-keys.ts'
import type { SecurityKeyName, SecurityKeyRecord, Version } from '../../record/record.ts'
import { decodeCursor, encodeCursor, position } from '../cursors.ts'
import type {
  CallOptions,
  FoundSecurityKey,
  PageOptions,
  SecurityKeyPage,
  SecurityKeySelection,
  SecurityKeyStore,
  WriteResult,
  WriteTogetherResult,
} from '../store.ts'
import type { SqliteDatabase } from './database.ts'
import { placeOf } from './places.ts'
import { nextVersions } from './versions.ts'

/** Security keys in an SQLite file. */
export class SqliteKeys implements SecurityKeyStore {
  readonly #database: SqliteDatabase
  readonly #shards: number

  constructor(database: SqliteDatabase, shards: number) {
    this.#database = database
    this.#shards = shards
  }

  async insert(
    records: readonly SecurityKeyRecord[],
    options?: CallOptions,
  ): Promise<WriteTogetherResult> {
    checkSecurityKeys(records)
    return await this.#database.write((sql) => {
      const isTaken = ({ name }: SecurityKeyRecord): boolean =>
        sql.get('SELECT 1 AS taken FROM security_keys WHERE name = ?', name) !== undefined
      if (records.some(isTaken)) return { outcome: 'conflict' }
      const versions = nextVersions(sql, records.length)
      for (const [at, record] of records.entries()) {
        sql.run(
          'INSERT INTO security_keys (name, version, shard, bucket, record) VALUES (?, ?, ?, ?, ?)',
          record.name,
          versions[at] as number,
          shardOf(record.name, this.#shards),
          bucketEnd(keySweepTime(record), BUCKET),
          JSON.stringify(record),
        )
      }
      return { outcome: 'applied', versions: versions.map(String) }
    }, options)
  }

  async find(name: SecurityKeyName, options?: CallOptions): Promise<FoundSecurityKey | null> {
    checkKeyName(name)
    return await this.#database.read((sql) => {
      const row = sql.get('SELECT version, record FROM security_keys WHERE name = ?', name)
      const record = row === undefined ? null : recordIn(row['record'] as string, name)
      return record === null ? null : { record, version: String(row?.['version']) }
    }, options)
  }

  async use(name: SecurityKeyName, version: Version, options?: CallOptions): Promise<WriteResult> {
    checkKeyName(name)
    return await this.#database.write((sql) => {
      const row = sql.get('SELECT version FROM security_keys WHERE name = ?', name)
      if (String(row?.['version']) !== version) return { outcome: 'conflict' }
      sql.run('DELETE FROM security_keys WHERE name = ?', name)
      return { outcome: 'applied', version }
    }, options)
  }

  async page(
    selection: SecurityKeySelection,
    { limit, cursor }: PageOptions,
  ): Promise<SecurityKeyPage> {
    // Marked, so that a cursor of sessions cannot be used for keys.
    const of = { of: 'keys', ...selection }
    const start = placeOf(cursor === undefined ? null : decodeCursor(cursor, of))
    const { shard, upTo, after = 0 } = selection
    return await this.#database.read((sql) => {
      const rows = sql.all(
        `SELECT name, bucket FROM security_keys
         WHERE shard = ? AND bucket > ? AND bucket <= ? AND (bucket, name) > (?, ?)
         ORDER BY bucket, name LIMIT ?`,
        shard,
        after,
        upTo,
        start.bucket,
        start.name,
        limit,
      )
      const last = rows.at(-1)
      return {
        names: rows.map((row) => row['name'] as SecurityKeyName),
        cursor:
          last === undefined
            ? null
            : encodeCursor(position(last['bucket'] as number, last['name'] as string), of),
      }
    })
  }

  async remove(names: readonly SecurityKeyName[]): Promise<void> {
    checkRemoved(names)
    await this.#database.write((sql) => {
      for (const name of names) sql.run('DELETE FROM security_keys WHERE name = ?', name)
    })
  }
}

/** Decodes the record in a row; `null` for a damaged key, which is useless. */
function recordIn(text: string, name: SecurityKeyName): SecurityKeyRecord | null {
  try {
    const record = JSON.parse(text) as SecurityKeyRecord
    checkSecurityKeys([record])
    return record.name === name ? record : null
  } catch {
    return null
  }
}
