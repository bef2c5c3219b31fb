import { describe, expect, it } from 'vitest'
import {
  SessionContentionError,
  SessionError,
  SessionGoneError,
  SessionLateChangeError,
  SessionStoreError,
  SessionTooLargeError,
  SessionValueError,
} from '../../src/index.ts'
import { doorOf } from '../../src/request/adapter-door.ts'
import { failingStore, fakeClock } from '../../src/testing/index.ts'
import { STORE_KINDS, type StoreKind, uniqueSpace } from '../setup/stores.ts'
import { Harness, MINUTE } from './harness.ts'

type Data = { n?: number; other?: unknown; list?: number[] }

const increment = (data: Data): void => {
  data.n = (data.n ?? 0) + 1
}

/** Several processes, each with a store to fail and hold, on one set of sessions. */
function deployment(kind: StoreKind, count: number): Harness<Data>[] {
  const space = uniqueSpace()
  const plain = kind.make({ space })
  const clock = fakeClock()
  return Array.from({ length: count }, (_, at) => {
    const own = at === 0 || kind.name === 'memory' ? plain : kind.make({ space })
    return new Harness<Data>({ store: failingStore(own) }, clock)
  })
}

describe.each(STORE_KINDS)('change() on $name', (kind) => {
  describe.skipIf(kind.missing !== null)('of a stored session', () => {
    it('works on the stored data, and not on the loaded data', async () => {
      const [h] = deployment(kind, 1) as [Harness<Data>]
      const cookie = await h.given({ n: 1 })
      const session = await h.load(cookie)
      await h.visit((s) => s.set('n', 5), { cookie })
      let runs = 0
      await session.change((data) => {
        runs += 1
        increment(data)
      })
      expect([session.get('n'), runs]).toEqual([6, 2])
      expect(await h.data(cookie)).toEqual({ n: 6 })
    })

    it('counts ten parallel increments as ten, over two processes', async () => {
      const [a, b] = deployment(kind, 2) as [Harness<Data>, Harness<Data>]
      const cookie = await a.given({ n: 0 })
      await Promise.all(
        Array.from({ length: 10 }, async (_, index) => {
          await (index % 2 === 0 ? a : b).visit((s) => s.change(increment), { cookie })
        }),
      )
      expect(await b.data(cookie)).toEqual({ n: 10 })
    })

    it('has the earlier changes of this request, stores them too, and shows the stored data', async () => {
      const [h] = deployment(kind, 1) as [Harness<Data>]
      const cookie = await h.given({ n: 1, list: [1] })
      const session = await h.load(cookie)
      session.get('list')?.push(2)
      session.set('n', 10)
      await h.visit((s) => s.set('other', 'theirs'), { cookie })
      h.store.clearCalls()
      await session.change((data) => {
        expect(data.list).toEqual([1, 2])
        increment(data)
      })
      expect(Object.fromEntries(session)).toEqual({ n: 11, list: [1, 2], other: 'theirs' })
      expect(session.changed).toBe(false)
      expect(await h.data(cookie)).toEqual({ n: 11, list: [1, 2], other: 'theirs' })
    })

    it('changes scopes, removes keys, and leaves the rest of the session alone', async () => {
      const [h] = deployment(kind, 1) as [Harness<Data>]
      const cookie = await h.given({ n: 1, other: 1 }, (s) => s.scope('shop').set('cart', [1]))
      await h.visit(
        (s) =>
          s.change((data, scope) => {
            delete data.other
            ;(scope('shop')['cart'] as number[]).push(2)
            scope('wiki')['page'] = 'home'
          }),
        { cookie },
      )
      const session = await h.load(cookie)
      expect(Object.fromEntries(session)).toEqual({ n: 1 })
      expect(session.scope('shop').get('cart')).toEqual([1, 2])
      expect(session.scopes()).toEqual(['shop', 'wiki'])
    })

    it('counts every lost answer at most once, and every call that resolved exactly once', async () => {
      const processes = deployment(kind, 4)
      const [first] = processes as [Harness<Data>]
      const cookie = await first.given({ n: 0 })
      const rounds = kind.name === 'memory' ? 40 : 15
      const counts = await Promise.all(
        processes.map(async (h, at) => {
          let resolved = 0
          for (let n = 0; n < rounds; n++) {
            if (n % 5 === at) h.store.failAt(1, 'before', { method: 'write' })
            if (n % 5 === at + 1) h.store.failAt(1, 'after', { method: 'write' })
            await h
              .load(cookie)
              .then((s) => s.change(increment))
              .then(
                () => {
                  resolved += 1
                },
                (error) => {
                  // Nothing was stored, or that is unknown: then there would be nothing to compare.
                  expect(error).toBeInstanceOf(SessionContentionError)
                },
              )
          }
          return resolved
        }),
      )
      const resolved = counts.reduce((sum, count) => sum + count)
      expect(await first.data(cookie)).toEqual({ n: resolved })
      expect(resolved).toBeGreaterThan(rounds)
    })
  })
})

