import { describe, expect, it } from 'vitest'
import { GUEST_USER, type Session, SessionValueError } from '../../src/index.ts'
import { DAY, Harness, HOUR, idOf, keyOfCookie, MINUTE } from './harness.ts'

type Data = Record<string, unknown>

/** The facts of a session. */
function facts(session: Session<Data>): Record<string, unknown> {
  return {
    user: session.user,
    isGuest: session.isGuest,
    isNew: session.isNew,
    ended: session.ended,
    hasKey: session.key !== null,
    authenticated: session.authenticated !== null,
    created: session.created !== null,
  }
}

const GUEST = {
  user: GUEST_USER,
  isGuest: true,
  isNew: false,
  ended: false,
  hasKey: true,
  authenticated: false,
  created: true,
}
const NONE = {
  user: GUEST_USER,
  isGuest: true,
  isNew: true,
  ended: false,
  hasKey: false,
  authenticated: false,
  created: false,
}
const ALICE = {
  user: 'alice',
  isGuest: false,
  isNew: false,
  ended: false,
  hasKey: true,
  authenticated: true,
  created: true,
}
const WANTED = { ...NONE, user: 'alice', isGuest: false, authenticated: true }

describe('a session at each stage', () => {
  it('from nothing to a login to a logout', async () => {
    const app = new Harness<Data>()
    const s = await app.load()
    expect(facts(s)).toEqual(NONE)
    s.set('a', 1)
    expect(facts(s)).toEqual(NONE)
    await s.save()
    expect(facts(s)).toEqual(GUEST)
    await s.login('alice')
    expect(facts(s)).toEqual(WANTED)
    await s.save()
    expect(facts(s)).toEqual(ALICE)
    await s.cycleKey()
    expect(facts(s)).toEqual({ ...ALICE, isNew: true, hasKey: false })
    await s.save()
    expect(facts(s)).toEqual(ALICE)
    await s.reset()
    expect(facts(s)).toEqual(NONE)
    await s.save()
    expect(facts(s)).toEqual(GUEST)
    await s.logout()
    expect(facts(s)).toEqual({ ...NONE, ended: true })
    await s.save()
    expect(facts(s)).toEqual({ ...NONE, ended: true })
    await app.commit(s)
    expect(facts(s)).toEqual({ ...NONE, ended: true })
  })

  it('with a cookie whose session no longer exists', async () => {
    const app = new Harness<Data>()
    const cookie = await app.given()
    app.clock.advance('2h')
    expect(facts(await app.load(cookie))).toEqual(NONE)
  })

  it('when it ended elsewhere', async () => {
    const app = new Harness<Data>()
    const cookie = await app.given()
    const session = await app.load(cookie)
    await app.visit((s) => s.logout(), { cookie })
    session.set('a', 1)
    await expect(session.save()).rejects.toMatchObject({ code: 'ERR_SESSION_GONE' })
    expect(facts(session)).toEqual({ ...NONE, ended: true })
  })

  it('has times', async () => {
    const app = new Harness<Data>()
    const start = app.clock.now()
    const cookie = await app.given()
    app.clock.advance('10m')
    const { session } = await app.visit((s) => s.login('alice'), { cookie })
    expect(session.created).toEqual(new Date(start + 10 * MINUTE))
    expect(session.lastSeen).toEqual(new Date(start + 10 * MINUTE))
    expect(session.authenticated).toEqual(new Date(start + 10 * MINUTE))
    expect(session.expires).toEqual(new Date(start + 10 * MINUTE + HOUR))
  })
})

