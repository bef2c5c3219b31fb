import { describe, expect, it } from 'vitest'
import {
  SessionConfigError,
  SessionError,
  SessionLateChangeError,
  SessionNotLoadedError,
  SessionStoreError,
  SessionTooLargeError,
  SessionValueError,
} from '../../src/index.ts'
import { doorOf } from '../../src/request/adapter-door.ts'
import { cookieApp, HOUR, MINUTE, newKey, START, sealedIn } from './harness.ts'

describe('a session that lives in its cookie', () => {
  it('keeps its data and scopes from one request to the next, with values of every type', async () => {
    const app = cookieApp()
    const values = {
      text: 'tab\t line\n "quotes" \u2028 日本 🙂',
      date: new Date(START),
      map: new Map([['a', new Set([1n])]]),
      bytes: new Uint8Array([0, 255]),
      deep: { list: [1, null, { x: true }] },
    }
    const first = await app.visit(undefined, (session) => {
      session.update(values)
      session.scope('cart').set('n', 2)
      session.flash('notice', 'hello')
    })
    const second = await app.visit(first.cookie, (session) => {
      expect(Object.fromEntries(session.entries())).toEqual(values)
      expect(session.scope('cart').get('n')).toBe(2)
      expect(session.flashed('notice')).toBe('hello')
      session.delete('deep')
      session.scope('cart').clear()
    })
    await app.visit(second.cookie, (session) => {
      expect([...session.keys()]).toEqual(['text', 'date', 'map', 'bytes'])
      expect(session.scopes()).toEqual([])
      expect(session.flashed('notice')).toBeUndefined()
      expect(session.loadOutcome).toBe('live')
    })
  })

  it('sets no cookie without changes, and sets Vary when it was used', async () => {
    const app = cookieApp()
    expect(await app.visit()).toMatchObject({ setCookie: [], vary: false })
    expect(await app.visit(undefined, (session) => session.get('n'))).toMatchObject({
      setCookie: [],
      vary: true,
    })
    const { cookie } = await app.visit(undefined, (session) => session.set('n', 1))
    expect(await app.visit(cookie)).toMatchObject({ setCookie: [], vary: false })
    const same = await app.visit(cookie, (session) => session.set('n', 1))
    expect(same).toMatchObject({ setCookie: [], vary: true })
  })

  it('has an encrypted cookie with the same attributes as that of any session', async () => {
    const app = cookieApp()
    const { setCookie } = await app.visit(undefined, (session) =>
      session.set('secret', 'in plain sight'),
    )
    expect(setCookie).toHaveLength(1)
    expect(setCookie[0]).toMatch(
      /^__Host-viur-session=1\.k1\.[\w-]+; Max-Age=3600; Path=\/; HttpOnly; Secure; SameSite=Lax$/,
    )
    const bytes = Buffer.from(sealedIn(setCookie[0]).split('.')[2] as string, 'base64url')
    expect(bytes.toString('latin1')).not.toContain('plain sight')
    const again = await app.visit(undefined, (session) => session.set('secret', 'in plain sight'))
    expect(again.cookie).not.toBe(setCookie[0]?.split(';')[0])
    expect(app.sessions.cookieOptions({ secure: true })).toEqual({
      path: '/',
      secure: true,
      httpOnly: true,
      sameSite: 'lax',
    })
  })

  it('gets a new key by login, keeps its persistent fields, and ends by logout', async () => {
    const app = cookieApp({ persistentFieldsOnLogin: ['cart'], persistentScopesOnLogin: ['shop'] })
    const guest = await app.visit(undefined, (session) => {
      session.update({ cart: ['a'], seen: 1 })
      session.scope('shop').set('n', 1)
    })
    const user = await app.visit(guest.cookie, async (session) => {
      const before = session.key
      expect(session.isGuest).toBe(true)
      await session.login('alice', { data: { role: 'x' } })
      expect(session.user).toBe('alice')
      await session.save()
      expect(session.key).not.toBe(before)
    })
    expect(user.setCookie).toHaveLength(1)
    const out = await app.visit(user.cookie, async (session) => {
      expect(session.user).toBe('alice')
      expect(session.authenticated).toEqual(new Date(START))
      expect(session.isFresh('1h')).toBe(true)
      expect(Object.fromEntries(session.entries())).toEqual({ cart: ['a'], role: 'x' })
      expect(session.scope('shop').get('n')).toBe(1)
      await session.logout()
    })
    expect(out.setCookie).toEqual([
      '__Host-viur-session=; Max-Age=0; Path=/; HttpOnly; Secure; SameSite=Lax',
    ])
    expect(out.session.ended).toBe(true)
  })

  it('takes no data from one user to another', async () => {
    const app = cookieApp({ persistentFieldsOnLogin: ['cart'] })
    const alice = await app.visit(undefined, async (session) => {
      await session.login('alice')
      session.set('cart', 1)
    })
    await app.visit(alice.cookie, async (session) => {
      await session.login('bob')
      expect(session.get('cart')).toBeUndefined()
    })
  })

  it('keeps its data under a new key by cycleKey, and drops all data by reset', async () => {
    const app = cookieApp({ persistentFieldsOnLogout: ['locale'] })
    const first = await app.visit(undefined, (session) => session.update({ n: 1, locale: 'de' }))
    const cycled = await app.visit(first.cookie, (session) => session.cycleKey())
    await app.visit(cycled.cookie, (session) => {
      expect(session.get('n')).toBe(1)
      expect(session.key).not.toBe(first.session.key)
    })
    const left = await app.visit(cycled.cookie, (session) => session.logout())
    await app.visit(left.cookie, (session) => {
      expect(Object.fromEntries(session.entries())).toEqual({ locale: 'de' })
    })
    const reset = await app.visit(cycled.cookie, (session) => session.reset())
    await app.visit(reset.cookie, (session) => {
      expect(session.isEmpty).toBe(true)
      expect(session.loadOutcome).toBe('live')
    })
  })

  it('expires by the clock of the server, whatever the browser keeps, and its cookie then stays unchanged', async () => {
    const app = cookieApp({ lifetime: '1h', absoluteLifetime: '2h', touchEvery: '5m' })
    let { cookie } = await app.visit(undefined, (session) => session.login('alice'))
    const old = cookie
    app.clock.now = START + HOUR
    expect((await app.visit(old, (session) => session.user)).session.loadOutcome).toBe('live')
    app.clock.now = START + HOUR + 1
    const gone = await app.visit(old, (session) => session.user)
    expect(gone.session.loadOutcome).toBe('expired')
    expect(gone.setCookie).toEqual([])
    // Use prolongs the session, up to its absolute lifetime.
    app.clock.now = START
    for (let minutes = 10; minutes <= 110; minutes += 10) {
      app.clock.now = START + minutes * MINUTE
      const used = await app.visit(cookie, (session) => session.user)
      expect(used.session.loadOutcome, `after ${minutes} minutes`).toBe('live')
      expect(used.setCookie).toHaveLength(1)
      cookie = used.cookie
    }
    app.clock.now = START + 2 * HOUR + 1
    expect((await app.visit(cookie)).session.loadOutcome).toBe('expired')
  })

  it('stores a use only from time to time, and not for a page that does not use it', async () => {
    const app = cookieApp({ touchEvery: '5m' })
    const { cookie } = await app.visit(undefined, (session) => session.set('n', 1))
    app.clock.now = START + 5 * MINUTE - 1
    expect((await app.visit(cookie, (session) => session.get('n'))).setCookie).toEqual([])
    app.clock.now = START + 5 * MINUTE
    expect((await app.visit(cookie)).setCookie).toEqual([])
    const touched = await app.visit(cookie, (session) => session.get('n'))
    expect(touched.setCookie).toHaveLength(1)
    expect(touched.session.lastSeen).toEqual(new Date(app.clock.now))
  })

  it('has its own expiry when one was set', async () => {
    const app = cookieApp()
    const { cookie, setCookie } = await app.visit(undefined, (session) => {
      session.set('n', 1)
      session.setExpiry('10m')
    })
    expect(setCookie[0]).toContain('Max-Age=600;')
    app.clock.now = START + 10 * MINUTE + 1
    expect((await app.visit(cookie)).session.loadOutcome).toBe('expired')
    app.clock.now = START
    const browser = await app.visit(undefined, (session) => {
      session.set('n', 1)
      session.setExpiry(0)
    })
    expect(browser.setCookie[0]).not.toContain('Max-Age')
    app.clock.now = START + 20 * MINUTE
    // Use is stored in the cookie even without a Max-Age to renew.
    const used = await app.visit(browser.cookie, (session) => session.get('n'))
    expect(used.setCookie[0]).not.toContain('Max-Age')
    app.clock.now = START + 70 * MINUTE
    expect((await app.visit(used.cookie)).session.loadOutcome).toBe('live')
    expect((await app.visit(browser.cookie)).session.loadOutcome).toBe('expired')
    const fixed = await app.visit(undefined, (session) => {
      session.set('n', 1)
      session.setExpiry(new Date(app.clock.now + MINUTE))
    })
    app.clock.now += MINUTE + 1
    expect((await app.visit(fixed.cookie)).session.loadOutcome).toBe('expired')
  })

  it('drops changes and login with a server error, but still logs out', async () => {
    const app = cookieApp()
    expect((await app.visit(undefined, (s) => s.set('n', 1), 500)).setCookie).toEqual([])
    expect((await app.visit(undefined, (s) => s.login('alice'), 500)).setCookie).toEqual([])
    const { cookie } = await app.visit(undefined, (session) => session.login('alice'))
    const failed = await app.visit(cookie, (session) => session.logout(), 500)
    expect(failed.setCookie[0]).toContain('Max-Age=0')
    const saved = await app.visit(
      undefined,
      async (session) => {
        session.set('n', 1)
        await session.save()
        session.set('n', 2)
      },
      500,
    )
    await app.visit(saved.cookie, (session) => expect(session.get('n')).toBe(1))
  })

  it('puts saved changes and later ones into one cookie', async () => {
    const app = cookieApp()
    const { cookie, setCookie } = await app.visit(undefined, async (session) => {
      session.set('a', 1)
      await session.save()
      session.set('b', 2)
      await session.save()
      await session.login('alice')
      session.set('c', 3)
    })
    expect(setCookie).toHaveLength(1)
    await app.visit(cookie, (session) => {
      expect(session.user).toBe('alice')
      expect(Object.fromEntries(session.entries())).toEqual({ c: 3 })
    })
  })

  it('throws when used before it is loaded, or changed after the commit', async () => {
    const app = cookieApp()
    const session = app.sessions.open({ secure: true })
    expect(() => session.user).toThrow(SessionNotLoadedError)
    await session.load()
    await app.sessions.commit(session)
    expect(() => session.set('n', 1)).toThrow(SessionLateChangeError)
    expect(() => session.set('f', (() => {}) as never)).toThrow(SessionError)
    const other = await app.sessions.open({ secure: true }).load()
    expect(() => other.set('f', (() => {}) as never)).toThrow(SessionValueError)
  })

  it('stores nothing for a request that is not secure, and warns once', async () => {
    const app = cookieApp()
    for (let round = 0; round < 3; round++) {
      const session = await app.sessions.open({}).load()
      session.set('n', 1)
      expect((await app.sessions.commit(session)).setCookie).toEqual([])
    }
    expect(app.warnings).toHaveLength(1)
    expect(app.warnings[0]).toMatch(/not secure/)
  })

  it('is encrypted for the name of its cookie, with and without a prefix', async () => {
    const key = newKey()
    const plain = cookieApp({ keys: [key], cookie: { name: 'a', secure: false } })
    const { cookie } = await plain.visit(undefined, (session) => session.set('n', 1))
    const other = cookieApp({ keys: [key], cookie: { name: 'b', secure: false } })
    const moved = await other.visit(`b=${sealedIn(cookie)}`, (session) => session.get('n'))
    expect(moved.session.loadOutcome).toBe('malformed')
    expect(moved.setCookie).toEqual([])
  })

  it('moves to another name by cookie.formerly, without a logout', async () => {
    const key = newKey()
    const before = cookieApp({ keys: [key], cookie: { name: 'a' } })
    const { cookie } = await before.visit(undefined, (session) => session.login('alice'))
    const after = cookieApp({ keys: [key], cookie: { name: 'b', formerly: [{ name: 'a' }] } })
    const { session, setCookie } = await after.visit(cookie, (session) => session.user)
    expect(session.user).toBe('alice')
    expect(setCookie.map((value) => value.split('=')[0])).toEqual(['b', 'a'])
    const fresh = setCookie[0]?.split(';')[0]
    expect((await after.visit(fresh)).session.loadOutcome).toBe('live')
  })

  it('loses the update of one of two parallel requests: the later response replaces everything', async () => {
    const app = cookieApp()
    const { cookie } = await app.visit(undefined, (session) => session.set('n', 0))
    const one = await app.visit(cookie, (session) => session.set('a', 1))
    const two = await app.visit(cookie, (session) => session.set('b', 2))
    expect(one.cookie).not.toBe(two.cookie)
    await app.visit(two.cookie, (session) => {
      expect(Object.fromEntries(session.entries())).toEqual({ n: 0, b: 2 })
    })
  })
})

