import { afterEach, describe, expect, it } from 'vitest'
import {
  type SecurityKeyOptions,
  SessionContentionError,
  SessionError,
  SessionGoneError,
  SessionLateChangeError,
  type SessionStore,
  SessionStoreError,
  SessionTooLargeError,
  SessionValueError,
} from '../../src/index.ts'
import { STORE_KINDS } from '../setup/stores.ts'
import { DAY, Harness, HOUR, keyOfCookie, MINUTE } from './harness.ts'

type Data = Record<string, unknown>

const SHAPE = /^[A-Za-z0-9_-]{43}$/

describe.each(STORE_KINDS)('security keys on $name', (kind) => {
  describe.skipIf(kind.missing !== null)('one-time', () => {
    const open: SessionStore[] = []
    const make = (): Harness<Data> => {
      const store = kind.make()
      open.push(store)
      // The clock of the machine, since stores check times against it.
      return new Harness<Data>({ store })
    }
    afterEach(async () => {
      await Promise.all(open.splice(0).map((store) => store.close()))
    })

    it('is used once, and returns true', async () => {
      const app = make()
      const cookie = await app.given()
      const key = await (await app.load(cookie)).getSecurityKey()
      expect(key).toMatch(SHAPE)
      expect(await (await app.load(cookie)).validateSecurityKey(key)).toBe(true)
      expect(await (await app.load(cookie)).validateSecurityKey(key)).toBe(false)
    })

    it('returns its data unchanged', async () => {
      const app = make()
      const cookie = await app.given()
      const data = { order: 7, at: new Date(1000), tags: new Set(['a']) }
      const key = await (await app.load(cookie)).getSecurityKey({ data })
      expect(await (await app.load(cookie)).validateSecurityKey(key)).toEqual(data)
    })

    it('is valid for one of ten parallel uses', async () => {
      const app = make()
      const cookie = await app.given()
      const key = await (await app.load(cookie)).getSecurityKey()
      const sessions = await Promise.all(Array.from({ length: 10 }, () => app.load(cookie)))
      const results = await Promise.all(sessions.map((each) => each.validateSecurityKey(key)))
      expect(results.filter((result) => result === true)).toHaveLength(1)
      expect(results.filter((result) => result === false)).toHaveLength(9)
    })

    it('is refused for another session, and not used up by it', async () => {
      const app = make()
      const [mine, theirs] = [await app.given(), await app.given()]
      const key = await (await app.load(mine)).getSecurityKey()
      expect(await (await app.load(theirs)).validateSecurityKey(key)).toBe(false)
      expect(await (await app.load()).validateSecurityKey(key)).toBe(false)
      expect(await (await app.load(mine)).validateSecurityKey(key)).toBe(true)
    })

    it('of one purpose is not valid for another, and is not used up by the attempt', async () => {
      const app = make()
      const cookie = await app.given()
      const key = await (await app.load(cookie)).getSecurityKey({ purpose: 'delete-account' })
      const session = await app.load(cookie)
      expect(await session.validateSecurityKey(key)).toBe(false)
      expect(await session.validateSecurityKey(key, { purpose: 'Delete-account' })).toBe(false)
      expect(await session.validateSecurityKey(key, { purpose: 'delete-account' })).toBe(true)
    })

    it('without a session is valid for everybody who has it, and for no form', async () => {
      const app = make()
      const minter = await app.load()
      const key = await minter.getSecurityKey({ sessionBound: false, purpose: 'reset-password' })
      expect((await app.commit(minter)).setCookie).toEqual([])
      const cookie = await app.given()
      expect(
        await (await app.load(cookie)).validateSecurityKey(key, { purpose: 'reset-password' }),
      ).toBe(false)
      const reader = app.open()
      const check = { sessionBound: false, purpose: 'reset-password' }
      expect(await reader.validateSecurityKey(key, check)).toBe(true)
      expect(await reader.validateSecurityKey(key, check)).toBe(false)
    })

    it('bound to a session is refused where an unbound one is required', async () => {
      const app = make()
      const cookie = await app.given()
      const session = await app.load(cookie)
      const key = await session.getSecurityKey()
      expect(await session.validateSecurityKey(key, { sessionBound: false })).toBe(false)
      expect(await session.validateSecurityKey(key)).toBe(true)
    })

    it('is valid until the last millisecond of its duration', async () => {
      const app = make()
      const cookie = await app.given()
      const session = await app.load(cookie)
      const [first, second] = await session.getSecurityKeys(2, { duration: '5m' })
      app.clock.advance(5 * MINUTE - 1)
      expect(await (await app.load(cookie)).validateSecurityKey(first)).toBe(true)
      app.clock.advance(1)
      expect(await (await app.load(cookie)).validateSecurityKey(second)).toBe(false)
    })

    it.each(['login', 'logout', 'reset', 'cycleKey'] as const)(
      'is invalid after %s',
      async (how) => {
        const app = make()
        const cookie = await app.given({ cart: 1 })
        const key = await (await app.load(cookie)).getSecurityKey()
        const after = await app.visit(
          async (session) => {
            await (how === 'login' ? session.login('alice') : session[how]())
            // Also before the login is stored: the old key must be worthless for the new user.
            expect(await session.validateSecurityKey(key)).toBe(false)
          },
          { cookie },
        )
        expect(await (await app.load(after.cookie)).validateSecurityKey(key)).toBe(false)
        expect(await (await app.load(cookie)).validateSecurityKey(key)).toBe(false)
      },
    )

    it('is invalid after a kill', async () => {
      const app = make()
      const cookie = await app.given()
      const key = await (await app.load(cookie)).getSecurityKey()
      expect(await app.sessions.killSession(keyOfCookie(cookie))).toBe(true)
      expect(await (await app.load(cookie)).validateSecurityKey(key)).toBe(false)
    })

    it('stores the session of a visitor who had none', async () => {
      const app = make()
      const { session, cookie } = await app.visit((visitor) => visitor.getSecurityKey())
      expect(session.isNew).toBe(false)
      expect(cookie).toBeDefined()
    })

    it('minted right after login belongs to the new session', async () => {
      const app = make()
      const before = await app.given()
      let key = ''
      const { cookie } = await app.visit(
        async (session) => {
          await session.login('alice')
          key = await session.getSecurityKey()
        },
        { cookie: before },
      )
      const session = await app.load(cookie)
      expect(session.user).toBe('alice')
      expect(await session.validateSecurityKey(key)).toBe(true)
    })

    it('minted after logout belongs to a new guest session', async () => {
      const app = make()
      const before = await app.given({}, (session) => session.login('alice'))
      let key = ''
      const { cookie } = await app.visit(
        async (session) => {
          await session.logout()
          key = await session.getSecurityKey()
        },
        { cookie: before },
      )
      expect(keyOfCookie(cookie as string)).not.toBe(keyOfCookie(before))
      expect(await (await app.load(cookie)).validateSecurityKey(key)).toBe(true)
    })

    it('comes in batches, all different, in one call', async () => {
      const app = make()
      const cookie = await app.given()
      const session = await app.load(cookie)
      app.store.clearCalls()
      const keys = await session.getSecurityKeys(100)
      expect(new Set(keys).size).toBe(100)
      expect(app.store.calls).toHaveLength(1)
      expect(await session.validateSecurityKey(keys[99])).toBe(true)
      expect(app.store.calls).toHaveLength(3)
    })

    it('whose session has ended elsewhere is not minted', async () => {
      const app = make()
      const cookie = await app.given()
      const slow = await app.load(cookie)
      slow.set('a', 1)
      await app.visit((session) => session.logout(), { cookie })
      await expect(slow.save()).rejects.toThrow(SessionGoneError)
      await expect(slow.getSecurityKey()).rejects.toThrow(SessionGoneError)
    })

    describe('when the store is in trouble', () => {
      it('a use whose answer was lost counts as not valid, and is never claimed', async () => {
        const app = make()
        const cookie = await app.given()
        const session = await app.load(cookie)
        const key = await session.getSecurityKey()
        // The second call of a use is the one that deletes.
        app.store.failAt(2, 'after')
        expect(await session.validateSecurityKey(key)).toBe(false)
        expect(await session.validateSecurityKey(key)).toBe(false)
      })

      it('a use without an answer is not tried again, whether it took effect or not', async () => {
        const app = make()
        const cookie = await app.given()
        const session = await app.load(cookie)
        const key = await session.getSecurityKey()
        const error = new SessionStoreError('no answer', { effect: 'unknown', retryable: true })
        app.store.failAt(2, 'before', { error })
        expect(await session.validateSecurityKey(key)).toBe(false)
      })

      it('a key that could not be stored is not returned', async () => {
        const app = make()
        const cookie = await app.given()
        const session = await app.load(cookie)
        const restore = app.store.conflictAlways()
        await expect(session.getSecurityKey()).rejects.toThrow(SessionContentionError)
        restore()
      })

      it('a use that had no effect is tried again', async () => {
        const app = make()
        const cookie = await app.given()
        const session = await app.load(cookie)
        const key = await session.getSecurityKey()
        app.store.failAt(2, 'before')
        expect(await session.validateSecurityKey(key)).toBe(true)
      })

      it('a use that the store refuses counts as not valid', async () => {
        const app = make()
        const cookie = await app.given()
        const session = await app.load(cookie)
        const key = await session.getSecurityKey()
        const error = new SessionStoreError('refused', { effect: 'none', retryable: false })
        app.store.failAt(2, 'before', { error })
        expect(await session.validateSecurityKey(key)).toBe(false)
      })

      it('an outage is an error and not a refusal', async () => {
        const app = make()
        const cookie = await app.given()
        const session = await app.load(cookie)
        const key = await session.getSecurityKey()
        const restore = app.store.failAlways('before')
        await expect(session.validateSecurityKey(key)).rejects.toThrow(SessionStoreError)
        await expect(session.getSecurityKey()).rejects.toThrow(SessionStoreError)
        restore()
        expect(await session.validateSecurityKey(key)).toBe(true)
      })

      it('a key whose minting got no answer is minted again', async () => {
        const app = make()
        const cookie = await app.given()
        const session = await app.load(cookie)
        app.store.failNext('after')
        const key = await session.getSecurityKey()
        expect(await session.validateSecurityKey(key)).toBe(true)
      })
    })
  })
})