describe('login', () => {
  it('gives a new id and ends the old one in the same commit', async () => {
    const app = new Harness<Data>()
    const before = await app.given()
    const { cookie, session } = await app.visit((s) => s.login('alice'), { cookie: before })
    expect(app.store.calls.filter(({ method }) => method !== 'note')).toEqual([
      { method: 'find', kinds: [] },
      { method: 'writeTogether', kinds: ['insert', 'delete'] },
    ])
    expect(cookie).not.toBe(before)
    expect(session.key).toBe(keyOfCookie(cookie as string))
    expect(await app.stored(before)).toBeNull()
    expect((await app.load(before)).loadOutcome).toBe('unknown')
    expect((await app.load(cookie)).user).toBe('alice')
  })

  it('also gives a new id to a user who logs in again', async () => {
    const app = new Harness<Data>()
    const first = await app.visit((s) => s.login('alice'))
    app.clock.advance('10m')
    const second = await app.visit((s) => s.login('alice'), { cookie: first.cookie })
    expect(second.cookie).not.toBe(first.cookie)
    expect((await app.load(first.cookie)).user).toBe(GUEST_USER)
    expect((await app.load(second.cookie)).authenticated?.getTime()).toBe(app.clock.now())
  })

  it('keeps only persistentFieldsOnLogin, its own data and later changes', async () => {
    const app = new Harness<Data>({ persistentFieldsOnLogin: ['cart', 'locale', 'missing'] })
    const before = await app.given({ cart: [1], locale: 'de', secret: 1 }, (s) =>
      s.setExpiry('10m'),
    )
    const { cookie } = await app.visit(
      async (s) => {
        s.set('locale', 'fr').set('early', 1)
        await s.login('alice', { data: { role: 'admin' } })
        expect(Object.fromEntries(s)).toEqual({ cart: [1], locale: 'fr', role: 'admin' })
        s.set('late', 1)
      },
      { cookie: before },
    )
    expect(await app.data(cookie)).toEqual({ cart: [1], locale: 'fr', role: 'admin', late: 1 })
    expect((await app.stored(cookie as string))?.expiry).toBeNull()
  })

  it('keeps a value that a parallel request stored in a persistent field', async () => {
    const app = new Harness<Data>({ persistentFieldsOnLogin: ['cart', 'locale'] })
    const before = await app.given({ cart: [1] })
    const session = await app.load(before)
    await app.visit((s) => s.set('locale', 'de').set('other', 1), { cookie: before })
    await session.login('alice')
    const { cookie } = await app.commit(session, before)
    expect(await app.data(cookie)).toEqual({ cart: [1], locale: 'de' })
  })

  it('carries nothing from memory when the old session was logged out meanwhile', async () => {
    const app = new Harness<Data>({ persistentFieldsOnLogin: ['cart'] })
    const before = await app.given({ cart: [1] })
    const session = await app.load(before)
    await app.visit((s) => s.logout(), { cookie: before })
    await session.login('alice')
    session.set('after', 1)
    const { cookie } = await app.commit(session, before)
    expect(await app.data(cookie)).toEqual({ after: 1 })
    expect((await app.load(cookie)).user).toBe('alice')
    expect((await app.load(before)).loadOutcome).toBe('unknown')
  })

  it('carries nothing from memory after a save has found the session gone', async () => {
    const app = new Harness<Data>({ persistentFieldsOnLogin: ['cart'] })
    const before = await app.given({ cart: [1] })
    const session = await app.load(before)
    await app.visit((s) => s.logout(), { cookie: before })
    await expect(session.set('a', 1).save()).rejects.toMatchObject({ code: 'ERR_SESSION_GONE' })
    await session.login('alice')
    expect(session.size).toBe(0)
    const { cookie } = await app.commit(session, before)
    expect((await app.load(cookie)).user).toBe('alice')
    expect(await app.data(cookie)).toEqual({})
  })

  it('twice in one request ends the old one and stores one', async () => {
    const app = new Harness<Data>({ persistentFieldsOnLogin: ['cart'] })
    const before = await app.given({ cart: 1, x: 1 })
    const { cookie } = await app.visit(
      async (s) => {
        await s.login('alice', { data: { a: 1 } })
        await s.login('bob', { data: { b: 1 } })
      },
      { cookie: before },
    )
    expect(app.store.writes).toBe(1)
    expect((await app.load(cookie)).user).toBe('bob')
    expect(await app.data(cookie)).toEqual({ b: 1 })
  })

  it('does not happen when its data is invalid', async () => {
    const app = new Harness<Data>()
    const cookie = await app.given()
    const { session } = await app.visit(
      async (s) => {
        expect(() => s.login('alice', { data: { ok: 1, f: () => {} } })).toThrow(SessionValueError)
        expect(s.user).toBe(GUEST_USER)
        expect(Object.fromEntries(s)).toEqual({ views: 1 })
      },
      { cookie, status: 400 },
    )
    expect(session.user).toBe(GUEST_USER)
    expect(app.store.writes).toBe(0)
    expect((await app.load(cookie)).loadOutcome).toBe('live')
  })

  it.each<[unknown, string]>([
    ['', 'empty'],
    [GUEST_USER, 'nobody'],
    [undefined, 'undefined'],
    [null, 'null'],
    [5, 'a number'],
    [{ toString: () => 'alice' }, 'an object'],
    [['alice'], 'an array'],
    ['x'.repeat(1501), '1,501 bytes'],
    ['ü'.repeat(751), '1,502 bytes in 751 characters'],
    ['a\ud800', 'not well-formed'],
  ])('refuses a user that is %s (%s)', async (user) => {
    const session = await new Harness<Data>().load()
    expect(() => session.login(user as never)).toThrow(SessionValueError)
    expect(session.user).toBe(GUEST_USER)
    expect(session.changed).toBe(false)
  })

  it.each([
    'None',
    'undefined',
    'null',
    'é',
    'e\u0301',
    'x'.repeat(1500),
    ' ',
    '__proto__',
    '__key__',
  ])('takes %j for a user, and no other for the same', async (user) => {
    const app = new Harness<Data>()
    const { cookie } = await app.visit((s) => s.login(user))
    expect((await app.load(cookie)).user).toBe(user)
  })

  it('without a session stores one', async () => {
    const app = new Harness<Data>()
    const { cookie } = await app.visit((s) => s.login('alice'), { load: false })
    expect(app.store.calls.map(({ method }) => method)).toEqual(['note', 'write', 'note'])
    expect((await app.load(cookie)).user).toBe('alice')
  })

  it('under an id that was not made here takes another one', async () => {
    const app = new Harness<Data>()
    const fixed = `__Host-viur-session=${'A'.repeat(43)}`
    const { cookie } = await app.visit((s) => s.login('alice'), { cookie: fixed })
    expect(cookie).not.toBe(fixed)
    expect(await app.stored(fixed)).toBeNull()
  })
})