describe('the keys of cookies', () => {
  it('decrypt cookies of older keys, which are encrypted again at the next use', async () => {
    const [old, fresh] = [newKey('2029'), newKey('2030')]
    const before = cookieApp({ keys: [old] })
    const { cookie } = await before.visit(undefined, (session) => session.login('alice'))
    const both = cookieApp({ keys: [fresh, old] })
    expect((await both.visit(cookie)).setCookie).toEqual([])
    const used = await both.visit(cookie, (session) => session.user)
    expect(used.session.user).toBe('alice')
    expect(used.cookie).toMatch(/=1\.2030\./)
    expect((await both.visit(used.cookie, (session) => session.user)).setCookie).toEqual([])
    const after = cookieApp({ keys: [fresh] })
    expect((await after.visit(used.cookie)).session.loadOutcome).toBe('live')
    const late = await after.visit(cookie, (session) => session.user)
    expect(late.session.loadOutcome).toBe('malformed')
    expect(late.setCookie).toEqual([])
  })

  it('are accepted as bytes and as base64url, and copied', async () => {
    const { id, key } = newKey()
    const text = Buffer.from(key).toString('base64url')
    const { cookie } = await cookieApp({ keys: [{ id, key: text }] }).visit(undefined, (session) =>
      session.set('n', 1),
    )
    const own = Buffer.from(key)
    const app = cookieApp({ keys: [{ id, key: own }] })
    own.fill(0)
    expect((await app.visit(cookie)).session.loadOutcome).toBe('live')
  })

  it('are refused when they cannot work, without a quote in the error', () => {
    const { key } = newKey()
    const text = Buffer.from(key).toString('base64url')
    const wrong: unknown[] = [
      undefined,
      [],
      text,
      [text],
      [key],
      [{ id: 'a' }],
      [{ key }],
      [{ id: '', key }],
      [{ id: '.a', key }],
      [{ id: 'a b', key }],
      [{ id: 'x'.repeat(65), key }],
      [{ id: 'a', key: text.slice(1) }],
      [{ id: 'a', key: `${text.slice(1)}!` }],
      [{ id: 'a', key: key.slice(1) }],
      [{ id: 'a', key: Buffer.alloc(32) }],
      [{ id: 'a', key: 'correct horse battery staple' }],
      [{ id: 'a', key, secret: text }],
      [
        { id: 'a', key },
        { id: 'a', key: newKey().key },
      ],
      [
        { id: 'a', key },
        { id: 'b', key: text },
      ],
    ]
    for (const keys of wrong) {
      let message = 'was taken'
      try {
        cookieApp({ keys: keys as never })
      } catch (error) {
        expect(error).toBeInstanceOf(SessionConfigError)
        message = (error as Error).message
      }
      expect(message, JSON.stringify(keys)).not.toBe('was taken')
      expect(message).not.toContain(text.slice(1, -1))
      expect(message).not.toContain('staple')
    }
  })
})