describe('change()', () => {
  it('costs one write and no read, and only a read where it changes nothing', async () => {
    const h = new Harness<Data>()
    const cookie = await h.given({ n: 1 })
    await h.visit((s) => s.change(increment), { cookie })
    expect([h.store.finds, h.store.writes]).toEqual([1, 1])
    h.store.clearCalls()
    await h.visit((s) => s.change(() => {}), { cookie })
    expect([h.store.finds, h.store.writes]).toEqual([2, 0])
  })

  it('decides by the stored data that nothing has to change', async () => {
    const h = new Harness<Data>()
    const cookie = await h.given({ n: 10 })
    const session = await h.load(cookie)
    await h.visit((s) => s.set('n', 1), { cookie })
    await session.change((data) => {
      if ((data.n ?? 0) < 10) increment(data)
    })
    expect(await h.data(cookie)).toEqual({ n: 2 })
  })

  it('stores a session for a visitor who has none, and none where nothing was changed', async () => {
    const h = new Harness<Data>()
    const { cookie } = await h.visit(async (s) => {
      s.set('other', 1)
      await s.change(increment)
      expect([s.get('n'), s.key === null]).toEqual([1, false])
    })
    expect(await h.data(cookie)).toEqual({ other: 1, n: 1 })
    h.store.clearCalls()
    const { setCookie } = await h.visit((s) => s.change(() => {}))
    expect([setCookie, h.store.calls]).toEqual([[], []])
  })

  it('gives a new session to a visitor whose own is unknown', async () => {
    const h = new Harness<Data>()
    const { cookie } = await h.visit((s) => s.change(increment), {
      cookie: `__Host-viur-session=${'A'.repeat(43)}`,
    })
    expect(await h.data(cookie)).toEqual({ n: 1 })
  })

  it('may overwrite what this request set on a session that is new', async () => {
    const h = new Harness<Data>()
    const { cookie, session } = await h.visit(async (s) => {
      s.set('n', 5)
      await s.change(increment)
      expect([s.get('n'), s.changed]).toEqual([6, false])
    })
    expect([await h.data(cookie), session.get('n')]).toEqual([{ n: 6 }, 6])
  })

  it('works on the session after a pending login, and after a logout', async () => {
    const h = new Harness<Data>({ persistentFieldsOnLogin: ['n'] })
    const given = await h.given({ n: 1, other: 1 })
    const { cookie } = await h.visit(
      async (s) => {
        await s.login('alice')
        await s.change(increment)
      },
      { cookie: given },
    )
    const session = await h.load(cookie)
    expect([session.user, session.get('n'), session.has('other')]).toEqual(['alice', 2, false])
    await session.logout()
    await session.change(increment)
    expect([session.user, session.get('n')]).toEqual(['__guest__', 1])
  })

  it('keeps values that were set while it was under way for the next save', async () => {
    const h = new Harness<Data>()
    const cookie = await h.given({ n: 1 })
    await h.visit(
      async (s) => {
        const gate = h.store.hold({ method: 'write' })
        const changing = s.change(increment)
        await gate.reached
        s.set('other', 'late')
        gate.release()
        await changing
        expect(s.changed).toBe(true)
      },
      { cookie },
    )
    expect(await h.data(cookie)).toEqual({ n: 2, other: 'late' })
  })

  it('stays where the response is a server error, like data that save() has stored', async () => {
    const h = new Harness<Data>()
    const cookie = await h.given({ n: 1 })
    await h.visit(
      async (s) => {
        await s.change(increment)
        s.set('other', 1)
      },
      { cookie, status: 500 },
    )
    expect(await h.data(cookie)).toEqual({ n: 2 })
  })

  it('stores the use of the session, and the value of setExpiry()', async () => {
    const h = new Harness<Data>()
    const cookie = await h.given({ n: 1 })
    h.clock.advance('10m')
    const { setCookie } = await h.visit(
      async (s) => {
        s.setExpiry('20m')
        await s.change(increment)
      },
      { cookie },
    )
    expect(h.store.writes).toBe(1)
    const stored = await h.stored(cookie)
    expect(stored).toMatchObject({
      lastSeen: h.clock.now(),
      expiry: { kind: 'idle', duration: 20 * MINUTE },
    })
    expect(setCookie).toHaveLength(1)
  })

  it('stores the use by its own write, and needs no other', async () => {
    const h = new Harness<Data>()
    const cookie = await h.given({ n: 1 })
    h.clock.advance('10m')
    const { setCookie } = await h.visit((s) => s.change(increment), { cookie })
    expect(h.store.writes).toBe(1)
    expect(await h.stored(cookie)).toMatchObject({ lastSeen: h.clock.now() })
    expect(setCookie).toHaveLength(1)
  })

  it('writes a session that was marked as changed once, although nothing differs', async () => {
    const h = new Harness<Data>()
    const cookie = await h.given({ n: 1 })
    await h.visit(
      async (s) => {
        s.markChanged()
        await s.change(() => {})
        expect([h.store.writes, s.changed]).toEqual([1, false])
      },
      { cookie },
    )
    expect(h.store.writes).toBe(1)
  })

  it('never brings back a session that has expired since it was loaded', async () => {
    const h = new Harness<Data>()
    const cookie = await h.given({ n: 1 })
    const session = await h.load(cookie)
    h.clock.advance('63m')
    await expect(session.change(increment)).rejects.toBeInstanceOf(SessionGoneError)
    expect(h.store.writes).toBe(0)
  })

  it('drops all where the function throws, and throws its error', async () => {
    const h = new Harness<Data>()
    const cookie = await h.given({ n: 1 })
    const session = await h.load(cookie)
    const error = new Error('mine')
    const failing = session.change((data) => {
      data.n = 9
      throw error
    })
    await expect(failing).rejects.toBe(error)
    expect([session.get('n'), h.store.writes]).toEqual([1, 0])
    await expect(
      (await h.load()).change(() => {
        throw error
      }),
    ).rejects.toBe(error)
  })

  it('refuses an async function, a value that is no function, and an invalid value', async () => {
    const h = new Harness<Data>()
    const cookie = await h.given({ n: 1 })
    for (const session of [await h.load(cookie), await h.load()]) {
      await expect(session.change(async () => {})).rejects.toBeInstanceOf(SessionValueError)
      expect(() => session.change(5 as never)).toThrow(SessionValueError)
      const bad = session.change((data) => {
        data.other = () => {}
      })
      await expect(bad).rejects.toThrow(/other/)
      const large = session.change((data) => {
        data.other = 'x'.repeat(950_000)
      })
      await expect(large).rejects.toBeInstanceOf(SessionTooLargeError)
    }
    expect(await h.data(cookie)).toEqual({ n: 1 })
    expect((await h.store.page({ by: 'all' }, { limit: 9 })).entries).toHaveLength(1)
  })

  it('throws for a session that has ended, and stores nothing', async () => {
    const a = new Harness<Data>()
    const b = new Harness<Data>({ store: failingStore(a.store) }, a.clock)
    const cookie = await a.given({ n: 1 })
    const session = await b.load(cookie)
    const gate = b.store.hold({ method: 'write' })
    const changing = session.change(increment)
    await gate.reached
    await a.visit((s) => s.logout(), { cookie })
    gate.release()
    await expect(changing).rejects.toBeInstanceOf(SessionGoneError)
    await expect(session.change(increment)).rejects.toBeInstanceOf(SessionGoneError)
    expect(await a.stored(cookie)).toBeNull()
  })

  it('gives up when others keep changing the session, with nothing stored', async () => {
    const h = new Harness<Data>()
    const cookie = await h.given({ n: 1 })
    const session = await h.load(cookie)
    const stop = h.store.conflictAlways()
    await expect(session.change(increment)).rejects.toBeInstanceOf(SessionContentionError)
    stop()
    expect(await h.data(cookie)).toEqual({ n: 1 })
    await session.change(increment)
    expect(await h.data(cookie)).toEqual({ n: 2 })
  })

  it('is refused after the response has started, and waits for a response that begins before', async () => {
    const h = new Harness<Data>()
    const cookie = await h.given({ n: 1 })
    const { session } = await h.visit(
      (s) => {
        void s.change(increment)
      },
      { cookie },
    )
    expect(await h.data(cookie)).toEqual({ n: 2 })
    await expect(session.change(increment)).rejects.toBeInstanceOf(SessionLateChangeError)
  })

  it('is the error of a request that did not wait for it', async () => {
    const h = new Harness<Data>()
    const cookie = await h.given({ n: 1 })
    const stop = h.store.conflictAlways()
    const visit = h.visit((s) => void s.change(increment), { cookie })
    await expect(visit).rejects.toBeInstanceOf(SessionContentionError)
    stop()
  })

  it('stores nothing on a request that is not secure, but shows the change', async () => {
    const h = new Harness<Data>()
    const { session, setCookie } = await h.visit((s) => s.change(increment), { secure: false })
    expect([session.get('n'), setCookie, h.store.writes]).toEqual([1, [], 0])
    expect(h.warnings).toHaveLength(1)
  })

  it('stores where there is no response, and starts no session there', async () => {
    const h = new Harness<Data>()
    const cookie = await h.given({ n: 1 })
    const session = await h.load(cookie)
    doorOf(session)?.detach()
    await session.change(increment)
    await h.visit((s) => s.change(increment), { cookie })
    await session.change(increment)
    expect(await h.data(cookie)).toEqual({ n: 4 })
    const fresh = await h.load()
    doorOf(fresh)?.detach()
    await expect(fresh.change(increment)).rejects.toThrow(SessionError)
  })

  describe('whose answer was lost', () => {
    /** Another process writes this often before the lost write is looked for. */
    async function afterLoss(
      others: number,
      applied: boolean,
    ): Promise<{ outcome: unknown; runs: number; n: unknown }> {
      const a = new Harness<Data>()
      const b = new Harness<Data>({ store: failingStore(a.store) }, a.clock)
      const cookie = await a.given({ n: 0 })
      const session = await b.load(cookie)
      let runs = 0
      const error = new SessionStoreError('lost', { effect: 'unknown', retryable: true })
      b.store.failNext(applied ? 'after' : 'before', { method: 'write', error })
      const look = b.store.hold({ method: 'find' })
      const changing = session
        .change((data) => {
          runs += 1
          increment(data)
        })
        .then(
          () => 'stored',
          (caught: unknown) => caught,
        )
      await look.reached
      for (let n = 0; n < others; n++) await a.visit((s) => s.set('other', n), { cookie })
      look.release()
      const outcome = await changing
      return { outcome, runs, n: (await a.data(cookie))['n'] }
    }

    it.each([0, 1, 7])(
      'is found among the last eight, after %i writes of others',
      async (others) => {
        expect(await afterLoss(others, true)).toEqual({ outcome: 'stored', runs: 1, n: 1 })
      },
    )

    it.each([0, 1, 7])(
      'runs again where it was not applied, after %i writes of others',
      async (others) => {
        expect(await afterLoss(others, false)).toEqual({ outcome: 'stored', runs: 2, n: 1 })
      },
    )

    it.each([true, false])(
      'is an error and does not run again where all eight are newer, stored: %s',
      async (applied) => {
        const { outcome, runs, n } = await afterLoss(8, applied)
        expect(outcome).toMatchObject({
          code: 'ERR_SESSION_STORE',
          effect: 'unknown',
          retryable: false,
        })
        expect([runs, n]).toEqual([1, applied ? 1 : 0])
      },
    )
  })
})

