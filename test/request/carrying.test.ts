import { describe, expect, it } from 'vitest'
import { createSessions, type Session, SessionConfigError } from '../../src/index.ts'
import { STORE_KINDS } from '../setup/stores.ts'
import { DAY, Harness, HOUR, maxAge } from './harness.ts'

type Data = Record<string, unknown>

const KEPT = { persistentFieldsOnLogin: ['cart'], persistentScopesOnLogin: ['shop'] }

/** A session of this user, or of a guest, with data that should survive a login and data that should not. */
async function sessionOf(app: Harness<Data>, user: string | null): Promise<string | undefined> {
  const { cookie } = await app.visit(async (s) => {
    if (user !== null) await s.login(user)
    s.update({ cart: [user], other: 1 })
    s.scope('shop').set('cart', user).set('n', 1)
    s.scope('forum').set('n', 1)
  })
  return cookie
}

function held(session: Session<Data>): unknown {
  return {
    root: Object.fromEntries(session),
    scopes: session.scopes(),
    shop: Object.fromEntries(session.scope('shop')),
  }
}

const NOTHING_HELD = { root: {}, scopes: [], shop: {} }

const FLOWS: Record<
  string,
  [before: string | null, steps: ((s: Session<Data>) => Promise<unknown>)[], carried: boolean]
> = {
  'a guest who logs in': [null, [(s) => s.login('alice')], true],
  'a user who logs in again': ['alice', [(s) => s.login('alice')], true],
  'another user who logs in': ['alice', [(s) => s.login('bob')], false],
  'a user of another spelling': ['alice', [(s) => s.login('Alice')], false],
  'a user who logs in twice': [null, [(s) => s.login('alice'), (s) => s.login('alice')], true],
  'two users, one after the other': [null, [(s) => s.login('alice'), (s) => s.login('bob')], false],
  'a user, another, and the first again': [
    'alice',
    [(s) => s.login('bob'), (s) => s.login('alice')],
    false,
  ],
  'another user after a save': [
    'alice',
    [(s) => s.cycleKey(), (s) => s.save(), (s) => s.login('bob')],
    false,
  ],
  'another user after a new id': ['alice', [(s) => s.cycleKey(), (s) => s.login('bob')], false],
  'another user after a logout': ['alice', [(s) => s.logout(), (s) => s.login('bob')], false],
  'another user after a saved logout': [
    'alice',
    [(s) => s.logout(), (s) => s.save(), (s) => s.login('bob')],
    false,
  ],
  'another user after a reset': ['alice', [(s) => s.reset(), (s) => s.login('bob')], false],
  'the same user after a reset': ['alice', [(s) => s.reset(), (s) => s.login('alice')], false],
}

describe.each(STORE_KINDS)('data that survives a login on $name', (kind) => {
  it.skipIf(kind.missing !== null).each(Object.entries(FLOWS))(
    'is carried from a guest or the same user only: %s',
    async (_, [before, steps, carried]) => {
      const app = new Harness<Data>({ ...KEPT, store: kind.make() })
      const first = await sessionOf(app, before)
      const { session, cookie } = await app.visit(
        async (s) => {
          for (const step of steps) await step(s)
        },
        { cookie: first },
      )
      const expected = carried
        ? { root: { cart: [before] }, scopes: ['shop'], shop: { cart: before, n: 1 } }
        : NOTHING_HELD
      expect(held(session)).toEqual(expected)
      expect(held(await app.load(cookie))).toEqual(expected)
    },
  )
})