describe('logout', () => {
  it('ends the session and removes the cookie', async () => {
    const app = new Harness<Data>()
    const before = await app.given()
    const { setCookie, cookie } = await app.visit((s) => s.logout(), { cookie: before })
    expect(app.store.calls.at(-1)).toEqual({ method: 'write', kinds: ['delete'] })
    expect(setCookie[0]).toMatch(/^__Host-viur-session=; .*Max-Age=0/)
    expect(cookie).toBeUndefined()
    expect(await app.stored(before)).toBeNull()
  })

  it('keeps persistentFieldsOnLogout in a new guest session', async () => {
    const app = new Harness<Data>({ persistentFieldsOnLogout: ['locale'] })
    const alice = await app.visit((s) => s.login('alice', { data: { locale: 'de', secret: 1 } }))
    const { cookie } = await app.visit((s) => s.logout(), { cookie: alice.cookie })
    const session = await app.load(cookie)
    expect([session.user, session.authenticated, Object.fromEntries(session)]).toEqual([
      GUEST_USER,
      null,
      { locale: 'de' },
    ])
    expect((await app.load(alice.cookie)).loadOutcome).toBe('unknown')
  })

  it('keeps no session when none of the persistent fields is set', async () => {
    const app = new Harness<Data>({ persistentFieldsOnLogout: ['locale'] })
    const { cookie } = await app.visit((s) => s.logout(), { cookie: await app.given() })
    expect(cookie).toBeUndefined()
  })

  it('keeps no session after markChanged()', async () => {
    const app = new Harness<Data>()
    const { cookie } = await app.visit(
      async (s) => {
        s.markChanged()
        await s.logout()
      },
      { cookie: await app.given() },
    )
    expect(cookie).toBeUndefined()
  })

  it('keeps later changes, for a guest and under a new id', async () => {
    const app = new Harness<Data>()
    const alice = await app.visit((s) => s.login('alice', { data: { secret: 1 } }))
    const { cookie } = await app.visit(
      async (s) => {
        await s.logout()
        s.set('flash', 'bye')
      },
      { cookie: alice.cookie },
    )
    expect(cookie).not.toBe(alice.cookie)
    const session = await app.load(cookie)
    expect([session.user, Object.fromEntries(session)]).toEqual([GUEST_USER, { flash: 'bye' }])
  })

  it('without a session removes the cookie, and writes nothing', async () => {
    const app = new Harness<Data>()
    for (const [cookie, removed] of [
      [undefined, 0],
      ['other=1', 0],
      [`__Host-viur-session=${'A'.repeat(43)}`, 1],
      ['__Host-viur-session=junk', 1],
    ] as const) {
      const { setCookie } = await app.visit((s) => s.logout(), { cookie })
      expect(setCookie).toHaveLength(removed)
    }
    expect(app.store.writes).toBe(0)
  })

  it('of a session that was logged out meanwhile is a success', async () => {
    const app = new Harness<Data>()
    const cookie = await app.given()
    const session = await app.load(cookie)
    await app.visit((s) => s.logout(), { cookie })
    await session.logout()
    expect((await app.commit(session, cookie)).cookie).toBeUndefined()
  })

  it('ends a session that a parallel request has changed', async () => {
    const app = new Harness<Data>()
    const cookie = await app.given()
    const session = await app.load(cookie)
    await app.visit((s) => s.set('views', 2), { cookie })
    await session.logout()
    await app.commit(session, cookie)
    expect(await app.stored(cookie)).toBeNull()
  })

  it('then login stores the new user', async () => {
    const app = new Harness<Data>()
    const alice = await app.visit((s) => s.login('alice'))
    app.store.clearCalls()
    const bob = await app.visit(
      async (s) => {
        await s.logout()
        await s.login('bob')
        expect(s.ended).toBe(false)
      },
      { cookie: alice.cookie },
    )
    expect(app.store.writes).toBe(1)
    expect((await app.load(bob.cookie)).user).toBe('bob')
    expect((await app.load(alice.cookie)).loadOutcome).toBe('unknown')
  })
})

