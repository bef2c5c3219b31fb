import { describe, expect, it } from 'vitest'
import { type Session, SessionNotLoadedError, SessionValueError } from '../../src/index.ts'
import { Harness, MINUTE } from './harness.ts'

describe('flash()', () => {
  it('stores a value for the next request, which reads it once', async () => {
    const h = new Harness()
    const { cookie } = await h.visit((s) => s.flash('notice', { text: 'saved', at: new Date(5) }))
    const seen: unknown[] = []
    const read = (): Promise<unknown> =>
      h.visit((s) => seen.push(s.flashed('notice'), s.flashed('notice')), { cookie })
    await read()
    await read()
    expect(seen).toEqual([{ text: 'saved', at: new Date(5) }, undefined, undefined, undefined])
  })

  it('is returned again where the response that read it was a server error', async () => {
    const h = new Harness()
    const cookie = await h.given({}, (s) => s.flash('notice', 'saved'))
    await h.visit((s) => s.flashed('notice'), { cookie, status: 500 })
    expect((await h.load(cookie)).flashed('notice')).toBe('saved')
  })

  const readers: Record<string, (session: Session) => unknown> = {
    'at the end of its request': () => {},
    'by save()': (s) => s.save(),
    'by change()': (s) => s.change(() => {}),
    'by exclusive()': (s) => s.exclusive(() => s.set('n', 1)),
    'after it was loaded anew': (s) => s.load({ fresh: true }),
    'under a new id': (s) => s.cycleKey(),
    'by a login that carries all': (s) => s.login('alice'),
  }
  it.each(Object.entries(readers))(
    'takes away what was read, and not what another request has flashed meanwhile, %s',
    async (_, work) => {
      const h = new Harness({ persistentFieldsOnLogin: 'all' })
      const cookie = await h.given({}, (s) => {
        s.flash('notice', 'first')
        s.flash('other', 'read')
      })
      const reader = await h.load(cookie)
      expect([reader.flashed('notice'), reader.flashed('other')]).toEqual(['first', 'read'])
      await h.visit((s) => s.flash('notice', 'second'), { cookie })
      await work(reader)
      const next = await h.load((await h.commit(reader, cookie)).cookie)
      expect([next.flashed('notice'), next.flashed('other')]).toEqual(['second', undefined])
    },
  )

  it('stays read where an earlier value was still being stored', async () => {
    const h = new Harness()
    const cookie = await h.given()
    const session = await h.load(cookie)
    session.flash('notice', 'first')
    const gate = h.store.hold({ method: 'write' })
    const saved = session.save()
    await gate.reached
    expect(session.flashed('notice')).toBe('first')
    gate.release()
    await saved
    expect(session.flashed('notice')).toBeUndefined()
    await h.commit(session, cookie)
    expect((await h.load(cookie)).flashed('notice')).toBeUndefined()
  })

  it('is separate from the data: no other method sees it, and the session is not empty', async () => {
    const h = new Harness()
    const cookie = await h.given({}, (s) => s.flash('notice', 'saved'))
    const session = await h.load(cookie)
    expect([...session, ...session.scopes()]).toEqual([])
    expect([session.size, session.isEmpty, session.has('notice')]).toEqual([0, false, false])
    session.clear()
    expect(session.flashed('notice')).toBe('saved')
    expect(session.isEmpty).toBe(true)
  })

  it('keeps the last of two values under one key, and none for undefined', async () => {
    const h = new Harness()
    const cookie = await h.given({ a: 1 }, (s) => {
      s.flash('one', 1)
      s.flash('one', 2)
      s.flash('two', 1)
      s.flash('two', undefined)
    })
    const session = await h.load(cookie)
    expect([session.flashed('one'), session.flashed('two')]).toEqual([2, undefined])
  })

  it('survives a login only where all keys do, and never from one user to another', async () => {
    for (const [all, user, expected] of [
      [false, 'alice', undefined],
      [true, 'alice', 'saved'],
      [true, 'bob', undefined],
    ] as const) {
      const h = new Harness(all ? { persistentFieldsOnLogin: 'all' } : {})
      const before = await h.visit(async (s) => {
        await s.login('alice')
        s.flash('notice', 'saved')
      })
      const { cookie } = await h.visit((s) => s.login(user), { cookie: before.cookie as string })
      expect((await h.load(cookie)).flashed('notice')).toBe(expected)
    }
  })

  it('is dropped by a logout, and kept where it is set later', async () => {
    const h = new Harness()
    const given = await h.given({}, (s) => s.flash('notice', 'saved'))
    const { cookie } = await h.visit(
      async (s) => {
        await s.logout()
        s.flash('bye', 'see you')
      },
      { cookie: given },
    )
    const session = await h.load(cookie)
    expect([session.flashed('notice'), session.flashed('bye')]).toEqual([undefined, 'see you'])
  })

  it('costs nothing where nothing was flashed', async () => {
    const h = new Harness()
    const cookie = await h.given()
    const { vary } = await h.visit((s) => s.flashed('notice'), { cookie })
    expect([vary, h.store.finds, h.store.writes]).toEqual([true, 1, 0])
  })

  it.each(['__proto__', 'prototype', 5] as unknown as string[])(
    'refuses the key %j',
    async (key) => {
      const session = await new Harness().load()
      expect(() => session.flash(key, 1)).toThrow(SessionValueError)
      expect(() => session.flashed(key)).toThrow(SessionValueError)
    },
  )

  it('refuses an invalid value, and a session that is not loaded', async () => {
    const h = new Harness()
    const session = await h.load()
    expect(() => session.flash('f', () => {})).toThrow(SessionValueError)
    expect(() => h.open().flash('f', 1)).toThrow(SessionNotLoadedError)
    expect(() => h.open().flashed('f')).toThrow(SessionNotLoadedError)
  })
})

