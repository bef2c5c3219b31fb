import { afterEach, describe, expect, it, vi } from 'vitest'
import {
  createSessions,
  type SessionKey,
  type SessionStore,
  SessionStoreError,
  type Sessions,
} from '../../src/index.ts'
import { HOUR, place } from '../sweep/harness.ts'

const MINUTE = 60_000

afterEach(() => {
  vi.unstubAllEnvs()
})

function cookieOf(setCookie: readonly string[]): string {
  return (setCookie[0] as string).split(';')[0] as string
}

async function loggedIn(
  sessions: Sessions<Record<string, unknown>>,
  user: string,
): Promise<string> {
  const session = await sessions.open({ secure: true }).load()
  await session.login(user)
  return cookieOf((await sessions.commit(session)).setCookie)
}

/** The store with some methods replaced. */
function changed(store: SessionStore, methods: Partial<SessionStore>): SessionStore {
  return new Proxy(store, {
    get(target, property) {
      const own: unknown = Reflect.get(methods, property)
      const value: unknown = own ?? Reflect.get(target, property, target)
      return typeof value === 'function' && own === undefined ? value.bind(target) : value
    },
  })
}

describe('a kill', () => {
  it('spares the excepted session also after its key was cycled', async () => {
    const p = place()
    const sessions = p.process({ lifetime: '12h' })
    const cookie = await loggedIn(sessions, 'alice')
    p.now += MINUTE
    const session = await sessions.open({ cookie, secure: true }).load()
    await sessions.killSessionByUser('alice', { except: session.key as SessionKey })
    await session.cycleKey()
    const next = cookieOf((await sessions.commit(session)).setCookie)
    p.now += HOUR
    await sessions.startClearSessions()
    expect((await sessions.open({ cookie: next, secure: true }).load()).user).toBe('alice')
    expect(p.events).toEqual([])
  })

  it('fails, and does not loop for ever, when the store accepts no writes', async () => {
    const p = place()
    await loggedIn(p.process(), 'alice')
    p.now += MINUTE
    let calls = 0
    const down = new SessionStoreError('down', { effect: 'none' })
    const store = changed(p.plain, {
      writeEach: async (mutations) => {
        calls += 1
        if (calls > 100) throw new Error('endless')
        return mutations.map(() => ({ outcome: 'failed', error: down }))
      },
    })
    await expect(p.process({ store }).killSessionByUser('alice')).rejects.toThrow('down')
    expect(calls).toBeLessThan(10)
  })

  it('refuses null as the exception, which would mean none', async () => {
    const p = place()
    const sessions = p.process()
    const cookie = await loggedIn(sessions, 'alice')
    const session = await sessions.open({ cookie, secure: true }).load()
    await session.cycleKey()
    const kill = sessions.killSessionByUser('alice', { except: session.key as SessionKey })
    await expect(kill).rejects.toMatchObject({ code: 'ERR_SESSION_VALUE' })
    expect(await p.count()).toBe(1)
  })

  it('refuses an exception that is undefined, where the app meant one', async () => {
    const p = place()
    const sessions = p.process()
    await loggedIn(sessions, 'alice')
    const kill = sessions.killSessionByUser('alice', { except: undefined as never })
    await expect(kill).rejects.toMatchObject({
      code: 'ERR_SESSION_VALUE',
      message: expect.stringContaining('leave the option out'),
    })
    expect(await p.count()).toBe(1)
    expect(await sessions.killSessionByUser('alice', {})).toMatchObject({ ended: 1 })
  })

  it('of a damaged record is reported', async () => {
    const p = place()
    const [key] = await p.fill(1, null, 'alice')
    const store = changed(p.plain, {
      find: async (asked) => {
        const found = await p.plain.find(asked)
        return found && { record: null, key: asked, version: found.version, why: 'damaged' }
      },
    })
    const told: string[] = []
    const sessions = createSessions({
      store,
      events: true,
      now: () => p.now,
      logger: { warn: () => {} },
    })
    sessions.onDelete((event) => void told.push(event.key))
    expect(await sessions.killSession(key as SessionKey)).toBe(true)
    p.now += 50 * HOUR
    await sessions.startClearSessions()
    expect(told).toEqual([key])
  })
})

describe('an observer', () => {
  it('with a timeout longer than a timer can run is not cut short', async () => {
    const p = place()
    const sessions = p.process({ observed: false })
    sessions.onDelete(() => new Promise((resolve) => setImmediate(() => setTimeout(resolve, 5))), {
      timeout: '30d',
    })
    await p.fill(1, 3 * HOUR)
    expect(await sessions.startClearSessions()).toMatchObject({ ended: 1, observersFailed: 0 })
  })

  it('that is late in a side sweep does not count as failed', async () => {
    vi.stubEnv('K_SERVICE', 'x')
    const p = place()
    const sessions = p.process({ observed: false, sweepProbability: 1 })
    // Longer than the second that a request has for it on Cloud Run.
    let release = (): void => {}
    const late = new Promise<void>((resolve) => {
      release = resolve
    })
    sessions.onDelete(() => late)
    await p.fill(96, 3 * HOUR)
    const session = await sessions.open({ secure: true }).load()
    session.set('a', 1)
    await sessions.commit(session)
    release()
    const { entries } = await p.plain.page({ by: 'all' }, { limit: 1000 })
    expect(entries.length).toBeGreaterThan(50)
    expect(entries.filter(({ record }) => record?.failedSince)).toEqual([])
  })
})
