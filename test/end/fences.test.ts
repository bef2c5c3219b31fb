import { randomBytes } from 'node:crypto'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import {
  GUEST_USER,
  memoryStore,
  QueryIter,
  SessionGoneError,
  type SessionKey,
  SessionStoreError,
  type Sessions,
  SessionValueError,
} from '../../src/index.ts'
import { Fences, fenceName, numberIn } from '../../src/end/fences.ts'
import { keyOf, type SessionId } from '../../src/record/id.ts'
import { Budget } from '../../src/store/budget.ts'
import { failingStore, sampleRecord } from '../../src/testing/index.ts'
import { RetryBudget } from '../../src/write/retry.ts'
import { STORE_KINDS } from '../setup/stores.ts'
import { HOUR, place } from '../sweep/harness.ts'
import { TestQueue } from '../sweep/task-queue.ts'

type Data = Record<string, unknown>

const MINUTE = 60_000

async function loginAs(sessions: Sessions<Data>, user: string): Promise<string> {
  const session = await sessions.open({ secure: true }).load()
  await session.login(user)
  return cookieOf(await sessions.commit(session))
}

function cookieOf({ setCookie }: { setCookie: readonly string[] }): string {
  return (setCookie[0] as string).split(';')[0] as string
}

async function userOf(sessions: Sessions<Data>, cookie: string): Promise<string> {
  return (await sessions.open({ cookie, secure: true }).load()).user
}

describe.each(STORE_KINDS)('a kill of a user on $name', (kind) => {
  describe.skipIf(kind.missing !== null)('is a fence', () => {
    it.each([0, -2 * MINUTE, 2 * MINUTE])(
      'that a later login passes, with a clock %i ms apart, and then survives every sweep',
      async (apart) => {
        const p = place(kind)
        const killer = p.process()
        const other = p.process({ now: () => p.now + apart })
        const before = await loginAs(other, 'alice')
        expect(await killer.killSessionByUser('alice')).toEqual({ ended: 1, handedOn: false })
        const after = await loginAs(other, 'alice')
        expect([await userOf(killer, before), await userOf(other, after)]).toEqual([
          GUEST_USER,
          'alice',
        ])
        p.now += 10 * MINUTE
        await killer.startClearSessions()
        expect(await userOf(other, after)).toBe('alice')
        expect(p.events.map(({ reason }) => reason)).toEqual(['killed'])
        await p.plain.close()
      },
    )

    it('that ends a login called before it, also by save(), with one event and no cookie', async () => {
      const p = place(kind)
      const sessions = p.process()
      const session = await sessions.open({ secure: true }).load()
      await session.login('alice')
      await p.process().killSessionByUser('alice')
      await expect(session.save()).rejects.toBeInstanceOf(SessionGoneError)
      expect(await sessions.commit(session)).toEqual({ setCookie: [], vary: true })
      expect(p.events.map(({ reason, user }) => [reason, user])).toEqual([['killed', 'alice']])
      expect(() => session.staticSecurityKey()).toThrow('shown once')
      await session.login('alice').catch(() => {})
      for await (const { key } of sessions.listSessionsByUser('alice')) throw new Error(key)
      await p.plain.close()
    })

    it('whose number continues under a cycled key', async () => {
      const p = place(kind)
      const sessions = p.process()
      await sessions.killSessionByUser('alice')
      const cookie = await loginAs(sessions, 'alice')
      const session = await sessions.open({ cookie, secure: true }).load()
      await session.cycleKey()
      const next = cookieOf(await sessions.commit(session))
      p.now += 10 * MINUTE
      await sessions.startClearSessions()
      expect(await userOf(sessions, next)).toBe('alice')
      await p.plain.close()
    })
  })
})