describe('reset', () => {
  it('gives a new id, and carries nothing', async () => {
    const app = new Harness<Data>({
      persistentFieldsOnLogin: ['a'],
      persistentFieldsOnLogout: ['a'],
    })
    const before = (await app.visit((s) => s.login('alice', { data: { a: 1 } }))).cookie as string
    app.clock.advance('10m')
    const { cookie } = await app.visit((s) => s.reset(), { cookie: before })
    const session = await app.load(cookie)
    expect(cookie).not.toBe(before)
    expect([session.user, session.size, session.created?.getTime()]).toEqual([
      GUEST_USER,
      0,
      app.clock.now(),
    ])
    expect((await app.load(before)).loadOutcome).toBe('unknown')
  })

  it('without a session stores none', async () => {
    const app = new Harness<Data>()
    const { setCookie } = await app.visit((s) => s.reset())
    expect([app.store.writes, setCookie]).toEqual([0, []])
  })

  it('of a session that ended meanwhile creates nothing', async () => {
    const app = new Harness<Data>()
    const cookie = await app.given()
    const session = await app.load(cookie)
    await app.visit((s) => s.logout(), { cookie })
    await session.reset()
    await expect(session.save()).rejects.toMatchObject({ code: 'ERR_SESSION_GONE' })
    expect((await app.commit(session)).setCookie).toEqual([])
  })
})