describe('the size of a cookie', () => {
  it('is at most 4,096 bytes with name and attributes, and an error has the larger size', async () => {
    const app = cookieApp({ cookie: { name: '__Host-a-rather-long-name' } })
    const fill = (size: number) => app.visit(undefined, (s) => s.set('x', 'x'.repeat(size)))
    let [low, high] = [0, 4096]
    while (high - low > 1) {
      const size = Math.floor((low + high) / 2)
      const fits = await fill(size).then(
        ({ setCookie }) => {
          expect(setCookie[0]?.length).toBeLessThanOrEqual(4096)
          return true
        },
        () => false,
      )
      if (fits) low = size
      else high = size
    }
    const { setCookie } = await fill(low)
    // One character more is one or two more in base64.
    expect(setCookie[0]?.length).toBeGreaterThan(4093)
    // The documentation says so: about 2,800 bytes of data.
    expect(low / 2800).toBeCloseTo(1, 1)
    const error = await fill(low + 100).catch((reason: unknown) => reason)
    expect(error).toBeInstanceOf(SessionTooLargeError)
    const { size, limit, message } = error as SessionTooLargeError
    expect(limit).toBe(4096)
    expect(size).toBeGreaterThan(4096 + 120)
    expect(message).toContain(`${size - limit} too many`)
    expect(message).not.toContain('xxx')
  })

  it('is an error of save() too, and the former session stays', async () => {
    const app = cookieApp()
    const { cookie } = await app.visit(undefined, (session) => session.set('n', 1))
    const session = await app.sessions.open({ cookie, secure: true }).load()
    session.set('x', '🙂'.repeat(2000))
    await expect(session.save()).rejects.toBeInstanceOf(SessionTooLargeError)
    session.delete('x')
    session.set('n', 2)
    const { setCookie } = await app.sessions.commit(session)
    await app.visit(setCookie[0]?.split(';')[0], (next) => {
      expect(Object.fromEntries(next.entries())).toEqual({ n: 2 })
    })
  })
})