describe('the test cookie', () => {
  it('has worked when a request sends it back, and not in the one that set it', async () => {
    const h = new Harness()
    const first: boolean[] = []
    const { cookie } = await h.visit(async (s) => {
      s.setTestCookie()
      first.push(s.testCookieWorked())
      await s.save()
      first.push(s.testCookieWorked())
    })
    expect(first).toEqual([false, false])
    const session = await h.load(cookie)
    expect([session.testCookieWorked(), session.isEmpty]).toEqual([true, true])
    session.deleteTestCookie()
    expect(session.testCookieWorked()).toBe(false)
    await h.commit(session)
    expect((await h.load(cookie)).testCookieWorked()).toBe(false)
  })

  it('has not worked in a browser that sends none, nor in a session that has none', async () => {
    const h = new Harness()
    await h.visit((s) => s.setTestCookie())
    expect((await h.load()).testCookieWorked()).toBe(false)
    expect((await h.load(await h.given())).testCookieWorked()).toBe(false)
  })
})

describe('touch()', () => {
  it('stores the use before touchEvery has passed, and renews the cookie', async () => {
    const h = new Harness({ lifetime: '1h', touchEvery: '10m' })
    const cookie = await h.given()
    h.clock.advance(MINUTE)
    const { setCookie } = await h.visit((s) => s.touch(), { cookie })
    expect([h.store.writes, setCookie.length]).toEqual([1, 1])
    expect((await h.stored(cookie))?.lastSeen).toBe(h.clock.now())
  })

  it('shows in the end of the session, and costs no second write beside a change', async () => {
    const h = new Harness({ lifetime: '1h', touchEvery: '10m' })
    const cookie = await h.given()
    h.clock.advance(MINUTE)
    await h.visit(
      (s) => {
        expect(s.expiryAge()).toBe(59 * MINUTE)
        s.touch()
        expect([s.expiryAge(), s.changed]).toEqual([60 * MINUTE, false])
        s.set('a', 1)
      },
      { cookie },
    )
    expect(h.store.writes).toBe(1)
    expect((await h.stored(cookie))?.lastSeen).toBe(h.clock.now())
  })

  it('is stored by save(), once, and merges with what others have written', async () => {
    const h = new Harness({ lifetime: '1h', touchEvery: '10m' })
    const cookie = await h.given()
    const session = await h.load(cookie)
    h.clock.advance(MINUTE)
    await h.visit((s) => s.set('other', 1), { cookie })
    h.store.clearCalls()
    session.touch()
    await session.save()
    await session.save()
    expect(h.store.calls.map(({ method }) => method)).toEqual(['write', 'find', 'write'])
    expect((await h.stored(cookie))?.lastSeen).toBe(h.clock.now())
    expect(await h.data(cookie)).toEqual({ views: 1, other: 1 })
  })

  it('stores nothing where there is no session, and does not fail a request', async () => {
    const h = new Harness()
    const { setCookie } = await h.visit((s) => s.touch())
    expect([h.store.writes, setCookie]).toEqual([0, []])
    const cookie = await h.given()
    const stop = h.store.failAlways('before', { method: 'write' })
    await h.visit((s) => s.touch(), { cookie })
    stop()
    expect(h.warnings).toEqual([
      'the use of a session could not be stored; the session may expire sooner than expected',
    ])
  })

  it('stays where the response is a server error: the session was used', async () => {
    const h = new Harness()
    const cookie = await h.given()
    h.clock.advance(MINUTE)
    await h.visit((s) => s.touch(), { cookie, status: 500 })
    expect((await h.stored(cookie))?.lastSeen).toBe(h.clock.now())
  })
})