describe('data that survives a login', () => {
  it('is the data that is stored then, in a scope as well', async () => {
    const app = new Harness<Data>(KEPT)
    const cookie = await sessionOf(app, null)
    const session = await app.load(cookie)
    session.scope('shop').set('mine', 1).delete('n')
    await app.visit((s) => s.scope('shop').set('parallel', 1), { cookie })
    await session.login('alice')
    session.scope('shop').set('late', 1)
    const after = await app.commit(session, cookie)
    expect(Object.fromEntries((await app.load(after.cookie)).scope('shop'))).toEqual({
      cart: null,
      mine: 1,
      parallel: 1,
      late: 1,
    })
  })

  it('of another user is only the data that the login sets', async () => {
    const app = new Harness<Data>(KEPT)
    const first = await sessionOf(app, 'alice')
    const { cookie } = await app.visit(
      async (s) => {
        s.set('cart', ['of this request'])
        await s.login('bob', { data: { cart: ['new'] } })
      },
      { cookie: first },
    )
    expect(held(await app.load(cookie))).toEqual({ ...NOTHING_HELD, root: { cart: ['new'] } })
  })

  it('of a guest after a logout stays for the next user who logs in', async () => {
    const app = new Harness<Data>({
      ...KEPT,
      persistentFieldsOnLogout: ['cart'],
      persistentScopesOnLogout: ['shop', 'forum'],
    })
    const together = await app.visit(
      async (s) => {
        await s.logout()
        expect(held(s)).toEqual({
          root: { cart: ['alice'] },
          scopes: ['shop', 'forum'],
          shop: { cart: 'alice', n: 1 },
        })
        await s.login('bob')
      },
      { cookie: await sessionOf(app, 'alice') },
    )
    const out = await app.visit((s) => s.logout(), { cookie: await sessionOf(app, 'alice') })
    const apart = await app.visit((s) => s.login('bob'), { cookie: out.cookie })
    for (const { cookie } of [together, apart]) {
      expect(held(await app.load(cookie))).toEqual({
        root: { cart: ['alice'] },
        scopes: ['shop'],
        shop: { cart: 'alice', n: 1 },
      })
    }
  })

  it('after a logout makes a guest session, also with only a scope', async () => {
    const app = new Harness<Data>({ persistentScopesOnLogout: ['shop'] })
    const { cookie } = await app.visit((s) => s.logout(), { cookie: await sessionOf(app, 'alice') })
    const guest = await app.load(cookie)
    expect([guest.isGuest, guest.size, guest.isEmpty, guest.scopes()]).toEqual([
      true,
      0,
      false,
      ['shop'],
    ])
    const none = await app.visit((s) => s.logout(), { cookie: await app.given({ a: 1 }) })
    expect(none.cookie).toBeUndefined()
  })

  it.each(['persistentScopesOnLogin', 'persistentScopesOnLogout'] as const)(
    'is checked at construction: %s',
    (option) => {
      for (const value of ['shop', [5], ['__proto__'], ['viur-session:old'], {}]) {
        expect(() => createSessions({ [option]: value } as never)).toThrow(SessionConfigError)
        expect(() => createSessions({ [option]: value } as never)).toThrow(option)
      }
      expect(() => createSessions({ [option]: [] })).not.toThrow()
    },
  )
})

const CHANGES: Record<string, (s: Session<Data>) => Promise<unknown>> = {
  login: (s) => s.login('alice'),
  reset: (s) => s.reset(),
  cycleKey: (s) => s.cycleKey(),
  'logout with fields': (s) => s.logout(),
  'logout and login': (s) => s.logout().then(() => s.login('bob')),
}

