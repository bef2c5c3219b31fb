import session from 'express-session'
import { describe, expect, it } from 'vitest'
import {
  DatastoreSessionStore,
  type DatastoreSessionStoreOptions,
} from '../../src/express-session/index.ts'
import { memoryStore } from '../../src/index.ts'
import { failingStore, fakeClock } from '../../src/testing/index.ts'
import { HOUR, MINUTE, site } from './harness.ts'

/** A cookie as the middleware makes it: `expires` is `maxAge` from now. */
function cookie(maxAge: number | null, used: number = Date.now()): never {
  const expires = maxAge === null ? null : new Date(used + maxAge)
  return { originalMaxAge: maxAge, expires, httpOnly: true, path: '/' } as never
}

/** A session object as the middleware makes it. */
function ofMiddleware(data: { cookie: never }): session.SessionData {
  return Object.defineProperty(data, 'req', { value: {} })
}

function setup(options: DatastoreSessionStoreOptions = {}) {
  let offset = 0
  const now = () => Date.now() + offset
  const below = failingStore(memoryStore({ now }))
  const logger = { warn: () => {} }
  const store = new DatastoreSessionStore({ store: below, now, logger, ...options })
  return {
    store,
    below,
    advance: (duration: number) => {
      offset += duration
    },
    /** Returns the calls since the last time. */
    calls(): string[] {
      const made = below.calls.map(({ method, kinds }) => kinds.join('+') || method)
      below.clearCalls()
      return made
    },
  }
}

describe('the calls that a request costs', () => {
  it('are none without a session, with an unsigned cookie, and for a new session without data', async () => {
    const { get, jar, url, below } = await site()
    await get('/static')
    await get('/read')
    jar.set('connect.sid=s%3Aforged.signature; Path=/', url)
    await get('/read')
    expect(below.calls).toEqual([])
  })

  it('are one to read, two to change, one for an unknown session', async () => {
    const { get, below, store } = await site()
    await get('/set?a=1')
    expect(below.calls.map(({ kinds }) => kinds)).toEqual([['insert']])
    below.clearCalls()
    await get('/read')
    await get('/static')
    expect(below.calls.map(({ method }) => method)).toEqual(['find', 'find'])
    below.clearCalls()
    await get('/set?a=2')
    expect(below.calls.map(({ method, kinds }) => kinds[0] ?? method)).toEqual(['find', 'update'])
    await store.clear()
    below.clearCalls()
    await get('/read')
    expect(below.calls.map(({ method }) => method)).toEqual(['find'])
  })

  it('do not grow with resave, as long as nothing has changed', async () => {
    const { get, below } = await site({ session: { resave: true, saveUninitialized: true } })
    await get('/set?a=1')
    below.clearCalls()
    await get('/set?a=1')
    await get('/read')
    expect(below.writes).toBe(0)
  })

  it('are one to log out', async () => {
    const { get, below } = await site()
    await get('/set?a=1')
    below.clearCalls()
    await get('/logout')
    const calls = () => below.calls.map(({ method, kinds }) => kinds[0] ?? method)
    // The first end of a process reads whether ends are events.
    expect(calls()).toEqual(['find', 'note', 'remove'])
    await get('/set?a=1')
    below.clearCalls()
    await get('/logout')
    expect(calls()).toEqual(['find', 'remove'])
  })
})

