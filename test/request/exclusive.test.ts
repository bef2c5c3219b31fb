import { describe, expect, it, vi } from 'vitest'
import {
  SessionConfigError,
  SessionContentionError,
  SessionError,
  SessionGoneError,
  type SessionStore,
  SessionValueError,
} from '../../src/index.ts'
import { failingStore, type FakeClock, fakeClock } from '../../src/testing/index.ts'
import { gate } from '../setup/gate.ts'
import { STORE_KINDS, type StoreKind, uniqueSpace } from '../setup/stores.ts'
import { Harness } from './harness.ts'

type Data = { n?: number; other?: unknown }
type Process = Harness<Data>

interface Deployment {
  readonly clock: FakeClock
  readonly plain: SessionStore
  process(): Process
  leases(): Promise<number>
}

/** Waits as requested, but never for long: the holder of the session continues meanwhile. */
const sleep = (duration: number): Promise<void> =>
  new Promise((resolve) => setTimeout(resolve, Math.min(duration, 5)))

/** Calls back when the signal fires. On a busy machine it may have fired before the function runs. */
function onAbort(signal: AbortSignal, then: () => void): void {
  if (signal.aborted) then()
  else signal.addEventListener('abort', then)
}

/** One set of sessions, and several processes on it. */
function deployment(kind: StoreKind): Deployment {
  const space = uniqueSpace()
  const clock = fakeClock()
  const plain = kind.make({ space, now: clock.now })
  return {
    clock,
    plain,
    process: () => {
      const own = kind.name === 'memory' ? plain : kind.make({ space })
      return new Harness<Data>({ store: failingStore(own), sleep }, clock)
    },
    leases: async () => (await plain.notes.list('lease:', 10)).length,
  }
}

const memory = (): Deployment => deployment(STORE_KINDS[0] as StoreKind)

describe.each(STORE_KINDS)('exclusive() on $name', (kind) => {
  describe.skipIf(kind.missing !== null)('of a stored session', () => {
    it('runs one after the other, over processes, each on the data that the previous one left', async () => {
      const d = deployment(kind)
      const processes = [d.process(), d.process(), d.process()]
      const [first] = processes as [Process]
      const cookie = await first.given({ n: 0 })
      let inside = 0
      await Promise.all(
        processes.flatMap((h) =>
          Array.from({ length: 3 }, async () => {
            const session = await h.load(cookie)
            await session.exclusive(async () => {
              inside += 1
              expect(inside).toBe(1)
              const n = session.get('n') ?? 0
              await new Promise((resolve) => setImmediate(resolve))
              session.set('n', n + 1)
              inside -= 1
            })
          }),
        ),
      )
      expect(await first.data(cookie)).toEqual({ n: 9 })
      expect(await d.leases()).toBe(0)
    })

    it('counts every call that resolved, with answers lost before and after their effect', async () => {
      const d = deployment(kind)
      const processes = [d.process(), d.process(), d.process()]
      const cookie = await (processes[0] as Process).given({ n: 0 })
      const rounds = kind.name === 'memory' ? 30 : 6
      const counts = await Promise.all(
        processes.map(async (h, at) => {
          let resolved = 0
          for (let n = 0; n < rounds; n++) {
            if (n % 3 === at) h.store.failAt(1, 'before', { method: 'writeTogether' })
            if (n % 3 === (at + 1) % 3) h.store.failAt(1, 'after', { method: 'writeTogether' })
            if (n % 3 === (at + 2) % 3) h.store.failAt(1, 'after', { method: 'note' })
            const session = await h.load(cookie)
            await session
              .exclusive(() => void session.set('n', (session.get('n') ?? 0) + 1), { wait: '1m' })
              .then(() => {
                resolved += 1
              })
          }
          return resolved
        }),
      )
      const resolved = counts.reduce((sum, count) => sum + count)
      expect(await (processes[0] as Process).data(cookie)).toEqual({ n: resolved })
      expect(resolved).toBe(3 * rounds)
    })

    it('does not save over its successor when its lease has run out', async () => {
      const d = deployment(kind)
      const [a, b] = [d.process(), d.process()]
      const cookie = await a.given({ n: 1 })
      const slow = await a.load(cookie)
      const inside = gate()
      const late = slow.exclusive(async () => {
        inside.reach()
        await inside.opened
        slow.set('n', 100)
      })
      await inside.reached
      d.clock.advance('31s')
      const quick = await b.load(cookie)
      await quick.exclusive(() => void quick.set('n', 2))
      inside.open()
      await expect(late).rejects.toBeInstanceOf(SessionContentionError)
      expect(slow.changed).toBe(false)
      await a.commit(slow, cookie)
      expect(await b.data(cookie)).toEqual({ n: 2 })
    })

    it('does not save while its successor is still at work', async () => {
      const d = deployment(kind)
      const [a, b] = [d.process(), d.process()]
      const cookie = await a.given({ n: 1 })
      const slow = await a.load(cookie)
      const inside = gate()
      const late = slow.exclusive(async () => {
        inside.reach()
        await inside.opened
        slow.set('other', 'late')
        await slow.save()
      })
      await inside.reached
      d.clock.advance('31s')
      const next = await b.load(cookie)
      await next.exclusive(async () => {
        inside.open()
        await expect(late).rejects.toBeInstanceOf(SessionContentionError)
        next.set('n', (next.get('n') ?? 0) + 1)
      })
      expect(await b.data(cookie)).toEqual({ n: 2 })
      expect(await d.leases()).toBe(0)
    })

    it('continues after its lease has run out where no other call took over', async () => {
      const d = deployment(kind)
      const h = d.process()
      const cookie = await h.given({ n: 1 })
      const session = await h.load(cookie)
      await session.exclusive(() => {
        d.clock.advance('5m')
        session.set('n', 2)
      })
      expect(await h.data(cookie)).toEqual({ n: 2 })
    })

    it('merges with requests that save without it', async () => {
      const d = deployment(kind)
      const [a, b] = [d.process(), d.process()]
      const cookie = await a.given({ n: 1 })
      const session = await a.load(cookie)
      await session.exclusive(async () => {
        session.set('n', 2)
        await b.visit((s) => s.set('other', 'theirs'), { cookie })
      })
      expect(await a.data(cookie)).toEqual({ n: 2, other: 'theirs' })
    })
  })
})

