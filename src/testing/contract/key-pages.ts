import assert from 'node:assert/strict'
import type { SecurityKeySelection, SessionStore } from '../../store/store.ts'
import type { SecurityKeyName, SecurityKeyRecord } from '../../record/record.ts'
import { sampleSecurityKey } from '../sample-security-key.ts'
import { assertRefused, type ContractCase } from './case.ts'
import { insertKeys } from './keys.ts'
import { BORDER, HOUR, shardNumbers } from './whole-selection.ts'

/** Cases for `keys.page` and `keys.remove`, by which the sweep finds and deletes expired keys. */
export const keyPageCases: readonly ContractCase[] = [
  {
    name: 'has every key in exactly one shard below the number of shards',
    async run(store) {
      const names = await fill(store, 40)
      sameNames(await listShards(store, BORDER + 24 * HOUR), names)
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
      sameNames(await sweep(BORDER + HOUR), [last.name, next.name])
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
        const error = await assertRefused(() => keys.remove(wrong), 'ERR_SESSION_STORE')
        assert.equal(error.retryable, false)
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
      let cursor: string | undefined
      for (let pages = 0; pages < 20; pages++) {
        const options = cursor === undefined ? { limit: 2 } : { limit: 2, cursor }
        const page = await store.keys.page(selection, options)
        assert.equal(page.cursor === null, page.names.length === 0)
        if (page.cursor === null) break
        seen.push(...page.names)
        await store.keys.remove(page.names)
        cursor = page.cursor
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
        const error = await assertRefused(call, 'ERR_SESSION_STORE')
        assert.equal(error.retryable, false)
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
  const names: SecurityKeyName[] = []
  let cursor: string | undefined
  for (let pages = 0; pages < 1000; pages++) {
    const page = await keys.page(selection, cursor === undefined ? { limit } : { limit, cursor })
    assert.ok(page.names.length <= limit, 'a page must not hold more than the limit')
    if (page.cursor === null) return names
    names.push(...page.names)
    cursor = page.cursor
  }
  throw new assert.AssertionError({ message: 'the pages have to come to an end' })
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

function sameNames(actual: readonly SecurityKeyName[], expected: readonly SecurityKeyName[]): void {
  assert.deepEqual([...actual].sort(), [...expected].sort())
}
