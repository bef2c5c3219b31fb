import { inspect } from 'node:util'
import { describe, expect, it } from 'vitest'
import { passportBridge, sessionMiddleware } from '../../src/express/index.ts'
import {
  createSessions,
  SessionConfigError,
  SessionLateChangeError,
  SessionStoreError,
  SessionValueError,
} from '../../src/index.ts'
import { Session } from '../../src/request/session.ts'
import { ask, frameworks, listen, onCleanup, serve, setup, storedCookie } from './helpers.ts'
import {
  type Account,
  ANN,
  BOB,
  type BridgeOptions,
  type PassportRequest,
  passportSite,
} from './passport-harness.ts'
import { status } from './origin-harness.ts'

/** A route that changes the session before a login. */
const REMEMBER: BridgeOptions['routes'] = {
  '/remember': (req, res) => {
    req.session['cart'] = ['book']
    req.session.set('lang', 'de')
    res.sendStatus(204)
  },
}

async function collected<Item>(items: AsyncIterable<Item>): Promise<Item[]> {
  const all: Item[] = []
  for await (const item of items) all.push(item)
  return all
}

describe.each(frameworks)('Passport 0.7 on %s', (_name, express) => {
  it('logs in and out', async () => {
    const { visitor, sessions, errors } = await passportSite({ express })
    const ann = visitor()
    expect(await ann.home()).toEqual({ user: null, session: '__guest__', data: {} })
    expect((await ann.login('ann')).headers.location).toBe('/')
    expect(await ann.home()).toEqual({
      user: 'ann',
      session: 'u-ann',
      data: { passport: { user: 'u-ann' } },
    })
    expect(await collected(sessions.listSessionsByUser('u-ann'))).toHaveLength(1)
    expect((await ann.logout()).headers.location).toBe('/')
    expect(ann.cookie()).toBe('')
    expect(await ann.home()).toEqual({ user: null, session: '__guest__', data: {} })
    expect(await collected(sessions.listSessionsByUser('u-ann'))).toEqual([])
    expect(errors).toEqual([])
  })

  it('CVE-2022-25896: a login makes earlier cookies invalid', async () => {
    const { visitor } = await passportSite({ express, routes: REMEMBER })
    const ann = visitor()
    await ann.ask('POST', '/remember')
    const planted = ann.cookie()
    expect((await ann.home()).data).toEqual({ cart: ['book'], lang: 'de' })
    await ann.login('ann')
    expect(ann.cookie()).not.toBe(planted)
    expect(await ann.home()).toMatchObject({ user: 'ann' })
    expect(await visitor().home(planted)).toEqual({ user: null, session: '__guest__', data: {} })
    const first = ann.cookie()
    await ann.login('ann')
    expect(await visitor().home(first)).toMatchObject({ user: null, session: '__guest__' })
    const second = ann.cookie()
    await ann.logout()
    expect(await visitor().home(second)).toEqual({ user: null, session: '__guest__', data: {} })
  })

  it('costs one commit for a login, and one for a logout', async () => {
    const { visitor, store } = await passportSite({ express, routes: REMEMBER })
    const ann = visitor()
    await ann.ask('POST', '/remember')
    store.clearCalls()
    await ann.login('ann')
    expect(store.calls.map(({ method }) => method)).toEqual([
      'find',
      // One lookup reads the fences of the user and of all users. The first end of a process reads whether ends are
      // events.
      ...['note', 'note'],
      'writeTogether',
      'note',
    ])
    store.clearCalls()
    await ann.home()
    expect(store.calls).toEqual([{ method: 'find', kinds: [] }])
    store.clearCalls()
    await ann.logout()
    expect(store.calls).toEqual([
      { method: 'find', kinds: [] },
      { method: 'write', kinds: ['delete'] },
    ])
  })

  it('keeps the former data only with keepSessionInfo', async () => {
    for (const keepSessionInfo of [true, false]) {
      const { visitor, store } = await passportSite({ express, keepSessionInfo, routes: REMEMBER })
      const ann = visitor()
      await ann.ask('POST', '/remember')
      const kept = keepSessionInfo ? { cart: ['book'], lang: 'de' } : {}
      await ann.login('ann')
      expect((await ann.home()).data).toEqual({ ...kept, passport: { user: 'u-ann' } })
      store.clearCalls()
      await ann.logout()
      expect(store.writes).toBe(1)
      expect(await ann.home()).toEqual({
        user: null,
        session: '__guest__',
        data: keepSessionInfo ? { ...kept, passport: {} } : {},
      })
    }
  })

  it('shows a failed login by connect-flash, once', async () => {
    const { visitor } = await passportSite({ express })
    const ann = visitor()
    const answer = await ann.login('ann', 'wrong')
    expect(answer.headers.location).toBe('/login')
    expect((await ann.home()).user).toBeNull()
    expect((await ann.ask('GET', '/login')).body).toBe('["no entry"]')
    expect((await ann.ask('GET', '/login')).body).toBe('[]')
  })

  it('stores nothing for a guest who has no messages', async () => {
    const { visitor, store } = await passportSite({ express })
    const ann = visitor()
    const answer = await ann.ask('GET', '/login')
    expect(answer.setCookie).toEqual([])
    expect(store.calls).toEqual([])
  })

  it('finds no user in a session that was killed', async () => {
    const { visitor, sessions } = await passportSite({ express })
    const [one, two, bob] = [visitor(), visitor(), visitor()]
    await one.login('ann')
    await two.login('ann')
    await bob.login('bob')
    expect(await sessions.killSessionByUser(ANN.id)).toEqual({ ended: 2, handedOn: false })
    for (const each of [one, two])
      expect(await each.home()).toEqual({ user: null, session: '__guest__', data: {} })
    expect(await bob.home()).toMatchObject({ user: 'bob', session: 'u-bob' })
    // Nothing is left to log out.
    expect((await one.logout()).status).toBe(302)
  })

  it('loads a lazy session, which Passport cannot wait for', async () => {
    const { visitor } = await passportSite({ express, load: 'lazy' })
    const ann = visitor()
    await ann.login('ann')
    expect(await ann.home()).toMatchObject({ user: 'ann', session: 'u-ann' })
  })

  it.each(['eager', 'lazy'] as const)(
    'serves pages that do not use the session while the store is down: %s',
    async (load) => {
      const { sessions, store } = setup()
      const cookie = await storedCookie(sessions)
      store.failAlways('before')
      const after = [passportBridge(sessions, { userOf: (user: Account) => user.id }) as never]
      const { port } = await serve({ express, sessions, load, after }, (req, res) => {
        const { session } = req as unknown as PassportRequest
        res.send(req.path === '/static' ? 'fine' : JSON.stringify(session['passport']))
      })
      expect(await ask(port, { cookie, path: '/static' })).toMatchObject({
        status: 200,
        body: 'fine',
      })
      expect((await ask(port, { cookie })).body).toBe('failed: ERR_SESSION_STORE')
    },
  )

  it('uses the property that the app chose for the user', async () => {
    const { visitor } = await passportSite({ express, userProperty: 'account' })
    const ann = visitor()
    await ann.login('ann')
    expect(await ann.home()).toMatchObject({ user: 'ann', session: 'u-ann' })
    await ann.logout()
    expect(await ann.home()).toMatchObject({ user: null, session: '__guest__' })
  })
})

