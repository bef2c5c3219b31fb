import assert from 'node:assert/strict'
import type { SecurityKeySelection, SessionStore } from '../../store/store.ts'
import type { SecurityKeyName, SecurityKeyRecord } from '../../record/record.ts'
import { sampleSecurityKey } from '../sample-security-key.ts'
import { assertNotRetryable, type ContractCase } from './case.ts'
import { insertKeys } from './keys.ts'
import { BORDER, HOUR, pagesOf, sameKeys, shardNumbers } from './whole-selection.ts'

/** Cases for `keys.page` and `keys.remove`, by which the sweep finds and deletes expired keys. */
export const keyPageCases: readonly ContractCase[] = [
  {
    name: 'has every key in exactly one shard below the number of shards',
    async run(store) {
      const names = await fill(store, 40)
      sameKeys(await listShards(store, BORDER + 24 * HOUR), names)
    },
  },
  {
    name: 'pages through the keys of a shard in the order in which they expire, in pages of size 1, 2 and all',
    async run(store) {
      const { shard, names } = await fillShard(store, 6)
      const selection = { shard, upTo: BORDER + 24 * HOUR }
      for (const limit of [1, 2, 100]) {
        assert.deepEqual(await list(store, selection, limit), names)
      }
    },
  },
  {
    name: 'selects by the end of the bucket in which a key expires, up to a border and after one',
    async run(store) {
      // Buckets of one hour: this one ends at the border, so its last millisecond is the one before the border.
      const last = sampleSecurityKey({ expires: BORDER - 1 })
      const next = sampleSecurityKey({ expires: BORDER })
      await insertKeys(store.keys, [last, next])
      const sweep = (upTo: number, after?: number): Promise<SecurityKeyName[]> =>
        listShards(store, upTo, after)
      assert.deepEqual(await sweep(BORDER - 1), [])
      assert.deepEqual(await sweep(BORDER), [last.name])
      assert.deepEqual(await sweep(BORDER + HOUR - 1), [last.name])
      sameKeys(await sweep(BORDER + HOUR), [last.name, next.name])
      assert.deepEqual(await sweep(BORDER + HOUR, BORDER), [next.name])
      assert.deepEqual(await sweep(BORDER + 2 * HOUR, BORDER + HOUR), [])
    },
  },
  {
    name: 'has a key that expires before it was created in the bucket of its creation',
    async run(store) {
      const record = sampleSecurityKey({ created: BORDER - 1, expires: 5 })
      await insertKeys(store.keys, [record])
      assert.deepEqual(await listShards(store, BORDER, BORDER - HOUR), [record.name])
    },
  },
  {
    name: 'removes the named keys, accepts missing ones, and leaves all others',
    async run(store) {
      const { keys } = store
      const [used, left, ...removed] = Array.from({ length: 5 }, () => sampleSecurityKey()) as [
        SecurityKeyRecord,
        SecurityKeyRecord,
      ]
      const [version] = await insertKeys(keys, [used, left, ...removed])
      await keys.use(used.name, version as string)
      const names = [used, ...removed].map(({ name }) => name)
      await keys.remove(names)
      await keys.remove(names)
      for (const name of names) assert.equal(await keys.find(name), null)
      assert.deepEqual((await keys.find(left.name))?.record, left)
      assert.deepEqual(await listShards(store, BORDER + 24 * HOUR), [left.name])
    },
  },
  {
    name: 'removes 500 keys at once, and refuses an empty list and 501 keys',
    async run({ keys }) {
      const names = Array.from({ length: 501 }, () => sampleSecurityKey().name)
      for (const wrong of [[], names]) {
        await assertNotRetryable(() => keys.remove(wrong))
      }
      await keys.remove(names.slice(1))
    },
  },
  {
    name: 'continues after a page whose keys were removed meanwhile, and only an empty page has no cursor',
    async run(store) {
      const { shard, names } = await fillShard(store, 5)
      const selection = { shard, upTo: BORDER + 24 * HOUR }
      const seen: SecurityKeyName[] = []
      const pages = pagesOf(2, (options) => store.keys.page(selection, options))
      for await (const page of pages) {
        assert.equal(page.cursor === null, page.names.length === 0)
        seen.push(...page.names)
        if (page.names.length > 0) await store.keys.remove(page.names)
      }
      assert.deepEqual(seen, names)
      assert.deepEqual(await list(store, selection, 10), [])
    },
  },
  {
    name: 'refuses a cursor of keys that is garbage, of another selection, or of sessions',
    async run(store) {
      const { shard } = await fillShard(store, 3)
      const selection = { shard, upTo: BORDER + 24 * HOUR }
      const { cursor } = await store.keys.page(selection, { limit: 1 })
      assert.ok(cursor !== null)
      const other = { shard, upTo: BORDER + 25 * HOUR }
      const calls = [
        () => store.keys.page(selection, { limit: 1, cursor: 'garbage' }),
        () => store.keys.page(other, { limit: 1, cursor }),
        () => store.pageKeys({ by: 'expiry', ...selection }, { limit: 1, cursor }),
      ]
      for (const call of calls) {
        await assertNotRetryable(call)
      }
    },
  },
]

async function fill(store: SessionStore, count: number): Promise<SecurityKeyName[]> {
  const records = Array.from({ length: count }, () => sampleSecurityKey())
  await insertKeys(store.keys, records)
  return records.map(({ name }) => name)
}

/** Stores keys of one shard that expire an hour apart, and returns their names in the order of expiry. */
async function fillShard(
  store: SessionStore,
  count: number,
): Promise<{ shard: number; names: SecurityKeyName[] }> {
  const first = sampleSecurityKey()
  // Names with the same beginning are in the same shard.
  const others = Array.from({ length: count - 1 }, (_, at) => {
    const { name } = sampleSecurityKey()
    return sampleSecurityKey({
      name: (first.name.slice(0, 3) + name.slice(3)) as SecurityKeyName,
      expires: first.expires + (at + 1) * HOUR,
    })
  })
  // Stored in another order than that of their expiry.
  await insertKeys(store.keys, [...others.toReversed(), first])
  const shards = await Promise.all(
    shardNumbers(store).map((shard) => list(store, { shard, upTo: BORDER + 24 * HOUR }, 100)),
  )
  const shard = shards.findIndex((names) => names.length > 0)
  return { shard, names: [first, ...others].map(({ name }) => name) }
}

/** Returns the names of a whole selection, page by page. */
async function list(
  { keys }: SessionStore,
  selection: SecurityKeySelection,
  limit: number,
): Promise<SecurityKeyName[]> {
  const all: SecurityKeyName[] = []
  for await (const { names } of pagesOf(limit, (options) => keys.page(selection, options))) {
    assert.ok(names.length <= limit, 'a page must not hold more than the limit')
    all.push(...names)
  }
  return all
}

async function listShards(
  store: SessionStore,
  upTo: number,
  after?: number,
): Promise<SecurityKeyName[]> {
  const shards = await Promise.all(
    shardNumbers(store).map((shard) =>
      list(store, { shard, upTo, ...(after !== undefined && { after }) }, 100),
    ),
  )
  return shards.flat()
}