describe('the expiry that was set', () => {
  it('is shown by expiry in the form that setExpiry() takes, at once and in the next request', async () => {
    const at = new Date(new Harness().clock.now() + 20 * MINUTE)
    for (const [said, shown] of [
      ['20m', 20 * MINUTE],
      [1000, 1000],
      [at, at],
      [0, 0],
      [null, null],
    ] as const) {
      const h = new Harness()
      expect((await h.load()).expiry).toBeNull()
      const { cookie } = await h.visit((s) => {
        s.set('a', 1)
        s.setExpiry(said)
        expect(s.expiry).toEqual(shown)
      })
      expect((await h.load(cookie)).expiry).toEqual(shown)
    }
  })

  it('counts expiryAge(at) and expiryDate(at) from a last use then', async () => {
    const h = new Harness({ lifetime: '1h', absoluteLifetime: '90m' })
    const session = await h.load(await h.given())
    const at = (minutes: number): Date => new Date(h.clock.now() + minutes * MINUTE)
    expect(session.expiryDate(at(10))).toEqual(at(70))
    expect(session.expiryAge(at(10))).toBe(60 * MINUTE)
    // The absolute limit applies.
    expect(session.expiryAge(at(50))).toBe(40 * MINUTE)
    session.setExpiry(at(20))
    expect(session.expiryDate(at(10))).toEqual(at(20))
    expect([session.expiryAge(at(10)), session.expiryAge(at(30))]).toEqual([
      10 * MINUTE,
      -10 * MINUTE,
    ])
    expect(() => session.expiryAge(new Date(Number.NaN))).toThrow(SessionValueError)
    expect(() => session.expiryDate(5 as unknown as Date)).toThrow(SessionValueError)
  })
})

describe("persistentFieldsOnLogin: 'all'", () => {
  const login = async (h: Harness, from: string | null, to: string): Promise<unknown> => {
    const { cookie } = await h.visit(async (s) => {
      if (from !== null) await s.login(from)
      s.set('a', 1).set('b', 2).scope('shop').set('cart', 3)
    })
    const next = await h.visit((s) => s.login(to), { cookie: cookie as string })
    const session = await h.load(next.cookie)
    return [Object.fromEntries(session), session.scopes()]
  }

  it('carries every key from a guest and from the same user, to no other user', async () => {
    const h = new Harness({ persistentFieldsOnLogin: 'all' })
    expect(await login(h, null, 'alice')).toEqual([{ a: 1, b: 2 }, []])
    expect(await login(h, 'alice', 'alice')).toEqual([{ a: 1, b: 2 }, []])
    expect(await login(h, 'alice', 'bob')).toEqual([{}, []])
  })

  it('carries the scopes that persistentScopesOnLogin names', async () => {
    const h = new Harness({ persistentFieldsOnLogin: 'all', persistentScopesOnLogin: ['shop'] })
    expect(await login(h, null, 'alice')).toEqual([{ a: 1, b: 2 }, ['shop']])
  })

  it('merges with what a parallel request has stored meanwhile', async () => {
    const h = new Harness({ persistentFieldsOnLogin: 'all' })
    const cookie = await h.given({ a: 1 })
    const { cookie: next } = await h.visit(
      async (s) => {
        await s.login('alice')
        await h.visit((other) => other.set('late', 1), { cookie })
      },
      { cookie },
    )
    expect(await h.data(next)).toEqual({ a: 1, late: 1 })
  })

  it('is for logins alone', () => {
    for (const options of [
      { persistentFieldsOnLogout: 'all' },
      { persistentScopesOnLogin: 'all' },
      { persistentFieldsOnLogin: 'everything' },
    ]) {
      expect(() => new Harness(options as unknown as object)).toThrow(/must be an array of/)
    }
  })
})
