import type { Statements } from './database.ts'

/** Returns `count` new versions that were never used in this file, within the open transaction. */
export function nextVersions(sql: Statements, count: number): readonly number[] {
  const row = sql.get('UPDATE versions SET last = last + ? RETURNING last', count)
  const last = Number(row?.['last'])
  return Array.from({ length: count }, (_, at) => last - count + 1 + at)
}
