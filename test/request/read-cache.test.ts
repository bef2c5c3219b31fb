import { randomBytes } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import {
  createSessions,
  type Session,
  SessionConfigError,
  SessionGoneError,
  SessionNotLoadedError,
  type SessionRecord,
  type SessionsOptions,
  SessionStoreError,
} from '../../src/index.ts'
import { failingStore, fakeClock } from '../../src/testing/index.ts'
import { STORE_KINDS, type StoreKind, uniqueSpace } from '../setup/stores.ts'
import { Harness, keyOfCookie, NAME, SECOND } from './harness.ts'

type Data = { n?: number; other?: unknown }

const CACHE: SessionsOptions = { readCache: { maxAge: '10s' } }

/** Processes on one set of sessions, each with a store to count, fail and hold. */
function deployment(kind: StoreKind, count: number, options = CACHE): Harness<Data>[] {
  const space = uniqueSpace()
  const clock = fakeClock()
  const plain = kind.make({ space, now: clock.now })
  return Array.from({ length: count }, (_, at) => {
    const own = at === 0 || kind.name === 'memory' ? plain : kind.make({ space })
    return new Harness<Data>({ ...options, store: failingStore(own) }, clock)
  })
}

/** One process with memory, and another without. */
function two(kind: StoreKind, options = CACHE): [Harness<Data>, Harness<Data>] {
  const [here, there] = deployment(kind, 2, options)
  return [here as Harness<Data>, there as Harness<Data>]
}

const get = (h: Harness<Data>, cookie: string, method = 'GET'): Promise<Session<Data>> =>
  h.sessions.open({ cookie, secure: true, method }).load()

/** The data that a GET reads, and the lookups that it cost. */
async function seen(h: Harness<Data>, cookie: string): Promise<[unknown, number]> {
  const before = h.store.finds
  const session = await get(h, cookie)
  return [
    session.loadOutcome === 'live' ? session.get('n') : session.loadOutcome,
    h.store.finds - before,
  ]
}

