import assert from 'node:assert/strict'
import type { SessionStore, WriteResult } from '../../store/store.ts'
import { applied, assertNotRetryable, type ContractCase, winnerOf } from './case.ts'

/** Cases for `notes`: small JSON values under names, with conditions like those of sessions. */
export const noteCases: readonly ContractCase[] = [
  {
    name: 'returns the stored value, at the version of the put',
    async run({ notes }) {
      assert.equal(await notes.get('run:a-1'), null)
      const value = { v: 1, list: [1, null, 'ä\u2028'], deep: { ok: true } }
      const version = applied(await notes.put('run:a-1', value, null))
      assert.deepEqual(await notes.get('run:a-1'), { name: 'run:a-1', value, version })
    },
  },
  {
    name: 'shares no objects with the callers of put and get',
    async run({ notes }) {
      const value = { list: [1] }
      await notes.put('a', value, null)
      value.list.push(2)
      const got = (await notes.get('a'))?.value as { list: number[] }
      got.list.push(3)
      assert.deepEqual((await notes.get('a'))?.value, { list: [1] })
    },
  },
  {
    name: 'puts a new note only where there is none, and a changed one only at its version',
    async run({ notes }) {
      const first = applied(await notes.put('a', 1, null))
      assert.equal((await notes.put('a', 2, null)).outcome, 'conflict')
      const second = applied(await notes.put('a', 3, first))
      assert.equal((await notes.put('a', 4, first)).outcome, 'conflict')
      assert.equal((await notes.put('b', 4, second)).outcome, 'conflict')
      assert.equal((await notes.get('a'))?.value, 3)
      assert.equal(await notes.get('b'), null)
    },
  },
  {
    name: 'deletes a note only at its version, and never accepts an old version again',
    async run({ notes }) {
      const first = applied(await notes.put('a', 1, null))
      const second = applied(await notes.put('a', 2, first))
      assert.equal((await notes.delete('a', first)).outcome, 'conflict')
      applied(await notes.delete('a', second))
      assert.equal(await notes.get('a'), null)
      assert.equal((await notes.delete('a', second)).outcome, 'conflict')
      assert.equal((await notes.put('a', 5, second)).outcome, 'conflict')
      const third = applied(await notes.put('a', 3, null))
      assert.equal((await notes.put('a', 4, second)).outcome, 'conflict')
      assert.notEqual(third, second)
    },
  },
  {
    name: 'lets one of many parallel puts win',
    async run({ notes }) {
      const fresh = await race((value) => notes.put('a', value, null))
      winnerOf(fresh)
      const version = (await notes.get('a'))?.version as string
      const next = await race((value) => notes.put('a', value, version))
      assert.equal((await notes.get('a'))?.value, winnerOf(next))
    },
  },
  {
    name: 'lists those of a prefix in the order of their names, up to a limit',
    async run({ notes }) {
      for (const name of ['run:b', 'run:a', 'runs', 'intent:a', 'run:c', 'Run:d']) {
        applied(await notes.put(name, name, null))
      }
      const names = async (prefix: string, limit: number): Promise<string[]> =>
        (await notes.list(prefix, limit)).map(({ name }) => name)
      assert.deepEqual(await names('run:', 10), ['run:a', 'run:b', 'run:c'])
      assert.deepEqual(await names('run:', 2), ['run:a', 'run:b'])
      assert.deepEqual(await names('nothing', 2), [])
      const [first] = await notes.list('run:', 1)
      assert.deepEqual(first, await notes.get('run:a'))
    },
  },
  {
    name: 'returns several notes by one call where it has a method for that, in the requested order',
    async run({ notes }) {
      const names = ['b', 'none', 'a', 'b']
      applied(await notes.put('a', 1, null))
      const version = applied(await notes.put('b', { list: [1] }, null))
      const each = await Promise.all(names.map((name) => notes.get(name)))
      if (notes.getMany === undefined) return
      assert.deepEqual(await notes.getMany(names), each)
      assert.deepEqual(await notes.getMany(['b']), [each[0]])
      applied(await notes.delete('b', version))
      assert.deepEqual(await notes.getMany(['a', 'b']), [each[2], null])
    },
  },
  {
    name: 'keeps notes apart from sessions',
    async run(store: SessionStore) {
      await store.notes.put('a', 1, null)
      assert.deepEqual((await store.page({ by: 'all' }, { limit: 10 })).entries, [])
    },
  },
  {
    name: 'refuses a name that every store must refuse',
    async run({ notes }) {
      const many = notes.getMany?.bind(notes)
      for (const name of ['', '__x__', 'a b', 'ä', 'x'.repeat(300)]) {
        for (const call of [
          () => notes.get(name),
          () => notes.put(name, 1, null),
          () => notes.list(name, 1),
          ...(many === undefined ? [] : [() => many(['a', name])]),
        ]) {
          await assertNotRetryable(call)
        }
      }
    },
  },
]

async function race(put: (value: number) => Promise<WriteResult>): Promise<WriteResult[]> {
  return await Promise.all(Array.from({ length: 5 }, (_, value) => put(value)))
}
