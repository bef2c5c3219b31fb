import { afterEach, describe, expect, it } from 'vitest'
import {
  createSessions,
  type Session,
  SessionContentionError,
  SessionGoneError,
  SessionStoreError,
  type Sessions,
  type SessionsOptions,
  SessionTooLargeError,
} from '../src/index.ts'
import { type FailingStore, failingStore } from '../src/testing/index.ts'
import { STORE_KINDS_BY_TRANSPORT, type StoreKind } from './setup/stores.ts'

type Data = Record<string, unknown>

/** A stored session in two processes: ours, with a store that can be made to fail, and another one. */
interface Scene {
  readonly store: FailingStore
  readonly sessions: Sessions<Data>
  readonly warnings: string[]
  /** The cookie of the session. */
  readonly cookie: string
  /** Our request, loaded, with its touch due. */
  readonly session: Session<Data>
  /** Does something to the same session in the other process. */
  elsewhere(change: (session: Session<Data>) => unknown): Promise<string | null>
  /** The session that a later request with this cookie finds. */
  look(cookie: string | null): Promise<Session<Data>>
  /** How many sessions are stored. */
  count(): Promise<number>
}

const refused = new SessionStoreError('refused', { effect: 'none', retryable: false })

const closers: (() => Promise<void>)[] = []

afterEach(async () => {
  await Promise.all(closers.splice(0).map((close) => close()))
})

async function scene(kind: StoreKind, options: SessionsOptions = {}): Promise<Scene> {
  let now = Date.UTC(2026, 0, 1)
  const clock = (): number => now
  const plain = kind.make({ now: clock })
  closers.push(() => plain.close())
  const store = failingStore(plain)
  const warnings: string[] = []
  const logger = { warn: (message: string) => warnings.push(message) }
  const common = { now: clock, sleep: async () => {}, persistentFieldsOnLogin: ['seed'], logger }
  const sessions = createSessions<Data>({ ...common, ...options, store })
  const other = createSessions<Data>({ ...common, store: plain })
  const commit = async (manager: Sessions<Data>, session: Session<Data>): Promise<string | null> =>
    cookieOf((await manager.commit(session)).setCookie)
  const first = await other.open({ secure: true }).load()
  first.set('seed', 1)
  const cookie = (await commit(other, first)) as string
  now += 10 * 60 * 1000
  // The first end of a process asks whether ends are events. This call is over now.
  const passing = await sessions.open({ secure: true }).load()
  passing.set('seed', 0)
  await passing.save()
  await passing.logout()
  await sessions.commit(passing)
  const session = await sessions.open({ cookie, secure: true }).load()
  store.clearCalls()
  const look = async (of: string | null): Promise<Session<Data>> =>
    await other.open({ ...(of !== null && { cookie: of }), secure: true }).load()
  return {
    store,
    sessions,
    warnings,
    cookie,
    session,
    look,
    elsewhere: async (change) => {
      const mine = await look(cookie)
      await change(mine)
      return await commit(other, mine)
    },
    count: async () => (await plain.page({ by: 'all' }, { limit: 100 })).entries.length,
  }
}

function cookieOf(setCookie: readonly string[]): string | null {
  const [pair] = setCookie[0]?.split(';') ?? []
  return pair === undefined || pair.endsWith('=') ? null : pair
}

/** Runs something in the other process just before our next write. */
async function meanwhile<Result>(
  store: FailingStore,
  ours: () => Promise<Result>,
  theirs: () => Promise<unknown>,
): Promise<Result> {
  const gate = store.hold()
  const result = ours()
  await gate.reached
  await theirs()
  gate.release()
  return await result
}

