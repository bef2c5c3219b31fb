import { randomBytes } from 'node:crypto'
import { afterEach, describe, expect, it, vi } from 'vitest'
import {
  createSessions,
  type EndListener,
  SessionConfigError,
  type SessionKey,
  SessionStoreError,
  type Sessions,
  type SessionsOptions,
  type WatchOptions,
} from '../../src/index.ts'
import { SessionWatch } from '../../src/sweep/watch.ts'
import { SessionWatches } from '../../src/sweep/watches.ts'
import { type FailingStore, failingStore, fakeClock } from '../../src/testing/index.ts'
import { keyOfCookie } from '../request/harness.ts'
import { gate } from '../setup/gate.ts'
import { MEMORY, STORE_KINDS, type StoreKind } from '../setup/stores.ts'

const EVERY = 10_000

const MINUTE = 60_000

interface World {
  readonly sessions: Sessions
  readonly store: FailingStore
  readonly clock: ReturnType<typeof fakeClock>
  readonly warnings: string[]
  /** The rounds that are planned, with the milliseconds until each. */
  readonly plans: { readonly call: () => void; readonly time: number }[]
  /** The number of rounds that were ever planned. */
  planned(): number
  login(): Promise<{ cookie: string; key: SessionKey }>
  /** `watchSession()` with the timers of the test. */
  watch(key: SessionKey, onEnd: EndListener, options?: WatchOptions): () => void
  /** Lets the time until the next round pass. */
  pass(): void
}

const cleanups: (() => Promise<void>)[] = []

afterEach(async () => {
  for (const cleanup of cleanups.splice(0)) await cleanup()
})

function world(
  kind: StoreKind = MEMORY,
  options: SessionsOptions = {},
  chance?: () => number,
): World {
  const clock = fakeClock()
  const store = failingStore(kind.make({ now: clock.now }))
  const warnings: string[] = []
  const logger = { warn: (message: string) => void warnings.push(message) }
  const sessions = createSessions({
    store,
    now: clock.now,
    sleep: async () => {},
    logger,
    ...options,
  })
  cleanups.push(() => sessions.close())
  const plans: World['plans'] = []
  let planned = 0
  const watches = new SessionWatches({
    outcomeOf: (key) => sessions.outcomeOf(key),
    logger,
    ...(chance && { chance }),
    plan: (call, time) => {
      const plan = { call, time }
      plans.push(plan)
      planned += 1
      return () => void plans.splice(plans.indexOf(plan), 1)
    },
  })
  return {
    sessions,
    store,
    clock,
    warnings,
    plans,
    planned: () => planned,
    login: async () => {
      const session = await sessions.open({ secure: true }).load()
      await session.login('alice')
      const [cookie] = (await sessions.commit(session)).setCookie
      return { cookie: cookie?.split(';')[0] as string, key: keyOfCookie(cookie as string) }
    },
    watch: (key, onEnd, watching = { every: EVERY }) =>
      watches.add(new SessionWatch(key, onEnd, watching)),
    pass: () => {
      for (const { call } of plans.splice(0)) call()
    },
  }
}

/** Waits for other parts of the process, however long they take. */
async function until(condition: () => boolean): Promise<void> {
  const { currentTestName } = expect.getState()
  while (!condition()) {
    await new Promise((resolve) => setImmediate(resolve))
    // A wait that was abandoned must not continue beside the others.
    if (expect.getState().currentTestName !== currentTestName) throw new Error('waited in vain')
  }
}

/** The first watch of an app loads the code of the rounds; then a round is planned. */
async function begun(w: World, before = 0): Promise<void> {
  await until(() => w.planned() > before)
}

/** One round, until the next one is planned. */
async function round(w: World): Promise<void> {
  const before = w.planned()
  w.pass()
  await begun(w, before)
}

