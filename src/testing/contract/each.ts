import assert from 'node:assert/strict'
import type { Mutation, WriteEachResult, WriteResult } from '../../store/store.ts'
import { sampleRecord } from '../sample-record.ts'
import {
  applied,
  assertAbsent,
  assertRefused,
  assertStored,
  type ContractCase,
  deleteAt,
  insert,
  stored,
  update,
} from './case.ts'

/** Cases for `writeEach`, and for the writes that only ends and sweeps make. */
export const eachCases: readonly ContractCase[] = [
  {
    name: 'does nothing for an empty list',
    async run(store) {
      assert.deepEqual(await store.writeEach([]), [])
    },
  },
  {
    name: 'applies each write for itself, and gives a result for each in their order',
    async run(store) {
      const [kept, updated, deleted, removed] = [1, 2, 3, 4].map(() => sampleRecord())
      assert.ok(kept && updated && deleted && removed)
      const [, second, third] = await Promise.all(
        [kept, updated, deleted, removed].map((record) => insert(store, record)),
      )
      const next = { ...updated, user: 'alice' }
      const fresh = sampleRecord()
      const results = await store.writeEach([
        { kind: 'update', record: next, version: second as string },
        { kind: 'insert', record: fresh },
        { kind: 'delete', key: deleted.key, version: third as string },
        { kind: 'remove', key: removed.key },
      ])
      assert.deepEqual(outcomes(results), ['applied', 'applied', 'applied', 'applied'])
      await assertStored(store, next, applied(results[0] as WriteResult))
      await assertStored(store, fresh, applied(results[1] as WriteResult))
      await assertAbsent(store, deleted.key)
      await assertAbsent(store, removed.key)
      await stored(store, kept.key)
    },
  },
  {
    name: 'gives versions that further writes can go by',
    async run(store) {
      const records = [sampleRecord(), sampleRecord()]
      const first = await store.writeEach(records.map((record) => ({ kind: 'insert', record })))
      const second = await store.writeEach(
        records.map(({ key }, at) => ({
          kind: 'delete',
          key,
          version: applied(first[at] as WriteResult),
        })),
      )
      assert.deepEqual(outcomes(second), ['applied', 'applied'])
      for (const { key } of records) await assertAbsent(store, key)
    },
  },
  {
    name: 'leaves records whose condition fails, and applies the other writes',
    async run(store) {
      const records = Array.from({ length: 6 }, () => sampleRecord())
      const versions = await Promise.all(records.map((record) => insert(store, record)))
      const [first] = records
      assert.ok(first)
      const changed = { ...first, user: 'alice' }
      const now = await update(store, changed, versions[0] as string)
      const results = await store.writeEach(
        records.map(({ key }, at) => ({ kind: 'delete', key, version: versions[at] as string })),
      )
      assert.equal(results[0]?.outcome, 'conflict')
      await assertStored(store, changed, now)
      // Their own result may have been lost, but not their effect.
      for (const { key } of records.slice(1)) await assertAbsent(store, key)
      assert.equal(
        results.every(({ outcome }) => outcome !== 'failed'),
        true,
        'a write that is done or stale does not count as failed',
      )
    },
  },
  {
    name: 'never overwrites or restores a record by a stale update',
    async run(store) {
      const [gone, moved, right] = [sampleRecord(), sampleRecord(), sampleRecord()]
      const versions = await Promise.all([gone, moved, right].map((one) => insert(store, one)))
      await deleteAt(store, gone.key, versions[0] as string)
      const there = { ...moved, user: 'alice' }
      const now = await update(store, there, versions[1] as string)
      const results = await store.writeEach(
        [gone, moved, right].map((record, at) => ({
          kind: 'update',
          record: { ...record, user: 'eve' },
          version: versions[at] as string,
        })),
      )
      assert.deepEqual(outcomes(results).slice(0, 2), ['conflict', 'conflict'])
      await assertAbsent(store, gone.key)
      await assertStored(store, there, now)
      assert.equal((await stored(store, right.key)).record.user, 'eve')
    },
  },
  {
    name: 'takes 500 at once',
    async run(store) {
      const records = Array.from({ length: 500 }, () => sampleRecord())
      const results = await store.writeEach(records.map((record) => ({ kind: 'insert', record })))
      assert.deepEqual(new Set(outcomes(results)), new Set(['applied']))
      const removed = await store.writeEach(records.map(({ key }) => ({ kind: 'remove', key })))
      assert.deepEqual(new Set(outcomes(removed)), new Set(['applied']))
      assert.deepEqual(await store.page({ by: 'all' }, { limit: 10 }), {
        entries: [],
        cursor: null,
      })
    },
  },
  {
    name: 'refuses a list with a record that cannot be stored, or with two writes to one record, before it sends anything',
    async run(store) {
      const good = sampleRecord()
      const refused: readonly (readonly [Mutation, string])[] = [
        [{ kind: 'insert', record: sampleRecord({ user: '' }) }, 'ERR_SESSION_VALUE'],
        [{ kind: 'remove', key: good.key }, 'ERR_SESSION_STORE'],
      ]
      for (const [mutation, code] of refused) {
        await assertRefused(
          () => store.writeEach([{ kind: 'insert', record: good }, mutation]),
          code as 'ERR_SESSION_STORE',
        )
        await assertAbsent(store, good.key)
      }
    },
  },
  {
    name: 'removes a record at any version, and treats a missing one as removed',
    async run(store) {
      const record = sampleRecord()
      const version = await insert(store, record)
      await update(store, record, version)
      applied(await store.write({ kind: 'remove', key: record.key }))
      await assertAbsent(store, record.key)
      applied(await store.write({ kind: 'remove', key: record.key }))
    },
  },
  {
    name: 'keeps the time at which an observer first failed',
    async run(store) {
      const failedSince = Date.UTC(2030, 0, 1, 9, 8, 7, 654)
      const record = sampleRecord({ failedSince })
      await insert(store, record)
      const found = await stored(store, record.key)
      assert.equal(found.record.failedSince, failedSince)
      const { failedSince: _, ...without } = found.record
      await update(store, without, found.version)
      assert.equal((await stored(store, record.key)).record.failedSince ?? null, null)
    },
  },
]

function outcomes(results: readonly WriteEachResult[]): string[] {
  return results.map(({ outcome }) => outcome)
}
