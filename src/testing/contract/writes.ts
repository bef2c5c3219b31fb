import assert from 'node:assert/strict'
import type { SessionRecord } from '../../record/record.ts'
import type { WriteResult } from '../../store/store.ts'
import { sampleRecord } from '../sample-record.ts'
import {
  applied,
  assertAbsent,
  assertConflict,
  assertStored,
  type ContractCase,
  deleteAt,
  insert,
  update,
  winnerOf,
} from './case.ts'

/** Cases for `find` and `write`: every write has its condition, and is applied completely or not at all. */
export const writeCases: readonly ContractCase[] = [
  {
    name: 'finds nothing under a key that was never written',
    async run(store) {
      await assertAbsent(store, sampleRecord().key)
    },
  },
  {
    name: 'finds a record at once after its insert was answered, at the version of the answer',
    async run(store) {
      const record = sampleRecord()
      await assertStored(store, record, await insert(store, record))
    },
  },
  {
    name: 'finds an update and a delete at once after they were answered',
    async run(store) {
      const record = sampleRecord()
      const updated = { ...record, user: 'alice' }
      const first = await insert(store, record)
      const second = await update(store, updated, first)
      await assertStored(store, updated, second)
      await deleteAt(store, record.key, second)
      await assertAbsent(store, record.key)
    },
  },
  {
    name: 'answers the insert of a record that exists with a conflict, and leaves the record as it is',
    async run(store) {
      const record = sampleRecord()
      const version = await insert(store, record)
      const again = sampleRecord({ key: record.key, user: 'mallory' })
      await assertConflict(store, { kind: 'insert', record: again })
      await assertStored(store, record, version)
    },
  },
  {
    name: 'answers an update at a stale version with a conflict, and leaves the record as it is',
    async run(store) {
      const record = sampleRecord()
      const stale = await insert(store, record)
      const updated = { ...record, user: 'alice' }
      const version = await update(store, updated, stale)
      const late = { ...record, user: 'mallory' }
      await assertConflict(store, { kind: 'update', record: late, version: stale })
      await assertStored(store, updated, version)
    },
  },
  {
    name: 'answers a delete at a stale version with a conflict, and leaves the record as it is',
    async run(store) {
      const record = sampleRecord()
      const stale = await insert(store, record)
      const updated = { ...record, user: 'alice' }
      const version = await update(store, updated, stale)
      await assertConflict(store, { kind: 'delete', key: record.key, version: stale })
      await assertStored(store, updated, version)
    },
  },
  {
    name: 'does not bring a deleted record back with an update',
    async run(store) {
      const record = sampleRecord()
      const version = await insert(store, record)
      await deleteAt(store, record.key, version)
      await assertConflict(store, { kind: 'update', record, version })
      await assertAbsent(store, record.key)
    },
  },
  {
    name: 'answers an update of a record that was never there with a conflict, and stores nothing',
    async run(store) {
      const version = await insert(store, sampleRecord())
      const other = sampleRecord()
      await assertConflict(store, { kind: 'update', record: other, version })
      await assertAbsent(store, other.key)
    },
  },
  {
    name: 'answers a delete of what is not there with a conflict',
    async run(store) {
      const record = sampleRecord()
      const version = await insert(store, record)
      await deleteAt(store, record.key, version)
      await assertConflict(store, { kind: 'delete', key: record.key, version })
    },
  },
  {
    name: 'inserts under a key again after a delete',
    async run(store) {
      const record = sampleRecord()
      const version = await insert(store, record)
      await deleteAt(store, record.key, version)
      const again = sampleRecord({ key: record.key, user: 'alice' })
      await assertStored(store, again, await insert(store, again))
    },
  },
  {
    name: 'gives every state of a record its own version, even when only its rev differs',
    async run(store) {
      const record = sampleRecord()
      const versions = [await insert(store, record)]
      for (let writes = 0; writes < 4; writes++) {
        const version = versions.at(-1) as string
        // Every write has a new rev; without it, the emulators ignore the write.
        const next = { ...record, rev: sampleRecord().rev }
        versions.push(await update(store, next, version))
      }
      const last = versions.at(-1) as string
      await deleteAt(store, record.key, last)
      versions.push(await insert(store, record))
      assert.equal(new Set(versions).size, versions.length, 'no two states may share a version')
    },
  },
  {
    name: 'never accepts an old version again, even after delete and insert',
    async run(store) {
      const record = sampleRecord()
      const first = await insert(store, record)
      const second = await update(store, record, first)
      await deleteAt(store, record.key, second)
      const third = await insert(store, record)
      for (const version of [first, second]) {
        const changed = { ...record, user: 'mallory' }
        await assertConflict(store, { kind: 'update', record: changed, version })
        await assertConflict(store, { kind: 'delete', key: record.key, version })
      }
      await assertStored(store, record, third)
    },
  },
  {
    name: 'applies exactly one of ten parallel updates at one version',
    async run(store) {
      const record = sampleRecord()
      const version = await insert(store, record)
      const updates = Array.from({ length: 10 }, (_, index) => ({
        ...record,
        user: `user-${index}`,
      }))
      const results = await Promise.all(
        updates.map((record) => store.write({ kind: 'update', record, version })),
      )
      const winner = winnerOf(results)
      await assertStored(
        store,
        updates[winner] as SessionRecord,
        applied(results[winner] as WriteResult),
      )
    },
  },
  {
    name: 'applies exactly one of ten parallel inserts under one key',
    async run(store) {
      const { key } = sampleRecord()
      const records = Array.from({ length: 10 }, (_, index) =>
        sampleRecord({ key, user: `user-${index}` }),
      )
      const results = await Promise.all(
        records.map((record) => store.write({ kind: 'insert', record })),
      )
      const winner = winnerOf(results)
      await assertStored(
        store,
        records[winner] as SessionRecord,
        applied(results[winner] as WriteResult),
      )
    },
  },
  {
    name: 'applies exactly one of ten parallel deletes at one version',
    async run(store) {
      const record = sampleRecord()
      const version = await insert(store, record)
      const results = await Promise.all(
        Array.from({ length: 10 }, () => store.write({ kind: 'delete', key: record.key, version })),
      )
      winnerOf(results)
      await assertAbsent(store, record.key)
    },
  },
  {
    name: 'applies either the update or the delete when both come at once at one version',
    async run(store) {
      const record = sampleRecord()
      const version = await insert(store, record)
      const changed = { ...record, user: 'alice' }
      const [updated, deleted] = await Promise.all([
        store.write({ kind: 'update', record: changed, version }),
        store.write({ kind: 'delete', key: record.key, version }),
      ])
      winnerOf([updated, deleted])
      if (updated.outcome === 'applied') await assertStored(store, changed, updated.version)
      else await assertAbsent(store, record.key)
    },
  },
  {
    name: 'gives parallel writes to many records each its own outcome',
    async run(store) {
      const records = Array.from({ length: 20 }, () => sampleRecord())
      const inserted = await Promise.all(records.map((record) => insert(store, record)))
      // Every third record was changed by another writer, so that its version is stale.
      const versions = await Promise.all(
        records.map(async (record, index) => {
          const version = inserted[index] as string
          if (index % 3 !== 0) return version
          const changed = { ...record, user: 'other' }
          records[index] = changed
          return await update(store, changed, version)
        }),
      )
      const updates = records.map((record, index) => ({ ...record, user: `user-${index}` }))
      const results = await Promise.all(
        updates.map((record, index) =>
          store.write({ kind: 'update', record, version: inserted[index] as string }),
        ),
      )
      for (const [index, result] of results.entries()) {
        assert.equal(result.outcome, index % 3 === 0 ? 'conflict' : 'applied', `of write ${index}`)
        const expected = (index % 3 === 0 ? records : updates)[index]
        assert.ok(expected !== undefined)
        await assertStored(
          store,
          expected,
          result.outcome === 'applied' ? result.version : (versions[index] as string),
        )
      }
    },
  },
  {
    name: 'finds 150 records in parallel, and nothing under keys between them',
    async run(store) {
      const records = Array.from({ length: 150 }, (_, index) =>
        sampleRecord({ user: `user-${index}` }),
      )
      const versions = await Promise.all(records.map((record) => insert(store, record)))
      const missing = Array.from({ length: 10 }, () => sampleRecord().key)
      const [found, absent] = await Promise.all([
        Promise.all(records.map(({ key }) => store.find(key))),
        Promise.all(missing.map((key) => store.find(key))),
      ])
      for (const [index, one] of found.entries()) {
        assert.equal(one?.record?.key, records[index]?.key)
        assert.equal(one?.record?.user, records[index]?.user)
        assert.equal(one?.version, versions[index])
      }
      assert.deepEqual(
        absent,
        missing.map(() => null),
      )
    },
  },
  {
    name: 'returns the record to each of many parallel finds of one key',
    async run(store) {
      const record = sampleRecord()
      const version = await insert(store, record)
      const found = await Promise.all(Array.from({ length: 20 }, () => store.find(record.key)))
      for (const one of found) assert.equal(one?.version, version)
    },
  },
]
