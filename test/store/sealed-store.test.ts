import { randomBytes } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { Payload } from '../../src/record/payload.ts'
import type { SessionRecord } from '../../src/record/record.ts'
import { Sealer } from '../../src/record/sealer.ts'
import { sealedStore } from '../../src/store/sealed-store.ts'
import { storeBehind } from '../../src/store/store-behind.ts'
import { sampleRecord, sampleSecurityKey, storeContract } from '../../src/testing/index.ts'
import { missingParts } from '../../src/store/store-check.ts'
import { MEMORY, STORE_KINDS } from '../setup/stores.ts'

const sealer = new Sealer({ keys: [{ id: 'a', key: randomBytes(32) }] }, randomBytes)

// The differences of stores are behind it, so that one kind of store is enough for the whole contract.
describe('a store that seals', () => {
  const left: string[] = []
  void storeContract(() => sealedStore(MEMORY.make(), sealer), {
    describe,
    it: (name, ...rest) => {
      // The limits apply to sealed data, which is a third larger. This is tested below.
      if (/of the largest size|more bytes than fit together/.test(name)) left.push(name)
      else it(name, ...rest)
    },
  })

  it('keeps the whole contract, except for data of the largest size', () => {
    expect(left).toHaveLength(4)
  })
})

describe.each(STORE_KINDS)('a store that seals, over $name', (kind) => {
  it('has all members of the store behind it', async () => {
    const store = kind.make()
    const sealed = sealedStore(store, sealer)
    expect(missingParts(sealed)).toEqual([])
    const { name, shards, deadline, sweepRate } = sealed
    expect([name, shards, deadline, sweepRate]).toEqual([
      store.name,
      store.shards,
      store.deadline,
      store.sweepRate,
    ])
    expect('ready' in sealed).toBe('ready' in store)
    expect(storeBehind(sealed)).toBe(store)
    expect(storeBehind(sealedStore(sealed, sealer))).toBe(store)
    await sealed.close()
  })

  it('passes nothing on in clear text, with any method of writing', async () => {
    const store = kind.make()
    const sealed = sealedStore(store, sealer)
    const [one, two, three, four] = Array.from({ length: 4 }, () =>
      sampleRecord({ values: { secret: 'hunter2' } }),
    ) as [SessionRecord, SessionRecord, SessionRecord, SessionRecord]
    const written = await sealed.write({ kind: 'insert', record: one })
    if (written.outcome !== 'applied') return expect.fail('it was not written')
    await sealed.write({ kind: 'update', record: one, version: written.version })
    await sealed.writeTogether([
      { kind: 'insert', record: two },
      { kind: 'insert', record: three },
    ])
    await sealed.writeEach([{ kind: 'insert', record: four }])
    const key = sampleSecurityKey({ data: '["hunter2"]' })
    await sealed.keys.insert([key])
    for (const record of [one, two, three, four]) {
      const found = await store.find(record.key)
      expect(found?.record).toMatchObject({
        ...record,
        data: expect.stringMatching(/^2 sealed a /),
      })
      expect((await sealed.find(record.key))?.record?.data).toBe(record.data)
    }
    const { entries } = await sealed.page({ by: 'all' }, { limit: 10 })
    expect(entries.map(({ record }) => record?.data).sort()).toEqual(
      [one, two, three, four].map(({ data }) => data).sort(),
    )
    expect((await store.keys.find(key.name))?.record.data).toMatch(/^2 sealed a /)
    expect((await sealed.keys.find(key.name))?.record).toEqual(key)
    await sealed.close()
  })

  it('does not open a payload or data of a security key that was moved to another record', async () => {
    const store = kind.make()
    const sealed = sealedStore(store, sealer)
    const [one, two] = [sampleRecord(), sampleRecord()]
    await sealed.writeTogether([
      { kind: 'insert', record: one },
      { kind: 'insert', record: two },
    ])
    const [from, to] = await Promise.all([store.find(one.key), store.find(two.key)])
    if (from?.record == null || to?.record == null) return expect.fail('not stored')
    const { data } = from.record
    await store.write({ kind: 'update', record: { ...to.record, data }, version: to.version })
    const moved = await sealed.find(two.key)
    expect(() => Payload.decode(moved?.record?.data ?? '', two.key)).toThrow(/cannot be opened/)
    const [a, b] = [sampleSecurityKey({ data: '[1]' }), sampleSecurityKey({ data: '[2]' })]
    await sealed.keys.insert([a])
    const stolen = (await store.keys.find(a.name))?.record.data ?? null
    await store.keys.insert([{ ...b, data: stolen }])
    expect(await sealed.keys.find(b.name)).toBeNull()
    await sealed.close()
  })

  it('reports a missing encryption key when the data of a security key is read', async () => {
    const store = kind.make()
    const key = sampleSecurityKey({ data: '[1]' })
    await sealedStore(store, sealer).keys.insert([key])
    const other = new Sealer({ keys: [{ id: 'b', key: randomBytes(32) }] }, randomBytes)
    await expect(sealedStore(store, other).keys.find(key.name)).rejects.toMatchObject({
      code: 'ERR_SESSION_STORE',
      effect: 'none',
      message: expect.stringMatching(/the key "a".*option encryption/),
    })
    await store.close()
  })

  it('applies the limit to sealed data', async () => {
    const sealed = sealedStore(kind.make(), sealer)
    const record = sampleRecord({ values: { a: 'x'.repeat(700 * 1024) } })
    for (const write of [
      () => sealed.write({ kind: 'insert', record }),
      () => sealed.writeTogether([{ kind: 'insert', record }]),
      () => sealed.keys.insert([sampleSecurityKey({ data: `["${'x'.repeat(50 * 1024)}"]` })]),
    ]) {
      await expect(write()).rejects.toMatchObject({ code: 'ERR_SESSION_TOO_LARGE' })
    }
    const fits = sampleRecord({ values: { a: 'x'.repeat(650 * 1024) } })
    expect((await sealed.write({ kind: 'insert', record: fits })).outcome).toBe('applied')
    expect((await sealed.find(fits.key))?.record).toEqual(fits)
    await sealed.close()
  })
})
