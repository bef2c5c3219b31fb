import assert from 'node:assert/strict'
import type { SessionStore } from '../../store/store.ts'
import { sampleRecord } from '../sample-record.ts'
import {
  applied,
  assertAbsent,
  assertRefused,
  assertStored,
  type ContractCase,
  insert,
  update,
  winnerOf,
} from './case.ts'

type WithNote = NonNullable<SessionStore['writeWithNote']>

/** Makes a case for stores that have the method. */
function withNote(
  name: string,
  run: (store: SessionStore, write: WithNote) => Promise<void>,
): ContractCase {
  return {
    name,
    async run(store) {
      const write = store.writeWithNote?.bind(store)
      if (write === undefined) return
      await run(store, write)
    },
  }
}

/** Cases for `writeWithNote`: writes of sessions and of one note, all or none. */
export const withNoteCases: readonly ContractCase[] = [
  withNote(
    'applies a write and that of a note together, with a version for each',
    async (store, write) => {
      const record = sampleRecord()
      const first = await insert(store, record)
      const taken = applied(await store.notes.put('lease:a', { n: 1 }, null))
      const changed = { ...record, user: 'alice' }
      const result = await write([{ kind: 'update', record: changed, version: first }], {
        name: 'lease:a',
        value: { n: 2 },
        version: taken,
      })
      assert.ok(result.outcome === 'applied')
      assert.equal(result.versions.length, 1)
      await assertStored(store, changed, result.versions[0] as string)
      const note = await store.notes.get('lease:a')
      assert.deepEqual(note, { name: 'lease:a', value: { n: 2 }, version: result.note })
      assert.notEqual(result.note, taken)
      const [version] = result.versions as [string]
      const gone = { name: 'lease:a', value: undefined, version: result.note }
      const last = await write([{ kind: 'delete', key: record.key, version }], gone)
      assert.equal(last.outcome, 'applied')
      await assertAbsent(store, record.key)
      assert.equal(await store.notes.get('lease:a'), null)
    },
  ),
  withNote(
    'gives the note a new version though its value stays, and goes without a session',
    async (store, write) => {
      const taken = applied(await store.notes.put('lease:a', { n: 1 }, null))
      const result = await write([], { name: 'lease:a', value: { n: 1 }, version: taken })
      assert.ok(result.outcome === 'applied')
      assert.deepEqual(result.versions, [])
      assert.notEqual(result.note, taken)
      const again = await write([], { name: 'lease:a', value: { n: 1 }, version: taken })
      assert.equal(again.outcome, 'conflict')
    },
  ),
  withNote(
    'applies none where the note is at another version, gone, or there already',
    async (store, write) => {
      const record = sampleRecord()
      const version = await insert(store, record)
      const stale = applied(await store.notes.put('lease:a', 1, null))
      applied(await store.notes.put('lease:a', 2, stale))
      const late = { kind: 'update', record: { ...record, user: 'mallory' }, version } as const
      for (const note of [
        { name: 'lease:a', value: 3, version: stale },
        { name: 'lease:a', value: undefined, version: stale },
        { name: 'lease:a', value: 3, version: null },
        { name: 'lease:b', value: 3, version: stale },
      ]) {
        assert.equal((await write([late], note)).outcome, 'conflict')
      }
      await assertStored(store, record, version)
      assert.equal((await store.notes.get('lease:a'))?.value, 2)
      assert.equal(await store.notes.get('lease:b'), null)
    },
  ),
  withNote('leaves the note where a session conflicts', async (store, write) => {
    const record = sampleRecord()
    const stale = await insert(store, record)
    await update(store, { ...record, user: 'alice' }, stale)
    const taken = applied(await store.notes.put('lease:a', 1, null))
    const late = { kind: 'update', record: { ...record, user: 'late' }, version: stale } as const
    const note = { name: 'lease:a', value: 2, version: taken }
    assert.equal((await write([late], note)).outcome, 'conflict')
    assert.deepEqual(await store.notes.get('lease:a'), {
      name: 'lease:a',
      value: 1,
      version: taken,
    })
    assert.equal((await write([{ kind: 'insert', record }], note)).outcome, 'conflict')
  }),
  withNote(
    'inserts both where neither is there, and lets one of many win',
    async (store, write) => {
      const records = Array.from({ length: 5 }, () => sampleRecord())
      const results = await Promise.all(
        records.map((record) =>
          write([{ kind: 'insert', record }], {
            name: 'lease:a',
            value: record.key,
            version: null,
          }),
        ),
      )
      const won = records[winnerOf(results)]
      assert.equal((await store.notes.get('lease:a'))?.value, won?.key)
      for (const record of records) {
        const found = await store.find(record.key)
        assert.equal(found !== null, record === won)
      }
    },
  ),
  withNote(
    'refuses a record and a name that no server would take, and stores nothing',
    async (store, write) => {
      const record = sampleRecord({ user: 'x'.repeat(1501) })
      const note = { name: 'lease:a', value: 1, version: null }
      await assertRefused(() => write([{ kind: 'insert', record }], note), 'ERR_SESSION_VALUE')
      assert.equal(await store.notes.get('lease:a'), null)
      const good = sampleRecord()
      await assertRefused(
        () => write([{ kind: 'insert', record: good }], { ...note, name: 'a b' }),
        'ERR_SESSION_STORE',
      )
      await assertAbsent(store, good.key)
    },
  ),
]