describe.each(STORE_KINDS_BY_TRANSPORT)('outcomes on $name', (kind) => {
  describe.skipIf(kind.missing !== null)('each cell of the table', () => {
    describe('load', () => {
      const fresh = ({ sessions, cookie }: Scene): Session<Data> =>
        sessions.open({ cookie, secure: true })

      it('finds nothing when the session is gone, and says so', async () => {
        const s = await scene(kind)
        await s.elsewhere((session) => session.logout())
        expect((await fresh(s).load()).loadOutcome).toBe('unknown')
      })

      it('throws a store error when the server refuses, after one try', async () => {
        const s = await scene(kind)
        s.store.failAlways('before', { error: refused })
        await expect(fresh(s).load()).rejects.toBe(refused)
        expect(s.store.finds).toBe(1)
      })

      it.each(['before', 'after'] as const)(
        'is tried again when it fails %s its effect',
        async (when) => {
          const s = await scene(kind)
          s.store.failAt(1, when)
          s.store.failAt(2, when)
          expect((await fresh(s).load()).loadOutcome).toBe('live')
        },
      )

      it('throws a store error when the store stays unavailable, and can be tried again', async () => {
        const s = await scene(kind)
        const heal = s.store.failAlways('before')
        const session = fresh(s)
        await expect(session.load()).rejects.toBeInstanceOf(SessionStoreError)
        expect(s.store.finds).toBe(3)
        expect(() => session.loadOutcome).toThrow(SessionStoreError)
        heal()
        expect((await session.load()).loadOutcome).toBe('live')
      })
    })

    describe('save of changes', () => {
      const change = (s: Scene): Promise<unknown> => {
        s.session.set('ours', 1)
        return s.sessions.commit(s.session)
      }

      it('merges on a conflict', async () => {
        const s = await scene(kind)
        await meanwhile(
          s.store,
          () => change(s),
          () => s.elsewhere((session) => session.set('theirs', 2)),
        )
        expect([...(await s.look(s.cookie))]).toEqual(
          expect.arrayContaining([
            ['seed', 1],
            ['ours', 1],
            ['theirs', 2],
          ]),
        )
      })

      it('drops the changes of a session that is gone, without a cookie', async () => {
        const s = await scene(kind)
        const result = await meanwhile(
          s.store,
          () => change(s),
          () => s.elsewhere((session) => session.logout()),
        )
        expect(result).toEqual({ setCookie: [], vary: true })
        expect((await s.look(s.cookie)).loadOutcome).toBe('unknown')
        expect(await s.count()).toBe(0)
        expect(s.session.ended).toBe(true)
      })

      it('throws SessionGoneError from save() of a session that is gone', async () => {
        const s = await scene(kind)
        s.session.set('ours', 1)
        await expect(
          meanwhile(
            s.store,
            () => s.session.save(),
            () => s.elsewhere((session) => session.logout()),
          ),
        ).rejects.toBeInstanceOf(SessionGoneError)
        // Values that the request sets after that must not create another session.
        s.session.set('ours', 2)
        expect(await s.sessions.commit(s.session)).toEqual({ setCookie: [], vary: true })
        expect(await s.count()).toBe(0)
      })

      it('lets the request log in again after its session is gone, without the earlier data', async () => {
        const s = await scene(kind)
        await s.elsewhere((session) => session.logout())
        s.session.set('seed', 7)
        await expect(s.session.save()).rejects.toBeInstanceOf(SessionGoneError)
        await s.session.login('alice')
        const session = await s.look(cookieOf((await s.sessions.commit(s.session)).setCookie))
        expect([session.user, session.get('seed')]).toEqual(['alice', undefined])
      })

      it('does not write a forced save again when only its answer was lost', async () => {
        const s = await scene(kind)
        s.session.markChanged()
        s.store.failNext('after')
        await s.sessions.commit(s.session)
        expect(s.store.writes).toBe(1)
      })

      it("throws SessionGoneError from the commit with onGone: 'error'", async () => {
        const s = await scene(kind, { onGone: 'error' })
        await expect(
          meanwhile(
            s.store,
            () => change(s),
            () => s.elsewhere((session) => session.logout()),
          ),
        ).rejects.toBeInstanceOf(SessionGoneError)
      })

      it('refuses a session that every server would refuse, before the call', async () => {
        const s = await scene(kind)
        s.session.set('ours', 'x'.repeat(950 * 1024))
        await expect(s.sessions.commit(s.session)).rejects.toBeInstanceOf(SessionTooLargeError)
        expect((await s.look(s.cookie)).get('seed')).toBe(1)
      })

      it('throws what the server refuses, after one try', async () => {
        const s = await scene(kind)
        s.store.failAlways('before', { error: refused })
        await expect(change(s)).rejects.toBe(refused)
        expect(s.store.writes).toBe(1)
      })

      it('is tried again when the store is unavailable', async () => {
        const s = await scene(kind)
        s.store.failAt(1, 'before', { method: 'write' })
        s.store.failAt(2, 'before', { method: 'write' })
        await change(s)
        expect((await s.look(s.cookie)).get('ours')).toBe(1)
      })

      it('throws a store error when the store stays unavailable', async () => {
        const s = await scene(kind)
        s.store.failAlways('before')
        await expect(change(s)).rejects.toBeInstanceOf(SessionStoreError)
        expect((await s.look(s.cookie)).has('ours')).toBe(false)
      })

      it('counts as done when only the answer was lost', async () => {
        const s = await scene(kind)
        s.store.failNext('after')
        await change(s)
        expect(s.store.writes).toBe(1)
        expect((await s.look(s.cookie)).get('ours')).toBe(1)
      })

      it('merges when the answer was lost and other requests have written since', async () => {
        const s = await scene(kind)
        s.store.failNext('after')
        const gate = s.store.hold({ when: 'after' })
        const done = change(s)
        await gate.reached
        await s.elsewhere((session) => session.set('theirs', 2))
        gate.release()
        await done
        const session = await s.look(s.cookie)
        expect([session.get('ours'), session.get('theirs')]).toEqual([1, 2])
      })

      it('ends in a clear error when others keep changing the session', async () => {
        const s = await scene(kind)
        s.store.conflictAlways()
        await expect(change(s)).rejects.toBeInstanceOf(SessionContentionError)
        expect(s.store.writes).toBeLessThanOrEqual(32)
      })
    })

    describe('touch', () => {
      const touch = async (s: Scene): Promise<string | null> => {
        s.session.has('seed')
        return cookieOf((await s.sessions.commit(s.session)).setCookie)
      }

      it('is stored, and renews the cookie', async () => {
        const s = await scene(kind)
        const before = s.session.lastSeen as Date
        expect(await touch(s)).toBe(s.cookie)
        expect((await s.look(s.cookie)).lastSeen?.getTime()).toBe(before.getTime() + 10 * 60 * 1000)
      })

      it('leaves a conflict alone', async () => {
        const s = await scene(kind)
        await meanwhile(
          s.store,
          () => touch(s),
          () => s.elsewhere((session) => session.set('theirs', 2)),
        )
        expect(s.store.writes).toBe(1)
        expect((await s.look(s.cookie)).get('theirs')).toBe(2)
      })

      it('does not bring back a session that is gone', async () => {
        const s = await scene(kind)
        const cookie = await meanwhile(
          s.store,
          () => touch(s),
          () => s.elsewhere((session) => session.logout()),
        )
        expect(cookie).toBeNull()
        expect(await s.count()).toBe(0)
        expect(s.store.writes).toBe(1)
      })

      it.each([
        ['refused', 'before', refused],
        ['unavailable', 'before', undefined],
        ['a lost answer', 'after', undefined],
      ] as const)('is logged and no error of the request: %s', async (_, when, error) => {
        const s = await scene(kind)
        s.store.failNext(when, error === undefined ? {} : { error })
        expect(await touch(s)).toBeNull()
        expect(s.store.writes).toBe(1)
        expect(s.warnings).toHaveLength(1)
        expect((await s.look(s.cookie)).get('seed')).toBe(1)
      })
    })

    describe('first insert', () => {
      const insert = async (s: Scene): Promise<string | null> => {
        const session = await s.sessions.open({ secure: true }).load()
        session.set('ours', 1)
        return cookieOf((await s.sessions.commit(session)).setCookie)
      }

      it('takes another id when the first is taken', async () => {
        const ids = [1, 1, 2]
        const randomBytes = (size: number): Uint8Array =>
          size === 32
            ? new Uint8Array(32).fill(ids.shift() as number)
            : crypto.getRandomValues(new Uint8Array(size))
        const s = await scene(kind, { randomBytes })
        const [first, second] = [await insert(s), await insert(s)]
        expect(first).not.toBe(second)
        expect((await s.look(first)).get('ours')).toBe(1)
        expect((await s.look(second)).get('ours')).toBe(1)
      })

      it('throws what the server refuses', async () => {
        const s = await scene(kind)
        s.store.failNext('before', { error: refused })
        await expect(insert(s)).rejects.toBe(refused)
        expect(await s.count()).toBe(1)
      })

      it('is tried again when the store is unavailable', async () => {
        const s = await scene(kind)
        s.store.failNext('before')
        expect((await s.look(await insert(s))).get('ours')).toBe(1)
        expect(await s.count()).toBe(2)
      })

      it('throws when the store stays away', async () => {
        const s = await scene(kind)
        s.store.failAlways('before')
        await expect(insert(s)).rejects.toBeInstanceOf(SessionStoreError)
        expect(await s.count()).toBe(1)
      })

      it('leaves one session when only the answer was lost', async () => {
        const s = await scene(kind)
        s.store.failNext('after')
        expect((await s.look(await insert(s))).get('ours')).toBe(1)
        expect(await s.count()).toBe(2)
      })
    })

    describe('login', () => {
      const login = async (s: Scene): Promise<string | null> => {
        await s.session.login('alice')
        s.session.set('own', 1)
        return cookieOf((await s.sessions.commit(s.session)).setCookie)
      }
      const loggedIn = async (s: Scene, cookie: string | null, seed: unknown): Promise<void> => {
        const session = await s.look(cookie)
        expect([session.user, session.get('own'), session.get('seed')]).toEqual(['alice', 1, seed])
        expect((await s.look(s.cookie)).loadOutcome).toBe('unknown')
        expect(await s.count()).toBe(1)
      }
      const untouched = async (s: Scene): Promise<void> => {
        const session = await s.look(s.cookie)
        expect([session.user, session.get('seed')]).toEqual(['__guest__', 1])
        expect(await s.count()).toBe(1)
      }

      it('carries the currently stored data over after a conflict', async () => {
        const s = await scene(kind)
        const cookie = await meanwhile(
          s.store,
          () => login(s),
          () => s.elsewhere((session) => session.set('seed', 2)),
        )
        await loggedIn(s, cookie, 2)
      })

      it('stores only the new session when the old one is gone, without data from memory', async () => {
        const s = await scene(kind)
        s.session.set('seed', 5)
        const cookie = await meanwhile(
          s.store,
          () => login(s),
          () => s.elsewhere((session) => session.logout()),
        )
        await loggedIn(s, cookie, undefined)
      })

      it('does nothing when the server refuses', async () => {
        const s = await scene(kind)
        s.store.failAlways('before', { error: refused })
        await expect(login(s)).rejects.toBe(refused)
        await untouched(s)
      })

      it('does nothing when the store stays unavailable', async () => {
        const s = await scene(kind)
        s.store.failAlways('before')
        await expect(login(s)).rejects.toBeInstanceOf(SessionStoreError)
        await untouched(s)
      })

      it('counts as done when only the answer was lost', async () => {
        const s = await scene(kind)
        s.store.failNext('after')
        await loggedIn(s, await login(s), 1)
        expect(s.store.writes).toBe(1)
      })

      it('leaves the old session unharmed when the tries are used up', async () => {
        const s = await scene(kind)
        s.store.conflictAlways()
        await expect(login(s)).rejects.toBeInstanceOf(SessionContentionError)
        await untouched(s)
      })
    })

    describe('change', () => {
      const change = async (s: Scene): Promise<unknown> => {
        await s.session.change((data) => {
          data['n'] = Number(data['n'] ?? 0) + 1
        })
        return (await s.look(s.cookie)).get('n')
      }

      it('runs again on the stored data after a conflict', async () => {
        const s = await scene(kind)
        const theirs = (): Promise<unknown> => s.elsewhere((session) => session.set('n', 5))
        expect(await meanwhile(s.store, () => change(s), theirs)).toBe(6)
      })

      it('throws SessionGoneError when the session is gone, and stores nothing', async () => {
        const s = await scene(kind)
        const theirs = (): Promise<unknown> => s.elsewhere((session) => session.logout())
        const changing = meanwhile(s.store, () => change(s), theirs)
        await expect(changing).rejects.toBeInstanceOf(SessionGoneError)
        expect(await s.count()).toBe(0)
      })

      it('throws what the server refuses, after one try', async () => {
        const s = await scene(kind)
        s.store.failAlways('before', { error: refused })
        await expect(change(s)).rejects.toBe(refused)
        expect(s.store.writes).toBe(1)
      })

      it('is tried again when the store is unavailable, and throws when it stays unavailable', async () => {
        const s = await scene(kind)
        s.store.failAt(1, 'before')
        s.store.failAt(2, 'before')
        expect(await change(s)).toBe(1)
        s.store.failAlways('before')
        await expect(change(s)).rejects.toBeInstanceOf(SessionStoreError)
      })

      it('counts as done when only the answer was lost, although other requests have written since', async () => {
        const s = await scene(kind)
        s.store.failAt(1, 'after')
        expect(await change(s)).toBe(1)
        s.store.failAt(1, 'after', { method: 'write' })
        const look = s.store.hold({ method: 'find' })
        const changing = change(s)
        await look.reached
        await s.elsewhere((session) => session.set('n', 10))
        look.release()
        expect(await changing).toBe(10)
      })

      it('ends in a clear error when others keep changing the session, with nothing stored', async () => {
        const s = await scene(kind)
        const stop = s.store.conflictAlways()
        await expect(change(s)).rejects.toBeInstanceOf(SessionContentionError)
        stop()
        expect((await s.look(s.cookie)).has('n')).toBe(false)
      })
    })

    describe('logout', () => {
      const logout = async (s: Scene): Promise<readonly string[]> => {
        await s.session.logout()
        return (await s.sessions.commit(s.session)).setCookie
      }
      const ended = async (s: Scene, setCookie: readonly string[]): Promise<void> => {
        expect(setCookie).toEqual([
          expect.stringMatching(/^__Host-viur-session=; Max-Age=0; Path=\//),
        ])
        expect(await s.count()).toBe(0)
      }

      it('ends a session that another process has changed meanwhile', async () => {
        const s = await scene(kind)
        await ended(
          s,
          await meanwhile(
            s.store,
            () => logout(s),
            () => s.elsewhere((session) => session.set('theirs', 2)),
          ),
        )
      })

      it('succeeds when the session is gone', async () => {
        const s = await scene(kind)
        await ended(
          s,
          await meanwhile(
            s.store,
            () => logout(s),
            () => s.elsewhere((session) => session.logout()),
          ),
        )
      })

      it('throws what the server refuses', async () => {
        const s = await scene(kind)
        s.store.failAlways('before', { error: refused })
        await expect(logout(s)).rejects.toBe(refused)
        expect(await s.count()).toBe(1)
      })

      it('is tried again when the store is unavailable', async () => {
        const s = await scene(kind)
        s.store.failAt(1, 'before', { method: 'write' })
        s.store.failAt(2, 'before', { method: 'write' })
        await ended(s, await logout(s))
      })

      it('throws when the store stays away', async () => {
        const s = await scene(kind)
        s.store.failAlways('before')
        await expect(logout(s)).rejects.toBeInstanceOf(SessionStoreError)
      })

      it('succeeds when only the answer was lost', async () => {
        const s = await scene(kind)
        s.store.failNext('after')
        await ended(s, await logout(s))
        expect(s.store.writes).toBe(1)
      })

      it('ends in a clear error when others keep changing the session', async () => {
        const s = await scene(kind)
        s.store.conflictAlways()
        await expect(logout(s)).rejects.toBeInstanceOf(SessionContentionError)
      })
    })

    describe.each(['reset', 'cycleKey'] as const)('%s', (method) => {
      const swap = async (s: Scene): Promise<string | null> => {
        await s.session[method]()
        return cookieOf((await s.sessions.commit(s.session)).setCookie)
      }
      const swapped = async (s: Scene, cookie: string | null, seed: unknown): Promise<void> => {
        expect(cookie).not.toBeNull()
        expect(cookie).not.toBe(s.cookie)
        const session = await s.look(cookie)
        expect([session.loadOutcome, session.get('seed')]).toEqual([
          'live',
          method === 'reset' ? undefined : seed,
        ])
        expect((await s.look(s.cookie)).loadOutcome).toBe('unknown')
        expect(await s.count()).toBe(1)
      }
      const untouched = async (s: Scene): Promise<void> => {
        expect((await s.look(s.cookie)).get('seed')).toBe(1)
        expect(await s.count()).toBe(1)
      }

      it('uses the currently stored data after a conflict', async () => {
        const s = await scene(kind)
        const cookie = await meanwhile(
          s.store,
          () => swap(s),
          () => s.elsewhere((session) => session.set('seed', 2)),
        )
        await swapped(s, cookie, 2)
      })

      it('creates nothing when the session is gone', async () => {
        const s = await scene(kind)
        const cookie = await meanwhile(
          s.store,
          () => swap(s),
          () => s.elsewhere((session) => session.logout()),
        )
        expect(cookie).toBeNull()
        expect(await s.count()).toBe(0)
        expect(s.session.ended).toBe(true)
      })

      it('leaves the old session unharmed when the server refuses', async () => {
        const s = await scene(kind)
        s.store.failAlways('before', { error: refused })
        await expect(swap(s)).rejects.toBe(refused)
        await untouched(s)
      })

      it('leaves the old session unharmed when the store stays unavailable', async () => {
        const s = await scene(kind)
        s.store.failAlways('before')
        await expect(swap(s)).rejects.toBeInstanceOf(SessionStoreError)
        await untouched(s)
      })

      it('counts as done when only the answer was lost', async () => {
        const s = await scene(kind)
        s.store.failNext('after')
        await swapped(s, await swap(s), 1)
        expect(s.store.writes).toBe(1)
      })

      it('leaves the old session unharmed when the tries are used up', async () => {
        const s = await scene(kind)
        s.store.conflictAlways()
        await expect(swap(s)).rejects.toBeInstanceOf(SessionContentionError)
        await untouched(s)
      })
    })
  })
})
