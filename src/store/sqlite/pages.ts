import { decodeCursor, encodeCursor, position } from '../cursors.ts'
import type { PageOptions, Selection } from '../store.ts'
import type { SqliteDatabase } from './database.ts'
import type { Row, SqliteValue } from './node-sqlite.ts'
import { type Place, placeOf } from './places.ts'

/** A selection in SQL: a condition with its values, and the order of its pages. */
interface Query {
  /** The tables. Default: only the sessions. */
  readonly from?: string
  readonly where: string
  readonly values: readonly SqliteValue[]
  readonly order: string
}

const WHOLE = 'sessions.key AS key, bucket, version, record, CAST(data AS BLOB) AS data'

/** Reads the rows of a page, and the start of the next page. `whole`: with the records, not only `key` and `bucket`. */
export async function pageIn(
  database: SqliteDatabase,
  selection: Selection,
  { limit, cursor }: PageOptions,
  whole: boolean,
): Promise<{ readonly rows: readonly Row[]; readonly cursor: string | null }> {
  const start = placeOf(cursor === undefined ? null : decodeCursor(cursor, selection))
  const { from = 'sessions', where, values, order } = queryOf(selection, start)
  const columns = whole ? WHOLE : 'sessions.key AS key, bucket'
  const sql = `SELECT ${columns} FROM ${from} WHERE ${where} ORDER BY ${order} LIMIT ?`
  const rows = await database.read((statements) => statements.all(sql, ...values, limit))
  const last = rows.at(-1)
  return {
    rows,
    cursor:
      last === undefined
        ? null
        : encodeCursor(position(last['bucket'] as number, last['key'] as string), selection),
  }
}

function queryOf(selection: Selection, start: Place): Query {
  switch (selection.by) {
    case 'all':
      return { where: 'key > ?', values: [start.name], order: 'key' }
    case 'user':
      return {
        where: 'user = ? AND key > ?',
        values: [selection.user, start.name],
        order: 'key',
      }
    case 'property':
      return {
        // `CROSS JOIN` fixes this order of the tables, so that SQLite does not scan all sessions.
        from: 'properties CROSS JOIN sessions ON sessions.key = properties.key',
        where: 'name = ? AND value = ? AND properties.key > ?',
        values: [selection.name, selection.value, start.name],
        order: 'properties.key',
      }
    case 'expiry': {
      const { shard, upTo, after = 0, outside } = selection
      return {
        where:
          'shard = ? AND outside = ? AND bucket > ? AND bucket <= ? AND (bucket, key) > (?, ?)',
        values: [shard, outside === true ? 1 : 0, after, upTo, start.bucket, start.name],
        order: 'bucket, key',
      }
    }
  }
}