describe('a login that was saved', () => {
  it('stays valid, whatever happens to req.user', async () => {
    const { visitor } = await passportSite({
      routes: {
        '/enter': async (req, res) => {
          await new Promise<void>((resolve, reject) => {
            req.login(ANN, {}, (error) => (error ? reject(error) : resolve()))
          })
          req.user = null
          req.session['a'] = 1
          res.sendStatus(204)
        },
      },
    })
    const ann = visitor()
    await ann.ask('POST', '/enter')
    expect(await ann.home()).toEqual({
      user: 'ann',
      session: 'u-ann',
      data: { passport: { user: 'u-ann' }, a: 1 },
    })
  })
})

describe('a login that fails', () => {
  it.each([
    ['is no text', () => 7, /must give the user as a text, such as an id, not 7/],
    ['is missing', () => undefined, /such as an id, not undefined/],
    ['is a promise', async () => 'u-ann', /userOf .*must answer at once, but returned a promise/],
    ['is empty', () => '', /a text that is not empty/],
    ['is the guest', () => '__guest__', /is nobody/],
    ['is too long', () => 'u'.repeat(1501), /1500 bytes/],
  ])('because the user %s leaves everything as it was', async (_what, userOf, message) => {
    const { visitor, errors, store } = await passportSite({
      userOf: userOf as never,
      routes: REMEMBER,
      onError: () => 400,
    })
    const ann = visitor()
    await ann.ask('POST', '/remember')
    const cookie = ann.cookie()
    store.clearCalls()
    expect((await ann.login('ann')).status).toBe(400)
    expect(store.writes).toBe(0)
    expect(errors).toEqual([expect.any(SessionValueError)])
    expect((errors[0] as Error).message).toMatch(message)
    expect(ann.cookie()).toBe(cookie)
    expect(await ann.home()).toEqual({
      user: null,
      session: '__guest__',
      data: { cart: ['book'], lang: 'de' },
    })
  })

  it('because userOf throws passes its error on', async () => {
    const thrown = new Error('no such column')
    const { visitor, errors } = await passportSite({
      userOf: () => {
        throw thrown
      },
    })
    const ann = visitor()
    expect((await ann.login('ann')).status).toBe(500)
    expect(errors).toEqual([thrown])
    expect(await ann.home()).toMatchObject({ user: null, session: '__guest__' })
  })

  it.each([400, 500])(
    'because the user cannot be serialized has no effect, even with status %d',
    async (code) => {
      const { visitor, sessions } = await passportSite({
        serialize: () => {
          throw new Error('cannot')
        },
        routes: REMEMBER,
        onError: () => code,
      })
      const ann = visitor()
      await ann.ask('POST', '/remember')
      const cookie = ann.cookie()
      expect((await ann.login('ann')).status).toBe(code)
      expect(ann.cookie()).toBe(cookie)
      expect(await ann.home()).toMatchObject({
        user: null,
        session: '__guest__',
        data: { cart: ['book'] },
      })
      expect(await collected(sessions.listSessionsByUser(ANN.id))).toEqual([])
    },
  )

  it('because the store is down has no effect, even if the app continues', async () => {
    const { visitor, sessions, store, errors } = await passportSite({
      routes: REMEMBER,
      onError: (_error, req) => {
        req.flash('error', 'try again')
        return 400
      },
    })
    const ann = visitor()
    await ann.ask('POST', '/remember')
    const cookie = ann.cookie()
    let restore = (): void => {}
    restore = store.failAlways('before', { method: 'writeTogether' })
    expect((await ann.login('ann')).status).toBe(400)
    restore()
    expect(errors).toEqual([expect.any(SessionStoreError)])
    expect(ann.cookie()).toBe(cookie)
    expect(await ann.home()).toEqual({
      user: null,
      session: '__guest__',
      data: { cart: ['book'], lang: 'de', flash: { error: ['try again'] } },
    })
    expect(await collected(sessions.listSessionsByUser(ANN.id))).toEqual([])
  })

  it('shows an outage instead of a guest', async () => {
    const { visitor, store, errors } = await passportSite()
    const ann = visitor()
    await ann.login('ann')
    const restore = store.failAlways('before')
    expect((await ann.ask('GET', '/')).status).toBe(500)
    expect(errors).toEqual([expect.any(SessionStoreError)])
    restore()
    expect(await ann.home()).toMatchObject({ user: 'ann' })
  })

  it('a logout that could not be stored is an error, and the user stays logged in', async () => {
    const { visitor, store, errors } = await passportSite()
    const ann = visitor()
    await ann.login('ann')
    const restore = store.failAlways('before', { method: 'write' })
    expect((await ann.logout()).status).toBe(500)
    restore()
    expect(errors).toEqual([expect.any(SessionStoreError)])
    expect(await ann.home()).toMatchObject({ user: 'ann', session: 'u-ann' })
  })
})

