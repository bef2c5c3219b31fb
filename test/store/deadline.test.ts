import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { createSessions, memoryStore, type Session, SessionStoreError } from '../../src/index.ts'
import { type FailingStore, failingStore } from '../../src/testing/index.ts'

type Data = Record<string, unknown>

const unhandled = vi.fn()

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] })
  unhandled.mockReset()
  process.on('unhandledRejection', unhandled)
})

afterEach(async () => {
  await turn()
  process.off('unhandledRejection', unhandled)
  vi.useRealTimers()
  expect(unhandled).not.toHaveBeenCalled()
})

async function turn(): Promise<void> {
  for (let at = 0; at < 3; at++) await new Promise((resolve) => setImmediate(resolve))
}

/** Lets time pass for waiting code. */
async function pass(time: number): Promise<void> {
  await turn()
  await vi.advanceTimersByTimeAsync(time)
  await turn()
}

/** Returns the current state of a promise: `'waiting'`, or its outcome. */
function watch(promise: Promise<unknown>): { now: unknown } {
  const state: { now: unknown } = { now: 'waiting' }
  promise.then(
    (value) => {
      state.now = value ?? 'done'
    },
    (error: unknown) => {
      state.now = error
    },
  )
  return state
}

interface App {
  readonly store: FailingStore
  readonly sessions: ReturnType<typeof createSessions<Data>>
  open(): Session<Data>
  commit(session: Session<Data>): Promise<unknown>
}

/** Stores one session in a store that a test can block. `deadline`: that of the store, if it has one. */
async function app(deadline?: number): Promise<App> {
  const store = failingStore(memoryStore())
  if (deadline !== undefined) Object.assign(store, { deadline })
  const sessions = createSessions<Data>({ store, logger: { warn() {} } })
  const first = await sessions.open({ secure: true }).load()
  first.set('n', 0)
  const { setCookie } = await sessions.commit(first)
  const cookie = (setCookie[0] as string).split(';')[0] as string
  store.clearCalls()
  return {
    store,
    sessions,
    open: () => sessions.open({ cookie, secure: true }),
    commit: (session) => sessions.commit(session),
  }
}

describe('a request', () => {
  test('waits five seconds for a load that hangs, and no longer', async () => {
    const { store, open } = await app()
    store.hold({ method: 'find' })
    const load = watch(open().load())
    await pass(4900)
    expect(load.now).toBe('waiting')
    await pass(200)
    expect(load.now).toBeInstanceOf(SessionStoreError)
    expect(load.now).toMatchObject({ effect: 'none', retryable: true })
  })

  test('waits as long as its store says', async () => {
    const { store, open } = await app(800)
    store.hold({ method: 'find' })
    const load = watch(open().load())
    await pass(700)
    expect(load.now).toBe('waiting')
    await pass(200)
    expect(load.now).toBeInstanceOf(SessionStoreError)
  })

  test('shares that time between load, saves and commit, without the time of its handler in between', async () => {
    const { store, open, commit } = await app()
    const found = store.hold({ method: 'find' })
    const session = open()
    const load = watch(session.load())
    await pass(2000)
    found.release()
    await pass(0)
    expect(load.now).toBe(session)
    await pass(10_000)
    session.set('n', 1)
    const written = store.hold({ method: 'write' })
    const save = watch(session.save())
    await pass(1000)
    written.release()
    await pass(0)
    expect(save.now).toBe('done')
    await pass(10_000)
    session.set('n', 2)
    store.hold({ method: 'write' })
    const committed = watch(commit(session))
    await pass(1900)
    expect(committed.now).toBe('waiting')
    await pass(200)
    expect(committed.now).toBeInstanceOf(SessionStoreError)
    expect(committed.now).toMatchObject({ effect: 'unknown' })
  })

  test('that worked for long between load and commit is stored', async () => {
    const { open, commit } = await app()
    const session = await open().load()
    await pass(10_000)
    session.set('n', 7)
    await commit(session)
    expect((await open().load()).get('n')).toBe(7)
  })

  test('counts every try and every pause of a failing store', async () => {
    const { store, open } = await app()
    const held = Array.from({ length: 3 }, () => store.hold({ method: 'find', when: 'before' }))
    store.failAlways('before', { method: 'find' })
    const load = watch(open().load())
    for (const gate of held.slice(0, 2)) {
      await pass(2000)
      gate.release()
      await pass(300)
    }
    expect(load.now).toBe('waiting')
    await pass(1000)
    expect(load.now).toBeInstanceOf(SessionStoreError)
  })

  test.each(['login', 'logout', 'reset', 'cycleKey'] as const)(
    'waits no longer for %s than for anything else',
    async (method) => {
      const { store, open, commit } = await app()
      const session = await open().load()
      await (method === 'login' ? session.login('alice') : session[method]())
      store.hold({ method: 'writeTogether' })
      store.hold({ method: 'write' })
      const committed = watch(commit(session))
      await pass(4900)
      expect(committed.now).toBe('waiting')
      await pass(200)
      expect(committed.now).toMatchObject({ code: 'ERR_SESSION_STORE', effect: 'unknown' })
    },
  )

  test('waits no longer for security keys than for anything else', async () => {
    const { store, open } = await app()
    const session = await open().load()
    const key = await session.getSecurityKey()
    store.hold({ method: 'key' })
    const minted = watch(session.getSecurityKey())
    await pass(3000)
    expect(minted.now).toBe('waiting')
    store.hold({ method: 'key' })
    const used = watch(session.validateSecurityKey(key))
    await pass(2100)
    expect(minted.now).toBeInstanceOf(SessionStoreError)
    expect(used.now).toBeInstanceOf(SessionStoreError)
  })

  test('that gives up does not have its change stored if the write had not started', async () => {
    const { store, open, commit } = await app()
    const [first, second] = [await open().load(), await open().load()]
    await pass(0)
    first.set('a', 1)
    const held = store.hold({ method: 'write' })
    const one = watch(commit(first))
    await pass(3000)
    // A load that hung has used three seconds of the second request.
    second.set('b', 2)
    const two = watch(commit(second))
    await pass(2100)
    expect(one.now).toBeInstanceOf(SessionStoreError)
    // The write of the first request is given up, and that of the second continues.
    expect(two.now).toHaveProperty('setCookie')
    held.release()
    await pass(0)
    const after = await open().load()
    expect(after.get('b')).toBe(2)
  })
})

