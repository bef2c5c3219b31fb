import { describe, expect, it } from 'vitest'
import {
  type Session,
  SessionGoneError,
  SessionLateChangeError,
  SessionStoreError,
  SessionValueError,
} from '../../src/index.ts'
import { Harness, type VisitOptions } from './harness.ts'

type Data = Record<string, unknown>
type Visitor = Session<Data>

/** Without the store no session can be loaded. */
const DOWN = {
  method: 'find',
  error: new SessionStoreError('down', { effect: 'none', retryable: false }),
} as const

const METHODS: readonly (readonly [string, (session: Visitor) => Promise<unknown>])[] = [
  ['login', (s) => s.login('alice')],
  ['logout', (s) => s.logout()],
  ['reset', (s) => s.reset()],
  ['cycleKey', (s) => s.cycleKey()],
  ['save', (s) => s.save()],
  ['getSecurityKey', (s) => s.getSecurityKey()],
  ['validateSecurityKey', (s) => s.validateSecurityKey('x'.repeat(43))],
]

/** Waits until all work that depends only on this process is done. */
async function settled(): Promise<void> {
  for (let round = 0; round < 5; round++) await new Promise((resolve) => setImmediate(resolve))
}

async function loggedIn(app: Harness<Data>): Promise<string> {
  return await app.given({ x: 1 }, (session) => session.login('alice'))
}

describe('a bad argument throws at once, before there is a promise', () => {
  it.each<[string, (session: Visitor) => unknown]>([
    ['login(undefined)', (s) => s.login(undefined as never)],
    ['login("")', (s) => s.login('')],
    ['login(GUEST_USER)', (s) => s.login('__guest__')],
    ['login with data that cannot be kept', (s) => s.login('a', { data: { f: () => {} } })],
    ['login with a client that is none', (s) => s.login('a', { client: 5 as never })],
    ['isFresh("soon")', (s) => s.isFresh('soon' as never)],
    ['getSecurityKey({ duration: 0 })', (s) => s.getSecurityKey({ duration: 0 })],
    ['getSecurityKeys(-1)', (s) => s.getSecurityKeys(-1)],
    [
      'validateSecurityKey(key, { purpose: 5 })',
      (s) => s.validateSecurityKey('', { purpose: 5 as never }),
    ],
    [
      'validateSecurityKey(key, { sessionBound: 1 })',
      (s) => s.validateSecurityKey('', { sessionBound: 1 as never }),
    ],
  ])('%s', async (_, call) => {
    const app = new Harness<Data>()
    // Not even loaded: the store is not called first.
    const session = app.open(await app.given())
    expect(() => call(session)).toThrow(SessionValueError)
    expect(app.store.calls).toEqual([])
  })
})

