import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, expectTypeOf, it } from 'vitest'
import {
  createSessions,
  type LoadOutcome,
  type Session,
  type SessionEntry,
  type SessionInfo,
  type SessionKey,
  type SessionType,
  type Sessions,
  type SessionsOptions,
} from '../src/index.ts'
import { asSessionKey, type SessionId } from '../src/record/id.ts'

interface Shop {
  cart: string[]
  locale?: 'de' | 'en'
  visits: number
}

interface Point {
  readonly x: number
}

/** How an app writes its own types. */
function ownTypes(): SessionsOptions {
  const point: SessionType<Point, number> = {
    is: (value) => value instanceof Map,
    encode: ({ x }) => x,
    decode: (x) => ({ x }),
  }
  // @ts-expect-error: encode() returns another type than decode() takes
  const wrong: SessionType<Point, number> = { ...point, encode: ({ x }: Point) => String(x) }
  // @ts-expect-error: without decode()
  const half: SessionType<Point, number> = { is: () => true, encode: ({ x }) => x }
  // @ts-expect-error: a key is bytes or text
  const key: SessionsOptions = { encryption: { keys: [{ id: 'a', key: 5 }] } }
  // @ts-expect-error: maxAge is required
  const cache: SessionsOptions = { readCache: { maxSessions: 10 } }
  expectTypeOf([wrong, half, key, cache]).toBeArray()
  return {
    types: {
      point,
      url: {
        is: (value) => value instanceof URL,
        encode: (value) => String(value),
        decode: (text) => new URL(String(text)),
      },
    },
    encryption: {
      keys: [
        { id: 'a', key: new Uint8Array(32) },
        { id: 'b', key: 'text' },
      ],
      seal: true,
    },
  }
}

/** `tsc` checks the types in this file. Only functions that a test calls run. */
function typed(session: Session<Shop>): void {
  expectTypeOf(session.get('cart')).toEqualTypeOf<string[] | undefined>()
  expectTypeOf(session.get('locale')).toEqualTypeOf<'de' | 'en' | undefined>()
  expectTypeOf(session.pop('visits')).toEqualTypeOf<number>()
  expectTypeOf(session.pop('visits', null)).toEqualTypeOf<number | null>()
  expectTypeOf(session.setDefault('cart', [])).toEqualTypeOf<string[]>()
  expectTypeOf([...session.keys()]).toEqualTypeOf<('cart' | 'locale' | 'visits')[]>()
  session.set('visits', 1).set('locale', 'de')
  expectTypeOf(session.load({ fresh: true })).resolves.toEqualTypeOf<typeof session>()
  // @ts-expect-error: no option of load()
  void session.load({ stale: true })
  session.update({ visits: 2 })
  session.update(new Map([['visits', 2]] as const))
  session.update([
    ['visits', 2],
    ['locale', 'de'],
  ])
  // @ts-expect-error: no such key
  session.update(new URLSearchParams('basket=1'))
  session.set('locale', undefined)
  expectTypeOf(session.isGuest).toEqualTypeOf<boolean>()
  expectTypeOf(session.isEmpty).toEqualTypeOf<boolean>()
  expectTypeOf(session.scopes()).toEqualTypeOf<string[]>()
  expectTypeOf(
    session.change((data, scope) => {
      expectTypeOf(data).toEqualTypeOf<Shop>()
      expectTypeOf(scope('shop')).toEqualTypeOf<Record<string, unknown>>()
      data.visits += 1
      // @ts-expect-error: no such key
      data.basket = []
    }),
  ).toEqualTypeOf<Promise<void>>()
  expectTypeOf(
    session.exclusive(async (signal) => {
      expectTypeOf(signal).toEqualTypeOf<AbortSignal>()
      return 5
    }),
  ).toEqualTypeOf<Promise<number>>()
  expectTypeOf(session.exclusive(() => 'now', { wait: 0, lease: '1m' })).toEqualTypeOf<
    Promise<string>
  >()
  // @ts-expect-error: no such option
  void session.exclusive(() => {}, { timeout: 5 })
  expectTypeOf(session.flashed('notice')).toEqualTypeOf<unknown>()
  expectTypeOf(session.flashed<string>('notice')).toEqualTypeOf<string | undefined>()
  expectTypeOf(session.testCookieWorked()).toEqualTypeOf<boolean>()
  expectTypeOf(session.expiry).toEqualTypeOf<number | Date | null>()
  expectTypeOf(session.expiryAge(new Date())).toEqualTypeOf<number>()
  expectTypeOf(session.expiryDate(new Date())).toEqualTypeOf<Date>()
  // @ts-expect-error: cannot be set
  session.expiry = 5
  createSessions({ persistentFieldsOnLogin: 'all', taskBudget: '30s' })
  // @ts-expect-error: on login only
  createSessions({ persistentFieldsOnLogout: 'all' })
  expectTypeOf(session.toJSON()).toEqualTypeOf<Record<string, unknown>>()
  // @ts-expect-error: cannot be set
  session.isGuest = false

  // @ts-expect-error: no such key
  session.get('basket')
  // @ts-expect-error: no such key
  session.set('basket', [])
  // @ts-expect-error: of another type
  session.set('visits', '1')
  // @ts-expect-error: of another type
  session.update({ cart: [1] })
  // @ts-expect-error: no such key
  session.update({ basket: [] })
  // @ts-expect-error: data lives in get() and set()
  session.cart = []
  // @ts-expect-error: of another type
  session.setDefault('visits', 'none')
  // @ts-expect-error: cannot be set
  session.user = 'alice'
  // @ts-expect-error: an object is not a duration
  session.setExpiry({ hours: 1 })
  // @ts-expect-error: a user is a string
  void session.login(5)
  // @ts-expect-error: the data of a login has the type of the session data
  void session.login('alice', { data: { basket: [] } })
  void session.login('alice', { data: { cart: ['a'] } })
}

