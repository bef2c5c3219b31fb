import { describe, expect, it } from 'vitest'
import {
  type MemoryStoreOptions,
  memoryStore,
  type SecurityKeyRecord,
  type SessionRecord,
  type SessionStore,
} from '../../../src/index.ts'
import { fakeClock, sampleRecord, sampleSecurityKey } from '../../../src/testing/index.ts'

const START = Date.UTC(2030, 0, 1, 12)
const HOUR = 60 * 60 * 1000

function store(options: MemoryStoreOptions = {}): SessionStore {
  return memoryStore({ now: fakeClock(START).now, ...options })
}

/** Makes a guest that was last seen this long ago. */
function guest(ago: number, more: Partial<SessionRecord> = {}): SessionRecord {
  return sampleRecord({
    created: START - ago,
    lastSeen: START - ago,
    expires: START + HOUR,
    ...more,
  })
}

function alice(ago: number): SessionRecord {
  return guest(ago, { user: 'alice', authenticated: START - ago })
}

async function insert(into: SessionStore, ...records: SessionRecord[]): Promise<void> {
  for (const record of records) {
    expect((await into.write({ kind: 'insert', record })).outcome).toBe('applied')
  }
}

async function present(at: SessionStore, ...records: SessionRecord[]): Promise<boolean[]> {
  return Promise.all(records.map(async ({ key }) => (await at.find(key)) !== null))
}