/** Random bytes whose first 32 make an id. Its key is listed before all others in pages, or behind them. */
function drawn(place: 'first' | 'last'): (size: number) => Buffer {
  const isThere = (bytes: Buffer): boolean => {
    const key = keyOf(bytes.toString('base64url') as SessionId)
    return place === 'first' ? key.startsWith('-') : key.startsWith('z')
  }
  return (size) => {
    for (;;) {
      const bytes = randomBytes(size)
      if (size !== 32 || isThere(bytes)) return bytes
    }
  }
}

describe.each(STORE_KINDS)(
  'a kill of a user with more sessions than a page holds on $name',
  (kind) => {
    it.skipIf(kind.missing !== null)('finds one whose key moves to an earlier page', async () => {
      const p = place(kind)
      // With a number that no kill has reached, so that they only fill pages.
      const others = Array.from({ length: 520 }, () =>
        sampleRecord({
          ...{ user: 'alice', authenticated: p.now, created: p.now, lastSeen: p.now },
          ...{ expires: p.now + 23 * HOUR, expiry: { kind: 'idle', duration: 23 * HOUR } },
          fence: 2 ** 52,
        }),
      )
      for (let at = 0; at < others.length; at += 260) {
        const part = others.slice(at, at + 260)
        await p.plain.writeEach(part.map((record) => ({ kind: 'insert', record })))
      }
      const options = { store: p.plain, lifetime: '23h', events: false } as const
      const before = p.process({ ...options, randomBytes: drawn('last') })
      const cookie = await loginAs(before, 'alice')
      const page = p.store.hold({ method: 'page', when: 'after' })
      const kill = p.process({ events: false }).killSessionByUser('alice')
      await page.reached
      const cycling = p.process({ ...options, randomBytes: drawn('first') })
      const session = await cycling.open({ cookie, secure: true }).load()
      await session.cycleKey()
      const next = cookieOf(await cycling.commit(session))
      expect(await userOf(cycling, next)).toBe('alice')
      page.release()
      expect(await kill).toEqual({ ended: 1, handedOn: false })
      expect(await userOf(cycling, next)).toBe(GUEST_USER)
      await p.plain.close()
    })
  },
)

