import { describe, expect, it } from 'vitest'
import {
  createSessions,
  memoryStore,
  type Session,
  type SessionStore,
  SessionStoreError,
} from '../../src/index.ts'
import { failingStore, fakeClock } from '../../src/testing/index.ts'
import { Harness, keyOfCookie, MINUTE } from './harness.ts'
import { IDENTITY, lostAmong, records, ticks, WAYS } from './while-saving.ts'

type Data = Record<string, unknown>
/** Two processes of one app on one store. */
function twoProcesses(): [Harness<Data>, Harness<Data>, SessionStore] {
  const clock = fakeClock()
  const store = memoryStore({ now: clock.now })
  return [new Harness<Data>({ store }, clock), new Harness<Data>({ store }, clock), store]
}

describe('an identity method that starts while saves come and go', () => {
  // In while-saving.long.test.ts at more moments.
  it.each(WAYS)('is not lost: %s, lazily loaded: %s', async (method, lazy) => {
    expect(await lostAmong(method, lazy, [0, 2])).toEqual([])
  })
})

describe('an identity method that nobody awaits', () => {
  it.each(IDENTITY)('takes effect for the commit that follows at once: %s', async (method) => {
    const app = new Harness<Data>()
    const cookie = await app.given({ x: 1 })
    const session = await app.load(cookie)
    // A rejection that nobody handles would fail this run too.
    const asked = session[method]('alice')
    const { cookie: after, setCookie } = await app.commit(session, cookie)
    expect(setCookie).toHaveLength(1)
    expect(after === undefined).toBe(method === 'logout')
    expect((await app.load(cookie)).loadOutcome).toBe('unknown')
    expect((await app.load(after)).user).toBe(method === 'login' ? 'alice' : '__guest__')
    await expect(asked).resolves.toBeUndefined()
  })
})

describe('a save under way while the response turns out to be a server error', () => {
  it.each([
    ['cycleKey', (s: Session<Data>) => s.cycleKey()],
    ['login', (s: Session<Data>) => s.login('bob', { data: { secret: 'bobs' } })],
  ])('never stores the data of a user as a guest: %s', async (_, work) => {
    const [app, other] = twoProcesses()
    const { cookie } = await app.visit((s) => s.login('alice', { data: { secret: 'alices' } }))
    const session = await app.load(cookie)
    await work(session)
    const gate = app.store.hold({ method: 'writeTogether' })
    const saving = session.save()
    await gate.reached
    // So that the first try has a conflict, and the next one comes after the server error.
    await other.visit((s) => s.set('z', 1), { cookie })
    const committing = app.commit(session, cookie, 500)
    gate.release()
    const after = (await committing).cookie
    await saving
    const stored = await records(app.store)
    expect(stored.length).toBeGreaterThan(0)
    for (const [user, data] of stored) {
      if (data.includes('secret')) expect(data).toContain(`${user}s`)
    }
    expect((await app.load(after)).user).not.toBe('__guest__')
  })
})

describe('markChanged()', () => {
  it('during a save leads to a second write', async () => {
    const app = new Harness<Data>()
    const session = await app.load(await app.given())
    session.set('views', 2)
    app.store.clearCalls()
    const gate = app.store.hold({ method: 'write' })
    const saving = session.save()
    await gate.reached
    session.markChanged()
    gate.release()
    await saving
    expect(session.changed).toBe(true)
    await app.sessions.commit(session)
    expect([app.store.writes, session.changed]).toEqual([2, false])
  })

  it('outlives a save that fails', async () => {
    const app = new Harness<Data>()
    const session = await app.load(await app.given())
    session.markChanged()
    const restore = app.store.failAlways('before', { method: 'write' })
    await expect(session.save()).rejects.toThrow(SessionStoreError)
    restore()
    app.store.clearCalls()
    await app.sessions.commit(session)
    expect(app.store.writes).toBe(1)
  })

  it.each([
    ['markChanged()', (s: Session<Data>) => s.markChanged()],
    ['setExpiry()', (s: Session<Data>) => s.setExpiry('10m')],
  ])('and the like are forgotten at a logout: %s', async (_, work) => {
    const app = new Harness<Data>()
    const cookie = await app.given()
    const session = await app.load(cookie)
    work(session)
    await session.logout()
    await session.save()
    const { cookie: after } = await app.commit(session, cookie)
    expect(after).toBeUndefined()
    expect(await records(app.store)).toEqual([])
  })
})

describe('setExpiry()', () => {
  it('applies to a login, with which all times start anew', async () => {
    const app = new Harness<Data>()
    const session = await app.load(await app.given())
    session.setExpiry('10m')
    await session.login('alice')
    await session.save()
    expect(session.expires).toEqual(new Date(app.clock.now() + 10 * MINUTE))
  })
})