describe('set', () => {
  it('makes no call when nothing has changed since the object was loaded or stored', async () => {
    const { store, calls } = setup()
    const session = { cookie: cookie(HOUR), list: [1], when: new Date(5) }
    await store.set('a', session)
    expect(calls()).toEqual(['find', 'insert'])
    await store.set('a', session)
    const loaded = await store.get('a')
    calls()
    await store.set('a', loaded as never)
    expect(calls()).toEqual([])
    Object.assign(loaded as object, { more: true })
    await store.set('a', loaded as never)
    await store.set('a', loaded as never)
    expect(calls()).toEqual(['update'])
  })

  it('makes no call for the end of a request that has saved, however short its session lives', async () => {
    const { store, calls } = setup()
    const start = Date.now() - 1000
    const session = { cookie: cookie(MINUTE, start), n: 1 }
    await store.set('a', session)
    calls()
    // At the end of the request, the cookie is touched again before the session is stored.
    session.cookie = cookie(MINUTE, start + 500)
    await store.set('a', session)
    expect(calls()).toEqual([])
  })

  it('stores the session as it is at the time of the call', async () => {
    const { store } = setup()
    const session: { cookie: never; n: number } = { cookie: cookie(HOUR), n: 1 }
    const saving = store.set('a', session)
    session.n = 2
    await saving
    expect(await store.get('a')).toMatchObject({ n: 1 })
  })

  it('writes only the differences, so that changes of others are kept', async () => {
    const { store } = setup()
    await store.set('a', { cookie: cookie(HOUR), a: 1, b: 1 } as never)
    const [first, second] = [await store.get('a'), await store.get('a')]
    await store.set('a', Object.assign(first as object, { a: 2 }) as never)
    await store.set('a', Object.assign(second as object, { b: 2 }) as never)
    expect(await store.get('a')).toMatchObject({ a: 2, b: 2 })
  })

  it('tracks two objects that were made from one separately', async () => {
    const { store } = setup()
    await store.set('a', { cookie: cookie(HOUR) })
    const raw = (await store.get('a')) as session.SessionData
    const show = (): session.SessionData =>
      store.createSession({ sessionID: 'a', sessionStore: store } as never, raw)
    const [first, second] = [show(), show()]
    first['n'] = 1
    await store.set('a', first)
    second['m'] = 2
    await store.set('a', second)
    expect(await store.get('a')).toMatchObject({ n: 1, m: 2 })
  })

  it('treats an object of another session as a new one', async () => {
    const { store } = setup()
    const session = { cookie: cookie(HOUR), n: 1 }
    await store.set('a', session)
    await store.set('b', session)
    await store.destroy('a')
    expect(await store.get('a')).toBeNull()
    expect(await store.get('b')).toMatchObject({ n: 1 })
  })

  it('treats a session of the middleware as new without a lookup, from any copy of express-session', async () => {
    const { store, calls } = setup()
    await store.set('a', ofMiddleware({ cookie: cookie(null) }))
    expect(calls()).toEqual(['insert'])
  })

  it('replaces a session by an object that was made by hand', async () => {
    const { store, calls } = setup()
    await store.set('a', { cookie: cookie(HOUR), a: 1, b: 1 } as never)
    calls()
    await store.set('a', { cookie: cookie(HOUR), b: 1 } as never)
    expect(calls()).toEqual(['find', 'update'])
    expect(await store.get('a')).not.toHaveProperty('a')
  })

  it('refuses an id that is not a string in set, and ignores it in other calls', async () => {
    const { store, calls } = setup()
    const nothing = undefined as unknown as string
    await expect(store.set(nothing, { cookie: cookie(null) })).rejects.toThrow(
      /id must be a string/,
    )
    expect(await store.get(nothing)).toBeNull()
    await store.touch(nothing, { cookie: cookie(null) })
    await store.destroy(nothing)
    expect(calls()).toEqual([])
  })
})

describe('load', () => {
  it('returns a session outside of a request that can be saved', async () => {
    const { store } = setup()
    await store.set('a', { cookie: cookie(HOUR), n: 1 } as never)
    const loaded = await new Promise<session.Session & session.SessionData>((resolve, reject) => {
      store.load('a', (error, found) => (found ? resolve(found as never) : reject(error)))
    })
    expect(loaded).toBeInstanceOf(session.Session)
    await store.destroy('a')
    loaded['n'] = 2
    await new Promise<void>((resolve) => {
      loaded.save(() => resolve())
    })
    expect(await store.get('a')).toBeNull()
  })
})