describe('a fence', () => {
  it('of one user delays no other user, and does not concern guests', async () => {
    const p = place()
    const sessions = p.process()
    const session = await sessions.open({ secure: true }).load()
    await session.login('bob')
    await sessions.killSessionByUser('alice')
    await sessions.killSessionByUser(GUEST_USER)
    expect(await userOf(sessions, cookieOf(await sessions.commit(session)))).toBe('bob')
  })

  it('is named by a hash, and does not show the user in its name', async () => {
    const p = place()
    await p.process().killSessionByUser('al/ice@example.com')
    const [note] = await p.plain.notes.list('fence:', 10)
    expect(note?.name).toBe(fenceName('al/ice@example.com'))
    expect(note?.name).toMatch(/^fence:[0-9a-f]{64}$/)
  })

  it('rises with every kill, also of one millisecond and of a clock that is behind', async () => {
    const p = place()
    const number = async (): Promise<number> => {
      const note = await p.plain.notes.get(fenceName('alice'))
      return numberIn(note)
    }
    const numbers: number[] = []
    for (const apart of [0, 0, -2 * MINUTE, 2 * MINUTE, 0]) {
      await p.process({ now: () => p.now + apart }).killSessionByUser('alice')
      numbers.push(await number())
    }
    expect(numbers).toEqual([...new Set(numbers)].sort((a, b) => a - b))
  })

  it('stays for an hour after its kill is closed, and the next sweep deletes it', async () => {
    const p = place()
    const sessions = p.process()
    await sessions.killSessionByUser('alice')
    const notes = async (): Promise<number> => (await p.plain.notes.list('fence', 10)).length
    p.now += 10 * MINUTE
    await sessions.startClearSessions()
    p.now += HOUR
    await sessions.startClearSessions()
    expect(await notes()).toBe(1)
    p.now += 1
    await sessions.startClearSessions()
    expect(await notes()).toBe(0)
  })

  it('that was raised and deleted while a login was under way refuses the login', async () => {
    const p = place()
    const sessions = p.process()
    const session = await sessions.open({ secure: true }).load()
    await session.login('alice')
    await sessions.killSessionByUser('alice')
    for (const wait of [10 * MINUTE, HOUR + 1]) {
      p.now += wait
      await sessions.startClearSessions()
    }
    expect(await p.plain.notes.list('fence', 10)).toEqual([])
    await expect(sessions.commit(session)).rejects.toBeInstanceOf(SessionGoneError)
  })

  it('that cannot be read when a login is called is an error of the login, and nothing is done', async () => {
    const p = place()
    const sessions = p.process()
    const session = await sessions.open({ secure: true }).load()
    const restore = p.store.failAlways('before', { method: 'note' })
    await expect(session.login('alice')).rejects.toBeInstanceOf(SessionStoreError)
    restore()
    expect((await sessions.commit(session)).setCookie).toEqual([])
    expect(await p.count()).toBe(0)
  })

  it('that cannot be read once the login is stored ends the login, since a kill cannot be excluded', async () => {
    const p = place()
    const sessions = p.process({ events: false })
    const session = await sessions.open({ secure: true }).load()
    await session.login('alice')
    p.store.failAlways('before', { method: 'note' })
    await expect(sessions.commit(session)).rejects.toBeInstanceOf(SessionStoreError)
    for await (const { key } of sessions.listSessionsByUser('alice')) throw new Error(key)
  })

  it('includes sessions that were stored without a number', async () => {
    const p = place()
    await p.fill(3, null, 'alice')
    expect(await p.process().killSessionByUser('alice')).toMatchObject({ ended: 3 })
  })

  it('spares no session that an earlier kill includes', async () => {
    const p = place()
    const sessions = p.process()
    const stolen = await loginAs(sessions, 'alice')
    const session = await sessions.open({ cookie: stolen, secure: true }).load()
    const gate = p.store.hold({ method: 'page' })
    const kill = sessions.killSessionByUser('alice')
    await gate.reached
    const spare = p.process().killSessionByUser('alice', { except: session.key as SessionKey })
    await spare
    gate.release()
    await kill
    expect(await userOf(sessions, stolen)).toBe(GUEST_USER)
  })

  it('is finished where there are more than one call lists', async () => {
    const p = place()
    const sessions = p.process({ events: false })
    for (let at = 0; at < 700; at++) await sessions.killSessionByUser(`user${at}`)
    p.now += 10 * MINUTE
    await sessions.startClearSessions()
    p.now += 2 * HOUR
    await sessions.startClearSessions()
    expect(await p.plain.notes.list('fence', 1000)).toEqual([])
  })
})

describe('the fence of everybody', () => {
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] })
  })
  afterEach(() => {
    vi.useRealTimers()
  })

  it('is read for all waiting callers, whatever time the first of them has left', async () => {
    const store = failingStore(memoryStore())
    const gate = store.hold({ method: 'note' })
    const retries = new RetryBudget()
    const fences = new Fences({ store, now: () => 0, sleep: async () => {}, retries })
    const hurried = fences.read('alice', new Budget(10)).catch((error: unknown) => error)
    await gate.reached
    const patient = fences.read('bob', new Budget(5000))
    await vi.advanceTimersByTimeAsync(100)
    await new Promise((resolve) => setImmediate(resolve))
    await new Promise((resolve) => setImmediate(resolve))
    expect(await hurried).toBeInstanceOf(SessionStoreError)
    gate.release()
    expect(await patient).toEqual({ user: 0, all: 0, read: 0 })
  })

  it('is not read by a caller without time left, since nobody would see that the store is down', async () => {
    const store = failingStore(memoryStore())
    const retries = new RetryBudget()
    const fences = new Fences({ store, now: () => 0, sleep: async () => {}, retries })
    await expect(fences.read('alice', new Budget(0))).rejects.toBeInstanceOf(SessionStoreError)
    expect(store.calls).toEqual([])
    expect(await fences.read('alice', new Budget(5000))).toEqual({ user: 0, all: 0, read: 0 })
  })
})