describe('a value that becomes invalid while a save that nobody awaits is under way', () => {
  it('fails the commit and leaves no partial write', async () => {
    const app = new Harness<Data>()
    const cookie = await app.given({ x: 1, list: [1] })
    const session = await app.load(cookie)
    const list = session.get('list') as unknown[]
    session.set('x', 2)
    const gate = app.store.hold({ method: 'write' })
    const saving = session.save().catch(() => {})
    await gate.reached
    const committing = app.sessions.commit(session)
    list.push(() => {})
    gate.release()
    await expect(committing).rejects.toMatchObject({ code: 'ERR_SESSION_VALUE' })
    await saving
    expect(session.changed).toBe(false)
    app.store.clearCalls()
    expect((await app.sessions.commit(session, { status: 500 })).setCookie).toEqual([])
    expect(app.store.writes).toBe(0)
    expect(await app.data(cookie)).toEqual({ x: 2, list: [1] })
  })
})

describe('a session that turned out to be gone', () => {
  it('starts anew with a login that is saved, and keeps later changes', async () => {
    const app = new Harness<Data>()
    const cookie = await app.given()
    const session = await app.load(cookie)
    await app.visit((s) => s.logout(), { cookie })
    session.set('x', 1)
    await session.save().catch(() => {})
    await session.login('alice')
    await session.save()
    session.set('y', 2)
    const { cookie: after } = await app.commit(session, cookie)
    const now = await app.load(after)
    expect([now.user, Object.fromEntries(now)]).toEqual(['alice', { y: 2 }])
  })
})

describe('a write of another process meanwhile', () => {
  it('does not hide a value that is set to the one that this process last wrote', async () => {
    const [app, other] = twoProcesses()
    const cookie = await app.given({ x: 1 })
    const first = await app.load(cookie)
    first.set('x', 2)
    const gate = app.store.hold({ method: 'write', when: 'after' })
    const committing = app.sessions.commit(first)
    await gate.reached
    await other.visit((s) => s.set('x', 5), { cookie })
    const second = await app.load(cookie)
    expect(second.get('x')).toBe(5)
    second.set('x', 2)
    const both = [committing, app.sessions.commit(second)]
    await ticks(1)
    gate.release()
    await Promise.all(both)
    expect(await app.data(cookie)).toEqual({ x: 2 })
  })

  it.each(['logout', 'reset', 'login'] as const)(
    '%s ends a session that a later release wrote to meanwhile',
    async (method) => {
      const [app, , store] = twoProcesses()
      const cookie = await app.given({ x: 1 })
      const session = await app.load(cookie)
      const found = await store.find(keyOfCookie(cookie))
      if (found?.record == null) throw new Error('the session was not stored')
      const newer = { ...found.record, data: found.record.data.replace(/^1 /, '2 '), rev: 'newer' }
      await store.write({ kind: 'update', record: newer, version: found.version })
      await session[method]('alice')
      await app.commit(session, cookie)
      expect(await store.find(keyOfCookie(cookie))).toBeNull()
    },
  )
})

describe('an insert whose answer is lost, and that arrives late', () => {
  it.each([
    ['a new session', (s: Session<Data>) => s.set('x', 1)],
    ['a login', (s: Session<Data>) => s.login('alice')],
  ])('does not revive what was logged out: %s', async (_, work) => {
    const base = memoryStore()
    let late: (() => Promise<unknown>) | null = null
    const write: SessionStore['write'] = (mutation) => {
      if (mutation.kind !== 'insert' || late !== null) return base.write(mutation)
      late = () => base.write(mutation)
      return Promise.reject(new SessionStoreError('deadline', { effect: 'unknown' }))
    }
    const store: SessionStore = Object.assign(Object.create(base), {
      write,
      find: base.find.bind(base),
      writeTogether: base.writeTogether.bind(base),
    })
    const app = new Harness<Data>({ store })
    const { cookie } = await app.visit(work)
    expect((await app.load(cookie)).loadOutcome).toBe('live')
    await app.visit((s) => s.logout(), { cookie })
    await (late as (() => Promise<unknown>) | null)?.()
    expect((await app.load(cookie)).loadOutcome).toBe('unknown')
  })
})

describe('a value that becomes invalid in place while it is stored', () => {
  it.each(['login', 'cycleKey'] as const)(
    'fails the commit of %s, whose cookie is still sent',
    async (method) => {
      const store = failingStore(memoryStore())
      const sessions = createSessions<{ list: unknown[] }>({ store, logger: { warn: () => {} } })
      const first = await sessions.open({ secure: true }).load()
      first.set('list', [])
      const cookie = ((await sessions.commit(first)).setCookie[0] as string).split(';')[0] as string
      const session = await sessions.open({ cookie, secure: true }).load()
      const list: unknown[] = [1]
      session.set('list', list)
      await session[method]('alice')
      session.set('list', list)
      const gate = store.hold({ when: 'after' })
      const commit = sessions.commit(session)
      await gate.reached
      list.push(() => {})
      gate.release()
      await expect(commit).rejects.toMatchObject({ code: 'ERR_SESSION_VALUE' })
      // The response of the error handler: the old id is invalid, so without the new one the user would be logged out.
      const { setCookie } = await sessions.commit(session, { status: 500 })
      const fresh = (setCookie[0] as string).split(';')[0] as string
      expect((await sessions.open({ cookie: fresh, secure: true }).load()).get('list')).toEqual([1])
    },
  )
})