describe('cycleKey', () => {
  it('gives a new id and keeps everything else', async () => {
    const app = new Harness<Data>()
    const alice = await app.visit(async (s) => {
      await s.login('alice', { data: { a: 1 } })
      s.setExpiry('30m')
      s.scope('x').set('b', 1)
    })
    const before = await app.stored(alice.cookie as string)
    app.clock.advance('10m')
    const { cookie } = await app.visit(
      async (s) => {
        s.set('c', 1)
        await s.cycleKey()
        s.set('d', 1)
      },
      { cookie: alice.cookie },
    )
    expect(app.store.calls.at(-1)).toEqual({ method: 'writeTogether', kinds: ['insert', 'delete'] })
    const after = await app.stored(cookie as string)
    expect(after).toMatchObject({
      user: 'alice',
      created: before?.created,
      authenticated: before?.authenticated,
      expiry: before?.expiry,
      lastSeen: app.clock.now(),
    })
    expect(after?.key).not.toBe(before?.key)
    expect(await app.data(cookie)).toEqual({ a: 1, c: 1, d: 1 })
    expect((await app.load(cookie)).scope('x').get('b')).toBe(1)
    expect((await app.load(alice.cookie)).loadOutcome).toBe('unknown')
  })

  it('keeps the data that is stored now, and not the data that was read', async () => {
    const app = new Harness<Data>()
    const before = await app.given({ a: 1, b: 1 })
    const session = await app.load(before)
    session.get('a')
    await app.visit((s) => s.set('a', 2).delete('b'), { cookie: before })
    await session.cycleKey()
    session.set('c', 1)
    const { cookie } = await app.commit(session, before)
    expect(await app.data(cookie)).toEqual({ a: 2, c: 1 })
  })

  it('and every other end, 500 times at once on one session, is one round of calls', async () => {
    for (const method of ['cycleKey', 'reset', 'logout'] as const) {
      const app = new Harness<Data>()
      const cookie = await app.given({ a: 1 })
      const sessions = await Promise.all(Array.from({ length: 500 }, () => app.load(cookie)))
      app.store.clearCalls()
      const results = await Promise.all(
        sessions.map(async (session) => {
          await session[method]()
          return (await app.commit(session)).cookie
        }),
      )
      // The first end of a process asks whether ends are events; a key that is only cycled is no end.
      const notes = app.store.calls.filter((call) => call.method === 'note')
      expect(notes, method).toHaveLength(method === 'cycleKey' ? 0 : 1)
      expect(app.store.calls, method).toHaveLength(notes.length + 1)
      const kept = results.filter((one) => one !== undefined)
      expect(kept, method).toHaveLength(method === 'logout' ? 0 : 1)
      if (method === 'cycleKey') expect(await app.data(kept[0])).toEqual({ a: 1 })
    }
  })

  it('500 times at once on a session that another process has ended looks once', async () => {
    const app = new Harness<Data>()
    const cookie = await app.given()
    const sessions = await Promise.all(Array.from({ length: 500 }, () => app.load(cookie)))
    await new Harness<Data>({ store: app.store }, app.clock).visit((s) => s.logout(), { cookie })
    app.store.clearCalls()
    await Promise.all(
      sessions.map(async (session, index) => {
        if (index % 2 === 0) await session.cycleKey()
        else session.set('b', index)
        expect((await app.commit(session)).setCookie).toEqual([])
      }),
    )
    expect(app.store.calls.map(({ method }) => method)).toEqual(['write', 'find'])
  })

  it('without a session does nothing', async () => {
    const app = new Harness<Data>()
    const { setCookie } = await app.visit((s) => s.cycleKey())
    expect([app.store.writes, setCookie]).toEqual([0, []])
  })

  it('of a session that ended meanwhile creates nothing', async () => {
    const app = new Harness<Data>()
    const cookie = await app.given()
    const session = await app.load(cookie)
    await app.visit((s) => s.logout(), { cookie })
    await session.cycleKey()
    const { setCookie } = await app.commit(session)
    expect(setCookie).toEqual([])
    expect((await app.load(cookie)).loadOutcome).toBe('unknown')
  })

  it('and then login is a login', async () => {
    const app = new Harness<Data>()
    const before = await app.given({ a: 1 })
    const { cookie } = await app.visit(
      async (s) => {
        await s.cycleKey()
        await s.login('alice')
      },
      { cookie: before },
    )
    expect((await app.load(cookie)).user).toBe('alice')
    expect(await app.data(cookie)).toEqual({})
  })
})