describe('a value that the schema of the app has filled in', () => {
  const validate = {
    '~standard': {
      version: 1 as const,
      vendor: 'test',
      validate: (value: unknown) => ({ value: { n: 0, ...(value as object) } }),
    },
  }

  it('gives way to a value that another request has stored meanwhile, in change() and at the end of the request', async () => {
    const h = new Harness<Data>({ validate })
    const cookie = await h.given({ other: 1 })
    const [one, two, three] = await Promise.all([h.load(cookie), h.load(cookie), h.load(cookie)])
    await one.change(increment)
    await two.change(increment)
    three.set('other', 2)
    await h.commit(three, cookie)
    expect([one.get('n'), two.get('n'), three.get('n')]).toEqual([1, 2, 2])
    expect(await h.data(cookie)).toEqual({ other: 2, n: 2 })
  })

  it('is stored where no other request has stored one, and so is a change of it by the request', async () => {
    const h = new Harness<Data>({ validate })
    const [kept, changed] = [await h.given({ other: 1 }), await h.given({ other: 1 })]
    await h.visit(() => {}, { cookie: kept })
    await h.visit((session) => session.set('n', 5), { cookie: changed })
    expect((await h.stored(kept))?.data).toContain('"n"\t[0]')
    expect((await h.stored(changed))?.data).toContain('"n"\t[5]')
  })

  it.each(['login', 'cycleKey'] as const)('gives way to it in %s() too', async (method) => {
    const h = new Harness<Data>({ validate, persistentFieldsOnLogin: ['n'] })
    const cookie = await h.given({ other: 1 })
    const session = await h.load(cookie)
    await h.visit((other) => other.set('n', 5), { cookie })
    await session[method]('alice')
    const after = await h.commit(session, cookie)
    expect(session.get('n')).toBe(5)
    expect(await h.data(after.cookie)).toMatchObject({ n: 5 })
  })
})
