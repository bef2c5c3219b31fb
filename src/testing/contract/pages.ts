import assert from 'node:assert/strict'
import type { SessionKey } from '../../record/id.ts'
import type { Selection, SessionStore } from '../../store/store.ts'
import type { SessionRecord } from '../../record/record.ts'
import { sampleRecord } from '../sample-record.ts'
import { applied, assertRefused, type ContractCase, insert, stored } from './case.ts'

const HOUR = 60 * 60 * 1000

/** The end of a bucket. */
const BORDER = Date.UTC(2030, 0, 1, 13)

const ALL: Selection = { by: 'all' }

/** Of `page`: every record of a selection once, in pages of any size. */
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
    name: 'follows a record whose property changes, or goes',
    async run(store) {
      const record = sampleRecord({ properties: { tenant: 'acme' } })
      const by = (value: string): Selection => ({ by: 'property', name: 'tenant', value })
      let version = await insert(store, record)
      const moved = { ...record, properties: { tenant: 'globex' } }
      version = applied(await store.write({ kind: 'update', record: moved, version }))
      assert.deepEqual(await list(store, by('acme'), 10), [])
      assert.deepEqual(await list(store, by('globex'), 10), [record.key])
      const { properties: _, ...without } = record
      version = applied(await store.write({ kind: 'update', record: without, version }))
      assert.deepEqual(await list(store, by('globex'), 10), [])
      applied(await store.write({ kind: 'update', record, version }))
      assert.deepEqual(await list(store, by('acme'), 10), [record.key])
    },
  },
  {
    name: 'gives whole records with the version that a write can go by',
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
      applied(await store.write({ kind: 'delete', key: record.key, version: entry.version }))
    },
  },
  {
    name: 'follows a record whose user changes',
    async run(store) {
      const record = sampleRecord({ user: 'alice' })
      const version = await insert(store, record)
      applied(await store.write({ kind: 'update', record: { ...record, user: 'bob' }, version }))
      assert.deepEqual(await list(store, { by: 'user', user: 'alice' }, 10), [])
      assert.deepEqual(await list(store, { by: 'user', user: 'bob' }, 10), [record.key])
    },
  },
  {
    name: 'has every record in exactly one shard below the number of shards',
    async run(store) {
      const keys = await fill(store, 40)
      const shards = await Promise.all(
        shardNumbers(store).map((shard) =>
          list(store, { by: 'expiry', shard, upTo: BORDER + 24 * HOUR }, 100),
        ),
      )
      sameKeys(shards.flat(), keys)
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
      // Keys that start alike stand in one shard.
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
      // Buckets of one hour: this one ends at the border, and its last millisecond is the one before.
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
      applied(await store.write({ kind: 'update', record: ended, version }))
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
      applied(await store.write({ kind: 'update', record, version: moved }))
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
    name: 'has records whose id came from outside in shards of their own, and says so of them',
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
      // It stays there, whatever is written.
      applied(await store.write({ kind: 'update', record: { ...record, user: 'bob' }, version }))
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
  {
    name: 'gives keys alone as it gives records: the same ones, in the same order and pages',
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
        let cursor: string | undefined
        for (let pages = 0; pages < 20; pages++) {
          const options = cursor === undefined ? { limit: 2 } : { limit: 2, cursor }
          const page = await store.pageKeys(selection, options)
          assert.ok(page.keys.length <= 2)
          keys.push(...page.keys)
          if (page.cursor === null) break
          cursor = page.cursor
        }
        assert.deepEqual(keys, await list(store, selection, 2))
      }
      const error = await assertRefused(
        () => store.pageKeys(ALL, { limit: 1, cursor: 'garbage' }),
        'ERR_SESSION_STORE',
      )
      assert.equal(error.retryable, false)
    },
  },
  {
    name: 'lists no record that was deleted',
    async run(store) {
      const record = sampleRecord({ user: 'alice' })
      const version = await insert(store, record)
      applied(await store.write({ kind: 'delete', key: record.key, version }))
      assert.deepEqual(await list(store, ALL, 10), [])
      assert.deepEqual(await list(store, { by: 'user', user: 'alice' }, 10), [])
      assert.deepEqual(await listShards(store, BORDER + 24 * HOUR), [])
    },
  },
  {
    name: 'goes on behind a page whose records were deleted meanwhile',
    async run(store) {
      const keys = await fill(store, 7)
      const seen: SessionKey[] = []
      let cursor: string | undefined
      for (let pages = 0; pages < 20; pages++) {
        const page = await store.page(
          ALL,
          cursor === undefined ? { limit: 2 } : { limit: 2, cursor },
        )
        for (const entry of page.entries) {
          assert.ok(entry.record !== null)
          seen.push(entry.record.key)
          applied(
            await store.write({ kind: 'delete', key: entry.record.key, version: entry.version }),
          )
        }
        if (page.cursor === null) break
        cursor = page.cursor
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
    name: 'never gives more entries than asked for, and has no cursor on an empty page alone',
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
    name: 'refuses a cursor that is garbage, and says that trying again does not help',
    async run(store) {
      await fill(store, 2)
      for (const cursor of ['garbage', 'AAAA', '{}', '💥', 'x'.repeat(5000)]) {
        const error = await assertRefused(
          () => store.page(ALL, { limit: 1, cursor }),
          'ERR_SESSION_STORE',
        )
        assert.equal(error.retryable, false)
      }
    },
  },
  {
    name: 'refuses a cursor of another selection, and says that trying again does not help',
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
        const error = await assertRefused(
          () => store.page(selection, { limit: 1, cursor }),
          'ERR_SESSION_STORE',
        )
        assert.equal(error.retryable, false)
      }
    },
  },
]

async function fill(
  store: SessionStore,
  count: number,
  options: Partial<SessionRecord> = {},
): Promise<SessionKey[]> {
  const records = Array.from({ length: count }, () => sampleRecord(options))
  await Promise.all(records.map((record) => insert(store, record)))
  return records.map(({ key }) => key)
}

/** The keys of a whole selection, page by page. */
async function list(
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

async function listShards(
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

function shardNumbers(store: SessionStore): number[] {
  return Array.from({ length: store.shards }, (_, shard) => shard)
}

function sameKeys(actual: readonly SessionKey[], expected: readonly SessionKey[]): void {
  assert.deepEqual([...actual].sort(), [...expected].sort())
}