describe('exclusive()', () => {
  it('returns the result of the function, and costs a lease, a read and one commit', async () => {
    const h = memory().process()
    const cookie = await h.given({ n: 1 })
    await h.visit(
      async (s) => {
        h.store.clearCalls()
        expect(await s.exclusive(() => Boolean(s.set('n', 2)))).toBe(true)
        expect(h.store.calls.map(({ method }) => method)).toEqual(['note', 'find', 'writeTogether'])
        h.store.clearCalls()
        expect(await s.exclusive(async () => s.get('n'))).toBe(2)
        expect(h.store.calls.map(({ method }) => method)).toEqual(['note', 'find', 'note'])
        h.store.clearCalls()
      },
      { cookie },
    )
    expect(h.store.calls).toEqual([])
  })

  it('saves earlier changes, and lets the next call see them', async () => {
    const d = memory()
    const [a, b] = [d.process(), d.process()]
    const cookie = await a.given({ n: 1 })
    const session = await a.load(cookie)
    session.set('other', 'before')
    await session.exclusive(async () => {
      expect(await b.data(cookie)).toEqual({ n: 1, other: 'before' })
    })
  })

  it('saves as often as requested inside, each under the lease, and releases it by the last', async () => {
    const d = memory()
    const h = d.process()
    const cookie = await h.given({ n: 1 })
    const session = await h.load(cookie)
    await session.exclusive(async () => {
      for (let n = 2; n < 5; n++) {
        session.set('n', n)
        await session.save()
        expect(await d.leases()).toBe(1)
      }
      await session.change((data) => {
        data.n = (data.n ?? 0) + 10
      })
      expect(await d.leases()).toBe(1)
      session.set('other', 1)
    })
    expect([await h.data(cookie), await d.leases()]).toEqual([{ n: 14, other: 1 }, 0])
  })

  it('drops the unsaved changes of a function that throws, throws its error, and lets the next call run', async () => {
    const d = memory()
    const h = d.process()
    const cookie = await h.given({ n: 1 })
    const error = new Error('mine')
    const { session } = await h.visit(
      async (s) => {
        const failing = s.exclusive(async () => {
          s.set('other', 'saved')
          await s.save()
          s.set('n', 2)
          throw error
        })
        await expect(failing).rejects.toBe(error)
        await s.exclusive(() => {})
      },
      { cookie },
    )
    expect([await h.data(cookie), session.get('n')]).toEqual([{ n: 1, other: 'saved' }, 1])
    expect(await d.leases()).toBe(0)
  })

  it('throws for a call that waits in vain, and stores nothing of it', async () => {
    const d = memory()
    const [a, b] = [d.process(), d.process()]
    const cookie = await a.given({ n: 1 })
    const [holder, other] = [await a.load(cookie), await b.load(cookie)]
    await holder.exclusive(async () => {
      for (const wait of [0, 20, '100ms']) {
        const waiting = other.exclusive(() => void other.set('n', 9), { wait })
        const clock = setInterval(() => d.clock.advance(50), 1)
        await expect(waiting).rejects.toMatchObject({ code: 'ERR_SESSION_CONTENTION', status: 503 })
        clearInterval(clock)
      }
    })
    expect(await b.data(cookie)).toEqual({ n: 1 })
  })

  it('waits ten seconds by default, and checks every 50 to 500 milliseconds', async () => {
    const d = memory()
    const pauses: number[] = []
    const other = new Harness<Data>(
      {
        store: failingStore(d.plain),
        sleep: async (duration) => {
          pauses.push(duration)
          d.clock.advance(duration)
        },
      },
      d.clock,
    )
    const h = d.process()
    const cookie = await h.given({ n: 1 })
    const [holder, waiting] = [await h.load(cookie), await other.load(cookie)]
    await holder.exclusive(async () => {
      await expect(waiting.exclusive(() => {})).rejects.toThrow(/waited 10000 ms/)
    })
    expect(pauses.reduce((sum, pause) => sum + pause)).toBe(10_000)
    // The last wait is the remaining time.
    expect(Math.min(...pauses.slice(0, -1))).toBeGreaterThanOrEqual(50)
    expect(Math.max(...pauses)).toBeLessThanOrEqual(500)
    expect(pauses[0]).toBeLessThanOrEqual(100)
  })

  it('does not run for a session that has expired since it was loaded', async () => {
    const d = memory()
    const h = d.process()
    const cookie = await h.given({ n: 1 })
    const session = await h.load(cookie)
    d.clock.advance('61m')
    const run = vi.fn<() => void>()
    await expect(session.exclusive(run)).rejects.toBeInstanceOf(SessionGoneError)
    expect([run.mock.calls, await d.leases()]).toEqual([[], 0])
  })

  it('does not make the save of another request fail when a lease was lost', async () => {
    const d = memory()
    const [a, b] = [d.process(), d.process()]
    const cookie = await a.given({ n: 1 })
    const [slow, first, plain] = [await a.load(cookie), await a.load(cookie), await a.load(cookie)]
    const late = slow.exclusive(async () => {
      d.clock.advance('31s')
      await b.visit((s) => s.exclusive(() => void s.set('n', 2)), { cookie })
      // All later writes wait behind this one, in one process.
      const hold = a.store.hold({ method: 'write' })
      first.set('other', 1)
      const begun = first.save()
      await hold.reached
      slow.set('n', 100)
      plain.set('other', 2)
      const saves = [slow.save(), plain.save()]
      await new Promise((resolve) => setImmediate(resolve))
      hold.release()
      await begun
      const [lost, stored] = await Promise.allSettled(saves)
      expect(lost).toMatchObject({ status: 'rejected', reason: { code: 'ERR_SESSION_CONTENTION' } })
      expect(stored).toMatchObject({ status: 'fulfilled' })
      throw new Error('done')
    })
    await expect(late).rejects.toThrow('done')
    expect(await b.data(cookie)).toEqual({ n: 2, other: 2 })
  })

  it('drops the changes of a function that throws for a visitor without a session', async () => {
    const h = memory().process()
    const { setCookie } = await h.visit(async (s) => {
      const failing = s.exclusive(() => {
        s.set('n', 1)
        throw new Error('mine')
      })
      await expect(failing).rejects.toThrow('mine')
      expect(s.changed).toBe(false)
    })
    expect([setCookie, h.store.writes]).toEqual([[], 0])
  })

  it('runs the calls of one process without delay, in their order', async () => {
    const d = memory()
    const h = d.process()
    const cookie = await h.given({ n: 0 })
    const order: number[] = []
    await Promise.all(
      Array.from({ length: 20 }, async (_, at) => {
        const session = await h.load(cookie)
        await session.exclusive(() => void order.push(at))
      }),
    )
    expect(order).toEqual(Array.from({ length: 20 }, (_, at) => at))
    // None had to poll: each took the lease by one call and released it by another.
    expect(h.store.calls.filter(({ method }) => method === 'note')).toHaveLength(40)
  })

  it('runs the calls of one session object one after the other', async () => {
    const h = memory().process()
    const session = await h.load(await h.given({ n: 0 }))
    const call = (): Promise<void> =>
      session.exclusive(async () => {
        const n = session.get('n') ?? 0
        await new Promise((resolve) => setImmediate(resolve))
        session.set('n', n + 1)
      })
    await Promise.all([call(), call(), call()])
    expect(session.get('n')).toBe(3)
  })

  it('runs the calls of a visitor without a session one after the other, and throws for one that waits in vain', async () => {
    const h = memory().process()
    const session = await h.load()
    const inside = gate()
    const one = session.exclusive(async () => {
      const n = session.get('n') ?? 0
      inside.reach()
      await inside.opened
      session.set('n', n + 1)
    })
    await inside.reached
    const late = session.exclusive(() => {}, { wait: 0 })
    await expect(late).rejects.toBeInstanceOf(SessionContentionError)
    const two = session.exclusive(() => session.set('n', (session.get('n') ?? 0) + 1))
    inside.open()
    await Promise.all([one, two])
    expect((await h.commit(session)).setCookie).toHaveLength(1)
    expect(session.get('n')).toBe(2)
  })

  it('refuses to wait for itself', async () => {
    const h = memory().process()
    const cookie = await h.given({ n: 1 })
    const session = await h.load(cookie)
    await session.exclusive(async () => {
      await expect(session.exclusive(() => {})).rejects.toThrow(/within exclusive\(\)/)
      const again = await h.load(cookie)
      const waiting = again.exclusive(() => {}, { wait: 0 })
      await expect(waiting).rejects.toBeInstanceOf(SessionContentionError)
      const other = await h.load(await h.given({ n: 1 }))
      expect(await other.exclusive(() => 'other')).toBe('other')
    })
    await expect(session.exclusive(() => 'again')).resolves.toBe('again')
  })

  it('runs without a lease for a visitor without a session, and stores the changes', async () => {
    const d = memory()
    const h = d.process()
    const { cookie } = await h.visit((s) => s.exclusive(() => void s.set('n', 1)))
    expect([await h.data(cookie), await d.leases()]).toEqual([{ n: 1 }, 0])
    h.store.clearCalls()
    expect((await h.visit((s) => s.exclusive(() => {}))).setCookie).toEqual([])
    expect(h.store.calls).toEqual([])
  })

  it('aborts its signal when the lease runs out, and not earlier', async () => {
    const h = memory().process()
    const session = await h.load(await h.given({ n: 1 }))
    let kept: AbortSignal | null = null
    await session.exclusive(async (signal) => {
      kept = signal
      expect(signal.aborted).toBe(false)
    })
    await session.exclusive(
      (signal) =>
        new Promise<void>((resolve) => {
          onAbort(signal, () => {
            expect(signal.reason).toBeInstanceOf(SessionError)
            resolve()
          })
        }),
      { lease: 20 },
    )
    expect((kept as unknown as AbortSignal).aborted).toBe(false)
  })

  it('lets the next call of the process run when a function never ends', async () => {
    const d = memory()
    const h = d.process()
    const cookie = await h.given({ n: 1 })
    const [hung, next] = [await h.load(cookie), await h.load(cookie)]
    const inside = gate()
    const late = hung.exclusive(
      async (signal) => {
        onAbort(signal, () => d.clock.advance('1s'))
        await inside.opened
        hung.set('n', 9)
      },
      { lease: 30 },
    )
    await next.exclusive(() => void next.set('n', 2))
    inside.open()
    await expect(late).rejects.toBeInstanceOf(SessionContentionError)
    expect(await h.data(cookie)).toEqual({ n: 2 })
  })

  it('does not save by the lease of a later call of the same session object, nor release it', async () => {
    const d = memory()
    const h = d.process()
    const cookie = await h.given({ n: 1 })
    const session = await h.load(cookie)
    const [begun, inside] = [gate(), gate()]
    const hung = session.exclusive(
      async (signal) => {
        onAbort(signal, () => d.clock.advance('1s'))
        begun.reach()
        await inside.opened
        session.set('other', 'late')
      },
      { lease: 30 },
    )
    await begun.reached
    await session.exclusive(async () => {
      session.set('n', 2)
      inside.open()
      await expect(hung).rejects.toBeInstanceOf(SessionContentionError)
      expect([await h.data(cookie), await d.leases()]).toEqual([{ n: 1 }, 1])
      await session.save()
      expect(await d.leases()).toBe(1)
      d.clock.advance('31s')
      await d.process().visit((s) => s.exclusive(() => void s.set('n', 3)), { cookie })
      session.set('n', 9)
      await expect(session.save()).rejects.toBeInstanceOf(SessionContentionError)
      session.revert()
    })
    expect(await h.data(cookie)).toEqual({ n: 3, other: 'late' })
  })

  it('drops the changes of a call whose session object continued with a later call', async () => {
    const d = memory()
    const h = d.process()
    const cookie = await h.given({ n: 1 })
    const session = await h.load(cookie)
    const inside = gate()
    const hung = session.exclusive(
      async (signal) => {
        onAbort(signal, () => d.clock.advance('1s'))
        await inside.opened
        session.set('other', 'late')
      },
      { lease: 30 },
    )
    await session.exclusive(() => void session.set('n', 2))
    inside.open()
    await expect(hung).rejects.toBeInstanceOf(SessionContentionError)
    expect(session.changed).toBe(false)
    await h.commit(session, cookie)
    expect(await h.data(cookie)).toEqual({ n: 2 })
  })

  it('is no longer exclusive, and throws, also where nothing is left to save', async () => {
    const d = memory()
    const [a, b] = [d.process(), d.process()]
    const cookie = await a.given({ n: 1 })
    const [slow, quick] = [await a.load(cookie), await b.load(cookie)]
    const late = slow.exclusive(async () => {
      d.clock.advance('1m')
      await quick.exclusive(() => void quick.set('n', 2))
      return slow.get('n')
    })
    await expect(late).rejects.toBeInstanceOf(SessionContentionError)
  })

  it('includes a login, a logout and a new key, and ends the session for waiting calls', async () => {
    for (const method of ['login', 'logout', 'cycleKey', 'reset'] as const) {
      const d = memory()
      const [a, b] = [d.process(), d.process()]
      const given = await a.given({ n: 1 })
      const waiting = await b.load(given)
      let waited: Promise<void> = Promise.resolve()
      const { cookie } = await a.visit(
        (s) =>
          s.exclusive(async () => {
            waited = waiting.exclusive(() => void waiting.set('n', 9))
            waited.catch(() => {})
            await (method === 'login' ? s.login('alice') : s[method]())
          }),
        { cookie: given },
      )
      await expect(waited).rejects.toBeInstanceOf(SessionGoneError)
      const session = await a.load(cookie)
      expect(session.user).toBe(method === 'login' ? 'alice' : '__guest__')
      expect(await a.stored(given)).toBeNull()
      expect(await d.leases()).toBe(0)
    }
  })

  it('keeps the lease over a login that was saved inside', async () => {
    const d = memory()
    const h = d.process()
    const given = await h.given({ n: 1 })
    const { cookie } = await h.visit(
      (s) =>
        s.exclusive(async () => {
          await s.login('alice')
          await s.save()
          expect(await d.leases()).toBe(1)
          s.set('n', 5)
        }),
      { cookie: given },
    )
    expect([await h.data(cookie), await d.leases()]).toEqual([{ n: 5 }, 0])
  })

  it('throws for a session that ended while it waited, or while it ran', async () => {
    const d = memory()
    const [a, b] = [d.process(), d.process()]
    const cookie = await a.given({ n: 1 })
    const session = await a.load(cookie)
    const working = session.exclusive(async () => {
      await b.visit((s) => s.logout(), { cookie })
      session.set('n', 2)
    })
    await expect(working).rejects.toBeInstanceOf(SessionGoneError)
    await expect(session.exclusive(() => {})).rejects.toBeInstanceOf(SessionGoneError)
    expect([await a.stored(cookie), await d.leases()]).toEqual([null, 0])
  })

  it('takes over the lease of a crashed process, once it has run out, and a sweep removes the rest', async () => {
    const d = memory()
    const [a, b] = [d.process(), d.process()]
    const cookie = await a.given({ n: 1 })
    const dead = await a.load(cookie)
    // As by kill -9: the process never comes back.
    void dead.exclusive(() => new Promise(() => {}))
    while ((await d.leases()) === 0) await new Promise((resolve) => setImmediate(resolve))
    await b.sessions.startClearSessions()
    expect(await d.leases()).toBe(1)
    d.clock.advance('31s')
    const next = await b.load(cookie)
    void next.exclusive(() => new Promise(() => {}))
    while ((await next.exclusive(() => {}, { wait: 0 }).catch(() => 'taken')) !== 'taken');
    d.clock.advance('34s')
    await b.sessions.startClearSessions()
    expect(await d.leases()).toBe(1)
    d.clock.advance('6m')
    await b.sessions.startClearSessions()
    expect(await d.leases()).toBe(0)
  })

  it('waits for operations that were begun inside and not awaited', async () => {
    const d = memory()
    const h = d.process()
    const cookie = await h.given({ n: 1 })
    const session = await h.load(cookie)
    await session.exclusive(() => {
      session.set('n', 2)
      void session.save()
      void session.change((data) => {
        data.n = 3
      })
    })
    expect([await h.data(cookie), await d.leases()]).toEqual([{ n: 3 }, 0])
  })

  it('fails where the store fails, and keeps no change', async () => {
    const d = memory()
    const h = d.process()
    const cookie = await h.given({ n: 1 })
    const session = await h.load(cookie)
    const stop = h.store.failAlways('before', { method: 'writeTogether' })
    const failing = session.exclusive(() => void session.set('n', 2))
    await expect(failing).rejects.toMatchObject({ code: 'ERR_SESSION_STORE' })
    stop()
    expect([session.changed, session.get('n'), await d.leases()]).toEqual([false, 1, 0])
    const down = h.store.failAlways('before', { method: 'note' })
    await expect(session.exclusive(() => {})).rejects.toMatchObject({ code: 'ERR_SESSION_STORE' })
    down()
    expect(await session.exclusive(() => 'up')).toBe('up')
  })

  it('refuses arguments that cannot work', async () => {
    const d = memory()
    const h = d.process()
    const session = await h.load(await h.given({ n: 1 }))
    expect(() => session.exclusive(5 as never)).toThrow(SessionValueError)
    for (const options of [
      { wait: 'soon' },
      { wait: '2h' },
      { lease: 0 },
      { lease: '61m' },
      { leese: 5 },
      null,
    ]) {
      await expect(session.exclusive(() => {}, options as never)).rejects.toBeInstanceOf(
        SessionConfigError,
      )
    }
    const { writeWithNote: _, ...without } = Object.assign(Object.create(null), {
      ...bound(d.plain),
    })
    const other = new Harness<Data>({ store: failingStore(without as SessionStore) }, d.clock)
    const cookie = await other.given({ n: 1 })
    const refused = (await other.load(cookie)).exclusive(() => {})
    await expect(refused).rejects.toThrow(/writeWithNote/)
  })
})

/** The store with its methods as properties, so that one can be left out. */
function bound(store: SessionStore): object {
  const { name, shards, notes, keys } = store
  const methods = [
    'find',
    'write',
    'writeTogether',
    'writeEach',
    'page',
    'pageKeys',
    'close',
  ] as const
  const entries = methods.map((method) => [method, (store[method] as () => unknown).bind(store)])
  return { name, shards, notes, keys, ...Object.fromEntries(entries) }
}
