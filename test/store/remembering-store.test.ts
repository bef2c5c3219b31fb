import { describe, expect, it } from 'vitest'
import { type ReadOptions, rememberingStore } from '../../src/store/remembering-store.ts'
import { storeBehind } from '../../src/store/store-behind.ts'
import { missingParts } from '../../src/store/store-check.ts'
import { failingStore, sampleRecord, storeContract } from '../../src/testing/index.ts'
import { MEMORY, STORE_KINDS } from '../setup/stores.ts'

const SETTINGS = { maxAge: 10_000, maxSessions: 100 }

// The differences of stores are behind it, so that one kind of store is enough for the whole contract.
describe('a store that remembers', () => {
  void storeContract(() => rememberingStore(MEMORY.make(), SETTINGS, Date.now), { describe, it })
})

describe.each(STORE_KINDS)('a store that remembers, over $name', (kind) => {
  it('has all members of the store behind it', async () => {
    const store = kind.make()
    const front = rememberingStore(store, SETTINGS, Date.now)
    expect(missingParts(front)).toEqual([])
    const { name, shards, bucket, deadline, sweepRate, notes, keys } = front
    expect({ name, shards, bucket, deadline, sweepRate }).toEqual({
      name: store.name,
      shards: store.shards,
      bucket: store.bucket,
      deadline: store.deadline,
      sweepRate: store.sweepRate,
    })
    expect([notes, keys]).toEqual([store.notes, store.keys])
    expect('ready' in front).toBe('ready' in store)
    expect('entities' in front).toBe('entities' in store)
    expect(storeBehind(front)).toBe(store)
    await front.ready?.()
    await front.close()
  })
})

describe('a read that started before a write and is answered during the write', () => {
  it.each(['writeEach', 'writeTogether', 'write'] as const)(
    'is not cached beyond a %s',
    async (method) => {
      const store = failingStore(MEMORY.make())
      const front = rememberingStore(store, SETTINGS, () => 0)
      const record = sampleRecord()
      const { key } = record
      const written = await front.write({ kind: 'insert', record })
      if (written.outcome !== 'applied') return expect.fail('it was not written')
      const { version } = written
      const find = store.hold({ method: 'find', when: 'after' })
      const reading = front.find(key)
      await find.reached
      const write = store.hold({ method })
      const end = { kind: 'delete', key, version } as const
      const writing = method === 'write' ? front.write(end) : front[method]([end])
      await write.reached
      find.release()
      expect(await reading).not.toBeNull()
      write.release()
      await writing
      const fromMemory: ReadOptions = { fromMemory: true }
      expect(await front.find(key, fromMemory)).toBeNull()
    },
  )
})