describe.each(STORE_KINDS)('a session that is watched, on $name', (kind) => {
  const ENDS: [
    string,
    SessionsOptions,
    (w: World, of: { cookie: string; key: SessionKey }) => unknown,
    string,
  ][] = [
    ['was killed', {}, (w, { key }) => w.sessions.killSession(key), 'unknown'],
    [
      'was killed where ends are events',
      { events: true },
      (w, { key }) => w.sessions.killSession(key),
      'ended',
    ],
    [
      'was killed with all of its user',
      {},
      (w) => w.sessions.killSessionByUser('alice'),
      'unknown',
    ],
    ['has expired', {}, (w) => w.clock.advance(61 * MINUTE), 'expired'],
    ...(['logout', 'reset', 'cycleKey'] as const).map((how): (typeof ENDS)[number] => [
      `met ${how}()`,
      {},
      async ({ sessions }, { cookie }) => {
        const session = await sessions.open({ secure: true, cookie }).load()
        await session[how]()
        await sessions.commit(session)
      },
      'unknown',
    ]),
    [
      'was replaced by a login',
      {},
      async ({ sessions }, { cookie }) => {
        const session = await sessions.open({ secure: true, cookie }).load()
        await session.login('bob')
        await sessions.commit(session)
      },
      'unknown',
    ],
  ]

  it.each(ENDS)('reports once that it %s', async (_how, options, end, outcome) => {
    const w = world(kind, options)
    const [one, other] = [await w.login(), await w.login()]
    const told: string[] = []
    w.watch(one.key, (how) => void told.push(how), { every: EVERY })
    await begun(w)
    await end(w, one)
    w.pass()
    await until(() => told.length > 0)
    expect(told).toEqual([outcome])
    // A round for another session no longer checks this one.
    const begins = w.planned()
    const again = new Promise((resolve) => w.watch(other.key, resolve, { every: EVERY }))
    await w.sessions.killSession(other.key)
    await begun(w, begins)
    w.store.clearCalls()
    w.pass()
    await again
    expect([told, w.store.finds]).toEqual([[outcome], 1])
  })

  it('is still watched when others have renewed it past its first hour', async () => {
    const w = world(kind)
    const { cookie, key } = await w.login()
    const ended = new Promise((resolve) => w.watch(key, resolve, { every: EVERY }))
    await begun(w)
    for (let half = 0; half < 4; half++) {
      w.clock.advance(30 * MINUTE)
      const session = await w.sessions.open({ secure: true, cookie }).load()
      session.set('n', half)
      await w.sessions.commit(session)
      await round(w)
    }
    w.clock.advance(61 * MINUTE)
    w.pass()
    expect(await ended).toBe('expired')
  })

  it('has not ended while the store does not answer, which its watchers learn each time and the log once', async () => {
    const w = world(kind)
    const { key } = await w.login()
    const errors: unknown[] = []
    const told: string[] = []
    const ended = new Promise<void>((resolve) => {
      const onEnd = (how: string): void => {
        told.push(how)
        resolve()
      }
      w.watch(key, onEnd, { every: EVERY, onError: (error) => errors.push(error) })
    })
    await begun(w)
    await w.sessions.killSession(key)
    const heal = w.store.failAlways('before', { method: 'find' })
    for (const looks of [1, 2, 3]) {
      await round(w)
      expect(errors.length).toBe(looks)
    }
    expect(errors.every((error) => error instanceof SessionStoreError)).toBe(true)
    expect(told).toEqual([])
    expect(w.warnings).toEqual([expect.stringContaining('could not be checked')])
    heal()
    w.pass()
    await ended
    expect(told).toEqual(['unknown'])
  })
})

