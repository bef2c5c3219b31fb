import assert from 'node:assert/strict'
import type { SessionKey } from '../../record/id.ts'
import type { Selection } from '../../store/store.ts'
import { sampleRecord } from '../sample-record.ts'
import { applied, type ContractCase, insert, stored, update } from './case.ts'
import { BORDER, fill, HOUR, list, listShards, sameKeys, shardNumbers } from './whole-selection.ts'

/** Cases for pages by expiry: the shard and the bucket of a record. */
export const expiryPageCases: readonly ContractCase[] = [
  {
    name: 'has every record in exactly one shard below the number of shards',
    async run(store) {
      const keys = await fill(store, 40)
      sameKeys(await listShards(store, BORDER + 24 * HOUR), keys)
    },
  },
  {
    name: 'pages through a shard in pages of size 1, 2 and all',
    async run(store) {
      const first = sampleRecord()
      await insert(store, first)
      const selections = shardNumbers(store).map(
        (shard): Selection => ({ by: 'expiry', shard, upTo: BORDER + 24 * HOUR }),
      )
      const shards = await Promise.all(selections.map((selection) => list(store, selection, 10)))
      const shard = shards.findIndex((keys) => keys.length === 1)
      // Keys with the same beginning are in the same shard.
      const keys = Array.from({ length: 6 }, (_, index) => {
        const { key } = sampleRecord()
        return sampleRecord({
          key: (first.key.slice(0, 3) + key.slice(3)) as SessionKey,
          expires: first.expires + index * HOUR,
        })
      })
      await Promise.all(keys.map((record) => insert(store, record)))
      const selection = selections[shard]
      assert.ok(selection !== undefined)
      const expected = [first.key, ...keys.map(({ key }) => key)]
      for (const limit of [1, 2, 100]) sameKeys(await list(store, selection, limit), expected)
    },
  },
  {
    name: 'selects by the end of the bucket in which a record expires, up to a border and after one',
    async run(store) {
      // Buckets of one hour: this one ends at the border, so its last millisecond is the one before the border.
      const last = sampleRecord({ expires: BORDER - 1 })
      const next = sampleRecord({ expires: BORDER })
      await Promise.all([insert(store, last), insert(store, next)])
      const sweep = (upTo: number, after?: number): Promise<SessionKey[]> =>
        listShards(store, upTo, after)
      assert.deepEqual(await sweep(BORDER - 1), [])
      assert.deepEqual(await sweep(BORDER), [last.key])
      assert.deepEqual(await sweep(BORDER + HOUR - 1), [last.key])
      sameKeys(await sweep(BORDER + HOUR), [last.key, next.key])
      sameKeys(await sweep(BORDER + HOUR, BORDER - 1), [last.key, next.key])
      assert.deepEqual(await sweep(BORDER + HOUR, BORDER), [next.key])
      assert.deepEqual(await sweep(BORDER + 2 * HOUR, BORDER + HOUR), [])
    },
  },
  {
    name: 'has a record that was marked as ended in the bucket in which it was marked',
    async run(store) {
      const record = sampleRecord({ expires: BORDER + 48 * HOUR })
      const version = await insert(store, record)
      assert.deepEqual(await listShards(store, BORDER + 24 * HOUR), [])
      const ended = { ...record, ended: BORDER - 1, reason: 'killed' as const }
      await update(store, ended, version)
      assert.deepEqual(await listShards(store, BORDER), [record.key])
      assert.deepEqual(await listShards(store, BORDER + 72 * HOUR, BORDER), [])
    },
  },
  {
    name: 'has a record in the bucket that an update asks for, until the next write',
    async run(store) {
      const record = sampleRecord({ expires: BORDER - 1 })
      const version = await insert(store, record)
      const sweepAt = BORDER + 5 * HOUR
      const moved = applied(await store.write({ kind: 'update', record, version, sweepAt }))
      assert.deepEqual(await listShards(store, BORDER + 5 * HOUR), [])
      assert.deepEqual(await listShards(store, BORDER + 6 * HOUR, BORDER + 5 * HOUR), [record.key])
      assert.equal((await stored(store, record.key)).record.expires, BORDER - 1)
      await update(store, record, moved)
      assert.deepEqual(await listShards(store, BORDER), [record.key])
    },
  },
  {
    name: 'has a record whose expiry lies before its use in the bucket of its use',
    async run(store) {
      const record = sampleRecord({ lastSeen: BORDER - 1, created: BORDER - HOUR, expires: 5 })
      await insert(store, record)
      assert.deepEqual(await listShards(store, BORDER, BORDER - HOUR), [record.key])
    },
  },
  {
    name: 'puts records whose id came from outside into shards of their own, and marks them',
    async run(store) {
      const expires = BORDER - 1
      const own = sampleRecord({ expires })
      const outside = sampleRecord({ expires, outside: true })
      await insert(store, own)
      const version = await insert(store, outside)
      assert.deepEqual(await listShards(store, BORDER), [own.key])
      assert.deepEqual(await listShards(store, BORDER, undefined, true), [outside.key])
      const { record } = await stored(store, outside.key)
      assert.equal(record.outside, true)
      assert.equal((await stored(store, own.key)).record.outside, undefined)
      // It stays in its shard after any write.
      await update(store, { ...record, user: 'bob' }, version)
      assert.deepEqual(await listShards(store, BORDER), [own.key])
      assert.deepEqual(await listShards(store, BORDER, undefined, true), [outside.key])
      for (const [key, of] of [
        [own.key, {}],
        [outside.key, { outside: true as const }],
      ] as const) {
        const pages = shardNumbers(store).map((shard) =>
          store.pageKeys({ by: 'expiry', shard, upTo: BORDER, ...of }, { limit: 10 }),
        )
        assert.deepEqual(
          (await Promise.all(pages)).flatMap(({ keys }) => keys),
          [key],
        )
      }
    },
  },
]