describe.each(STORE_KINDS)('readCache on $name', (kind) => {
  describe.skipIf(kind.missing !== null)('reading', () => {
    it('asks the store once for all requests of a page', async () => {
      const [h] = two(kind)
      const cookie = await h.given({ n: 1 })
      h.clock.advance('10s')
      for (let request = 0; request < 20; request++) {
        await h.visit((s) => s.get('n'), { cookie, method: request === 3 ? 'HEAD' : 'GET' })
      }
      expect(h.store.calls.map(({ method }) => method)).toEqual(['find'])
    })

    it('returns data at most as old as maxAge, and not a millisecond older', async () => {
      const [here, there] = two(kind)
      const cookie = await here.given({ n: 1 })
      here.clock.advance('10s')
      expect(await seen(here, cookie)).toEqual([1, 1])
      await there.visit((s) => s.set('n', 2), { cookie })
      here.clock.advance(10 * SECOND - 1)
      expect(await seen(here, cookie)).toEqual([1, 0])
      here.clock.advance(1)
      expect(await seen(here, cookie)).toEqual([2, 1])
    })

    it('counts the age from the call to the store, and not from its answer', async () => {
      const [here, there] = two(kind)
      const cookie = await here.given({ n: 1 })
      here.clock.advance('10s')
      const held = here.store.hold({ method: 'find', when: 'after' })
      const slow = get(here, cookie)
      await held.reached
      await there.visit((s) => s.set('n', 2), { cookie })
      here.clock.advance(10 * SECOND)
      held.release()
      expect((await slow).get('n')).toBe(1)
      expect(await seen(here, cookie)).toEqual([2, 1])
    })

    it('notices a logout elsewhere after maxAge', async () => {
      const [here, there] = two(kind)
      const cookie = await here.given({ n: 1 })
      expect((await get(here, cookie)).get('n')).toBe(1)
      await there.visit((s) => s.logout(), { cookie })
      here.clock.advance('10s')
      expect((await get(here, cookie)).loadOutcome).toBe('unknown')
    })

    it.each([
      'POST',
      'PUT',
      'DELETE',
      'PATCH',
      'OPTIONS',
      'QUERY',
      'CONNECT',
      'get',
      '',
      undefined,
    ])('does not use memory for the method %o', async (method) => {
      const [here, there] = two(kind)
      const cookie = await here.given({ n: 1 })
      await get(here, cookie)
      await there.visit((s) => s.set('n', 2), { cookie })
      const session = await here.sessions.open({ cookie, secure: true, method }).load()
      expect(session.get('n')).toBe(2)
      // From then on the record that it has read is remembered.
      expect(await seen(here, cookie)).toEqual([2, 0])
    })

    it('never remembers a miss', async () => {
      const [h] = two(kind)
      const cookie = `${NAME}=${randomBytes(32).toString('base64url')}`
      for (let request = 0; request < 3; request++) await get(h, cookie)
      expect(h.store.finds).toBe(3)
    })

    it('checks the expiry at each load, and asks the store before a session counts as expired', async () => {
      const [here, there] = two(kind, { readCache: { maxAge: '1m' }, lifetime: '10m' })
      const cookie = await here.given({ n: 1 })
      here.clock.advance(10 * 60 * SECOND - 30 * SECOND)
      await get(here, cookie)
      await there.visit((s) => s.get('n'), { cookie })
      here.clock.advance(31 * SECOND)
      expect(await seen(here, cookie)).toEqual([1, 1])
      here.clock.advance('10m')
      expect(await seen(here, cookie)).toEqual(['expired', 1])
      const other = await here.given({ n: 2 })
      here.clock.advance(10 * 60 * SECOND - 30 * SECOND)
      await get(here, other)
      here.clock.advance(31 * SECOND)
      expect(await seen(here, other)).toEqual(['expired', 1])
    })

    it('gives each request a separate copy of the data', async () => {
      const [h] = two(kind)
      const cookie = await h.given({ other: { list: [1] } })
      const [one, other] = [await get(h, cookie), await get(h, cookie)]
      ;(one.get('other') as { list: number[] }).list.push(2)
      expect(other.get('other')).toEqual({ list: [1] })
      expect((await get(h, cookie)).get('other')).toEqual({ list: [1] })
    })

    it('remembers nothing by a clock that was set back', async () => {
      const [here, there] = two(kind)
      const cookie = await here.given({ n: 1 })
      here.clock.advance('1m')
      await get(here, cookie)
      await there.visit((s) => s.set('n', 2), { cookie })
      here.clock.set(here.clock.now() - 30 * SECOND)
      expect(await seen(here, cookie)).toEqual([2, 1])
    })

    it('is not used by methods that read sessions outside of requests', async () => {
      const [here, there] = two(kind)
      const cookie = await here.given({ n: 1 })
      const key = keyOfCookie(cookie)
      await get(here, cookie)
      await there.visit((s) => s.set('n', 2), { cookie })
      expect((await here.sessions.entry(key))?.data.n).toBe(2)
      await get(here, cookie)
      await there.sessions.killSession(key)
      expect(await here.sessions.get(key)).toBeNull()
      expect(await here.sessions.outcomeOf(key)).toBe('unknown')
      expect(await here.sessions.entry(key)).toBeNull()
      // A session that turned out to be gone is forgotten.
      expect(await seen(here, cookie)).toEqual(['unknown', 1])
    })
  })

  describe.skipIf(kind.missing !== null)('a write of this process', () => {
    it('is seen at once, without a lookup', async () => {
      const [h] = two(kind)
      const cookie = await h.given({ n: 1 })
      await get(h, cookie)
      await h.visit((s) => s.set('n', 2), { cookie, method: 'POST' })
      expect(await seen(h, cookie)).toEqual([2, 0])
    })

    it('is seen at once after a login, only under the new id', async () => {
      const [h] = two(kind)
      const cookie = await h.given({ n: 1 })
      await get(h, cookie)
      const { cookie: after } = await h.visit((s) => s.login('ann'), { cookie, method: 'POST' })
      h.store.clearCalls()
      expect((await get(h, after as string)).user).toBe('ann')
      expect(h.store.finds).toBe(0)
      expect((await get(h, cookie)).loadOutcome).toBe('unknown')
    })

    const ENDS: [string, (h: Harness<Data>, cookie: string) => Promise<unknown>][] = [
      ['logout()', (h, cookie) => h.visit((s) => s.logout(), { cookie, method: 'GET' })],
      ['reset()', (h, cookie) => h.visit((s) => s.reset(), { cookie, method: 'GET' })],
      ['cycleKey()', (h, cookie) => h.visit((s) => s.cycleKey(), { cookie, method: 'GET' })],
      ['killSession()', (h, cookie) => h.sessions.killSession(keyOfCookie(cookie))],
      [
        'kill() of an entry',
        async (h, cookie) => (await h.sessions.entry(keyOfCookie(cookie)))?.kill(),
      ],
      ['killSessionByUser()', (h) => h.sessions.killSessionByUser('ann')],
      ['killAllSessions()', (h) => h.sessions.killAllSessions()],
    ]

    it.each(ENDS)('is seen at once when it ends by %s', async (_, end) => {
      const [h] = two(kind)
      const { cookie } = await h.visit((s) => s.login('ann'))
      expect((await get(h, cookie as string)).user).toBe('ann')
      h.clock.advance(1)
      await end(h, cookie as string)
      expect((await get(h, cookie as string)).loadOutcome).toMatch(/^(unknown|ended)$/)
    })

    it.each(ENDS)('is seen at once when it is marked by %s, with events', async (_, end) => {
      const [h] = two(kind, { ...CACHE, events: true })
      const { cookie } = await h.visit((s) => s.login('ann'))
      expect((await get(h, cookie as string)).user).toBe('ann')
      h.clock.advance(1)
      await end(h, cookie as string)
      expect((await get(h, cookie as string)).loadOutcome).toMatch(/^(unknown|ended)$/)
    })

    it('is seen at once when updateSessionsByUser() changed it', async () => {
      const [h] = two(kind)
      const { cookie } = await h.visit((s) => s.login('ann', { data: { n: 1 } }))
      await get(h, cookie as string)
      await h.sessions.updateSessionsByUser('ann', (data) => {
        data.n = 7
      })
      expect((await get(h, cookie as string)).get('n')).toBe(7)
    })
  })

  describe.skipIf(kind.missing !== null)('a write after a read from memory', () => {
    it('loses no write of another process', async () => {
      const [here, there] = two(kind)
      const cookie = await here.given({ n: 1 })
      await get(here, cookie)
      await there.visit((s) => s.set('other', 'there'), { cookie })
      await here.visit((s) => s.set('n', 2), { cookie, method: 'GET' })
      expect(await there.data(cookie)).toEqual({ n: 2, other: 'there' })
      expect((await get(here, cookie)).get('other')).toBe('there')
    })

    it('never revives a session that ended in another process', async () => {
      const [here, there] = two(kind)
      const cookie = await here.given({ n: 1 })
      const session = await get(here, cookie)
      await there.visit((s) => s.logout(), { cookie })
      const again = await get(here, cookie)
      session.set('n', 2)
      await expect(session.save()).rejects.toThrow(SessionGoneError)
      again.set('n', 3)
      await here.commit(again)
      expect(await there.stored(cookie)).toBeNull()
      expect((await get(here, cookie)).loadOutcome).toBe('unknown')
    })

    it('lets change() work on the stored data, from its first run on', async () => {
      const [here, there] = two(kind)
      const cookie = await here.given({ n: 1 })
      await get(here, cookie)
      await there.visit((s) => s.set('n', 5), { cookie })
      const session = await get(here, cookie)
      session.set('other', 'mine')
      const runs: unknown[] = []
      await session.change((data) => {
        runs.push(data.n)
        data.n = (data.n ?? 0) + 1
      })
      expect(runs).toEqual([5])
      expect(await there.data(cookie)).toEqual({ n: 6, other: 'mine' })
    })

    it('lets exclusive() see the stored data', async () => {
      const [here, there] = two(kind)
      const cookie = await here.given({ n: 1 })
      await get(here, cookie)
      await there.visit((s) => s.set('n', 5), { cookie })
      const session = await get(here, cookie)
      await session.exclusive(() => {
        session.set('n', (session.get('n') ?? 0) + 1)
      })
      expect(await there.data(cookie)).toEqual({ n: 6 })
      expect((await get(here, cookie)).get('n')).toBe(6)
    })

    it('never decides about a login by the user in memory', async () => {
      const [here, there] = two(kind, { ...CACHE, persistentFieldsOnLogin: ['n'] })
      const { cookie: guest } = await here.visit((s) => s.set('n', 1))
      const bob = await there.visit((s) => s.login('bob', { data: { n: 2 } }), {
        cookie: guest as string,
      })
      await get(here, bob.cookie as string)
      await there.visit((s) => s.set('n', 3), { cookie: bob.cookie })
      const same = await here.visit((s) => s.login('bob'), { cookie: bob.cookie, method: 'GET' })
      expect(await there.data(same.cookie as string)).toEqual({ n: 3 })
      const ann = await here.visit((s) => s.login('ann'), { cookie: same.cookie, method: 'GET' })
      expect(await there.data(ann.cookie as string)).toEqual({})
    })
  })

  describe.skipIf(kind.missing !== null)('load({ fresh: true })', () => {
    it('reads a session from memory again, with the changes of the request on top', async () => {
      const [here, there] = two(kind)
      const cookie = await here.given({ n: 1, other: 'old' })
      await get(here, cookie)
      await there.visit((s) => s.update({ n: 2, other: 'new' }), { cookie })
      const session = await get(here, cookie)
      session.set('n', 9)
      here.store.clearCalls()
      await Promise.all([session.load({ fresh: true }), session.load({ fresh: true })])
      await session.load({ fresh: true })
      expect(here.store.finds).toBe(1)
      expect([session.get('n'), session.get('other')]).toEqual([9, 'new'])
      await here.commit(session)
      expect(await there.data(cookie)).toEqual({ n: 9, other: 'new' })
    })

    it('is one lookup where no load was done yet, and none where the store was read', async () => {
      const [h] = two(kind)
      const cookie = await h.given({ n: 1 })
      await get(h, cookie)
      h.store.clearCalls()
      const session = h.sessions.open({ cookie, secure: true, method: 'GET' })
      await session.load({ fresh: true })
      await session.load({ fresh: true })
      expect(h.store.finds).toBe(1)
    })

    it('is required by isFresh() and validateStaticSecurityKey()', async () => {
      const [here, there] = two(kind)
      let key = ''
      const { cookie } = await here.visit(async (s) => {
        await s.login('ann')
        key = s.staticSecurityKey()
      })
      await get(here, cookie as string)
      const session = await get(here, cookie as string)
      for (const asked of [
        () => session.isFresh('1h'),
        () => session.validateStaticSecurityKey(key),
      ]) {
        expect(asked).toThrow(SessionNotLoadedError)
        expect(asked).toThrow(/load\(\{ fresh: true \}\)/)
      }
      await session.load({ fresh: true })
      expect([session.isFresh('1h'), session.validateStaticSecurityKey(key)]).toEqual([true, true])
      const late = await get(here, cookie as string)
      await there.visit((s) => s.logout(), { cookie: cookie as string })
      await late.load({ fresh: true })
      expect([late.isFresh('1h'), late.validateStaticSecurityKey(key)]).toEqual([false, false])
    })

    it('shows nothing of a session that has ended meanwhile, and drops its changes', async () => {
      const [here, there] = two(kind)
      const { cookie } = await here.visit((s) => s.login('ann', { data: { n: 1 } }))
      const [idle, busy] = [await get(here, cookie as string), await get(here, cookie as string)]
      busy.set('n', 2)
      await there.visit((s) => s.logout(), { cookie: cookie as string })
      for (const session of [idle, busy]) {
        await session.load({ fresh: true })
        expect([session.user, session.loadOutcome, session.key]).toEqual([
          '__guest__',
          'unknown',
          null,
        ])
      }
      expect(idle.size).toBe(0)
      await expect(busy.save()).rejects.toThrow(SessionGoneError)
      idle.set('n', 3)
      const { setCookie } = await here.commit(idle)
      expect(setCookie).toHaveLength(1)
    })

    it('fails where the store fails, and keeps the session as it was read', async () => {
      const [h] = two(kind)
      const cookie = await h.given({ n: 1 })
      const session = await get(h, cookie)
      const heal = h.store.failAlways('before', { method: 'find' })
      await expect(session.load({ fresh: true })).rejects.toThrow(SessionStoreError)
      expect(session.get('n')).toBe(1)
      expect(() => session.isFresh('1h')).toThrow(SessionNotLoadedError)
      // Only a GET is answered from memory meanwhile.
      expect((await get(h, cookie)).get('n')).toBe(1)
      await expect(get(h, cookie, 'POST')).rejects.toThrow(SessionStoreError)
      heal()
      await session.load({ fresh: true })
      expect(session.isFresh('1h')).toBe(false)
    })

    it('uses up no security key of a session that has ended meanwhile', async () => {
      const [here, there] = two(kind)
      const cookie = await here.given({ n: 1 })
      const { key } = await (async () => {
        const session = await get(here, cookie)
        return { key: await session.getSecurityKey() }
      })()
      const session = await get(here, cookie)
      await there.visit((s) => s.logout(), { cookie })
      expect(await session.validateSecurityKey(key)).toBe(false)
    })
  })

  describe.skipIf(kind.missing !== null)('a read under way', () => {
    it.each([
      ['changed', (s: Session<Data>) => s.set('n', 2), 2],
      ['ended', (s: Session<Data>) => s.logout(), 'unknown'],
    ])('keeps nothing of a session that is %s before it is answered', async (_, work, after) => {
      const [h] = two(kind)
      const cookie = await h.given({ n: 1 })
      h.clock.advance('10s')
      const other = await get(h, cookie, 'POST')
      h.clock.advance('10s')
      const held = h.store.hold({ method: 'find', when: 'after' })
      const slow = get(h, cookie)
      await held.reached
      await work(other)
      await h.commit(other)
      held.release()
      // It began earlier, and may see the record of that time.
      expect((await slow).get('n')).toBe(1)
      expect((await seen(h, cookie))[0]).toBe(after)
    })

    it('remembers nothing that it reads while a write is under way', async () => {
      const [h] = two(kind)
      const cookie = await h.given({ n: 1 })
      const other = await get(h, cookie, 'POST')
      other.set('n', 2)
      const held = h.store.hold({ method: 'write', when: 'before' })
      const saving = h.commit(other)
      await held.reached
      expect((await get(h, cookie)).get('n')).toBe(1)
      held.release()
      await saving
      expect((await seen(h, cookie))[0]).toBe(2)
    })

    it('remembers nothing of a write whose answer was lost', async () => {
      const [here] = two(kind)
      const cookie = await here.given({ n: 1 })
      await get(here, cookie)
      here.store.failNext('after', { method: 'write' })
      await here.visit((s) => s.set('n', 2), { cookie, method: 'POST' })
      expect((await seen(here, cookie))[0]).toBe(2)
    })

    it('that began first and is answered last does not replace a newer record', async () => {
      const [here, there] = two(kind)
      const cookie = await here.given({ n: 1 })
      here.clock.advance('10s')
      const held = here.store.hold({ method: 'find', when: 'after' })
      const slow = get(here, cookie)
      await held.reached
      await there.visit((s) => s.logout(), { cookie })
      expect((await get(here, cookie)).loadOutcome).toBe('unknown')
      held.release()
      await slow
      expect((await get(here, cookie)).loadOutcome).toBe('unknown')
    })
  })

  describe.skipIf(kind.missing !== null)('together with', () => {
    it('encryption remembers encrypted data, and decrypts it for each request', async () => {
      const [here, there] = two(kind, {
        ...CACHE,
        encryption: { keys: [{ id: 'a', key: randomBytes(32) }] },
      })
      const cookie = await here.given({ n: 1 })
      expect(await seen(here, cookie)).toEqual([1, 0])
      here.clock.advance('10s')
      expect(await seen(here, cookie)).toEqual([1, 1])
      expect(await seen(here, cookie)).toEqual([1, 0])
      await there.visit((s) => s.set('other', 1), { cookie })
      await here.visit((s) => s.set('n', 2), { cookie, method: 'GET' })
      expect(await there.data(cookie)).toEqual({ n: 2, other: 1 })
    })

    it('types makes separate values for each request', async () => {
      class Money {
        readonly cents: number
        constructor(cents: number) {
          this.cents = cents
        }
      }
      const [h] = two(kind, {
        ...CACHE,
        types: {
          money: {
            is: (value) => value instanceof Money,
            encode: (value) => (value as Money).cents,
            decode: (cents) => new Money(cents as number),
          },
        },
      })
      const cookie = await h.given({ other: new Money(5) })
      const [one, other] = [await get(h, cookie), await get(h, cookie)]
      expect(one.get('other')).toEqual(new Money(5))
      expect(one.get('other')).not.toBe(other.get('other'))
      expect(h.store.finds).toBe(0)
    })

    it('validate asks the store before it refuses', async () => {
      const [here, there] = two(kind, {
        ...CACHE,
        validate: {
          '~standard': {
            version: 1,
            vendor: 'test',
            validate: (value) =>
              (value as Data).n === 13 && strict.on
                ? { issues: [{ message: 'unlucky' }] }
                : { value },
          },
        },
      })
      const strict = { on: false }
      const cookie = await here.given({ n: 13 })
      await get(here, cookie)
      await there.visit((s) => s.set('n', 14), { cookie })
      strict.on = true
      expect(await seen(here, cookie)).toEqual([14, 1])
    })

    it('validate fills in values by the stored data, where that was loaded again', async () => {
      const [here, there] = two(kind, {
        ...CACHE,
        validate: {
          '~standard': {
            version: 1,
            vendor: 'test',
            validate: (value) => ({
              value: { ...(value as Data), other: ((value as Data).n ?? 0) * 2 },
            }),
          },
        },
      })
      const cookie = await here.given({ n: 1, other: 2 })
      await get(here, cookie)
      await there.visit((s) => s.set('n', 5), { cookie })
      const session = await get(here, cookie)
      expect(session.get('other')).toBe(2)
      await session.load({ fresh: true })
      expect([session.get('n'), session.get('other')]).toEqual([5, 10])
      await here.commit(session)
      expect((await here.stored(cookie))?.data).toContain('[10]')
    })

    it('a record that cannot be read asks the store each time', async () => {
      const [here, there] = two(kind)
      const cookie = await here.given({ n: 1 })
      const found = await there.store.find(keyOfCookie(cookie))
      if (found?.record == null) return expect.fail('it is not stored')
      const good = found.record
      const write = async (record: SessionRecord, version: string): Promise<string> => {
        const written = await there.store.write({ kind: 'update', record, version })
        return written.outcome === 'applied' ? written.version : expect.fail('it was not written')
      }
      const version = await write({ ...good, data: 'broken' }, found.version)
      here.clock.advance('10s')
      expect(await seen(here, cookie)).toEqual(['unreadable', 1])
      expect((await seen(here, cookie))[0]).toBe('unreadable')
      await write(good, version)
      expect((await seen(here, cookie))[0]).toBe(1)
    })

    it('encryption asks the store each time where the key is missing', async () => {
      const keys = ['a', 'b'].map((id) => ({ id, key: randomBytes(32) }))
      const [a, b] = keys as [(typeof keys)[0], (typeof keys)[0]]
      const [here] = deployment(kind, 1, { ...CACHE, encryption: { keys: [a] } })
      if (here === undefined) return expect.fail('there is no process')
      const withKeys = (newest: typeof a, other: typeof a): Harness<Data> =>
        new Harness<Data>({ encryption: { keys: [newest, other] }, store: here.store }, here.clock)
      const cookie = await here.given({ n: 1 })
      await withKeys(b, a).visit((s) => s.set('n', 2), { cookie })
      here.clock.advance('10s')
      for (let times = 0; times < 2; times++) {
        const before = here.store.finds
        await expect(get(here, cookie)).rejects.toBeInstanceOf(SessionStoreError)
        expect(here.store.finds).toBeGreaterThan(before)
      }
      await withKeys(a, b).visit((s) => s.set('n', 3), { cookie })
      expect((await seen(here, cookie))[0]).toBe(3)
    })
  })
})