describe('the expiry that a request sets', () => {
  const options = { persistentFieldsOnLogout: ['cart'] }

  it.each(Object.entries(CHANGES))('goes with %s, in either order', async (_, change) => {
    const orders: ((s: Session<Data>) => Promise<unknown>)[] = [
      async (s) => {
        s.setExpiry('14d')
        await change(s)
      },
      async (s) => {
        await change(s)
        s.setExpiry('14d')
      },
      async (s) => {
        s.setExpiry('14d')
        await s.save()
        await change(s)
      },
      async (s) => {
        s.setExpiry('14d')
        await s.getSecurityKey()
        await change(s)
      },
      async (s) => {
        s.setExpiry('1d')
        await s.save()
        s.setExpiry('14d')
        await change(s)
        await s.save()
      },
    ]
    for (const order of orders) {
      const app = new Harness<Data>(options)
      const before = await app.given({ cart: 1 })
      const { cookie, setCookie } = await app.visit(order, { cookie: before })
      expect((await app.stored(cookie as string))?.expiry).toEqual({
        kind: 'idle',
        duration: 14 * DAY,
      })
      expect(maxAge(setCookie)).toBe((14 * DAY) / 1000)
    }
  })

  it('and revokes does not survive', async () => {
    const app = new Harness<Data>()
    const { cookie } = await app.visit(
      async (s) => {
        s.setExpiry('14d')
        s.revert()
        await s.login('alice')
      },
      { cookie: await app.given() },
    )
    expect((await app.stored(cookie as string))?.expiry).toBeNull()
  })

  it('to the general rule survives a login too', async () => {
    const app = new Harness<Data>()
    const { cookie } = await app.visit(async (s) => {
      s.setExpiry('14d')
      await s.save()
      s.setExpiry(null)
      await s.login('alice')
      expect(s.expiryAge()).toBe(HOUR)
    })
    expect((await app.stored(cookie as string))?.expiry).toBeNull()
  })

  it('does not survive from an earlier request', async () => {
    const app = new Harness<Data>()
    const before = await app.given({ a: 1 }, (s) => s.setExpiry('14d'))
    const { cookie } = await app.visit((s) => s.login('alice'), { cookie: before })
    expect((await app.stored(cookie as string))?.expiry).toBeNull()
  })
})

describe('a new session whose expiry is past', () => {
  const PAST: Record<string, (s: Session<Data>) => unknown> = {
    'with data': (s) => s.set('a', 1),
    'marked as changed': (s) => s.markChanged(),
    'that was saved': (s) => s.set('a', 1).save(),
    'with a login': (s) => s.login('alice'),
    'with a saved login': (s) => s.login('alice').then(() => s.save()),
    'after a reset': (s) => s.reset(),
    'after a logout': (s) => s.logout().then(() => s.set('a', 1)),
  }

  it.each(Object.entries(PAST))('is not stored, and no cookie is set: %s', async (_, change) => {
    const app = new Harness<Data>()
    for (const at of [new Date(0), new Date(app.clock.now() - 1), new Date(app.clock.now())]) {
      for (const isFirst of [true, false]) {
        const { setCookie } = await app.visit(async (s) => {
          if (isFirst) s.setExpiry(at)
          await change(s)
          if (!isFirst) s.setExpiry(at)
        })
        // Where it was saved before, the stored session has ended by now.
        if (isFirst || !/saved/.test(_)) expect([app.store.writes, setCookie]).toEqual([0, []])
        app.store.clearCalls()
      }
    }
  })

  it('ends the old session at a login, and the cookie is removed', async () => {
    const app = new Harness<Data>()
    const before = await app.given()
    const { session, setCookie } = await app.visit(
      async (s) => {
        s.setExpiry(new Date(0))
        await s.login('alice')
      },
      { cookie: before },
    )
    expect(app.store.calls.at(-1)).toEqual({ method: 'write', kinds: ['delete'] })
    expect(setCookie[0]).toMatch(/Max-Age=0/)
    expect([session.ended, session.isGuest]).toEqual([true, true])
    expect(() => session.staticSecurityKey()).toThrow()
    expect(await app.stored(before)).toBeNull()
  })

  it('cannot have a security key, and says so', async () => {
    const session = await new Harness<Data>().load()
    session.setExpiry(new Date(0))
    await expect(session.getSecurityKey()).rejects.toThrow(/a date in the past/)
  })

  it('is stored once the expiry is another', async () => {
    const app = new Harness<Data>()
    const { cookie } = await app.visit(async (s) => {
      s.set('a', 1).setExpiry(new Date(0))
      await s.save()
      s.setExpiry('1h')
    })
    expect(await app.data(cookie)).toEqual({ a: 1 })
  })
})
