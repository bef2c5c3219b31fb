import { inspect } from 'node:util'
import { runInThisContext } from 'node:vm'
import { describe, expect, it } from 'vitest'
import type { Session } from '../../src/index.ts'
import { Harness } from './harness.ts'

type Data = Record<string, unknown>

/** Code outside of strict mode, like a CommonJS file without a directive; this file is a module, and strict. */
function sloppy(code: string): (session: unknown, scope?: unknown) => unknown {
  return runInThisContext(`(function (session, scope) { ${code} })`)
}

function strict(code: string): (session: unknown, scope?: unknown) => unknown {
  return runInThisContext(`(function (session, scope) { 'use strict'; ${code} })`)
}

async function loaded(): Promise<Session<Data>> {
  const app = new Harness<Data>()
  return await app.load(await app.given({ a: 1 }))
}

const NEW_NAMES: Record<string, [code: string, message: string]> = {
  'a name of the app': ['session.userId = 7', "use req.session.set('userId', …)"],
  'a computed name': ["session['user' + 'Id'] = 7", "use req.session.set('userId', …)"],
  'a name that is no identifier': ["session['a-b'] = 7", 'use req.session.set(key, …)'],
  'a number': ['session[0] = 7', 'use req.session.set(key, …)'],
  'a symbol': ["session[Symbol('x')] = 7", 'keys of session data are texts'],
  'counting up': ['session.views++', "use req.session.set('views', …)"],
  'adding to what is there': [
    'session.views = (session.views || 0) + 1',
    "use req.session.set('views', …)",
  ],
  'where there is nothing': ['session.cart ||= []', "use req.session.set('cart', …)"],
  'where there is nothing yet': ['session.cart ??= []', "use req.session.set('cart', …)"],
  'by destructuring': ['({ a: session.a } = { a: 1 })', "use req.session.set('a', …)"],
  'in a loop': ['for (session.x of [1]) {}', "use req.session.set('x', …)"],
  'by Object.assign': ['Object.assign(session, { a: 1 })', "use req.session.set('a', …)"],
  'by Reflect.set': ["Reflect.set(session, 'a', 1)", "use req.session.set('a', …)"],
  'members that every object inherits': [
    'session.toString = 1',
    "use req.session.set('toString', …)",
  ],
  'the prototype': ['session.__proto__ = {}', "use req.session.set('__proto__', …)"],
  'what connect-flash does': [
    'session.flash = session.flash || {}',
    "use req.session.set('flash', …); for connect-flash mount passportBridge()",
  ],
  'what Passport does': ['session.passport = {}', 'for Passport mount passportBridge()'],
  'the cookie of express-session': ['session.cookie = {}', 'req.session.setExpiry(…)'],
  'in a scope': ['scope.views = 1', "use req.session.scope(…).set('views', …)"],
  'counting up in a scope': ['scope.views++', "use req.session.scope(…).set('views', …)"],
  'a method of a scope': ['scope.get = 1', "use req.session.scope(…).set('get', …)"],
}

/** The members of all classes of a session. */
const MEMBERS: string[] = await (async () => {
  const names = new Set<string>()
  let prototype: object | null = Object.getPrototypeOf(await loaded())
  while (prototype !== null && prototype !== Object.prototype) {
    for (const name of Object.getOwnPropertyNames(prototype)) names.add(name)
    prototype = Object.getPrototypeOf(prototype)
  }
  return [...names]
})()

