import type { SessionRecord } from './record.ts'

/** How many writes before the last a record remembers. */
export const REMEMBERED = 7

/** The record as this write stores it, with the marks of those before. */
export function stamped(record: SessionRecord, rev: string): SessionRecord {
  const { rev: last, revs = [], ...rest } = record
  return { ...rest, rev, revs: [last, ...revs].slice(0, REMEMBERED) }
}

/** The marks of the last writes, the newest first. */
export function revsOf({ rev, revs = [] }: SessionRecord): readonly string[] {
  return [rev, ...revs]
}

/** Whether one of these writes is among the last: then it was applied, whoever has written since. */
export function isAmongLast(record: SessionRecord, own: ReadonlySet<string>): boolean {
  return own.size > 0 && revsOf(record).some((rev) => own.has(rev))
}