describe('a full memory store', () => {
  it('fails only those of many writes that have no room', async () => {
    const full = store({ maxSessions: 2 })
    const records = [alice(0), alice(0), alice(0)]
    const results = await full.writeEach(records.map((record) => ({ kind: 'insert', record })))
    expect(results).toMatchObject([
      { outcome: 'applied' },
      { outcome: 'applied' },
      { outcome: 'failed', error: { code: 'ERR_SESSION_STORE', effect: 'none' } },
    ])
  })

  it('removes expired sessions first, then the guest unused for longest, and never a user', async () => {
    const full = store({ maxSessions: 5 })
    const user = alice(50)
    const old = guest(40)
    const recent = guest(10)
    const expired = guest(1, { expires: START - 1 })
    const ended = guest(2, { ended: START, reason: 'killed' })
    await insert(full, recent, user, old, ended, expired)
    const order = [ended, expired, old, recent]
    for (const [index, victim] of order.entries()) {
      expect(await present(full, victim)).toEqual([true])
      await insert(full, alice(0))
      expect(await present(full, ...order)).toEqual(order.map((_, place) => place > index))
    }
    expect(await present(full, user)).toEqual([true])
  })

  it('counts bytes as they are in memory, and not characters', async () => {
    const data = '\u4e2d'.repeat(1000)
    const full = store({ maxBytes: 20_000 })
    const guests = Array.from({ length: 10 }, (_, ago) => guest(ago, { data }))
    await insert(full, ...guests)
    const kept = (await present(full, ...guests)).filter(Boolean)
    expect(kept.length).toBeGreaterThan(1)
    expect(kept.length * data.length * 2).toBeLessThan(20_000)
  })

  it('treats a session that expires in this millisecond as alive', async () => {
    const full = store({ maxSessions: 2 })
    const last = alice(10)
    const border = { ...last, expires: START }
    await insert(full, border, guest(0))
    await insert(full, alice(0))
    expect(await present(full, border)).toEqual([true])
  })

  it('refuses an insert if only users are left, and changes nothing', async () => {
    const full = store({ maxSessions: 3 })
    const users = [alice(1), alice(2), alice(3)]
    await insert(full, ...users)
    const late = alice(0)
    await expect(full.write({ kind: 'insert', record: late })).rejects.toMatchObject({
      code: 'ERR_SESSION_STORE',
      effect: 'none',
      retryable: false,
    })
    expect(await present(full, ...users, late)).toEqual([true, true, true, false])
  })

  it('removes no session if the insert is refused anyway', async () => {
    const big = guest(0, { data: 'x'.repeat(5000) })
    const full = store({ maxBytes: 4000 })
    const small = guest(1)
    await insert(full, small)
    await expect(full.write({ kind: 'insert', record: big })).rejects.toMatchObject({
      code: 'ERR_SESSION_STORE',
    })
    expect(await present(full, small)).toEqual([true])
  })

  it('still updates, deletes and replaces', async () => {
    const full = store({ maxSessions: 2 })
    const [one, two] = [alice(1), alice(2)]
    await insert(full, one, two)
    const found = await full.find(one.key)
    const version = found?.version as string
    const updated = await full.write({ kind: 'update', record: { ...one, user: 'bob' }, version })
    expect(updated.outcome).toBe('applied')
    const replaced = await full.writeTogether([
      { kind: 'insert', record: alice(0) },
      { kind: 'delete', key: one.key, version: (await full.find(one.key))?.version as string },
    ])
    expect(replaced.outcome).toBe('applied')
    expect(await present(full, one, two)).toEqual([false, true])
  })

  it('never removes a session that the same commit writes', async () => {
    const full = store({ maxSessions: 2 })
    const [one, two] = [guest(100), guest(1)]
    await insert(full, one, two)
    const version = (await full.find(one.key))?.version as string
    const result = await full.writeTogether([
      { kind: 'update', record: { ...one, data: 'x' }, version },
      { kind: 'insert', record: alice(0) },
    ])
    expect(result.outcome).toBe('applied')
    expect(await present(full, one, two)).toEqual([true, false])
  })

  it('counts the bytes of client hints and static keys', async () => {
    const full = store({ maxBytes: 4000 })
    const client = { agent: 'x'.repeat(1400), address: 'x'.repeat(1400) }
    await insert(full, guest(2, { staticKey: 'x'.repeat(1000) }))
    const first = guest(1, { client })
    await insert(full, first)
    await insert(full, guest(0, { staticKey: 'x'.repeat(1000) }))
    expect(await present(full, first)).toEqual([false])
  })

  it('counts bytes, also of updates, and subtracts them on removal', async () => {
    const full = store({ maxBytes: 20_000 })
    const old = guest(100, { data: 'x'.repeat(8000) })
    await insert(full, old, guest(50, { data: 'x'.repeat(8000) }))
    const grown = guest(1, { data: '' })
    await insert(full, grown)
    const version = (await full.find(grown.key))?.version as string
    await full.write({ kind: 'update', record: { ...grown, data: 'x'.repeat(8000) }, version })
    expect(await present(full, old, grown)).toEqual([false, true])
    for (let turns = 0; turns < 50; turns++) {
      const record = guest(0, { data: 'x'.repeat(8000) })
      await insert(full, record)
      const found = await full.find(record.key)
      await full.write({ kind: 'delete', key: record.key, version: found?.version as string })
    }
    expect(await present(full, grown)).toEqual([true])
  })

  it('frees more room than needed, so that it does not search for victims at every insert', async () => {
    const full = store({ maxSessions: 200 })
    const guests = Array.from({ length: 200 }, (_, index) => guest(index))
    await insert(full, ...guests)
    await insert(full, guest(0))
    expect((await present(full, ...guests)).filter((there) => !there)).toHaveLength(3)
  })

  it('answers a conflict before it makes room', async () => {
    const full = store({ maxSessions: 1 })
    const there = guest(1)
    await insert(full, there)
    expect((await full.write({ kind: 'insert', record: { ...there } })).outcome).toBe('conflict')
    expect((await full.write({ kind: 'update', record: guest(0), version: 'x' })).outcome).toBe(
      'conflict',
    )
    expect(await present(full, there)).toEqual([true])
  })
})