describe('an operation that was not awaited', () => {
  it.each(METHODS)(
    'is awaited by the commit, with a session that it loads itself: %s',
    async (name, call) => {
      const app = new Harness<Data>()
      const cookie = await loggedIn(app)
      const session = app.open(cookie)
      const held = app.store.hold({ method: 'find' })
      if (name === 'save') void session.load().then(() => session.set('x', 2))
      void call(session)
      const committing = app.commit(session, cookie)
      await held.reached
      held.release()
      const { cookie: after } = await committing
      const now = await app.load(after)
      const user = ['logout', 'reset'].includes(name) ? '__guest__' : 'alice'
      expect(now.user).toBe(user)
      if (name === 'save') expect(now.get('x')).toBe(2)
      expect(after === cookie).toBe(
        ['save', 'getSecurityKey', 'validateSecurityKey'].includes(name),
      )
      expect(app.warnings).toEqual([])
    },
  )

  it('may change the session until it is done', async () => {
    const app = new Harness<Data>()
    const session = app.open(await app.given())
    const flow = async (): Promise<void> => {
      await session.logout()
      await session.login('bob')
      session.set('y', 2)
    }
    const flowing = flow()
    const { cookie } = await app.commit(session)
    await flowing
    const now = await app.load(cookie)
    expect([now.user, Object.fromEntries(now)]).toEqual(['bob', { y: 2 }])
    expect(() => session.set('z', 3)).toThrow(SessionLateChangeError)
  })

  it.each(['eager', 'lazy'])('takes effect in the order of the calls: %s', async (load) => {
    const app = new Harness<Data>()
    const cookie = await loggedIn(app)
    const last: [string, (s: Visitor) => void, string][] = [
      ['logout, login', (s) => [void s.logout(), void s.login('bob')], 'bob'],
      ['login, logout', (s) => [void s.login('bob'), void s.logout()], '__guest__'],
      ['save, login', (s) => [void s.save(), void s.login('bob')], 'bob'],
      [
        'login, save, logout',
        (s) => [void s.login('bob'), void s.save(), void s.logout()],
        '__guest__',
      ],
      ['login, login', (s) => [void s.login('bob'), void s.login('carol')], 'carol'],
    ]
    for (const [name, work, user] of last) {
      const fresh = await loggedIn(app)
      const session = load === 'eager' ? await app.load(fresh) : app.open(fresh)
      work(session)
      const { cookie: after } = await app.commit(session, fresh)
      expect([name, (await app.load(after)).user]).toEqual([name, user])
      expect((await app.load(fresh)).loadOutcome).toBe('unknown')
    }
    expect((await app.load(cookie)).user).toBe('alice')
  })

  it.each(['eager', 'lazy'])(
    'may be a load, for whose end the response waits, with operations that follow it (%s)',
    async (mode) => {
      const app = new Harness<Data>()
      for (const cookie of [undefined, await loggedIn(app)]) {
        const session = app.open(cookie)
        if (mode === 'eager') await session.load()
        void session.load().then(async () => {
          session.set('n', 1)
          await session.save()
          session.set('m', 1)
        })
        const { cookie: after } = await app.commit(session, cookie)
        expect(await app.data(after)).toMatchObject({ n: 1, m: 1 })
      }
    },
  )

  it('is no failure of a request that has only loaded', async () => {
    const app = new Harness<Data>()
    const cookie = await loggedIn(app)
    const session = app.open(cookie)
    app.store.failNext('before', DOWN)
    void session.load()
    await expect(app.commit(session, cookie)).resolves.toMatchObject({ setCookie: [] })
  })

  it.each(METHODS.filter(([name]) => name !== 'save'))(
    'and fails is the error of the request: %s',
    async (_name, call) => {
      const app = new Harness<Data>()
      const cookie = await app.given()
      const session = app.open(cookie)
      app.store.failNext('before', DOWN)
      void call(session)
      await expect(app.commit(session, cookie)).rejects.toBe(DOWN.error)
      // The error page reports it once, and nobody is logged in.
      expect((await app.sessions.commit(session, { status: 503 })).setCookie).toEqual([])
      expect((await app.load(cookie)).user).toBe('__guest__')
    },
  )

  it('a failure from before the response counts too, and is logged', async () => {
    const app = new Harness<Data>()
    const session = app.open(await app.given())
    app.store.failNext('before', DOWN)
    void session.login('alice')
    await settled()
    expect(app.warnings).toEqual(['login() failed, and nobody waited for it: await it'])
    await expect(app.commit(session)).rejects.toBe(DOWN.error)
  })

  it('does not undo a logout beside the failed operation', async () => {
    const app = new Harness<Data>()
    const cookie = await loggedIn(app)
    const session = await app.load(cookie)
    session.set('x', 2)
    void session.logout()
    app.store.failNext('before', { ...DOWN, method: 'key' })
    void session.getSecurityKey({ sessionBound: false })
    await expect(app.commit(session, cookie)).rejects.toBe(DOWN.error)
    expect((await app.load(cookie)).loadOutcome).toBe('unknown')
    // The error page removes the cookie.
    expect((await app.commit(session, cookie, 503)).cookie).toBeUndefined()
  })

  it('a save of a session that ended elsewhere is an error, for any onGone', async () => {
    const app = new Harness<Data>()
    const cookie = await app.given()
    const session = await app.load(cookie)
    await app.visit((s) => s.logout(), { cookie })
    session.set('x', 2)
    void session.save()
    await expect(app.commit(session, cookie)).rejects.toThrow(SessionGoneError)
  })

  it('a save that failed is repeated by the commit', async () => {
    const app = new Harness<Data>()
    const cookie = await app.given()
    const session = await app.load(cookie)
    session.set('x', 2)
    app.store.failNext('before', { ...DOWN, method: 'write' })
    void session.save()
    await app.commit(session, cookie)
    expect(await app.data(cookie)).toEqual({ views: 1, x: 2 })
  })
})