function scoped(session: Session<Shop>): void {
  const forum = session.scope<{ unread: number }>('forum')
  expectTypeOf(forum.get('unread')).toEqualTypeOf<number | undefined>()
  forum.set('unread', 1)
  // @ts-expect-error: a key of the root
  forum.get('cart')
  // @ts-expect-error: of another type
  forum.set('unread', 'many')
  // @ts-expect-error: a scope has only the methods for data
  forum.user
  // @ts-expect-error: a scope has no scopes
  forum.scopes()
  expectTypeOf(forum.isEmpty).toEqualTypeOf<boolean>()
  const untyped = session.scope('other')
  expectTypeOf(untyped.get('anything')).toEqualTypeOf<unknown>()
}

function keys(id: SessionId, key: SessionKey, sessions: Sessions): void {
  void sessions.get(key)
  // @ts-expect-error: the secret is not the key
  void sessions.get(id)
  // @ts-expect-error: not every string is a key
  void sessions.get('A'.repeat(43))
  // @ts-expect-error: the key is not the secret
  const _secret: SessionId = key
  // @ts-expect-error: the secret is not the key
  const _key: SessionKey = id
  expectTypeOf(key).toExtend<string>()
}

async function fromOutside(
  sessions: Sessions<Shop>,
  key: SessionKey,
  id: SessionId,
): Promise<void> {
  const entry = await sessions.entry(key)
  expectTypeOf(entry).toEqualTypeOf<SessionEntry<Shop> | null>()
  expectTypeOf(entry?.data).toEqualTypeOf<Shop | undefined>()
  await entry?.update((data, scope) => {
    data.visits += 1
    expectTypeOf(scope('forum')).toEqualTypeOf<Record<string, unknown>>()
    // @ts-expect-error: no such key
    data.basket = []
  })
  void entry?.setExpiry('1h')
  void entry?.setExpiry(new Date())
  // @ts-expect-error: no such unit of time
  void entry?.setExpiry({ hours: 1 })
  // @ts-expect-error: read-only
  if (entry !== null) entry.user = 'alice'
  // @ts-expect-error: the secret is not the key
  void sessions.entry(id)
  expectTypeOf(await sessions.outcomeOf(key)).toExtend<LoadOutcome>()
  // @ts-expect-error: the outcome of a key is never "none"
  if ((await sessions.outcomeOf(key)) === 'none') return
  expectTypeOf(sessions.of(new Request('https://a.example'))).toEqualTypeOf<Session<Shop>>()
  // @ts-expect-error: the argument of open() is not a request of the server
  sessions.of({ cookie: 'a=1' })
  expectTypeOf(sessions.keyOf({ cookie: 'a=1' })).toEqualTypeOf<SessionKey | null>()
  sessions.keyOf(new Request('https://a.example'))
  for await (const info of sessions.listSessions({ property: ['tenant', 'acme'] })) {
    expectTypeOf(info).toEqualTypeOf<SessionInfo>()
  }
  // @ts-expect-error: a name and a value
  void sessions.countSessions({ property: ['tenant'] })
  // @ts-expect-error: no such filter
  void sessions.countSessions({ user: 'alice' })
  const { id: handed } = await sessions.commit(sessions.open({ id: undefined }))
  expectTypeOf(handed).toEqualTypeOf<string | null | undefined>()
}