describe('assigning to a session', () => {
  it.each(Object.entries(NEW_NAMES))(
    '%s throws, and says what to do',
    async (_, [code, message]) => {
      for (const run of [sloppy(code), strict(code)]) {
        const session = await loaded()
        const scope = session.scope('shop')
        expect(() => run(session, scope)).toThrow(TypeError)
        expect(() => run(session, scope)).toThrow(message)
        expect(session.changed).toBe(false)
        expect(Reflect.ownKeys(session)).toEqual([])
      }
    },
  )

  it.each([
    ['{ id: 7 }', 'to log in: await req.session.login(id), with the id as text'],
    ["'alice'", 'to log in: await req.session.login(id), with the id as text'],
    ['null', 'to log out: await req.session.logout()'],
    ['undefined', 'to log out: await req.session.logout()'],
  ])('the user %s throws, and names only what logs in or out', async (value, message) => {
    for (const run of [sloppy, strict]) {
      const session = await loaded()
      const assign = (): unknown => run(`session.user = ${value}`)(session)
      expect(assign).toThrow(TypeError)
      expect(assign).toThrow(`req.session.user = … would store nothing: ${message}`)
      expect(assign).toThrow(/^(?!.*set\()/)
      expect(session.user).toBe('__guest__')
    }
  })

  it.each([[{ id: 7 }], [['alice']]])('login(%j) says to give the id', async (user) => {
    const session = await loaded()
    const work = (async () => session.login(user as unknown as string))()
    await expect(work).rejects.toThrow(/give its id as text, and keep the rest with set\(\)$/)
    expect(session.isGuest).toBe(true)
  })

  it('a member user of a scope throws, and names set() of the scope', async () => {
    const scope = (await loaded()).scope('shop')
    const assign = (): unknown => sloppy('scope.user = 1')(null, scope)
    expect(assign).toThrow("use req.session.scope(…).set('user', …)")
  })

  const others = MEMBERS.filter((name) => name !== 'user')
  it.each(others)('its own member %s throws, and leaves the member as it was', async (name) => {
    const session = await loaded()
    const before = Object.getOwnPropertyDescriptors(Object.getPrototypeOf(session))
    for (const run of [sloppy, strict]) {
      const assign = (): unknown => run(`session[${JSON.stringify(name)}] = 1`)(session)
      expect(assign).toThrow(TypeError)
      expect(assign).toThrow(`use req.session.set('${name}', …)`)
    }
    expect(Object.getOwnPropertyDescriptors(Object.getPrototypeOf(session))).toEqual(before)
  })

  it('throws before the session is loaded, and after its commit', async () => {
    const app = new Harness<Data>()
    expect(() => sloppy('session.a = 1')(app.open())).toThrow(/req\.session\.set/)
    const { session } = await app.visit()
    expect(() => sloppy('session.a = 1')(session)).toThrow(/req\.session\.set/)
  })

  it.each([
    "Object.defineProperty(session, 'a', { value: 1 })",
    "Object.defineProperty(session, 'user', { get: () => 'root' })",
    'Object.defineProperties(session, { a: { value: 1 } })',
    'Object.setPrototypeOf(session, {})',
    "session.__defineGetter__('user', () => 'root')",
  ])('in another way throws as well: %s', async (code) => {
    const session = await loaded()
    expect(() => sloppy(code)(session)).toThrow(TypeError)
    expect(session.user).toBe('__guest__')
  })

  it('does not show a long name, which may come from a visitor', async () => {
    const session = await loaded()
    const name = 'x'.repeat(100)
    expect(() => sloppy(`session.${name} = 1`)(session)).toThrow(/^(?!.*xxx)/)
  })
})

describe('reading a member that a session does not have', () => {
  it('does no harm', async () => {
    const session = await loaded()
    expect(
      sloppy(
        "return [session.passport, session.cookie, session.then, session.id, session[0], session[Symbol('x')]]",
      )(session),
    ).toEqual(Array(6).fill(undefined))
    expect(sloppy("return ['user' in session, 'userId' in session]")(session)).toEqual([
      true,
      false,
    ])
    expect(sloppy('return [session.cookie?.maxAge, typeof session.save]')(session)).toEqual([
      undefined,
      'function',
    ])
    expect(
      sloppy('const all = []; for (const name in session) all.push(name); return all')(session),
    ).toEqual([])
    expect(await Promise.resolve(session)).toBe(session)
    expect({ ...session }).toEqual({})
    expect(structuredClone(session)).toEqual({})
    expect(`${session}`).toBe('[object Object]')
    expect(session.hasOwnProperty).toBe(Object.prototype.hasOwnProperty)
    expect(session instanceof Object).toBe(true)
    expect(Object.isExtensible(session)).toBe(false)
    expect(inspect(session)).toMatch(/^Session \{/)
    expect(session.accessed).toBe(false)
  })

  it('finds methods that can be detached and called on it', async () => {
    const session = await loaded()
    const { get, set } = session
    expect(get.call(session, 'a')).toBe(1)
    set.call(session, 'a', 2)
    expect(session.get('a')).toBe(2)
  })

  it('allows members on an object whose prototype it is', async () => {
    const session = await loaded()
    const wrapped = Object.create(session) as Data
    wrapped['views'] = 1
    wrapped['get'] = () => 'own'
    expect([wrapped['views'], (wrapped['get'] as () => string)()]).toEqual([1, 'own'])
    expect(session.get('a')).toBe(1)
  })
})