describe('the security keys of a memory store', () => {
  const valid = (changes: Partial<SecurityKeyRecord> = {}): SecurityKeyRecord =>
    sampleSecurityKey({ created: START, expires: START + HOUR, ...changes })

  async function keep(at: SessionStore, ...records: SecurityKeyRecord[]): Promise<boolean[]> {
    return Promise.all(records.map(async ({ name }) => (await at.keys.find(name)) !== null))
  }

  it('are replaced by new ones after they have expired, and not before', async () => {
    const full = store({ maxSecurityKeys: 3 })
    const [expired, last] = [valid({ expires: START }), valid({ expires: START + 1 })]
    await full.keys.insert([expired, last, valid()])
    expect((await full.keys.insert([valid()])).outcome).toBe('applied')
    expect(await keep(full, expired, last)).toEqual([false, true])
    const [one, two] = [valid(), valid({ expires: START - 1 })]
    await expect(full.keys.insert([one, two])).rejects.toMatchObject({
      code: 'ERR_SESSION_STORE',
      effect: 'none',
      retryable: false,
      message: expect.stringContaining('full of security keys') as string,
    })
    expect(await keep(full, one, two, last)).toEqual([false, false, true])
  })

  it('free their room when they are used or removed', async () => {
    const full = store({ maxSecurityKeys: 2, maxBytes: 100_000 })
    for (let turns = 0; turns < 20; turns++) {
      const [used, removed] = [valid({ data: 'x'.repeat(40_000) }), valid()]
      const inserted = await full.keys.insert([used, removed])
      const [version] = inserted.outcome === 'applied' ? inserted.versions : []
      await full.keys.use(used.name, version as string)
      await full.keys.remove([removed.name])
    }
    expect((await full.keys.insert([valid(), valid()])).outcome).toBe('applied')
  })

  it('are limited in bytes, separately from the sessions', async () => {
    const full = store({ maxBytes: 10_000 })
    await insert(full, guest(0, { data: 'x'.repeat(8000) }))
    const big = { data: '\u4e2d'.repeat(2200), purpose: 'x'.repeat(500) }
    expect((await full.keys.insert([valid(big)])).outcome).toBe('applied')
    await expect(full.keys.insert([valid(big)])).rejects.toMatchObject({
      code: 'ERR_SESSION_STORE',
    })
    expect((await full.keys.insert([valid()])).outcome).toBe('applied')
  })

  it('answer a conflict before they make room', async () => {
    const full = store({ maxSecurityKeys: 1 })
    const there = valid({ expires: START - 1 })
    await full.keys.insert([there])
    expect((await full.keys.insert([{ ...there }])).outcome).toBe('conflict')
    expect(await keep(full, there)).toEqual([true])
  })

  it('free their room as time passes', async () => {
    const clock = fakeClock(START)
    const full = memoryStore({ now: clock.now, maxSecurityKeys: 1 })
    await full.keys.insert([valid()])
    for (let hours = 0; hours < 3; hours++) {
      const next = valid({ expires: clock.now() + 2 * HOUR })
      await expect(full.keys.insert([next])).rejects.toThrow('full of security keys')
      clock.advance(2 * HOUR)
      const { outcome } = await full.keys.insert([{ ...next, expires: clock.now() + HOUR }])
      expect(outcome).toBe('applied')
    }
  })

  it('are gone when it is closed', async () => {
    const closed = store()
    const there = valid()
    await closed.keys.insert([there])
    await closed.close()
    expect(await keep(closed, there)).toEqual([false])
  })
})

describe('memoryStore()', () => {
  it.each([
    { maxSessions: 0 },
    { maxSessions: 1.5 },
    { maxBytes: -1 },
    { maxBytes: Number.NaN },
    { maxSecurityKeys: 0 },
    { maxSessions: '5' },
  ])('refuses %j', (options) => {
    const [name] = Object.keys(options) as [string]
    expect(() => memoryStore(options as never)).toThrow(
      expect.objectContaining({
        code: 'ERR_SESSION_CONFIG',
        message: expect.stringContaining(name) as string,
      }),
    )
  })

  it('keeps 100,000 sessions unless told otherwise, and finds one among them', async () => {
    const large = store()
    const records = Array.from({ length: 2000 }, () => guest(0))
    await insert(large, ...records)
    expect(await present(large, ...records)).not.toContain(false)
  })
})