describe('isFresh', () => {
  it.each([
    [-1, true],
    [0, true],
    [1, false],
  ])('at %i ms from the limit is %s', async (offset, fresh) => {
    const app = new Harness<Data>()
    const { cookie } = await app.visit((s) => s.login('alice'))
    app.clock.advance(5 * MINUTE + offset)
    const session = await app.load(cookie)
    expect(session.isFresh('5m')).toBe(fresh)
    expect(session.isFresh(5 * MINUTE)).toBe(fresh)
  })

  it('is false for a guest, and after logout', async () => {
    const app = new Harness<Data>()
    expect((await app.load(await app.given())).isFresh('1d')).toBe(false)
    const { session } = await app.visit(async (s) => {
      await s.login('alice')
      expect(s.isFresh(0)).toBe(true)
      await s.logout()
    })
    expect(session.isFresh(DAY)).toBe(false)
  })

  it('is not renewed by cycleKey or use', async () => {
    const app = new Harness<Data>()
    const { cookie } = await app.visit((s) => s.login('alice'))
    app.clock.advance('6m')
    const cycled = await app.visit((s) => s.cycleKey(), { cookie })
    expect((await app.load(cycled.cookie)).isFresh('5m')).toBe(false)
  })

  it.each([-1, 'soon', Number.NaN, undefined, null])('refuses %s', async (within) => {
    const session = await new Harness<Data>().load()
    expect(() => session.isFresh(within as never)).toThrow(SessionValueError)
  })
})

describe('a response with a server error', () => {
  it('drops changes of data and expiry', async () => {
    const app = new Harness<Data>()
    const cookie = await app.given({ a: 1 })
    const { setCookie } = await app.visit(
      (s) => {
        s.set('a', 2)
        s.setExpiry('10m')
        s.markChanged()
      },
      { cookie, status: 500 },
    )
    expect([app.store.writes, setCookie]).toEqual([0, []])
  })

  it.each(['login', 'cycleKey'] as const)('drops %s completely', async (method) => {
    const app = new Harness<Data>()
    const cookie = await app.given({ a: 1 })
    const { setCookie } = await app.visit((s) => s[method]('alice'), { cookie, status: 503 })
    expect([app.store.writes, setCookie]).toEqual([0, []])
    const session = await app.load(cookie)
    expect([session.user, session.get('a')]).toEqual([GUEST_USER, 1])
  })

  it.each(['logout', 'reset'] as const)(
    'keeps %s, without a record in its place',
    async (method) => {
      const app = new Harness<Data>({ persistentFieldsOnLogout: ['a'] })
      const before = await app.given({ a: 1 })
      const { cookie } = await app.visit(
        async (s) => {
          await s[method]()
          s.set('b', 1)
        },
        { cookie: before, status: 500 },
      )
      expect(app.store.calls.at(-1)).toEqual({ method: 'write', kinds: ['delete'] })
      expect(cookie).toBeUndefined()
      expect((await app.load(before)).loadOutcome).toBe('unknown')
    },
  )

  it('keeps the logout before a login, and drops the login', async () => {
    const app = new Harness<Data>()
    const before = await app.given()
    const { cookie } = await app.visit(
      async (s) => {
        await s.logout()
        await s.login('alice')
      },
      { cookie: before, status: 500 },
    )
    expect(cookie).toBeUndefined()
    expect(app.store.calls.at(-1)).toEqual({ method: 'write', kinds: ['delete'] })
  })

  it('keeps data that save() stored, and sends its cookie', async () => {
    const app = new Harness<Data>()
    const { cookie } = await app.visit(
      async (s) => {
        s.set('a', 1)
        await s.save()
        s.set('b', 1)
      },
      { status: 500 },
    )
    expect(await app.data(cookie)).toEqual({ a: 1 })
    const login = await app.visit(
      async (s) => {
        await s.login('alice')
        await s.save()
      },
      { cookie, status: 500 },
    )
    expect((await app.load(login.cookie)).user).toBe('alice')
  })

  it.each([
    [499, 1],
    [500, 0],
    [599, 0],
  ])('begins with status 500: %i takes %i writes', async (status, writes) => {
    const app = new Harness<Data>()
    await app.visit((s) => s.set('a', 1), { status })
    expect(app.store.writes).toBe(writes)
  })
})