describe('requests whose changes share a write', () => {
  test('wait each as long as it may, and one that gives up does not affect the others', async () => {
    const { store, open, commit } = await app()
    const [first, early, late] = [await open().load(), open(), await open().load()]
    // This request has already used four seconds.
    const slow = store.hold({ method: 'find' })
    const loaded = early.load()
    await pass(4000)
    slow.release()
    await loaded
    first.set('a', 1)
    const held = store.hold({ method: 'write' })
    const one = watch(commit(first))
    await turn()
    early.set('b', 2)
    late.set('c', 3)
    const two = watch(commit(early))
    const three = watch(commit(late))
    const together = store.hold({ method: 'write' })
    held.release()
    await pass(0)
    expect(one.now).toHaveProperty('setCookie')
    await together.reached
    await pass(1200)
    expect(two.now).toMatchObject({ code: 'ERR_SESSION_STORE', effect: 'unknown' })
    expect(three.now).toBe('waiting')
    together.release()
    await pass(0)
    expect(three.now).toHaveProperty('setCookie')
    expect((await open().load()).get('c')).toBe(3)
  })

  test('do not wait for ever behind a write that hangs', async () => {
    const { store, open, commit } = await app()
    const [first, second] = [await open().load(), await open().load()]
    first.set('a', 1)
    store.hold({ method: 'write' })
    const one = watch(commit(first))
    await pass(4000)
    second.set('b', 2)
    const two = watch(commit(second))
    await pass(1200)
    expect(one.now).toBeInstanceOf(SessionStoreError)
    expect(two.now).toHaveProperty('setCookie')
  })
})

describe('outside of a request', () => {
  test('a read of one session, and its end, wait as long as a request', async () => {
    const { store, sessions, open } = await app()
    const key = (await open().load()).key
    if (key === null) throw new Error('the session is stored')
    store.hold({ method: 'find' })
    store.hold({ method: 'find' })
    const got = watch(sessions.get(key))
    const killed = watch(sessions.killSession(key))
    await pass(5100)
    expect(got.now).toBeInstanceOf(SessionStoreError)
    expect(killed.now).toBeInstanceOf(SessionStoreError)
  })

  test('a call over many sessions has thirty seconds for each call of the store', async () => {
    const { store, sessions } = await app()
    store.hold({ method: 'find' })
    const updated = watch(
      sessions.updateSessionsByUser('__guest__', (data) => {
        data['x'] = 1
      }),
    )
    await pass(29_000)
    expect(updated.now).toBe('waiting')
    await pass(1100)
    await pass(1000)
    expect(updated.now).toEqual({ changed: 1 })
  })
})
