import { inspect } from 'node:util'
import { describe, expect, it } from 'vitest'
import {
  type Session,
  SessionError,
  SessionNotLoadedError,
  SessionStoreError,
  type StandardSchema,
} from '../../src/index.ts'
import { Harness } from './harness.ts'

type Data = Record<string, unknown>
type Step = (session: Session<Data>) => unknown

/** Every member of a session about itself or its data. */
const ASKED: Record<string, Step> = {
  user: (s) => s.user,
  isGuest: (s) => s.isGuest,
  key: (s) => s.key,
  isNew: (s) => s.isNew,
  authenticated: (s) => s.authenticated,
  isFresh: (s) => s.isFresh('5m'),
  created: (s) => s.created,
  lastSeen: (s) => s.lastSeen,
  expires: (s) => s.expires,
  validateStaticSecurityKey: (s) => s.validateStaticSecurityKey('A'.repeat(43)),
  staticSecurityKey: (s) => s.staticSecurityKey(),
  expiryAge: (s) => s.expiryAge(),
  expiryDate: (s) => s.expiryDate(),
  expireAtBrowserClose: (s) => s.expireAtBrowserClose(),
  get: (s) => s.get('a'),
  has: (s) => s.has('a'),
  size: (s) => s.size,
  isEmpty: (s) => s.isEmpty,
  scopes: (s) => s.scopes(),
  keys: (s) => s.keys(),
  iteration: (s) => [...s],
  'get of a scope': (s) => s.scope('shop').get('a'),
  'isEmpty of a scope': (s) => s.scope('shop').isEmpty,
  set: (s) => s.set('a', 1),
  setExpiry: (s) => s.setExpiry('5m'),
  markChanged: (s) => s.markChanged(),
  revert: (s) => s.revert(),
}

/** The members that can be used at any time. */
const READABLE: Step = (s) => [s.loaded, s.accessed, s.changed, s.ended]

describe('a session that is not loaded', () => {
  it.each(Object.entries(ASKED))('does not say: %s', async (_, ask) => {
    const app = new Harness<Data>()
    const cookies = [undefined, await app.given({ a: 1 })]
    for (const cookie of cookies) {
      const session = app.open(cookie)
      expect(() => ask(session)).toThrow(SessionNotLoadedError)
      expect(() => ask(session)).toThrow(/await session\.load\(\)/)
      expect(session.accessed).toBe(true)
      await session.load()
      if (ask !== ASKED['staticSecurityKey']) expect(() => ask(session)).not.toThrow()
    }
  })

  it('reports its history so far', async () => {
    const session = new Harness<Data>().open()
    expect(READABLE(session)).toEqual([false, false, false, false])
    expect(session.loadOutcome).toBeNull()
    expect(session.accessed).toBe(true)
  })

  it('can be printed, which does not count as use', async () => {
    const app = new Harness<Data>()
    const session = app.open(await app.given({ a: 1 }))
    expect(inspect(session)).toBe('Session { loaded: false }')
    expect(inspect(session.scope('shop'))).toBe("ScopedSession { scope: 'shop', loaded: false }")
    expect(inspect({ deep: { session } }, { depth: 0, showHidden: true })).toContain('deep')
    expect(JSON.stringify({ session, scope: session.scope('shop') })).toBe(
      '{"session":{},"scope":{}}',
    )
    expect(session.accessed).toBe(false)
  })

  it('does not look like one of a guest, whose sessions would all be ended', async () => {
    const app = new Harness<Data>()
    const guest = await app.given({ cart: 1 })
    const session = app.open(await app.given({ a: 1 }))
    await expect((async () => app.sessions.killSessionByUser(session.user))()).rejects.toThrow(
      SessionNotLoadedError,
    )
    expect((await app.load(guest)).loadOutcome).toBe('live')
  })

  it('uses keys without a session, since those need none', async () => {
    const app = new Harness<Data>()
    const session = app.open(await app.given())
    const key = await session.getSecurityKey({ sessionBound: false })
    expect(await session.validateSecurityKey(key, { sessionBound: false })).toBe(true)
    expect([session.loaded, app.store.finds]).toEqual([false, 0])
  })
})

const FAULT = new Error('broken schema')
const BROKEN: StandardSchema = {
  '~standard': {
    version: 1,
    vendor: 'test',
    validate: () => {
      throw FAULT
    },
  },
}

describe('a session whose load failed', () => {
  it.each(Object.entries(ASKED))('gives the error of its load for: %s', async (_, ask) => {
    const app = new Harness<Data>()
    const cookie = await app.given({ a: 1 })
    const session = app.open(cookie)
    const restore = app.store.failAlways('before')
    const error = await session.load().catch((reason: unknown) => reason)
    expect(error).toBeInstanceOf(SessionStoreError)
    expect(catching(() => ask(session))).toBe(error)
    expect(catching(() => session.loadOutcome)).toBe(error)
    restore()
    await session.load()
    expect(catching(() => ask(session))).not.toBe(error)
    expect(session.loadOutcome).toBe('live')
  })

  it('throws the error of a schema too', async () => {
    const before = new Harness<Data>()
    const app = new Harness<Data>({ store: before.store, validate: BROKEN }, before.clock)
    const session = app.open(await before.given())
    const error = await session.load().catch((reason: unknown) => reason)
    expect(error).toMatchObject({ code: 'ERR_SESSION', cause: FAULT })
    expect(catching(() => session.user)).toBe(error)
  })

  it('reports its history so far, and can be printed', async () => {
    const app = new Harness<Data>()
    const session = app.open(await app.given({ a: 1 }))
    app.store.failAlways('before')
    await session.load().catch(() => {})
    expect(READABLE(session)).toEqual([false, false, false, false])
    expect(inspect(session)).toBe("Session { loaded: false, error: 'ERR_SESSION_STORE' }")
    expect(JSON.stringify({ session, scope: session.scope('shop') })).toBe(
      '{"session":{},"scope":{}}',
    )
    expect(session.accessed).toBe(false)
  })

  it('throws the latest error, when it failed twice', async () => {
    const app = new Harness<Data>()
    const session = app.open(await app.given())
    const restore = app.store.failAlways('before', { error: new Error('first') })
    const first = await session.load().catch((reason: unknown) => reason)
    restore()
    app.store.failAlways('before', { error: new Error('second') })
    const second = await session.login('alice').catch((reason: unknown) => reason)
    expect(second).toBeInstanceOf(SessionError)
    expect(second).not.toBe(first)
    expect(catching(() => session.user)).toBe(second)
  })
})

function catching(ask: () => unknown): unknown {
  try {
    ask()
    return null
  } catch (error) {
    return error
  }
}