describe('an operation that was awaited', () => {
  it('and failed is not reported again', async () => {
    const app = new Harness<Data>()
    const cookie = await app.given()
    const session = app.open(cookie)
    app.store.failNext('before', DOWN)
    await expect(session.login('alice')).rejects.toBe(DOWN.error)
    await session.load()
    session.set('x', 2)
    await app.commit(session, cookie)
    expect(await app.data(cookie)).toEqual({ views: 1, x: 2 })
    expect(app.warnings).toEqual([])
  })

  it.each<[string, (asked: Promise<void>) => Promise<unknown>]>([
    ['catch()', (asked) => asked.catch(() => {})],
    ['then()', (asked) => asked.then(undefined, () => {})],
    ['Promise.allSettled()', (asked) => Promise.allSettled([asked])],
    [
      'later on',
      async (asked) => {
        await settled()
        return await asked.catch(() => {})
      },
    ],
  ])('in whatever way: %s', async (_, take) => {
    const app = new Harness<Data>()
    const session = app.open(await app.given())
    app.store.failNext('before', DOWN)
    await take(session.login('alice'))
    await expect(app.commit(session)).resolves.toMatchObject({ setCookie: [] })
  })

  it('only after the response had begun is still reported by the commit', async () => {
    const app = new Harness<Data>()
    const session = app.open(await app.given())
    app.store.failNext('before', DOWN)
    const asked = session.login('alice')
    const committing = app.commit(session)
    await expect(asked).rejects.toBe(DOWN.error)
    await expect(committing).rejects.toBe(DOWN.error)
  })
})

describe('a response with a server error', () => {
  const error: VisitOptions = { status: 500 }

  it.each(['login', 'cycleKey'] as const)('does not wait for %s, and drops it', async (method) => {
    const app = new Harness<Data>()
    const cookie = await app.given()
    const session = app.open(cookie)
    const held = app.store.hold({ method: 'find' })
    void session[method]('alice')
    await held.reached
    expect((await app.commit(session, cookie, error.status)).setCookie).toEqual([])
    held.release()
    await settled()
    expect((await app.load(cookie)).user).toBe('__guest__')
  })

  it.each(['logout', 'reset'] as const)('waits for %s, which is stored', async (method) => {
    const app = new Harness<Data>()
    const cookie = await loggedIn(app)
    const session = app.open(cookie)
    void session[method]()
    const { cookie: after } = await app.commit(session, cookie, error.status)
    expect(after).toBeUndefined()
    expect((await app.load(cookie)).loadOutcome).toBe('unknown')
  })

  it('does not turn into another one by a login that failed', async () => {
    const app = new Harness<Data>()
    const session = app.open(await app.given())
    app.store.failNext('before', DOWN)
    void session.login('alice')
    await settled()
    await expect(app.commit(session, undefined, error.status)).resolves.toBeDefined()
  })
})

describe('an operation that begins when the response has left', () => {
  it.each(METHODS.filter(([name]) => !name.endsWith('Key') || name === 'cycleKey'))(
    'comes too late, and is no unhandled rejection but a line in the log: %s',
    async (name, call) => {
      const app = new Harness<Data>()
      const session = await app.load(await app.given())
      await app.commit(session)
      void call(session)
      await settled()
      expect(app.warnings).toEqual([`${name}() failed, and nobody waited for it: await it`])
      await expect(call(session)).rejects.toThrow(SessionLateChangeError)
      await settled()
      expect(app.warnings).toHaveLength(1)
    },
  )
})

it('an error of the app in a separate flow stays in that flow', async () => {
  const app = new Harness<Data>()
  const session = await app.load(await app.given())
  const asked = session.logout().then(() => {
    throw new Error('mine')
  })
  await expect(asked).rejects.toThrow('mine')
  await expect(app.commit(session)).resolves.toBeDefined()
})