describe('a session that ended elsewhere before the end of the request', () => {
  async function late(onGone: 'drop' | 'error'): Promise<[Harness<Data>, Session<Data>, string]> {
    const app = new Harness<Data>({ onGone })
    const cookie = await app.given()
    const session = await app.load(cookie)
    session.set('late', 1)
    await app.visit((s) => s.logout(), { cookie })
    app.log.length = 0
    return [app, session, cookie]
  }

  it('drops the changes, and logs that', async () => {
    const [app, session, cookie] = await late('drop')
    const { setCookie } = await app.sessions.commit(session)
    expect(setCookie).toEqual([])
    expect(app.log.map(({ level, message }) => `${level} ${message.slice(0, 24)}`)).toEqual([
      'info a write conflicted with ',
      'info a session ended elsewher',
    ])
    expect((await app.load(cookie)).loadOutcome).toBe('unknown')
  })

  it('is an error when onGone says so', async () => {
    const [app, session] = await late('error')
    await expect(app.sessions.commit(session)).rejects.toMatchObject({ code: 'ERR_SESSION_GONE' })
  })

  it('never becomes a new session, not even with changes after save() has thrown', async () => {
    const [app, session, cookie] = await late('drop')
    await expect(session.save()).rejects.toMatchObject({ code: 'ERR_SESSION_GONE' })
    session.set('later', 1)
    app.store.clearCalls()
    await expect(session.save()).rejects.toMatchObject({ code: 'ERR_SESSION_GONE' })
    session.set('later', 1)
    expect((await app.sessions.commit(session)).setCookie).toEqual([])
    expect(app.store.writes).toBe(0)
    expect((await app.load(cookie)).loadOutcome).toBe('unknown')
  })

  it('is no trouble for a request that changed nothing', async () => {
    const app = new Harness<Data>({ onGone: 'error' })
    const cookie = await app.given()
    const session = await app.load(cookie)
    session.get('views')
    await app.visit((s) => s.logout(), { cookie })
    expect((await app.sessions.commit(session)).setCookie).toEqual([])
  })
})

describe('sessions.get', () => {
  it('shows a session that is alive, without its data', async () => {
    const app = new Harness<Data>()
    const { cookie, session } = await app.visit((s) => s.login('alice', { data: { secret: 1 } }))
    expect(await app.sessions.get(session.key as never)).toEqual({
      key: keyOfCookie(cookie as string),
      user: 'alice',
      created: new Date(app.clock.now()),
      lastSeen: new Date(app.clock.now()),
      expires: new Date(app.clock.now() + HOUR),
    })
  })

  it('shows no expired or ended session, and none under the id of a cookie', async () => {
    const app = new Harness<Data>()
    const cookie = await app.given()
    expect(await app.sessions.get(idOf(cookie) as never)).toBeNull()
    app.clock.advance(HOUR)
    expect(await app.sessions.get(keyOfCookie(cookie))).not.toBeNull()
    app.clock.advance(1)
    expect(await app.sessions.get(keyOfCookie(cookie))).toBeNull()
    const other = await app.given()
    await app.visit((s) => s.logout(), { cookie: other })
    expect(await app.sessions.get(keyOfCookie(other))).toBeNull()
  })

  it.each(['', 'x', 'A'.repeat(42), 'A'.repeat(44), '../../etc', undefined, null, 5, {}])(
    'asks nobody about %j',
    async (key) => {
      const app = new Harness<Data>()
      expect(await app.sessions.get(key as never)).toBeNull()
      expect(app.store.calls).toEqual([])
    },
  )

  it('fails when the store fails, and does not say that there is none', async () => {
    const app = new Harness<Data>()
    const cookie = await app.given()
    app.store.failAlways('before')
    await expect(app.sessions.get(keyOfCookie(cookie))).rejects.toMatchObject({
      code: 'ERR_SESSION_STORE',
    })
  })

  it('shows a key that is no cookie', async () => {
    const app = new Harness<Data>()
    const { session } = await app.visit((s) => s.login('alice'))
    const cookie = `__Host-viur-session=${session.key}`
    expect((await app.load(cookie)).loadOutcome).toBe('unknown')
  })
})