describe('touch', () => {
  it('is written once per five minutes, or per tenth of a short life', async () => {
    for (const [maxAge, interval] of [
      [20 * HOUR, 5 * MINUTE],
      [20 * MINUTE, 2 * MINUTE],
    ] as const) {
      const { store, calls, advance } = setup()
      const start = Date.now()
      await store.set('a', { cookie: cookie(maxAge, start) })
      const loaded = await store.get('a')
      calls()
      advance(interval - 1000)
      await store.touch('a', Object.assign(loaded as object, { cookie: cookie(maxAge) }) as never)
      expect(calls()).toEqual([])
      advance(2000)
      await store.touch('a', Object.assign(loaded as object, { cookie: cookie(maxAge) }) as never)
      expect(calls()).toEqual(['update'])
    }
  })

  it('is written each time for a session that lives a minute at the most', async () => {
    const { store, calls } = setup()
    const start = Date.now() - 1000
    await store.set('a', { cookie: cookie(MINUTE, start) })
    calls()
    const session = { cookie: cookie(MINUTE, start + 100) }
    await store.touch('a', session)
    expect(calls()).toEqual(['find', 'update'])
    const found = await store.get('a')
    expect(Math.abs(Number(found?.cookie.expires) - start - 100 - MINUTE)).toBeLessThan(20)
  })

  it('respects the touchEvery of the app', async () => {
    const { store, calls } = setup({ touchEvery: '10s' })
    const start = Date.now() - MINUTE
    await store.set('a', { cookie: cookie(MINUTE * 10, start) })
    calls()
    await store.touch('a', { cookie: cookie(MINUTE * 10, start + 9000) })
    expect(calls()).toEqual(['find'])
    await store.touch('a', { cookie: cookie(MINUTE * 10, start + 11_000) })
    expect(calls()).toEqual(['find', 'update'])
  })

  it('respects it also for a session of a minute, as long as the session stays alive', async () => {
    const { store, calls } = setup({ touchEvery: '10s' })
    const start = Date.now() - 20_000
    await store.set('a', { cookie: cookie(MINUTE, start) })
    calls()
    await store.touch('a', { cookie: cookie(MINUTE, start + 5000) })
    expect(calls()).toEqual(['find'])
    await store.touch('a', { cookie: cookie(MINUTE, start + 7000) })
    expect(calls()).toEqual(['find', 'update'])
  })

  it('prolongs a session whose cookie ends with the browser', async () => {
    const { store, calls, advance } = setup({ lifetime: '1h' })
    await store.set('a', { cookie: cookie(null) })
    const loaded = await store.get('a')
    advance(50 * MINUTE)
    calls()
    await store.touch('a', loaded as never)
    expect(calls()).toEqual(['update'])
    advance(50 * MINUTE)
    expect(await store.get('a')).not.toBeNull()
    advance(20 * MINUTE)
    expect(await store.get('a')).toBeNull()
  })

  it('stores a change of the cookie at once', async () => {
    const { store, calls } = setup()
    await store.set('a', { cookie: cookie(HOUR), n: 1 } as never)
    for (const changed of [cookie(2 * HOUR), cookie(null), cookie(HOUR)]) {
      const loaded = await store.get('a')
      calls()
      await store.touch('a', { ...(loaded as object), cookie: changed } as never)
      expect(calls()).toEqual(['find', 'update'])
      const { cookie: stored } = (await store.get('a')) as { cookie: { originalMaxAge: unknown } }
      expect(stored.originalMaxAge).toBe((changed as { originalMaxAge: unknown }).originalMaxAge)
    }
  })

  it('does not reset a use that another request has stored', async () => {
    const { store } = setup()
    const start = Date.now() - HOUR
    const at = async (): Promise<number> => Number((await store.get('a'))?.cookie.expires)
    await store.set('a', { cookie: cookie(10 * HOUR, start) })
    await store.touch('a', ofMiddleware({ cookie: cookie(10 * HOUR, start + 30 * MINUTE) }))
    const before = await at()
    for (const call of ['touch', 'set'] as const) {
      await store[call]('a', ofMiddleware({ cookie: cookie(10 * HOUR, start + 10 * MINUTE) }))
      expect(Math.abs((await at()) - before)).toBeLessThan(1000)
    }
  })

  it('sets an earlier date that the app set by hand', async () => {
    const { store } = setup()
    await store.set('a', { cookie: cookie(10 * HOUR) })
    await store.touch('a', { cookie: cookie(10 * HOUR, Date.now() - HOUR) })
    const expires = Number((await store.get('a'))?.cookie.expires)
    expect(Math.abs(expires - Date.now() - 9 * HOUR)).toBeLessThan(MINUTE)
  })

  it('does not restore an expired session', async () => {
    const { store, advance } = setup()
    await store.set('a', { cookie: cookie(HOUR) })
    const loaded = await store.get('a')
    advance(2 * HOUR)
    await store.touch('a', Object.assign(loaded as object, { cookie: cookie(HOUR) }) as never)
    expect(await store.get('a')).toBeNull()
  })
})

describe('the life of a session', () => {
  it('is that of its cookie, also beyond the limits of the core', async () => {
    const { store, advance } = setup()
    const year = 365 * 24 * HOUR
    await store.set('a', { cookie: cookie(year) })
    advance(year - MINUTE)
    expect(await store.get('a')).not.toBeNull()
    advance(2 * MINUTE)
    expect(await store.get('a')).toBeNull()
  })

  it('is a day without a date, unless the app says otherwise', async () => {
    const { store, advance } = setup()
    await store.set('a', { cookie: cookie(null) })
    advance(24 * HOUR - MINUTE)
    expect(await store.get('a')).not.toBeNull()
    advance(2 * MINUTE)
    expect(await store.get('a')).toBeNull()
  })

  it('follows the clock of a test, though express-session has another one', async () => {
    const clock = fakeClock()
    const { get } = await site({
      store: { now: clock.now, store: memoryStore({ now: clock.now }) },
      session: { cookie: { maxAge: HOUR } },
    })
    await get('/set?a=1')
    clock.advance(HOUR - MINUTE)
    expect((await get('/read')).body).toBe('{"a":"1"}')
    clock.advance(HOUR - MINUTE)
    expect((await get('/read')).body).toBe('{"a":"1"}')
    clock.advance(HOUR + MINUTE)
    expect((await get('/read')).body).toBe('{}')
  })
})