describe('a kill of everybody', () => {
  it('is a fence at once in its own process, and in others within a minute', async () => {
    const p = place()
    const [own, other] = [p.process(), p.process()]
    const [first, second] = [await loginAs(own, 'alice'), await loginAs(other, 'bob')]
    const guest = await own.open({ secure: true }).load()
    guest.set('n', 1)
    const third = cookieOf(await own.commit(guest))
    expect(await own.killAllSessions()).toEqual({ ended: 3, handedOn: false })
    for (const cookie of [first, second, third]) {
      expect((await own.open({ cookie, secure: true }).load()).loadOutcome).not.toBe('live')
    }
    const after = await loginAs(own, 'alice')
    const tooEarly = await loginAs(other, 'bob')
    p.now += MINUTE
    const late = await loginAs(other, 'bob')
    p.now += 10 * MINUTE
    await own.startClearSessions()
    expect([await userOf(own, after), await userOf(own, late)]).toEqual(['alice', 'bob'])
    expect(await userOf(own, tooEarly)).toBe(GUEST_USER)
  })

  it('ends a login that was called before it, once the process has learned of it', async () => {
    const p = place()
    const other = p.process()
    const session = await other.open({ secure: true }).load()
    await session.login('alice')
    await p.process().killAllSessions()
    p.now += MINUTE
    await expect(other.commit(session)).rejects.toBeInstanceOf(SessionGoneError)
  })

  it('looks again without a further call where there is a real queue', async () => {
    const p = place()
    const queue = new TestQueue()
    await p.process({ tasks: queue }).killAllSessions()
    expect(queue.added.map(({ delay }) => delay)).toEqual([5 * MINUTE + 1000])
  })
})

describe('the word "guest"', () => {
  class Mine extends QueryIter {
    static override readonly id = 'Mine'
    override handleEntry(): void {}
  }

  const calls: Record<string, (sessions: Sessions<Data>, options: object) => Promise<unknown>> = {
    killSessionByUser: (s, options) => s.killSessionByUser('guest', options),
    listSessionsByUser: async (s, options) => {
      for await (const { key } of s.listSessionsByUser('guest', options)) return key
      return null
    },
    updateSessionsByUser: (s, options) =>
      s.updateSessionsByUser('guest', (data) => void Object.assign(data, { n: 1 }), options),
    startIterOnQuery: (s, options) =>
      s.startIterOnQuery(Mine, { select: 'user', user: 'guest', ...options }),
  }

  it.each(Object.entries(calls))('is refused by %s, which names GUEST_USER', async (_, call) => {
    const sessions = place().process({ iterators: [Mine] })
    await expect(call(sessions, {})).rejects.toThrow(/GUEST_USER.*literal: true/)
    await expect(call(sessions, {})).rejects.toBeInstanceOf(SessionValueError)
    await expect(call(sessions, { literal: false })).rejects.toBeInstanceOf(SessionValueError)
  })

  it('is a user like any other where the app says that it has one', async () => {
    const p = place()
    const sessions = p.process({ iterators: [Mine] })
    await loginAs(sessions, 'guest')
    for (const call of Object.values(calls).reverse()) await call(sessions, { literal: true })
    for await (const { key } of sessions.listSessionsByUser('guest', { literal: true })) {
      throw new Error(key)
    }
    expect(p.events.map(({ user, reason }) => [user, reason])).toEqual([['guest', 'killed']])
  })

  it('does not end the sessions of guests', async () => {
    const p = place()
    await p.fill(2, null)
    expect(await p.process().killSessionByUser('guest', { literal: true })).toMatchObject({
      ended: 0,
    })
    expect(await p.process().killSessionByUser(GUEST_USER)).toMatchObject({ ended: 2 })
  })
})
