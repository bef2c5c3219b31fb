import type { SessionRecord } from './record.ts'

/** The number of writes before the last one whose `rev` a record keeps. */
export const REMEMBERED = 7

/** Returns the record with the `rev` of this write, and with those of the writes before it. */
export function stamped(record: SessionRecord, rev: string): SessionRecord {
  return { ...record, rev, revs: revsOf(record).slice(0, REMEMBERED) }
}

/** Returns the `rev` of each of the last writes, newest first. */
export function revsOf({ rev, revs = [] }: SessionRecord): readonly string[] {
  return [rev, ...revs]
}

/** Whether a `rev` of `own` is among those of the last writes. Then its write was applied, even if others followed. */
export function isAmongLast(record: SessionRecord, own: ReadonlySet<string>): boolean {
  return own.size > 0 && revsOf(record).some((rev) => own.has(rev))
}
