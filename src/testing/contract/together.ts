import assert from 'node:assert/strict'
import type { SessionRecord } from '../../record/record.ts'
import { sampleRecord } from '../sample-record.ts'
import {
  assertAbsent,
  assertNotRetryable,
  assertRefused,
  assertStored,
  type ContractCase,
  deleteAt,
  insert,
  stored,
  update,
  winnerOf,
} from './case.ts'

/** Cases for `writeTogether`: all writes or none. */
export const togetherCases: readonly ContractCase[] = [
  {
    name: 'applies an insert and a delete together, with one version for each in their order',
    async run(store) {
      const old = sampleRecord()
      const record = sampleRecord({ user: 'alice' })
      const version = await insert(store, old)
      const result = await store.writeTogether([
        { kind: 'insert', record },
        { kind: 'delete', key: old.key, version },
      ])
      assert.equal(result.outcome, 'applied')
      assert.ok(result.outcome === 'applied')
      assert.equal(result.versions.length, 2)
      await assertStored(store, record, result.versions[0] as string)
      await assertAbsent(store, old.key)
    },
  },
  {
    name: 'returns versions that the next write can use',
    async run(store) {
      const records = [sampleRecord(), sampleRecord()] as const
      const first = await insert(store, records[0])
      const result = await store.writeTogether([
        { kind: 'update', record: { ...records[0], user: 'alice' }, version: first },
        { kind: 'insert', record: records[1] },
      ])
      assert.ok(result.outcome === 'applied')
      for (const [index, record] of records.entries()) {
        const version = result.versions[index] as string
        const next = { ...record, user: 'bob' }
        await assertStored(store, next, await update(store, next, version))
      }
    },
  },
  {
    name: 'does not apply the insert when the delete is stale',
    async run(store) {
      const old = sampleRecord()
      const record = sampleRecord({ user: 'alice' })
      const stale = await insert(store, old)
      const changed = { ...old, user: 'bob' }
      const version = await update(store, changed, stale)
      const result = await store.writeTogether([
        { kind: 'insert', record },
        { kind: 'delete', key: old.key, version: stale },
      ])
      assert.equal(result.outcome, 'conflict')
      await assertAbsent(store, record.key)
      await assertStored(store, changed, version)
    },
  },
  {
    name: 'does not apply the insert when the record to delete is missing',
    async run(store) {
      const old = sampleRecord()
      const record = sampleRecord({ user: 'alice' })
      const version = await insert(store, old)
      await deleteAt(store, old.key, version)
      const result = await store.writeTogether([
        { kind: 'insert', record },
        { kind: 'delete', key: old.key, version },
      ])
      assert.equal(result.outcome, 'conflict')
      await assertAbsent(store, record.key)
    },
  },
  {
    name: 'does not apply the delete when the record to insert exists',
    async run(store) {
      const old = sampleRecord()
      const existing = sampleRecord({ user: 'alice' })
      const version = await insert(store, old)
      const existingVersion = await insert(store, existing)
      const result = await store.writeTogether([
        { kind: 'delete', key: old.key, version },
        { kind: 'insert', record: { ...existing, user: 'mallory' } },
      ])
      assert.equal(result.outcome, 'conflict')
      await assertStored(store, old, version)
      await assertStored(store, existing, existingVersion)
    },
  },
  {
    name: 'applies neither the update before a conflicting write nor the one after it',
    async run(store) {
      const records = [sampleRecord(), sampleRecord(), sampleRecord()]
      const inserted = await Promise.all(records.map((record) => insert(store, record)))
      const versions = [...inserted]
      const changed = { ...(records[1] as SessionRecord), user: 'alice' }
      const stale = inserted[1] as string
      records[1] = changed
      versions[1] = await update(store, changed, stale)
      const result = await store.writeTogether(
        records.map((record, index) => ({
          kind: 'update' as const,
          record: { ...record, user: 'mallory' },
          version: inserted[index] as string,
        })),
      )
      assert.equal(result.outcome, 'conflict')
      for (const [index, record] of records.entries()) {
        await assertStored(store, record, versions[index] as string)
      }
    },
  },
  {
    name: 'refuses the same record twice, and stores nothing',
    async run(store) {
      const record = sampleRecord()
      const error = await assertNotRetryable(() =>
        store.writeTogether([
          { kind: 'insert', record },
          { kind: 'insert', record: { ...record, user: 'alice' } },
        ]),
      )
      assert.equal(error.effect, 'none')
      await assertAbsent(store, record.key)
      const version = await insert(store, record)
      await assertRefused(
        () =>
          store.writeTogether([
            { kind: 'delete', key: record.key, version },
            { kind: 'insert', record },
          ]),
        'ERR_SESSION_STORE',
      )
      await assertStored(store, record, version)
    },
  },
  {
    name: 'applies no write when one of them has a record that every store must refuse',
    async run(store) {
      const old = sampleRecord()
      const version = await insert(store, old)
      const good = sampleRecord()
      await assertRefused(
        () =>
          store.writeTogether([
            { kind: 'insert', record: good },
            { kind: 'delete', key: old.key, version },
            { kind: 'insert', record: sampleRecord({ user: 'x'.repeat(1501) }) },
          ]),
        'ERR_SESSION_VALUE',
      )
      await assertAbsent(store, good.key)
      await assertStored(store, old, version)
    },
  },
  {
    name: 'applies exactly one of ten parallel replacements of one record',
    async run(store) {
      const old = sampleRecord()
      const version = await insert(store, old)
      const records = Array.from({ length: 10 }, (_, index) =>
        sampleRecord({ user: `user-${index}` }),
      )
      const results = await Promise.all(
        records.map((record) =>
          store.writeTogether([
            { kind: 'insert', record },
            { kind: 'delete', key: old.key, version },
          ]),
        ),
      )
      const winner = winnerOf(results)
      await assertAbsent(store, old.key)
      for (const [index, record] of records.entries()) {
        if (index === winner) await stored(store, record.key)
        else await assertAbsent(store, record.key)
      }
    },
  },
  {
    name: 'never shows one of two writes without the other to a parallel single write',
    async run(store) {
      const old = sampleRecord()
      const record = sampleRecord({ user: 'alice' })
      const version = await insert(store, old)
      const changed = { ...old, user: 'bob' }
      const [together, single] = await Promise.all([
        store.writeTogether([
          { kind: 'insert', record },
          { kind: 'delete', key: old.key, version },
        ]),
        store.write({ kind: 'update', record: changed, version }),
      ])
      winnerOf([together, single])
      if (single.outcome === 'applied') {
        await assertStored(store, changed, single.version)
        await assertAbsent(store, record.key)
      } else {
        await stored(store, record.key)
        await assertAbsent(store, old.key)
      }
    },
  },
]