describe('watchSession()', () => {
  it.each([
    [0, EVERY],
    [128, EVERY * 0.875],
    [255, EVERY * 0.7509765625],
  ])(
    'checks within the time, each process at a different moment: chance gives %i',
    async (said, wait) => {
      const w = world(MEMORY, {}, () => said)
      const { key } = await w.login()
      w.watch(key, () => {})
      await begun(w)
      expect(w.plans.map(({ time }) => time)).toEqual([wait])
    },
  )

  it('checks every half minute by default', async () => {
    const w = world()
    const { key } = await w.login()
    w.watch(key, () => {}, {})
    await begun(w)
    const [{ time } = { time: 0 }] = w.plans
    expect(time > 22_000 && time <= 30_000).toBe(true)
  })

  it('reads a session once in a round, however many watch it, and a hundred at a time', async () => {
    const w = world()
    const keys = await Promise.all(Array.from({ length: 250 }, async () => (await w.login()).key))
    const find = w.store.find.bind(w.store)
    let [under, most] = [0, 0]
    w.store.find = async (...asked) => {
      under += 1
      most = Math.max(most, under)
      try {
        return await find(...asked)
      } finally {
        under -= 1
      }
    }
    const told: SessionKey[] = []
    for (const key of [...keys, ...keys, ...keys]) {
      w.watch(key, () => void told.push(key), { every: EVERY })
    }
    await begun(w)
    w.store.clearCalls()
    await round(w)
    expect([w.store.finds, most]).toEqual([250, 100])
    await w.sessions.killSessionByUser('alice')
    w.pass()
    await until(() => told.length >= 750)
    expect(told.length).toBe(750)
    const rounds = w.planned()
    for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve))
    expect([w.planned(), w.plans]).toEqual([rounds, []])
  })

  it('lets other work run between a hundred and the next', async () => {
    const w = world()
    const keys = await Promise.all(Array.from({ length: 101 }, async () => (await w.login()).key))
    for (const key of keys) w.watch(key, () => {}, { every: EVERY })
    await begun(w)
    w.store.clearCalls()
    let between = 0
    setImmediate(() => {
      between = w.store.finds
    })
    w.pass()
    await until(() => w.store.finds === 101)
    expect(between).toBe(100)
  })

  it('begins no round before the last answer of the previous one, and pauses between them', async () => {
    const w = world()
    const { key } = await w.login()
    w.watch(key, () => {})
    await begun(w)
    const held = w.store.hold({ method: 'find' })
    w.store.clearCalls()
    const clock = vi.spyOn(performance, 'now').mockReturnValue(0)
    w.pass()
    await held.reached
    clock.mockReturnValue(3 * EVERY)
    expect([w.store.finds, w.plans]).toEqual([1, []])
    held.release()
    await begun(w, 1)
    clock.mockRestore()
    const [{ time } = { time: 0 }] = w.plans
    expect(time >= EVERY * 0.075 && time <= EVERY * 0.1).toBe(true)
  })

  it('checks a session that was added during a round in the next one', async () => {
    const w = world()
    const [first, second] = [await w.login(), await w.login()]
    w.watch(first.key, () => {}, { every: EVERY })
    await begun(w)
    const held = w.store.hold({ method: 'find' })
    w.pass()
    await held.reached
    const ended = new Promise((resolve) => w.watch(second.key, resolve, { every: EVERY }))
    await w.sessions.killSession(second.key)
    held.release()
    await begun(w, 1)
    w.pass()
    expect(await ended).toBe('unknown')
  })

  const STOPS: [string, (stop: () => void, abort: () => void) => void][] = [
    ['the function that it gives', (stop) => stop()],
    ['its signal', (_stop, abort) => abort()],
  ]

  it.each(STOPS)(
    'reports nothing after %s, not even from a check that is under way',
    async (_what, end) => {
      const w = world()
      const { key } = await w.login()
      const told: string[] = []
      const abort = new AbortController()
      const { signal } = abort
      const stop = w.watch(key, (how) => void told.push(how), { every: EVERY, signal })
      await begun(w)
      await w.sessions.killSession(key)
      const held = w.store.hold({ method: 'find', when: 'after' })
      w.pass()
      await held.reached
      end(stop, () => abort.abort())
      held.release()
      for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve))
      expect([told, w.planned()]).toEqual([[], 1])
      stop()
      abort.abort()
      expect(told).toEqual([])
    },
  )

  it.each(STOPS)('plans no round after %s between two checks', async (_what, end) => {
    const w = world()
    const { key } = await w.login()
    const abort = new AbortController()
    const { signal } = abort
    const stop = w.watch(key, () => {}, { every: EVERY, signal })
    await begun(w)
    end(stop, () => abort.abort())
    expect(w.plans).toEqual([])
  })

  it('begins nothing for a signal that is aborted already, or where it is stopped at once', async () => {
    const w = world()
    const { key } = await w.login()
    w.watch(key, () => {}, { every: EVERY, signal: AbortSignal.abort() })
    w.watch(key, () => {}, { every: EVERY })()
    // The code of the rounds has been loaded when the round of this session is planned.
    w.watch(key, () => {}, { every: 5 * EVERY })
    await begun(w)
    expect(w.plans.map(({ time }) => time > EVERY)).toEqual([true])
  })

  it('leaves no listener on a signal that lives on', async () => {
    const w = world()
    const { key } = await w.login()
    const { signal } = new AbortController()
    const added = vi.spyOn(signal, 'addEventListener')
    const removed = vi.spyOn(signal, 'removeEventListener')
    const ended = new Promise((resolve) => w.watch(key, resolve, { every: EVERY, signal }))
    await begun(w)
    await w.sessions.killSession(key)
    w.pass()
    await ended
    expect(added.mock.calls.map(([, listener]) => listener)).toEqual(
      removed.mock.calls.map(([, listener]) => listener),
    )
    expect(added).toHaveBeenCalledTimes(1)
  })

  it('keeps no process alive, and its timer is gone after close()', async () => {
    const w = world()
    const { key } = await w.login()
    const set = vi.spyOn(globalThis, 'setTimeout')
    const cleared = vi.spyOn(globalThis, 'clearTimeout')
    const told: string[] = []
    w.sessions.watchSession(key, (how) => void told.push(how), { every: '23h' })
    const timers = (): NodeJS.Timeout[] =>
      set.mock.calls.flatMap(([, time = 0], at) =>
        time > 10 * 60 * MINUTE ? [set.mock.results[at]?.value as NodeJS.Timeout] : [],
      )
    await until(() => timers().length > 0)
    expect(timers().map((timer) => timer.hasRef())).toEqual([false])
    await w.sessions.close()
    expect(cleared.mock.calls).toContainEqual(timers())
    set.mockRestore()
    cleared.mockRestore()
    expect(told).toEqual([])
  })

  it('works with its default timers', async () => {
    const w = world()
    const { key } = await w.login()
    const ended = new Promise((resolve) => w.sessions.watchSession(key, resolve, { every: '1s' }))
    await w.sessions.killSession(key)
    expect(await ended).toBe('unknown')
  })

  it('does not use the source of randomness of the app, which is for secrets and may fail', async () => {
    let fails = false
    const source = (size: number): Uint8Array => {
      if (fails) throw new Error('the source is away')
      return randomBytes(size)
    }
    const w = world(MEMORY, { randomBytes: source })
    const { key } = await w.login()
    fails = true
    const ended = new Promise((resolve) => w.sessions.watchSession(key, resolve, { every: '1s' }))
    await w.sessions.killSession(key)
    expect(await ended).toBe('unknown')
  })

  it('calls the other listeners where one fails, at once or later, and logs the failure', async () => {
    const w = world()
    const { key } = await w.login()
    const told: string[] = []
    const { watch } = w
    watch(
      key,
      () => {
        throw new Error('at once')
      },
      { every: EVERY },
    )
    watch(key, async () => Promise.reject(new Error('later')), { every: EVERY })
    watch(key, (how) => void told.push(how), { every: EVERY })
    await begun(w)
    await w.sessions.killSession(key)
    w.pass()
    await until(() => told.length > 0 && w.warnings.length >= 2)
    expect(told).toEqual(['unknown'])
    expect(w.warnings).toEqual(Array(2).fill('onEnd of watchSession() failed'))
  })

  it('calls no listener that another listener of the same end has stopped', async () => {
    const w = world()
    const { key } = await w.login()
    const told: string[] = []
    const first = gate()
    w.watch(
      key,
      () => {
        stopSecond()
        first.reach()
      },
      { every: EVERY },
    )
    const stopSecond = w.watch(key, (how) => void told.push(how), { every: EVERY })
    await begun(w)
    await w.sessions.killSession(key)
    w.pass()
    await first.reached
    expect(told).toEqual([])
  })

  it('continues with the others where one session cannot be checked', async () => {
    const w = world()
    const [one, other] = [await w.login(), await w.login()]
    const find = w.store.find.bind(w.store)
    w.store.find = async (key, ...asked) => {
      if (key === one.key) throw new SessionStoreError('a type that this process lacks')
      return await find(key, ...asked)
    }
    const told: string[] = []
    const errors: unknown[] = []
    const onError = (error: unknown): void => void errors.push(error)
    w.watch(one.key, () => void told.push('one'), { every: EVERY, onError })
    w.watch(other.key, () => void told.push('other'), { every: EVERY, onError })
    await begun(w)
    await w.sessions.killSession(other.key)
    w.pass()
    await until(() => told.length > 0 && errors.length > 0)
    expect([told, errors.length]).toEqual([['other'], 1])
  })

  it.each([
    ['no key', [null, () => {}], /takes the key of a session/],
    ['a text that is none', ['abc', () => {}], /takes the key of a session/],
    ['nobody who hears', ['k'.repeat(43)], /takes a function/],
    ['a time below a second', ['k'.repeat(43), () => {}, { every: 999 }], /from one second/],
    ['a time above a day', ['k'.repeat(43), () => {}, { every: '25h' }], /to one day/],
    ['a time without a unit', ['k'.repeat(43), () => {}, { every: '30' }], /every must be/],
    ['a signal that is none', ['k'.repeat(43), () => {}, { signal: {} }], /signal must be/],
    [
      'a controller for its signal',
      ['k'.repeat(43), () => {}, { signal: new AbortController() }],
      /signal must be/,
    ],
    ['onError that is none', ['k'.repeat(43), () => {}, { onError: true }], /onError must be/],
  ])('refuses %s at once', (_what, given, says) => {
    const { sessions } = world()
    const call = sessions.watchSession as (...given: unknown[]) => unknown
    const watch = (): unknown => call.apply(sessions, given)
    expect(watch).toThrow(SessionConfigError)
    expect(watch).toThrow(says)
  })

  it('does not show an invalid key, since it may be an id', () => {
    const { sessions } = world()
    const id = `${'i'.repeat(42)}_`
    expect(() => sessions.watchSession(id as SessionKey, () => {})).toThrow(/^(?!.*iii)/)
  })

  it('is refused after close()', async () => {
    const { sessions } = world()
    await sessions.close()
    expect(() => sessions.watchSession('k'.repeat(43) as SessionKey, () => {})).toThrow(/closed/)
  })
})