describe('security keys', () => {
  it.each([
    undefined,
    null,
    '',
    ' ',
    'x',
    'a'.repeat(42),
    'a'.repeat(44),
    'a'.repeat(1_000_000),
    'ü'.repeat(43),
    ['a'.repeat(43)],
    { key: 'a'.repeat(43) },
    43,
    Symbol('key'),
    () => 'a'.repeat(43),
  ])('a bad key (case %#) is false, without a call', async (bad) => {
    const app = new Harness<Data>()
    const session = await app.load(await app.given())
    app.store.clearCalls()
    expect(await session.validateSecurityKey(bad)).toBe(false)
    expect(await session.validateSecurityKey(bad, { sessionBound: false })).toBe(false)
    expect(session.validateStaticSecurityKey(bad)).toBe(false)
    expect(app.store.calls).toEqual([])
  })

  it('are not looked for without a session', async () => {
    const app = new Harness<Data>()
    expect(await app.open().validateSecurityKey('a'.repeat(43))).toBe(false)
    expect(app.store.calls).toEqual([])
  })

  it('count as a use of the session', async () => {
    const app = new Harness<Data>()
    const session = app.open()
    await session.validateSecurityKey('x', { sessionBound: false })
    expect(session.accessed).toBe(true)
  })

  it.each<[number, SecurityKeyOptions]>([
    [0, {}],
    [101, {}],
    [1.5, {}],
    [Number.NaN, {}],
    [1, { duration: 0 }],
    [1, { duration: -5 }],
    [1, { duration: 'soon' }],
    [1, { duration: Number.POSITIVE_INFINITY }],
    [1, { purpose: 'x'.repeat(1501) }],
    [1, { purpose: '\ud800' }],
    [1, { purpose: 7 as unknown as string }],
    [1, { sessionBound: 'no' as unknown as boolean }],
    [1, { data: 'text' as unknown as object }],
    [1, { data: null as unknown as object }],
    [1, { data: { f: () => {} } }],
    [1, { data: JSON.parse('{"__proto__":1}') as object }],
  ])('that cannot be (%#) are refused before anything is stored', async (count, options) => {
    const app = new Harness<Data>()
    const session = await app.load()
    expect(() => session.getSecurityKeys(count, options)).toThrow(SessionValueError)
    expect(app.store.calls).toEqual([])
  })

  it('with too large data are refused', async () => {
    const app = new Harness<Data>()
    const session = await app.load(await app.given())
    const data = { text: 'x'.repeat(70_000) }
    await expect(session.getSecurityKey({ data })).rejects.toThrow(SessionTooLargeError)
  })

  it('are valid as long as an unused session, and an unbound one for a day', async () => {
    const app = new Harness<Data>({ lifetime: '2h' })
    const cookie = await app.given()
    const session = await app.load(cookie)
    const bound = await session.getSecurityKeys(2)
    const free = await session.getSecurityKeys(2, { sessionBound: false })
    app.clock.advance(2 * HOUR - 1)
    expect(await session.validateSecurityKey(bound[0])).toBe(true)
    app.clock.advance(1)
    expect(await session.validateSecurityKey(bound[1])).toBe(false)
    app.clock.advance(22 * HOUR - 1)
    expect(await session.validateSecurityKey(free[0], { sessionBound: false })).toBe(true)
    app.clock.advance(1)
    expect(await session.validateSecurityKey(free[1], { sessionBound: false })).toBe(false)
    expect(app.clock.now()).toBeGreaterThan(DAY)
  })

  it('cannot start a session once the response has started', async () => {
    const app = new Harness<Data>()
    const session = await app.load()
    await app.commit(session)
    await expect(session.getSecurityKey()).rejects.toThrow(/getSecurityKey\(\) came after/)
    await expect(session.getSecurityKey()).rejects.toThrow(SessionLateChangeError)
    expect(app.store.calls).toEqual([])
  })

  it('cannot be bound where no session can be stored, and the error says what to do', async () => {
    const app = new Harness<Data>()
    const session = app.sessions.open({ secure: false })
    await expect(session.getSecurityKey()).rejects.toThrow(
      /not secure.*trust proxy.*trustProxy.*cookie\.secure.*address/,
    )
    expect(app.store.calls).toEqual([])
  })
})