describe('readCache', () => {
  it.each([
    [{ maxAge: '61s' }, /readCache\.maxAge must be at most one minute/],
    [{ maxAge: 60_001 }, /readCache\.maxAge/],
    [{ maxAge: 0 }, /readCache\.maxAge/],
    [{ maxAge: 'soon' }, /readCache\.maxAge/],
    [{}, /readCache\.maxAge/],
    [{ maxAge: '1s', maxSessions: 0 }, /readCache\.maxSessions/],
    [{ maxAge: '1s', maxSessions: 1.5 }, /readCache\.maxSessions/],
    [{ maxAge: '1s', maxSessions: 1_000_001 }, /readCache\.maxSessions/],
    [{ maxAge: '1s', maxSessions: '5' }, /readCache\.maxSessions/],
    [{ maxAge: '1s', ttl: '1s' }, /use "maxAge"/],
    [true, /readCache/],
    ['10s', /readCache/],
    [null, /readCache/],
  ])('is refused as %o', (readCache, message) => {
    const make = () => createSessions({ readCache } as unknown as SessionsOptions)
    expect(make).toThrow(SessionConfigError)
    expect(make).toThrow(message)
  })

  it('takes a whole minute', () => {
    expect(() => createSessions({ readCache: { maxAge: '1m', maxSessions: 1 } })).not.toThrow()
  })

  it('remembers the set number of sessions, those that were used last', async () => {
    const h = new Harness<Data>({ readCache: { maxAge: '1m', maxSessions: 2 } })
    const [a, b] = [await h.given({ n: 1 }), await h.given({ n: 2 })]
    expect(await seen(h, a)).toEqual([1, 0])
    const c = await h.given({ n: 3 })
    expect(await seen(h, a)).toEqual([1, 0])
    expect(await seen(h, c)).toEqual([3, 0])
    expect(await seen(h, b)).toEqual([2, 1])
  })

  it('remembers at most 32 MiB of them', async () => {
    const h = new Harness<Data>({ readCache: { maxAge: '1m' } })
    const cookies: string[] = []
    for (let n = 0; n < 40; n++) cookies.push(await h.given({ n, other: 'x '.repeat(300_000) }))
    let found = 0
    for (const cookie of cookies.toReversed()) found += 1 - (await seen(h, cookie))[1]
    expect(found).toBeGreaterThan(20)
    expect(found * 600_000 * 2).toBeLessThanOrEqual(32 * 1024 * 1024)
  })

  it('is not used without the option', async () => {
    const h = new Harness<Data>()
    const cookie = await h.given({ n: 1 })
    const session = await get(h, cookie)
    await session.load({ fresh: true })
    expect(session.isFresh('1h')).toBe(false)
    expect(await seen(h, cookie)).toEqual([1, 1])
    expect(h.store.finds).toBe(2)
  })

  it('forgets all when the sessions are closed', async () => {
    const h = new Harness<Data>(CACHE)
    const cookie = await h.given({ n: 1 })
    await h.sessions.close()
    await expect(get(h, cookie)).rejects.toThrow(SessionStoreError)
  })

  it('makes load() refuse an unknown option', async () => {
    const session = new Harness<Data>(CACHE).open()
    expect(() => session.load({ fresh: 1 } as never)).toThrow(SessionConfigError)
    expect(() => session.load({ force: true } as never)).toThrow(SessionConfigError)
  })
})