describe('notBefore()', () => {
  it('makes a logout final: without it a copied cookie is valid until it expires', async () => {
    const app = cookieApp()
    const { cookie } = await app.visit(undefined, (session) => session.login('alice'))
    await app.visit(cookie, (session) => session.logout())
    expect((await app.visit(cookie)).session.loadOutcome).toBe('live')

    const cuts = new Map<string, Date>()
    const strict = cookieApp({ notBefore: async (user) => cuts.get(user) })
    const login = await strict.visit(undefined, (session) => session.login('alice'))
    const bob = await strict.visit(undefined, (session) => session.login('bob'))
    await strict.visit(login.cookie, async (session) => {
      cuts.set(session.user, new Date(strict.clock.now))
      await session.logout()
    })
    const replayed = await strict.visit(login.cookie, (session) => {
      expect(session.isGuest).toBe(true)
      expect(session.isEmpty).toBe(true)
    })
    expect(replayed.session.loadOutcome).toBe('ended')
    expect(replayed.setCookie).toEqual([])
    expect((await strict.visit(bob.cookie)).session.loadOutcome).toBe('live')
    strict.clock.now += 1
    const again = await strict.visit(replayed.cookie, (session) => session.login('alice'))
    expect((await strict.visit(again.cookie)).session.loadOutcome).toBe('live')
  })

  it('is compared with the login, else with the creation, and may return milliseconds', async () => {
    let cut = 0
    const asked: string[] = []
    const app = cookieApp({
      notBefore: (user) => {
        asked.push(user)
        return cut
      },
    })
    const { cookie } = await app.visit(undefined, (session) => session.set('n', 1))
    app.clock.now = START + MINUTE
    const user = await app.visit(cookie, (session) => session.login('alice'))
    cut = START
    expect((await app.visit(cookie)).session.loadOutcome).toBe('ended')
    expect((await app.visit(user.cookie)).session.loadOutcome).toBe('live')
    cut = START + MINUTE
    expect((await app.visit(user.cookie)).session.loadOutcome).toBe('ended')
    expect(asked).toEqual(['__guest__', '__guest__', 'alice', 'alice'])
  })

  it('is called once for a request with a session, and for no other', async () => {
    let asked = 0
    const app = cookieApp({
      notBefore: () => {
        asked += 1
        return null
      },
    })
    await app.visit()
    await app.visit('__Host-viur-session=junk')
    expect(asked).toBe(0)
    const { cookie } = await app.visit(undefined, (session) => session.set('n', 1))
    await app.visit(cookie, async (session) => {
      session.set('n', 2)
      await session.save()
      await session.login('alice')
    })
    expect(asked).toBe(1)
  })

  it('that fails, or returns an invalid time, is an error of the load and never a guest', async () => {
    for (const notBefore of [
      () => Promise.reject(new Error('down')),
      () => {
        throw new Error('down')
      },
      () => 'today' as never,
      () => new Date(Number.NaN),
    ]) {
      const key = newKey()
      const { cookie } = await cookieApp({ keys: [key] }).visit(undefined, (session) =>
        session.login('alice'),
      )
      const app = cookieApp({ keys: [key], notBefore })
      const session = app.sessions.open({ cookie, secure: true })
      await expect(session.load()).rejects.toBeInstanceOf(SessionStoreError)
      expect(() => session.user).toThrow(SessionStoreError)
    }
  })
})

