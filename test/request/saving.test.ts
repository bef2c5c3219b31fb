import { describe, expect, it } from 'vitest'
import { type Session, SessionStoreError } from '../../src/index.ts'
import { Harness } from './harness.ts'

type Data = Record<string, unknown>

/** The operations that write, each with the data that has to be stored afterwards. */
const WRITES: Record<
  string,
  { from: 'session' | undefined; does: (s: Session<Data>) => unknown; gives: Data; user: string }
> = {
  'a change': {
    from: 'session',
    does: (s) => s.set('a', 1),
    gives: { views: 1, a: 1 },
    user: '__guest__',
  },
  'a forced write': {
    from: 'session',
    does: (s) => s.markChanged(),
    gives: { views: 1 },
    user: '__guest__',
  },
  'a new session': {
    from: undefined,
    does: (s) => s.set('a', 1),
    gives: { a: 1 },
    user: '__guest__',
  },
  'a login': {
    from: 'session',
    does: (s) => s.login('alice', { data: { a: 1 } }),
    gives: { a: 1 },
    user: 'alice',
  },
  'a first login': {
    from: undefined,
    does: (s) => s.login('alice', { data: { a: 1 } }),
    gives: { a: 1 },
    user: 'alice',
  },
  'a reset': { from: 'session', does: (s) => s.reset(), gives: {}, user: '__guest__' },
  'a cycled key': {
    from: 'session',
    does: (s) => s.cycleKey(),
    gives: { views: 1 },
    user: '__guest__',
  },
}

async function count(app: Harness<Data>): Promise<number> {
  return (await app.store.page({ by: 'all' }, { limit: 100 })).entries.length
}

describe.each(Object.entries(WRITES))('%s', (_, { from, does, gives, user }) => {
  async function start(): Promise<[Harness<Data>, Session<Data>, string | undefined]> {
    const app = new Harness<Data>()
    // The first end of a process asks whether ends are events. That was done before.
    await app.visit((s) => s.logout(), { cookie: await app.given() })
    const cookie = from && (await app.given())
    const session = await app.load(cookie)
    await does(session)
    app.store.clearCalls()
    return [app, session, cookie]
  }

  it.each(['before', 'after'] as const)(
    'succeeds when its first write fails %s its effect',
    async (when) => {
      const [app, session, before] = await start()
      app.store.failNext(when)
      const { cookie } = await app.commit(session, before)
      const stored = await app.load(cookie)
      expect([Object.fromEntries(stored), stored.user]).toEqual([gives, user])
      expect(await count(app)).toBe(1)
      // A write that took effect is recognised and not repeated.
      expect(app.store.writes).toBe(when === 'after' ? 1 : 2)
    },
  )

  it('fails when the store stays down, leaves no partial write, and can be tried again', async () => {
    const [app, session, before] = await start()
    const restore = app.store.failAlways('before', { method: 'write' })
    const restoreTogether = app.store.failAlways('before', { method: 'writeTogether' })
    await expect(session.save()).rejects.toMatchObject({ code: 'ERR_SESSION_STORE' })
    expect(app.store.writes).toBe(3)
    restore()
    restoreTogether()
    if (before !== undefined) expect(await app.data(before)).toEqual({ views: 1 })
    expect(await count(app)).toBe(before === undefined ? 0 : 1)
    await session.save()
    const { cookie } = await app.commit(session, before)
    expect(await app.data(cookie)).toEqual(gives)
    expect(await count(app)).toBe(1)
  })

  it('fails the commit when the store stays down, and then no cookie is sent', async () => {
    const [app, session, before] = await start()
    const restores = (['write', 'writeTogether'] as const).map((method) =>
      app.store.failAlways('before', { method }),
    )
    await expect(app.sessions.commit(session)).rejects.toMatchObject({ code: 'ERR_SESSION_STORE' })
    for (const restore of restores) restore()
    expect((await app.sessions.commit(session, { status: 500 })).setCookie).toEqual([])
    if (before !== undefined) expect(await app.data(before)).toEqual({ views: 1 })
  })

  it('throws when others keep writing, and does not change the stored session', async () => {
    const [app, session, before] = await start()
    const restore = app.store.conflictAlways()
    await expect(app.sessions.commit(session)).rejects.toMatchObject({
      code: 'ERR_SESSION_CONTENTION',
    })
    restore()
    if (before !== undefined) expect(await app.data(before)).toEqual({ views: 1 })
    expect(await count(app)).toBe(before === undefined ? 0 : 1)
  })

  it('is not repeated when the store refuses', async () => {
    const [app, session] = await start()
    const refusal = new SessionStoreError('refused', {
      effect: 'none',
      retryable: false,
    })
    app.store.failAlways('before', { error: refusal })
    await expect(app.sessions.commit(session)).rejects.toBe(refusal)
    expect(app.store.calls).toHaveLength(1)
  })
})

