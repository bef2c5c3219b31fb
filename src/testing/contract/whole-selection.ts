import assert from 'node:assert/strict'
import type { SessionKey } from '../../record/id.ts'
import type { SessionRecord } from '../../record/record.ts'
import type { PageOptions, Selection, SessionStore } from '../../store/store.ts'
import { sampleRecord } from '../sample-record.ts'
import { insert } from './case.ts'

export const HOUR: number = 60 * 60 * 1000

/** The end of a bucket. */
export const BORDER: number = Date.UTC(2030, 0, 1, 13)

/** Stores this many records, and returns their keys. */
export async function fill(
  store: SessionStore,
  count: number,
  options: Partial<SessionRecord> = {},
): Promise<SessionKey[]> {
  const records = Array.from({ length: count }, () => sampleRecord(options))
  await Promise.all(records.map((record) => insert(store, record)))
  return records.map(({ key }) => key)
}

/** Yields the pages of a selection, one after the other, with the empty one at the end. */
export async function* pagesOf<Page extends { readonly cursor: string | null }>(
  limit: number,
  read: (options: PageOptions) => Promise<Page>,
): AsyncGenerator<Page> {
  let cursor: string | undefined
  for (let pages = 0; pages < 1000; pages++) {
    const page = await read(cursor === undefined ? { limit } : { limit, cursor })
    yield page
    if (page.cursor === null) return
    cursor = page.cursor
  }
  throw new assert.AssertionError({ message: 'the pages have to come to an end' })
}

/** Returns the keys of a whole selection, page by page. */
export async function list(
  store: SessionStore,
  selection: Selection,
  limit: number,
): Promise<SessionKey[]> {
  const keys: SessionKey[] = []
  for await (const page of pagesOf(limit, (options) => store.page(selection, options))) {
    const { entries, cursor } = page
    assert.ok(entries.length <= limit, 'a page must not hold more than the limit')
    assert.equal(cursor === null, entries.length === 0, 'only an empty page has no cursor')
    for (const { record } of entries) {
      assert.ok(record !== null, 'a record of the contract has to be readable')
      keys.push(record.key)
    }
  }
  return keys
}

/** Returns the keys in all shards whose bucket ends in this range. */
export async function listShards(
  store: SessionStore,
  upTo: number,
  after?: number,
  outside = false,
): Promise<SessionKey[]> {
  const range = { upTo, ...(after !== undefined && { after }), ...(outside && { outside }) }
  const shards = await Promise.all(
    shardNumbers(store).map((shard) => list(store, { by: 'expiry', shard, ...range }, 100)),
  )
  return shards.flat()
}

export function shardNumbers(store: SessionStore): number[] {
  return Array.from({ length: store.shards }, (_, shard) => shard)
}

/** Asserts that both lists have the same keys or names, in any order. */
export function sameKeys(actual: readonly string[], expected: readonly string[]): void {
  assert.deepEqual([...actual].sort(), [...expected].sort())
}