describe('the static security key', () => {
  it('is shown once, right after login, and belongs to that login', async () => {
    const app = new Harness<Data>()
    let key = ''
    const { cookie } = await app.visit(async (session) => {
      expect(() => session.staticSecurityKey()).toThrow(SessionError)
      await session.login('alice')
      key = session.staticSecurityKey()
      expect(session.validateStaticSecurityKey(key)).toBe(true)
      expect(() => session.staticSecurityKey()).toThrow(/shown once/)
    })
    expect(key).toMatch(SHAPE)
    const session = await app.load(cookie)
    expect(session.validateStaticSecurityKey(key)).toBe(true)
    expect(session.validateStaticSecurityKey(key)).toBe(true)
    expect(
      session.validateStaticSecurityKey(`${key.slice(0, 42)}${key[42] === 'A' ? 'E' : 'A'}`),
    ).toBe(false)
    expect(() => session.staticSecurityKey()).toThrow(SessionError)
  })

  it('can be read after an explicit save', async () => {
    const app = new Harness<Data>()
    const session = await app.load()
    await session.login('alice')
    await session.save()
    expect(session.validateStaticSecurityKey(session.staticSecurityKey())).toBe(true)
  })

  it('is another one after the next login, even of the same user', async () => {
    const app = new Harness<Data>()
    const keys: string[] = []
    const login = async (cookie?: string) =>
      await app.visit(
        async (session) => {
          await session.login('alice')
          keys.push(session.staticSecurityKey())
        },
        { cookie },
      )
    const { cookie } = await login((await login()).cookie)
    const session = await app.load(cookie)
    expect(session.validateStaticSecurityKey(keys[0])).toBe(false)
    expect(session.validateStaticSecurityKey(keys[1])).toBe(true)
  })

  it('survives cycleKey, and ends with logout', async () => {
    const app = new Harness<Data>({ persistentFieldsOnLogout: ['lang'] })
    let key = ''
    const first = await app.visit(async (session) => {
      await session.login('alice')
      session.set('lang', 'de')
      key = session.staticSecurityKey()
    })
    const second = await app.visit((session) => session.cycleKey(), { cookie: first.cookie })
    expect((await app.load(second.cookie)).validateStaticSecurityKey(key)).toBe(true)
    const third = await app.visit(
      async (session) => {
        await session.logout()
        expect(session.validateStaticSecurityKey(key)).toBe(false)
      },
      { cookie: second.cookie },
    )
    expect((await app.load(third.cookie)).validateStaticSecurityKey(key)).toBe(false)
  })

  it('is false for a guest, and for nobody', async () => {
    const app = new Harness<Data>()
    const key = 'a'.repeat(43)
    expect((await app.load(await app.given())).validateStaticSecurityKey(key)).toBe(false)
    expect((await app.load()).validateStaticSecurityKey(key)).toBe(false)
  })

  it('of a login that was revoked is not shown', async () => {
    const app = new Harness<Data>()
    const session = await app.load()
    await session.login('alice')
    await session.logout()
    expect(() => session.staticSecurityKey()).toThrow(SessionError)
  })

  it('of a login that a server error revoked is not shown', async () => {
    const app = new Harness<Data>()
    const { session } = await app.visit((visited) => visited.login('alice'), { status: 500 })
    expect(session.user).toBe('__guest__')
    expect(() => session.staticSecurityKey()).toThrow(SessionError)
    const { session: saved } = await app.visit(
      async (visited) => {
        await visited.login('alice')
        await visited.save()
        await visited.cycleKey()
      },
      { status: 500 },
    )
    expect(saved.validateStaticSecurityKey(saved.staticSecurityKey())).toBe(true)
  })

  it('of a login that could not be stored, since the request is not secure, is not shown', async () => {
    const app = new Harness<Data>()
    const session = await app.sessions.open({ secure: false }).load()
    await session.login('alice')
    await session.save()
    expect(session.user).toBe('__guest__')
    expect(() => session.staticSecurityKey()).toThrow(SessionError)
  })

  it('is stored as a hash', async () => {
    const app = new Harness<Data>()
    let key = ''
    const cookie = await app.given({}, async (session) => {
      await session.login('alice')
      key = session.staticSecurityKey()
    })
    const record = await app.stored(cookie)
    expect(record?.staticKey).toMatch(SHAPE)
    expect(JSON.stringify(record)).not.toContain(key)
  })
})