describe('a method that needs a server', () => {
  it('is refused by name when it is called without types', async () => {
    const app = cookieApp()
    const session = (await app.sessions.open({ secure: true }).load()) as never as Record<
      string,
      (...given: unknown[]) => unknown
    >
    const words = /have no security keys: use createSessions\(\) with a store/
    session['set']?.('n', 1)
    for (const call of [
      () => session['getSecurityKey']?.(),
      () => session['validateSecurityKey']?.('x'),
      () => session['validateStaticSecurityKey']?.('x'),
    ]) {
      await expect((async () => await call())()).rejects.toThrow(words)
    }
    expect(() => session['login']?.('alice', { client: true })).toThrow(
      /login\(\) has no option "client": there is no list of devices/,
    )
    // No server could check the key that this would return.
    await session['login']?.('alice')
    expect(() => session['staticSecurityKey']?.()).toThrow(words)
    await expect(session['change']?.(() => {})).rejects.toThrow(/have no change\(\)/)
    await expect(session['exclusive']?.(() => {})).rejects.toThrow(/have no exclusive\(\)/)
  })

  it('is save() without a response, which would be lost', async () => {
    const app = cookieApp()
    const { cookie } = await app.visit(undefined, (session) => session.login('alice'))
    for (const work of [
      (session: { set(key: string, value: unknown): unknown }) => session.set('n', 1),
      (session: { logout(): Promise<void> }) => session.logout(),
    ]) {
      const session = await app.sessions.open({ cookie, secure: true }).load()
      doorOf(session)?.detach()
      expect(session.user).toBe('alice')
      const saved = async (): Promise<void> => {
        await work(session)
        await session.save()
      }
      await expect(saved()).rejects.toThrow(
        /a session in a cookie can be stored only with a response/,
      )
    }
  })
})