/** Runs `look` in one request of a logged-in user, or of a guest. */
async function within(
  look: (req: PassportRequest) => unknown,
  { as = null, ...options }: BridgeOptions & { as?: 'ann' | null } = {},
): Promise<{ visitor: ReturnType<Awaited<ReturnType<typeof passportSite>>['visitor']> }> {
  const site = await passportSite({
    ...options,
    routes: {
      ...REMEMBER,
      '/look': async (req, res) => {
        await look(req)
        res.sendStatus(204)
      },
    },
  })
  const visitor = site.visitor()
  if (as !== null) await visitor.login(as)
  const answer = await visitor.ask('POST', '/look')
  if (site.errors.length > 0) throw site.errors[0]
  expect(answer.status).toBe(204)
  return { visitor }
}

describe('req.session behind the bridge', () => {
  it('has the data as its properties', async () => {
    const { visitor } = await within(({ session }) => {
      session['a'] = 1
      session.set('b', { deep: [1] })
      ;(session['b'] as { deep: number[] }).deep.push(2)
      Object.assign(session, { c: 3, d: 4, e: 5 })
      Object.defineProperty(session, 'f', { value: 6 })
      expect(delete session['c']).toBe(true)
      expect(delete session['absent']).toBe(true)
      session['d'] = undefined
      expect(session.delete('e')).toBe(true)
      expect('a' in session).toBe(true)
      expect('c' in session).toBe(false)
      expect('login' in session).toBe(true)
      expect('save' in session).toBe(true)
      expect(Object.hasOwn(session, 'a')).toBe(true)
      expect(Object.hasOwn(session, 'login')).toBe(false)
      expect(Object.hasOwn(session, 'absent')).toBe(false)
      expect(Object.keys(session)).toEqual(['a', 'b', 'f'])
      const names: string[] = []
      for (const name in session) names.push(name)
      expect(names).toEqual(['a', 'b', 'f'])
      expect({ ...session }).toEqual({ a: 1, b: { deep: [1, 2] }, f: 6 })
      expect(JSON.parse(JSON.stringify(session))).toEqual({ a: 1, b: { deep: [1, 2] }, f: 6 })
      expect(session['absent']).toBeUndefined()
      expect(session['then']).toBeUndefined()
    })
    expect((await visitor.home()).data).toEqual({ a: 1, b: { deep: [1, 2] }, f: 6 })
  })

  it('has all members of a session', async () => {
    await within(
      async ({ session }) => {
        expect(session).toBeInstanceOf(Session)
        expect(session.user).toBe('u-ann')
        expect(session.key).toMatch(/^[A-Za-z0-9_-]{43}$/)
        expect(session.loaded).toBe(true)
        expect(session.isFresh('1m')).toBe(true)
        expect(session.size).toBe(1)
        expect([...session]).toEqual([['passport', { user: 'u-ann' }]])
        expect(session.scope('shop').set('a', 1).get('a')).toBe(1)
        expect(inspect(session)).toMatch(/^Session \{\s+user: 'u-ann'/)
        expect(inspect({ a: { b: { c: session } } })).toContain('[Session]')
        const key = await session.getSecurityKey()
        expect(await session.validateSecurityKey(key)).toBe(true)
        expect(String(session)).toBe('[object Object]')
        const { get } = session
        expect(get('passport' as never)).toEqual({ user: 'u-ann' })
      },
      { as: 'ann' },
    )
  })

  it.each([
    [{ id: 7 }, /await req\.session\.login\(id\)/],
    [
      null,
      /^req\.session\.user = … would store nothing: to log out: await req\.session\.logout\(\)$/,
    ],
  ])('refuses the user %o, and names only what logs in or out', async (user, message) => {
    await within(({ session }) => {
      const set = (): void => void Reflect.set(session, 'user', user)
      expect(set).toThrow(SessionValueError)
      expect(set).toThrow(message)
      expect(set).toThrow(/^(?!.*set\()/)
      const remove = (): void => void Reflect.deleteProperty(session, 'user')
      expect(remove).toThrow(SessionValueError)
      expect(remove).toThrow(
        'delete req.session.user would change nothing: to log out: await req.session.logout()',
      )
      expect(session['user']).toBe('__guest__')
    })
  })

  it.each(['key', 'get', 'size', 'login', 'regenerate', 'constructor', 'toString', '__proto__'])(
    'refuses to set or delete its own %s',
    async (name) => {
      await within(({ session }) => {
        const before = session[name]
        const set = (): void => void Reflect.set(session, name, { admin: true })
        expect(set).toThrow(SessionValueError)
        expect(set).toThrow(`req.session.${name} is a part of the session itself`)
        expect(() => delete session[name]).toThrow(SessionValueError)
        expect(typeof session[name]).toBe(typeof before)
        expect(Object.keys(session)).toEqual([])
      })
    },
  )

  it('accepts no prototype, no symbols and no accessors, and is not frozen', async () => {
    await within(({ session }) => {
      expect(() => Object.setPrototypeOf(session, null)).toThrow(TypeError)
      expect(() => Object.freeze(session)).toThrow(TypeError)
      expect(() => Object.defineProperty(session, 'a', { get: () => 1 })).toThrow(TypeError)
      expect(() => Object.assign(session, { [Symbol('a')]: 1 })).toThrow(SessionValueError)
      expect(() => Object.assign(session, JSON.parse('{"__proto__":{"a":1}}'))).toThrow(
        SessionValueError,
      )
      expect(session['prototype']).toBeUndefined()
      expect(session['a']).toBeUndefined()
    })
  })

  it('does not show data with the name of a session member', async () => {
    await within(({ session }) => {
      session.set('user' as never, 'somebody' as never)
      session['a'] = 1
      expect(Reflect.ownKeys(session)).toEqual(['a'])
      expect(session.user).toBe('__guest__')
      expect(session.get('user' as never)).toBe('somebody')
    })
  })

  it('refuses values that a session cannot store', async () => {
    await within(({ session }) => {
      expect(() => Object.assign(session, { callback: () => {} })).toThrow(SessionValueError)
    })
  })

  it('cannot be replaced', async () => {
    await within((req) => {
      expect(() => Object.assign(req, { session: {} })).toThrow(/cannot be replaced|cannot be/)
    })
  })

  it('refuses changes after the response', async () => {
    const late: unknown[] = []
    const { visitor } = await passportSite({
      routes: {
        '/late': (req, res) => {
          res.sendStatus(204)
          try {
            req.session['a'] = 1
          } catch (error) {
            late.push(error)
          }
        },
      },
    })
    await visitor().ask('POST', '/late')
    expect(late).toEqual([expect.any(SessionLateChangeError)])
  })

  it('keeps the data of the old object when another replaces it', async () => {
    await within(async (req) => {
      const old = req.session
      old['cart'] = ['book']
      await req.session.regenerate()
      expect(req.session).not.toBe(old)
      expect({ ...old }).toEqual({ cart: ['book'] })
      expect({ ...req.session }).toEqual({})
      old['cart'] = ['none']
      old['late'] = 1
      delete old['cart']
      expect({ ...req.session }).toEqual({})
    })
  })
})

describe('the methods of express-session', () => {
  it.each(['callback', 'promise'])('regenerate and destroy end a session: %s', async (way) => {
    for (const method of ['regenerate', 'destroy'] as const) {
      const site = await passportSite({
        routes: {
          ...REMEMBER,
          '/end': async (req, res) => {
            if (way === 'promise') {
              expect(await req.session[method]()).toBeUndefined()
              return res.sendStatus(204)
            }
            let calls = 0
            return await new Promise<void>((resolve) => {
              const given = req.session[method]((error) => {
                calls += 1
                expect(error).toBeUndefined()
                expect(calls).toBe(1)
                res.sendStatus(204)
                resolve()
              })
              expect(given).toBe(req.session)
            })
          },
        },
      })
      const ann = site.visitor()
      await ann.ask('POST', '/remember')
      const cookie = ann.cookie()
      expect((await ann.ask('POST', '/end')).status).toBe(204)
      expect(site.errors).toEqual([])
      expect((await site.visitor().home(cookie)).data).toEqual({})
      expect(ann.cookie()).not.toBe(cookie)
    }
  })

  it('destroy logs out, at once and with one commit', async () => {
    const site = await passportSite({
      routes: {
        '/end': async (req, res) => {
          site.store.clearCalls()
          await req.session.destroy()
          expect(site.store.writes).toBe(1)
          expect(req.session.user).toBe('__guest__')
          res.sendStatus(204)
        },
      },
    })
    const ann = site.visitor()
    await ann.login('ann')
    const cookie = ann.cookie()
    expect((await ann.ask('POST', '/end')).status).toBe(204)
    expect(site.store.writes).toBe(1)
    expect(ann.cookie()).toBe('')
    expect(await site.visitor().home(cookie)).toMatchObject({ user: null, session: '__guest__' })
  })

  it.each([
    ['a user who logged in before', 'ann', ANN],
    ['a user who is known for one request only', null, BOB],
  ])('regenerate is no login of a user %s', async (_who, before, user) => {
    const site = await passportSite({
      sessions: { persistentFieldsOnLogin: ['cart'] },
      routes: {
        ...REMEMBER,
        '/rotate': async (req, res) => {
          req.user = user
          await req.session.regenerate()
          req.session['step'] = 2
          res.sendStatus(204)
        },
        '/fresh': (req, res) => res.json({ fresh: req.session.isFresh('1m') }),
      },
    })
    const ann = site.visitor()
    if (before !== null) await ann.login(before)
    await ann.ask('POST', '/remember')
    site.clock.advance(10 * 60_000)
    const cookie = ann.cookie()
    await ann.ask('POST', '/rotate')
    expect(site.errors).toEqual([])
    expect((await ann.ask('GET', '/fresh')).body).toBe('{"fresh":false}')
    expect(await ann.home()).toEqual({ user: null, session: '__guest__', data: { step: 2 } })
    expect(await site.visitor().home(cookie)).toEqual({
      user: null,
      session: '__guest__',
      data: {},
    })
    expect(await collected(site.sessions.listSessionsByUser(user.id))).toEqual([])
  })

  it('regenerate keeps a login that the app makes after it', async () => {
    const site = await passportSite({
      routes: {
        '/enter': async (req, res) => {
          req.user = ANN
          await req.session.regenerate()
          await req.session.login('u-bob')
          res.sendStatus(204)
        },
      },
    })
    const bob = site.visitor()
    await bob.ask('POST', '/enter')
    expect(await bob.home()).toEqual({ user: null, session: 'u-bob', data: {} })
  })

  it('regenerate of a guest without data stores nothing', async () => {
    const site = await passportSite({
      routes: {
        '/end': async (req, res) => {
          await req.session.regenerate()
          res.sendStatus(204)
        },
      },
    })
    expect((await site.visitor().ask('POST', '/end')).setCookie).toEqual([])
    expect(site.store.calls).toEqual([])
  })

  it('save stores, and passes a failure only to the callback, once', async () => {
    const told: unknown[] = []
    const site = await passportSite({
      routes: {
        '/save': async (req, res) => {
          req.session['a'] = 1
          await new Promise<void>((resolve) => {
            req.session.save((error) => {
              told.push(error)
              resolve()
            })
          })
          req.session.revert()
          res.sendStatus(204)
        },
      },
    })
    const ann = site.visitor()
    const restore = site.store.failAlways('before', { method: 'write' })
    expect((await ann.ask('POST', '/save')).status).toBe(204)
    restore()
    expect(told).toEqual([expect.any(SessionStoreError)])
    await ann.ask('POST', '/save')
    expect(told).toEqual([expect.any(SessionStoreError), undefined])
    expect((await ann.home()).data).toEqual({ a: 1 })
  })

  it('reload reverts changes', async () => {
    const { visitor } = await within(async ({ session }) => {
      session['a'] = 1
      await session.save()
      session['a'] = 2
      session['b'] = 2
      await session.reload()
      expect({ ...session }).toEqual({ a: 1 })
    })
    expect((await visitor.home()).data).toEqual({ a: 1 })
  })

  it('keeps persistent fields through a login of Passport', async () => {
    const { visitor } = await passportSite({
      sessions: { persistentFieldsOnLogin: ['cart'], persistentFieldsOnLogout: ['lang'] },
      routes: REMEMBER,
    })
    const ann = visitor()
    await ann.ask('POST', '/remember')
    await ann.login('ann')
    expect((await ann.home()).data).toEqual({ cart: ['book'], passport: { user: 'u-ann' } })
    await ann.ask('POST', '/remember')
    await ann.logout()
    expect(await ann.home()).toEqual({ user: null, session: '__guest__', data: { lang: 'de' } })
  })
})

describe('passportBridge()', () => {
  const sessions = createSessions()

  it.each([
    [
      'an object that is not sessions',
      () => passportBridge({} as never, { userOf: String }),
      /needs the result/,
    ],
    ['nothing', () => passportBridge(undefined as never, { userOf: String }), /not undefined/],
    ['no options', () => passportBridge(sessions, undefined as never), /an object of options/],
    ['no userOf', () => passportBridge(sessions, {} as never), /userOf must be a function/],
    [
      'an option it does not have',
      () => passportBridge(sessions, { userOf: String, user: 1 } as never),
      /has no option "user": it takes userOf/,
    ],
  ])('refuses %s', (_what, make, message) => {
    expect(make).toThrow(SessionConfigError)
    expect(make).toThrow(message)
  })

  it.each([
    ['no session', [], /found no session/],
    ['a session of other sessions', [sessionMiddleware(setup().sessions)], /found no session/],
    [
      "Passport's key among the fields that survive a login",
      ['persistentFieldsOnLogin'],
      /'passport' in persistentFieldsOnLogin/,
    ],
    [
      "Passport's key among the fields that survive a logout",
      ['persistentFieldsOnLogout'],
      /'passport' in persistentFieldsOnLogout/,
    ],
  ])('tells what is wrong with %s', async (_what, before, message) => {
    const [first] = before
    const own =
      typeof first === 'string' ? setup({ [first]: ['passport'] }).sessions : setup().sessions
    const bridge = passportBridge(own, { userOf: String })
    const mounted = typeof first === 'string' ? sessionMiddleware(own) : first
    const errors: unknown[] = []
    const port = await listen((req, res) => {
      const next = (): void =>
        bridge(req, res, (error) => {
          errors.push(error)
          res.end()
        })
      if (mounted === undefined) next()
      else mounted(req, res, next)
    })
    await status(port, 'GET', {})
    expect(errors).toEqual([expect.any(SessionConfigError)])
    expect((errors[0] as Error).message).toMatch(message)
  })

  it('serves pages that need no session while the store is down, with one lookup', async () => {
    const { sessions: own, store } = setup()
    const middleware = sessionMiddleware(own)
    const bridge = passportBridge(own, { userOf: String })
    const cookie = await storedCookie(own)
    const restore = store.failAlways('before')
    onCleanup(restore)
    const seen: unknown[] = []
    const port = await listen((req, res) =>
      middleware(req, res, () => {
        store.clearCalls()
        bridge(req, res, (error) => {
          const { session } = req as unknown as PassportRequest
          expect(() => session['a']).toThrow(SessionStoreError)
          seen.push(error, store.calls.length)
          res.end()
        })
      }),
    )
    await status(port, 'GET', { Cookie: cookie })
    expect(seen).toEqual([undefined, 0])
  })

  it('does nothing when it is mounted twice', async () => {
    const own = setup().sessions
    const middleware = sessionMiddleware(own)
    const bridge = passportBridge(own, { userOf: String })
    const seen: unknown[] = []
    const port = await listen((req, res) =>
      middleware(req, res, () =>
        bridge(req, res, () => {
          seen.push((req as unknown as PassportRequest).session)
          middleware(req, res, () =>
            bridge(req, res, (error) => {
              seen.push((req as unknown as PassportRequest).session, error)
              res.end()
            }),
          )
        }),
      ),
    )
    await status(port, 'GET', {})
    expect(seen).toHaveLength(3)
    expect(seen[1]).toBe(seen[0])
    expect(seen[2]).toBeUndefined()
  })
})