describe('the values of a session', () => {
  it('keep types that JSON would lose', async () => {
    const { store } = setup()
    const values = {
      date: new Date(1234),
      map: new Map([['a', new Set([1, 2])]]),
      bytes: Buffer.from('abc'),
      big: 12345678901234567890n,
    }
    await store.set('a', { cookie: cookie(null), ...values } as never)
    const { cookie: _, ...back } = (await store.get('a')) as Record<string, unknown>
    expect(back).toEqual(values)
  })

  it('are converted as by JSON when the codec does not support them', async () => {
    class Point {
      x = 1
      self = (): Point => this
    }
    const { store } = setup()
    const odd = {
      deep: [{ point: new Point(), when: new Date(7), map: new Map([[1, new Point()]]) }],
      invalid: new Date(Number.NaN),
      boxed: Object('text'),
      floats: new Float32Array([1.5]),
      none: Object.create(null),
      bare: { toJSON: (key: string) => `told of ${key}` },
      holes: Array.from({ length: 2 }, (_, index) => (index === 0 ? Symbol('s') : 1)),
    }
    await store.set('a', { cookie: cookie(null), ...odd } as never)
    expect(await store.get('a')).toMatchObject({
      deep: [{ point: { x: 1 }, when: new Date(7), map: new Map([[1, { x: 1 }]]) }],
      invalid: null,
      boxed: 'text',
      floats: { 0: 1.5 },
      none: {},
      bare: 'told of bare',
      holes: [null, 1],
    })
  })

  it('that cannot be stored are named in the error', async () => {
    const { store, calls } = setup()
    const cycle: Record<string, unknown> = { f: () => 1 }
    cycle['again'] = [cycle]
    let deep: unknown = () => 1
    for (let level = 0; level < 70; level++) deep = [deep]
    const refusals: [unknown, RegExp][] = [
      [cycle, /^value\.again\[0\] cannot be kept in a session: it contains itself$/],
      [deep, /nested deeper than 64 levels/],
      [JSON.parse('{"a": {"__proto__": 1, "f": 1}}'), /^value\.a .*it has the key "__proto__"/],
      [{ f: () => 1, constructor: 1 }, /it has the key "constructor"/],
    ]
    for (const [value, message] of refusals) {
      const refused = store.set('a', { cookie: cookie(null), value } as never)
      await expect(refused).rejects.toMatchObject({
        code: 'ERR_SESSION_VALUE',
        message: expect.stringMatching(message),
      })
    }
    const own = JSON.parse('{"__proto__": 1}')
    await expect(store.set('a', own)).rejects.toThrow(/must not be "__proto__"/)
    expect(calls()).toEqual([])
  })

  it('that are too large are refused before any call', async () => {
    const { store, below } = setup()
    const session = { cookie: cookie(null), text: 'x'.repeat(950 * 1024) }
    await expect(store.set('a', session as never)).rejects.toMatchObject({
      code: 'ERR_SESSION_TOO_LARGE',
    })
    expect(await below.find('a' as never)).toBeNull()
  })
})

describe('the options', () => {
  it('are refused when they are unknown, of a wrong kind, or do not go together', () => {
    const refused: [unknown, RegExp][] = [
      [{ ttl: 5 }, /DatastoreSessionStore has no option "ttl"/],
      [{ store: memoryStore(), namespace: 'a' }, /namespace is an option of datastoreStore\(\)/],
      [{ store: 5 }, /store must be a session store/],
      [{ userOf: 'user' }, /userOf must be a function/],
      [{ lifetime: 'soon' }, /lifetime must be a positive duration/],
      [{ lifetime: '1m', touchEvery: '1m' }, /touchEvery must be below lifetime/],
      [{ onGone: 'ignore' }, /onGone must be one of/],
      [{ kind: '__bad__' }, /datastoreStore: kind/],
      [null, /takes an object of options/],
    ]
    for (const [options, message] of refused) {
      expect(() => new DatastoreSessionStore(options as never)).toThrow(
        expect.objectContaining({
          code: 'ERR_SESSION_CONFIG',
          message: expect.stringMatching(message),
        }),
      )
    }
  })

  it('can all be left out', () => {
    expect(new DatastoreSessionStore()).toBeInstanceOf(DatastoreSessionStore)
  })
})