describe('createCookieSessions()', () => {
  it('refuses options of a store, and names the alternative', () => {
    const hints: Record<string, RegExp> = {
      store: /to keep it in a store use createSessions/,
      events: /needs a store/,
      maxSessionsPerUser: /needs a store/,
      secret: /use "keys"/,
      password: /32 random bytes/,
      encryption: /always sealed/,
      lifetme: /did you mean "lifetime"/,
    }
    for (const [option, words] of Object.entries(hints)) {
      expect(() => cookieApp({ [option]: 1 } as never), option).toThrow(words)
      expect(() => cookieApp({ [option]: 1 } as never)).toThrow(SessionConfigError)
    }
    expect(() => cookieApp({ cookie: { secrets: ['x'.repeat(40)] } as never })).toThrow(
      /sealed with "keys"/,
    )
    expect(() => cookieApp({ notBefore: 5 as never })).toThrow(/notBefore/)
    expect(() => cookieApp({ lifetime: '60d' })).toThrow(/absoluteLifetime/)
    expect(() => cookieApp({ cookie: { name: '__Host-x', domain: 'a.example' } })).toThrow(
      /__Host-/,
    )
  })

  it('has no session for clients without cookies, whose id would hold no data', () => {
    const { sessions } = cookieApp()
    for (const id of ['A'.repeat(43), '', undefined]) {
      expect(() => sessions.open({ id, secure: true })).toThrow(/lives in its cookie/)
    }
  })

  it('returns the key of a request without using the session, and null without one', async () => {
    const app = cookieApp()
    const { cookie, session } = await app.visit(undefined, (opened) => opened.login('alice'))
    const headers = { cookie }
    expect(app.sessions.keyOf({ cookie, secure: true })).toBe(session.key)
    expect(app.sessions.keyOf({ headers } as never)).toBe(session.key)
    expect(app.sessions.keyOf({ secure: true })).toBeNull()
    expect(app.sessions.keyOf({ cookie: '__Host-viur-session=junk', secure: true })).toBeNull()
    expect(() => app.sessions.of({ headers } as never)).toThrow(SessionConfigError)
  })

  it('refuses a session of other sessions', async () => {
    const [one, other] = [cookieApp(), cookieApp()]
    const session = one.sessions.open({ secure: true })
    await expect(other.sessions.commit(session)).rejects.toBeInstanceOf(SessionConfigError)
    await expect(other.sessions.commit({} as never)).rejects.toBeInstanceOf(SessionConfigError)
  })
})