describe('two requests at once', () => {
  it('both keep their changes under different keys', async () => {
    const app = new Harness<Data>()
    const cookie = await app.given({ base: 0 })
    const [one, two] = await Promise.all([app.load(cookie), app.load(cookie)])
    one.set('one', 1)
    two.set('two', 2)
    await Promise.all([app.sessions.commit(one), app.sessions.commit(two)])
    expect(await app.data(cookie)).toEqual({ base: 0, one: 1, two: 2 })
  })

  it('one of which logs out: the other cannot bring the session back', async () => {
    for (const work of [
      (s: Session<Data>) => s.set('late', 1),
      (s: Session<Data>) => s.markChanged(),
      (s: Session<Data>) => s.setExpiry('1d'),
      (s: Session<Data>) => s.cycleKey(),
      (s: Session<Data>) => s.clear(),
    ]) {
      const app = new Harness<Data>()
      const { cookie } = await app.visit((s) => s.login('alice', { data: { a: 1 } }))
      const slow = await app.load(cookie)
      await app.visit((s) => s.logout(), { cookie })
      await work(slow)
      expect((await app.sessions.commit(slow)).setCookie).toEqual([])
      expect((await app.load(cookie)).loadOutcome).toBe('unknown')
      expect(await count(app)).toBe(0)
    }
  })

  it('one of which is held inside its write while the other logs out', async () => {
    const app = new Harness<Data>()
    const cookie = await app.given()
    const [slow, other] = [
      await app.load(cookie),
      new Harness<Data>({ store: app.store }, app.clock),
    ]
    slow.set('late', 1)
    const gate = app.store.hold({ method: 'write' })
    const committing = app.sessions.commit(slow)
    await gate.reached
    await other.visit((s) => s.logout(), { cookie })
    gate.release()
    expect((await committing).setCookie).toEqual([])
    expect(await count(app)).toBe(0)
  })
})

describe('save()', () => {
  it('refuses a callback, which would never be called', async () => {
    const app = new Harness<Data>()
    const session = await app.load(await app.given())
    const save = session.save as (callback: () => void) => Promise<void>
    expect(() => save.call(session, () => {})).toThrow(/passportBridge/)
  })

  it.each(['load', 'logout', 'reset', 'cycleKey'] as const)(
    'refuses one as %s() does, before anything is done',
    async (name) => {
      const app = new Harness<Data>()
      const session = await app.load(await app.given({ a: 1 }))
      const method = session[name] as (callback: () => void) => Promise<unknown>
      expect(() => method.call(session, () => {})).toThrow(`${name}() takes no callback`)
      await app.commit(session)
      expect(await count(app)).toBe(1)
    },
  )

  it('is seen by others at once, and later changes wait for the next save', async () => {
    const app = new Harness<Data>()
    const cookie = await app.given({ a: 1 })
    const session = await app.load(cookie)
    session.set('a', 2)
    const gate = app.store.hold({ method: 'write' })
    const saving = session.save()
    await gate.reached
    session.set('a', 3).set('b', 1)
    gate.release()
    await saving
    expect(await app.data(cookie)).toEqual({ a: 2 })
    expect(session.changed).toBe(true)
    await app.commit(session)
    expect(await app.data(cookie)).toEqual({ a: 3, b: 1 })
  })

  it('shows the changes of others meanwhile', async () => {
    const app = new Harness<Data>()
    const cookie = await app.given({ a: 1, b: 1 })
    const session = await app.load(cookie)
    expect(session.get('b')).toBe(1)
    await app.visit((s) => s.set('b', 2).set('c', 3), { cookie })
    session.set('a', 2)
    await session.save()
    expect(Object.fromEntries(session)).toEqual({ a: 2, b: 2, c: 3 })
  })

  it('does not overwrite others with values that it has not changed since', async () => {
    const app = new Harness<Data>()
    const cookie = await app.given({ a: 1 })
    const session = await app.load(cookie)
    session.set('a', 2)
    await session.save()
    await app.visit((s) => s.set('a', 9), { cookie })
    session.set('b', 1)
    await app.commit(session)
    expect(await app.data(cookie)).toEqual({ a: 9, b: 1 })
  })

  it('shows the value of another request that won in the same write, and does not overwrite it', async () => {
    const app = new Harness<Data>()
    const cookie = await app.given({ n: 0 })
    const [first, one, two] = await Promise.all([
      app.load(cookie),
      app.load(cookie),
      app.load(cookie),
    ])
    app.store.clearCalls()
    const gate = app.store.hold({ method: 'write' })
    const saving = first.set('first', 1).save()
    await gate.reached
    const both = Promise.all([one.set('n', 1).save(), two.set('n', 2).save()])
    gate.release()
    await Promise.all([saving, both])
    expect(app.store.writes).toBe(2)
    expect([one.get('n'), one.changed, two.get('n'), two.changed]).toEqual([2, false, 2, false])
    await app.commit(one)
    expect(await app.data(cookie)).toEqual({ n: 2, first: 1 })
  })

  it('called twice at once stores one new session', async () => {
    const app = new Harness<Data>()
    const session = await app.load()
    session.set('a', 1)
    await Promise.all([session.save(), session.save()])
    expect(await count(app)).toBe(1)
    expect(app.store.writes).toBe(1)
  })

  it('that nobody awaits is found under way by a response that leaves right after it', async () => {
    for (const saved of ['session', undefined]) {
      const app = new Harness<Data>()
      const before = saved && (await app.given())
      const session = await app.load(before)
      session.set('a', 1)
      const saving = session.save()
      const { cookie } = await app.commit(session, before)
      await expect(saving).resolves.toBeUndefined()
      expect(app.store.writes).toBe(1)
      expect((await app.data(cookie))['a']).toBe(1)
    }
  })

  it('that nobody awaited and that failed is repeated by the commit', async () => {
    const app = new Harness<Data>()
    const session = await app.load()
    session.set('a', 1)
    for (let tries = 1; tries <= 3; tries++) app.store.failAt(tries, 'before', { method: 'write' })
    const saving = session.save().catch(() => 'failed')
    const { cookie } = await app.commit(session)
    expect(await saving).toBe('failed')
    expect(await app.data(cookie)).toEqual({ a: 1 })
  })
})
