import assert from 'node:assert/strict'
import type { SessionKey } from '../../record/id.ts'
import type { Selection } from '../../store/store.ts'
import { sampleRecord } from '../sample-record.ts'
import { assertNotRetryable, type ContractCase, deleteAt, insert, stored, update } from './case.ts'
import {
  BORDER,
  fill,
  HOUR,
  list,
  listShards,
  pagesOf,
  sameKeys,
  shardNumbers,
} from './whole-selection.ts'

const ALL: Selection = { by: 'all' }

/** Cases for `page`: every record of a selection once, in pages of any size. */
export const pageCases: readonly ContractCase[] = [
  {
    name: 'has an empty page and no cursor for an empty store',
    async run(store) {
      assert.equal(
        Number.isInteger(Math.log2(store.shards)),
        true,
        'shards has to be a power of two',
      )
      const selections: Selection[] = [
        ALL,
        { by: 'user', user: 'alice' },
        { by: 'property', name: 'tenant', value: 'acme' },
        { by: 'expiry', shard: 0, upTo: BORDER + 24 * HOUR },
      ]
      for (const selection of selections) {
        assert.deepEqual(await store.page(selection, { limit: 10 }), { entries: [], cursor: null })
      }
    },
  },
  {
    name: 'pages through all records, each once, in pages of size 1, 2 and all',
    async run(store) {
      const keys = await fill(store, 7)
      for (const limit of [1, 2, 100]) sameKeys(await list(store, ALL, limit), keys)
    },
  },
  {
    name: 'pages through the sessions of one user alone',
    async run(store) {
      const alice = await fill(store, 5, { user: 'alice' })
      await fill(store, 3, { user: 'alice2' })
      await fill(store, 3, { user: 'Alice' })
      await fill(store, 3)
      const selection: Selection = { by: 'user', user: 'alice' }
      for (const limit of [1, 2, 100]) sameKeys(await list(store, selection, limit), alice)
      assert.deepEqual(await list(store, { by: 'user', user: 'nobody' }, 10), [])
    },
  },
  {
    name: 'pages through the sessions that have one value of a property alone',
    async run(store) {
      const acme = await fill(store, 5, { properties: { tenant: 'acme', plan: 'gold' } })
      await fill(store, 2, { properties: { tenant: 'acme2' } })
      await fill(store, 2, { properties: { tenant: 'Acme' } })
      await fill(store, 2, { properties: { plan: 'acme' } })
      await fill(store, 2, { user: 'acme' })
      const selection: Selection = { by: 'property', name: 'tenant', value: 'acme' }
      for (const limit of [1, 2, 100]) sameKeys(await list(store, selection, limit), acme)
      const gold: Selection = { by: 'property', name: 'plan', value: 'gold' }
      sameKeys(await list(store, gold, 2), acme)
      for (const name of ['other', 'toString', 'Tenant']) {
        assert.deepEqual(await list(store, { by: 'property', name, value: 'acme' }, 10), [])
      }
    },
  },
  {
    name: 'follows a record whose property changes or is removed',
    async run(store) {
      const record = sampleRecord({ properties: { tenant: 'acme' } })
      const by = (value: string): Selection => ({ by: 'property', name: 'tenant', value })
      let version = await insert(store, record)
      const moved = { ...record, properties: { tenant: 'globex' } }
      version = await update(store, moved, version)
      assert.deepEqual(await list(store, by('acme'), 10), [])
      assert.deepEqual(await list(store, by('globex'), 10), [record.key])
      const { properties: _, ...without } = record
      version = await update(store, without, version)
      assert.deepEqual(await list(store, by('globex'), 10), [])
      await update(store, record, version)
      assert.deepEqual(await list(store, by('acme'), 10), [record.key])
    },
  },
  {
    name: 'returns whole records with a version that a write can use',
    async run(store) {
      const record = sampleRecord({
        user: 'alice',
        authenticated: BORDER,
        values: { cart: [1, 2] },
      })
      await insert(store, record)
      const { entries } = await store.page({ by: 'user', user: 'alice' }, { limit: 10 })
      const [entry] = entries
      assert.ok(entry !== undefined && entry.record !== null)
      assert.deepEqual(entry.record, (await stored(store, record.key)).record)
      await deleteAt(store, record.key, entry.version)
    },
  },
  {
    name: 'follows a record whose user changes',
    async run(store) {
      const record = sampleRecord({ user: 'alice' })
      const version = await insert(store, record)
      await update(store, { ...record, user: 'bob' }, version)
      assert.deepEqual(await list(store, { by: 'user', user: 'alice' }, 10), [])
      assert.deepEqual(await list(store, { by: 'user', user: 'bob' }, 10), [record.key])
    },
  },
  {
    name: 'returns keys alone like records: the same ones, in the same order and pages',
    async run(store) {
      await fill(store, 5, { user: 'alice', properties: { tenant: 'acme' } })
      await fill(store, 2)
      const selections: Selection[] = [
        ALL,
        { by: 'user', user: 'alice' },
        { by: 'property', name: 'tenant', value: 'acme' },
        ...shardNumbers(store).map(
          (shard): Selection => ({ by: 'expiry', shard, upTo: BORDER + 24 * HOUR }),
        ),
      ]
      for (const selection of selections) {
        const keys: SessionKey[] = []
        const pages = pagesOf(2, (options) => store.pageKeys(selection, options))
        for await (const page of pages) {
          assert.ok(page.keys.length <= 2)
          keys.push(...page.keys)
        }
        assert.deepEqual(keys, await list(store, selection, 2))
      }
      await assertNotRetryable(() => store.pageKeys(ALL, { limit: 1, cursor: 'garbage' }))
    },
  },
  {
    name: 'lists no record that was deleted',
    async run(store) {
      const record = sampleRecord({ user: 'alice' })
      const version = await insert(store, record)
      await deleteAt(store, record.key, version)
      assert.deepEqual(await list(store, ALL, 10), [])
      assert.deepEqual(await list(store, { by: 'user', user: 'alice' }, 10), [])
      assert.deepEqual(await listShards(store, BORDER + 24 * HOUR), [])
    },
  },
  {
    name: 'continues after a page whose records were deleted meanwhile',
    async run(store) {
      const keys = await fill(store, 7)
      const seen: SessionKey[] = []
      for await (const { entries } of pagesOf(2, (options) => store.page(ALL, options))) {
        for (const entry of entries) {
          assert.ok(entry.record !== null)
          seen.push(entry.record.key)
          await deleteAt(store, entry.record.key, entry.version)
        }
      }
      sameKeys(seen, keys)
      assert.deepEqual(await list(store, ALL, 10), [])
    },
  },
  {
    name: 'gives the same order twice',
    async run(store) {
      await fill(store, 12)
      assert.deepEqual(await list(store, ALL, 5), await list(store, ALL, 5))
    },
  },
  {
    name: 'never returns more entries than requested, and only an empty page has no cursor',
    async run(store) {
      await fill(store, 4)
      const page = await store.page(ALL, { limit: 4 })
      assert.equal(page.entries.length, 4)
      assert.ok(page.cursor !== null)
      const behind = await store.page(ALL, { limit: 4, cursor: page.cursor })
      assert.deepEqual(behind, { entries: [], cursor: null })
    },
  },
  {
    name: 'refuses an invalid cursor, and marks the error as not retryable',
    async run(store) {
      await fill(store, 2)
      for (const cursor of ['garbage', 'AAAA', '{}', '💥', 'x'.repeat(5000)]) {
        await assertNotRetryable(() => store.page(ALL, { limit: 1, cursor }))
      }
    },
  },
  {
    name: 'refuses a cursor of another selection, and marks the error as not retryable',
    async run(store) {
      await fill(store, 2, { user: 'alice' })
      await fill(store, 2, { user: 'bob' })
      const { cursor } = await store.page({ by: 'user', user: 'alice' }, { limit: 1 })
      assert.ok(cursor !== null)
      const others: Selection[] = [
        ALL,
        { by: 'user', user: 'bob' },
        { by: 'property', name: 'user', value: 'alice' },
      ]
      for (const selection of others) {
        await assertNotRetryable(() => store.page(selection, { limit: 1, cursor }))
      }
    },
  },
]