function properties(): void {
  createSessions<Shop>({ properties: (data) => ({ locale: data.locale }) })
  // @ts-expect-error: no such key
  createSessions<Shop>({ properties: (data) => ({ basket: data.basket }) })
  // @ts-expect-error: of another type
  createSessions<Shop>({ properties: (data) => ({ visits: data.visits }) })
  // @ts-expect-error: the key may be missing in the data
  createSessions<Shop>({ properties: (data) => ({ cart: data.cart.join() }) })
  createSessions({ properties: ({ tenant }) => ({ tenant: String(tenant) }) })
}

function options(): void {
  // @ts-expect-error: an unknown option
  createSessions({ lifetme: '1h' })
  // @ts-expect-error: an unknown cookie option
  createSessions({ cookie: { maxAge: 5 } })
  // @ts-expect-error: an unknown value
  createSessions({ cookie: { sameSite: 'Lax' } })
  // @ts-expect-error: an unknown value
  createSessions({ onGone: 'ignore' })
  createSessions({ logger: console, persistentFieldsOnLogin: ['a'] as const })
  // An interface without an index signature is valid as data.
  createSessions<Shop>()
}

describe('the types', () => {
  it('are checked by the compiler', () => {
    for (const check of [typed, scoped, keys, fromOutside, properties, options, ownTypes])
      expect(check).toBeTypeOf('function')
    expect(asSessionKey('x')).toBeNull()
  })

  it('include the properties that an app adds to SessionData, and are open if it adds none', () => {
    // Compiled separately, because the merged types would also apply to all other tests.
    expect(compile(OPEN)).toBe('')
    expect(compile(MERGED)).toBe('')
    expect(compile(`${MERGED}\nsession.set('views', 'text')`)).toMatch(/TS2345/)
  }, 60_000)

  it('include the properties that an app adds to NamedSessions', () => {
    expect(compile(NAMED)).toBe('')
    expect(compile(`${NAMED}\napp.get('/b', (req) => req.otherSession)`)).toMatch(/TS2339/)
  }, 60_000)
})

const OPEN = `
import { createSessions } from 'viur-session'
const session = createSessions().open({})
const anything: unknown = session.set('any', 1).get('thing')
console.log(anything)
`

const MERGED = `
import { createSessions, type Session } from 'viur-session'
declare module 'viur-session' {
  interface SessionData {
    views: number
  }
}
const session = createSessions().open({})
const views: number | undefined = session.get('views')
const same: Session<{ views: number }> = session
const bare: Session = session
const counted: number | undefined = bare.get('views')
// @ts-expect-error: no such key
bare.get('other')
// @ts-expect-error: no such key
session.get('other')
session.set('views', 1)
console.log(views, same, counted)
`

const NAMED = `
import express from 'express'
import { createSessions, type Session } from 'viur-session'
import { requireLogin, requireSecurityKey, sessionMiddleware } from 'viur-session/express'
declare module 'viur-session/express' {
  interface NamedSessions {
    adminSession: Admin
  }
}
interface Admin {
  role: string
}
const admin = createSessions<Admin>({ cookie: { name: '__Host-admin' } })
const app = express().use(sessionMiddleware(admin, { as: 'adminSession' }))
app.use(requireLogin({ sessions: admin }), requireSecurityKey({ sessions: admin }))
app.get('/', (req, res) => {
  const same: Session<Admin> = req.adminSession
  const role: string | undefined = same.get('role')
  // @ts-expect-error: no such key
  req.adminSession.get('other')
  // @ts-expect-error: of another type
  req.adminSession.set('role', 1)
  const open: unknown = req.session.get('anything')
  res.send([role, open])
})
`

/** The messages of the compiler for an app that consists of one file. */
function compile(source: string): string {
  const root = fileURLToPath(new URL('..', import.meta.url))
  const directory = mkdtempSync(join(root, 'node_modules', '.types-'))
  try {
    writeFileSync(join(directory, 'app.ts'), source)
    writeFileSync(
      join(directory, 'tsconfig.json'),
      JSON.stringify({
        extends: join(root, 'tsconfig.json'),
        compilerOptions: {
          noEmit: true,
          allowImportingTsExtensions: true,
          isolatedDeclarations: false,
          declaration: false,
          rootDir: root,
          typeRoots: [join(root, 'node_modules', '@types')],
          paths: {
            'viur-session': [join(root, 'src', 'index.ts')],
            'viur-session/express': [join(root, 'src', 'express', 'index.ts')],
          },
        },
        include: ['app.ts'],
      }),
    )
    const tsc = join(root, 'node_modules', 'typescript', 'bin', 'tsc')
    return spawnSync(process.execPath, [tsc, '-p', directory], { encoding: 'utf8' }).stdout
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}
