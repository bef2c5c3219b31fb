import assert from 'node:assert/strict'
import type { SessionKey } from '../../record/id.ts'
import type { SessionRecord } from '../../record/record.ts'
import type { Selection, SessionStore } from '../../store/store.ts'
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

/** Returns the keys of a whole selection, page by page. */
export async function list(
  store: SessionStore,
  selection: Selection,
  limit: number,
): Promise<SessionKey[]> {
  const keys: SessionKey[] = []
  let cursor: string | undefined
  for (let pages = 0; pages < 1000; pages++) {
    const page = await store.page(selection, cursor === undefined ? { limit } : { limit, cursor })
    assert.ok(page.entries.length <= limit, 'a page must not hold more than the limit')
    for (const entry of page.entries) {
      assert.ok(entry.record !== null, 'a record of the contract has to be readable')
      keys.push(entry.record.key)
    }
    if (page.entries.length === 0) {
      assert.equal(page.cursor, null, 'an empty page has no cursor')
      return keys
    }
    assert.ok(page.cursor !== null, 'a page with entries has a cursor')
    cursor = page.cursor
  }
  throw new assert.AssertionError({ message: 'the pages have to come to an end' })
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

export function sameKeys(actual: readonly SessionKey[], expected: readonly SessionKey[]): void {
  assert.deepEqual([...actual].sort(), [...expected].sort())
}
