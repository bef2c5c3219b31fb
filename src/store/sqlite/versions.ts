import type { Statements } from './database.ts'

/** So many versions that nothing in this file has had before, for the transaction that is open. */
export function nextVersions(sql: Statements, count: number): readonly number[] {
  const row = sql.get('UPDATE versions SET last = last + ? RETURNING last', count)
  const last = Number(row?.['last'])
  return Array.from({ length: count }, (_, at) => last - count + 1 + at)
}
