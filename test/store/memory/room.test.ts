import { describe, expect, test, vi } from 'vitest'
import { createSessions, memoryStore, type SessionStore } from '../../../src/index.ts'
import { keyNamed, NOW, recordOf } from '../datastore/fake.ts'

const MINUTE = 60_000

function keyOf(
  name: string | number,
  session: string | null,
): Parameters<SessionStore['keys']['insert']>[0][number] {
  return {
    name: keyNamed(`key ${name}`) as never,
    session: session === null ? null : keyNamed(session),
    purpose: '',
    data: null,
    created: NOW,
    expires: NOW + 60 * MINUTE,
  }
}

async function add(store: SessionStore, name: string, authenticated: number | null) {
  await store.write({ kind: 'insert', record: recordOf(keyNamed(name), { authenticated }) })
}

async function insert(store: SessionStore, name: string | number, session: string | null) {
  return await store.keys.insert([keyOf(name, session)])
}

async function has(store: SessionStore, name: string | number): Promise<boolean> {
  return (await store.keys.find(keyNamed(`key ${name}`) as never)) !== null
}

describe('a memory store that is full of security keys', () => {
  test('drops those of ended sessions first, then those of guests, and none of users', async () => {
    const store = memoryStore({ maxSecurityKeys: 4, now: () => NOW })
    await add(store, 'guest', null)
    await add(store, 'user', NOW)
    await add(store, 'gone', null)
    for (const session of ['user', 'guest', 'gone', null])
      await insert(store, `of ${session}`, session)
    const found = await store.find(keyNamed('gone'))
    await store.write({ kind: 'delete', key: keyNamed('gone'), version: found?.version as string })
    await insert(store, 'second', 'user')
    expect(await has(store, 'of gone')).toBe(false)
    expect(await has(store, 'of guest')).toBe(true)
    await insert(store, 'third', 'user')
    expect(await has(store, 'of guest')).toBe(false)
    await add(store, 'another guest', null)
    for (const session of [null, 'another guest'])
      await expect(insert(store, 'more', session)).rejects.toThrow(/full of security keys/)
    expect(await has(store, 'of null')).toBe(true)
    await insert(store, 'fourth', 'user')
    expect(await has(store, 'of null')).toBe(false)
    await expect(insert(store, 'fifth', 'user')).rejects.toThrow(/full of security keys/)
    expect(await has(store, 'of user')).toBe(true)
  })

  test('gives a key to a user after more links were made than there is room for', async () => {
    const sessions = createSessions({ store: memoryStore({ maxSecurityKeys: 50 }) })
    const visitor = await sessions.open({ secure: true }).load()
    const link = () => visitor.getSecurityKey({ sessionBound: false, duration: '1d' })
    for (let at = 0; at < 50; at++) await link()
    await expect(link()).rejects.toThrow(/full of security keys/)
    const session = await sessions.open({ secure: true }).load()
    await session.login('alice')
    await session.save()
    expect(await session.validateSecurityKey(await session.getSecurityKey())).toBe(true)
  })

  test.each([
    ['has ended', { ended: NOW - 1, authenticated: NOW - MINUTE }],
    ['has expired', { expires: NOW - 1, authenticated: NOW - MINUTE }],
  ])(
    'treats a session that %s as ended, although it is stored and belonged to a user',
    async (_how, how) => {
      const store = memoryStore({ maxSecurityKeys: 2, now: () => NOW })
      await add(store, 'guest', null)
      await store.write({ kind: 'insert', record: recordOf(keyNamed('over'), how) })
      await insert(store, 'of guest', 'guest')
      await insert(store, 'of over', 'over')
      await insert(store, 'new', 'guest')
      expect(await has(store, 'of over')).toBe(false)
      expect(await has(store, 'of guest')).toBe(true)
    },
  )

  test('gives a key to a user after more guests than there is room for opened a form', async () => {
    const sessions = createSessions({ store: memoryStore({ maxSecurityKeys: 50 }) })
    for (let at = 0; at < 60; at++) {
      await (await sessions.open({ secure: true }).load()).getSecurityKey()
    }
    const session = await sessions.open({ secure: true }).load()
    await session.login('alice')
    await session.save()
    const key = await session.getSecurityKey()
    expect(await session.validateSecurityKey(key)).toBe(true)
  })
})

describe('a memory store that is full of bytes', () => {
  test('counts two bytes for each character of a text that is not all Latin-1, and one else', async () => {
    const data = 'x'.repeat(10_000)
    const room = (text: string) =>
      memoryStore({ maxBytes: 12_000, now: () => NOW }).write({
        kind: 'insert',
        record: recordOf(keyNamed('a'), { data: text, authenticated: NOW }),
      })
    await expect(room(data)).resolves.toMatchObject({ outcome: 'applied' })
    await expect(room('ü'.repeat(10_000))).resolves.toMatchObject({ outcome: 'applied' })
    await expect(room(`${data.slice(1)}€`)).rejects.toThrow(/full/)
  })

  test('of users does not look at each of them whenever it refuses another', async () => {
    let now = NOW
    const store = memoryStore({ maxSessions: 1000, now: () => now })
    for (let at = 0; at < 1000; at++) await add(store, `user ${at}`, NOW)
    const sort = vi.spyOn(Array.prototype, 'sort')
    const values = vi.spyOn(Map.prototype, 'values')
    for (let at = 0; at < 10; at++)
      await expect(add(store, `more ${at}`, NOW)).rejects.toThrow(/full/)
    expect(sort).not.toHaveBeenCalled()
    expect(values).not.toHaveBeenCalled()
    sort.mockRestore()
    values.mockRestore()
    now = NOW + 61 * MINUTE
    await add(store, 'later', now)
    expect(await store.find(keyNamed('later'))).not.toBeNull()
  })
})
