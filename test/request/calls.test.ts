import { describe, expect, it } from 'vitest'
import type { Session, SessionsOptions } from '../../src/index.ts'
import { Harness, NAME } from './harness.ts'

type Data = Record<string, unknown>

interface Row {
  /** The cookie of the browser; `'session'`: the cookie of a session with `views: 1`. */
  readonly cookie?: string | undefined
  /** The time since the last use of the session. */
  readonly after?: string
  readonly options?: SessionsOptions
  readonly load?: boolean
  readonly does?: (session: Session<Data>) => unknown
  readonly finds: number
  readonly writes: number
  /** Reads of the fence of the user; the fence of all users is read with it, at most once a minute. */
  readonly fences?: number
  /** Writes of only a lease. */
  readonly notes?: number
}

const UNKNOWN = `${NAME}=${'A'.repeat(43)}`
const SECRETS = { cookie: { secrets: ['0123456789abcdefghijklmnopqrstuv'] } }

const setViews = (data: Data): void => {
  data['views'] = 2
}

const ROWS: Record<string, Row> = {
  'no cookie': { finds: 0, writes: 0 },
  'no cookie, read': { does: (s) => s.get('views'), finds: 0, writes: 0 },
  junk: { cookie: `${NAME}=junk`, does: (s) => s.get('views'), finds: 0, writes: 0 },
  'a cookie of others': { cookie: 'theme=dark', does: (s) => s.get('views'), finds: 0, writes: 0 },
  'well-formed but not signed': {
    cookie: UNKNOWN,
    options: SECRETS,
    does: (s) => s.get('views'),
    finds: 0,
    writes: 0,
  },
  'wrongly signed': {
    cookie: `${NAME}=s%3A${'A'.repeat(43)}.${'b'.repeat(43)}`,
    options: SECRETS,
    does: (s) => s.get('views'),
    finds: 0,
    writes: 0,
  },
  'well-formed but unknown': { cookie: UNKNOWN, does: (s) => s.get('views'), finds: 1, writes: 0 },
  'lazy and untouched': { cookie: 'session', load: false, finds: 0, writes: 0 },
  'lazy and untouched, long after': {
    cookie: 'session',
    load: false,
    after: '30m',
    finds: 0,
    writes: 0,
  },
  'loaded and untouched, long after': { cookie: 'session', after: '30m', finds: 1, writes: 0 },
  read: { cookie: 'session', does: (s) => s.get('views'), finds: 1, writes: 0 },
  'read, past touchEvery': {
    cookie: 'session',
    after: '5m',
    does: (s) => s.get('views'),
    finds: 1,
    writes: 1,
  },
  changed: { cookie: 'session', does: (s) => s.set('views', 2), finds: 1, writes: 1 },
  'changed, past touchEvery': {
    cookie: 'session',
    after: '5m',
    does: (s) => s.set('views', 2),
    finds: 1,
    writes: 1,
  },
  'changed many times': {
    cookie: 'session',
    does: (s) => {
      for (let i = 0; i < 50; i++) s.set(`k${i}`, i).set('views', i)
    },
    finds: 1,
    writes: 1,
  },
  'set to the same value': {
    cookie: 'session',
    does: (s) => s.set('views', 1),
    finds: 1,
    writes: 0,
  },
  'set and set back': {
    cookie: 'session',
    does: (s) => s.set('views', 2).set('views', 1),
    finds: 1,
    writes: 0,
  },
  'set and deleted': {
    cookie: 'session',
    does: (s) => s.set('x', 2).delete('x'),
    finds: 1,
    writes: 0,
  },
  'a missing key deleted': { cookie: 'session', does: (s) => s.delete('x'), finds: 1, writes: 0 },
  'an empty new session cleared': { does: (s) => s.clear(), finds: 0, writes: 0 },
  'a new session': { does: (s) => s.set('a', 1), finds: 0, writes: 1 },
  'a new session for an unknown cookie': {
    cookie: UNKNOWN,
    does: (s) => s.set('a', 1),
    finds: 1,
    writes: 1,
  },
  'save() twice with one change': {
    cookie: 'session',
    does: async (s) => {
      s.set('a', 1)
      await s.save()
      await s.save()
    },
    finds: 1,
    writes: 1,
  },
  'save() and another change': {
    cookie: 'session',
    does: async (s) => {
      s.set('a', 1)
      await s.save()
      s.set('b', 1)
    },
    finds: 1,
    writes: 2,
  },
  'save() that nobody awaits': {
    cookie: 'session',
    does: (s) => {
      void s.set('a', 1).save()
    },
    finds: 1,
    writes: 1,
  },
  'save() that nobody awaits, and a change right after it': {
    cookie: 'session',
    does: (s) => {
      void s.set('a', 1).save()
      s.set('b', 1)
    },
    finds: 1,
    writes: 1,
  },
  'load() many times': {
    cookie: 'session',
    does: (s) => Promise.all([s.load(), s.load(), s.load()]),
    finds: 1,
    writes: 0,
  },
  'change()': {
    cookie: 'session',
    does: (s) => s.change(setViews),
    finds: 1,
    writes: 1,
  },
  'change() between other changes': {
    cookie: 'session',
    does: async (s) => {
      s.set('a', 1)
      await s.change(setViews)
      s.set('b', 1)
    },
    finds: 1,
    writes: 2,
  },
  'change() without a session': {
    does: (s) => s.change(setViews),
    finds: 0,
    writes: 1,
  },
  'change() that changes nothing': {
    cookie: 'session',
    does: (s) => s.change(() => {}),
    finds: 2,
    writes: 0,
  },
  // In addition to the write of its lease.
  'exclusive() that changes': {
    cookie: 'session',
    does: (s) => s.exclusive(() => void s.set('views', 2)),
    finds: 2,
    writes: 1,
    notes: 1,
  },
  'exclusive() that changes nothing': {
    cookie: 'session',
    does: (s) => s.exclusive(() => {}),
    finds: 2,
    writes: 0,
    notes: 2,
  },
  login: { cookie: 'session', does: (s) => s.login('alice'), finds: 1, writes: 1, fences: 2 },
  'login without a session': { does: (s) => s.login('alice'), finds: 0, writes: 1, fences: 2 },
  logout: { cookie: 'session', does: (s) => s.logout(), finds: 1, writes: 1 },
  'logout without a session': { does: (s) => s.logout(), finds: 0, writes: 0 },
  reset: { cookie: 'session', does: (s) => s.reset(), finds: 1, writes: 1 },
  cycleKey: { cookie: 'session', does: (s) => s.cycleKey(), finds: 1, writes: 1 },
  'login with data': {
    cookie: 'session',
    does: async (s) => {
      await s.login('alice')
      s.set('a', 1)
    },
    finds: 1,
    writes: 1,
    fences: 2,
  },
}

/** Operations that end a stored session. */
const ENDS: ReadonlySet<string> = new Set(['login', 'logout', 'reset', 'login with data'])

describe('the calls of one request to the store', () => {
  it.each(Object.entries(ROWS))('%s', async (name, row) => {
    const app = new Harness<Data>({ lifetime: '1h', ...row.options })
    const cookie = row.cookie === 'session' ? await app.given({ views: 1 }) : row.cookie
    app.clock.advance(row.after ?? 0)
    await app.given({}, (session) => session.login('bob'))
    await app.visit(row.does, { cookie, load: row.load ?? true })
    expect({ finds: app.store.finds, writes: app.store.writes }).toEqual({
      finds: row.finds,
      writes: row.writes,
    })
    // An end asks once a minute whether ends are events; see events-switch.test.ts.
    const calls = app.store.calls.filter(({ method }) => method !== 'note')
    expect(calls).toHaveLength(row.finds + row.writes)
    expect(app.store.calls.length - calls.length).toBe(
      (ENDS.has(name) ? 1 : 0) + (row.fences ?? 0) + (row.notes ?? 0),
    )
  })

  it.each([
    ['a page load', {}, 20],
    ['a page load, with readCache', { readCache: { maxAge: '10s' } }, 1],
  ])(
    'are one find for each request that reads, unless they are remembered: %s',
    async (_, options, finds) => {
      const app = new Harness<Data>(options)
      const cookie = await app.given({ views: 1 })
      app.clock.advance('10s')
      for (let request = 0; request < 20; request++) {
        await app.visit((s) => s.get('views'), { cookie, method: 'GET' })
      }
      expect(app.store.calls.map(({ method }) => method)).toEqual(Array(finds).fill('find'))
    },
  )

  it.each([
    ['POST and changed', 'POST', (s: Session<Data>) => s.set('views', 2), ['find', 'write']],
    ['GET and changed', 'GET', (s: Session<Data>) => s.set('views', 2), ['write']],
    ['GET and change()', 'GET', (s: Session<Data>) => s.change(setViews), ['find', 'write']],
    ['GET and logout()', 'GET', (s: Session<Data>) => s.logout(), ['find', 'write']],
    ['GET and cycleKey()', 'GET', (s: Session<Data>) => s.cycleKey(), ['find', 'writeTogether']],
    ['GET and read', 'GET', (s: Session<Data>) => s.get('views'), []],
    [
      'GET and load({ fresh: true })',
      'GET',
      (s: Session<Data>) => s.load({ fresh: true }),
      ['find'],
    ],
  ])('of a session that is remembered are none more: %s', async (_, method, does, calls) => {
    const app = new Harness<Data>({ readCache: { maxAge: '10s' } })
    const cookie = await app.given({ views: 1 })
    await app.visit(does, { cookie, method })
    const made = app.store.calls.map((call) => call.method).filter((name) => name !== 'note')
    expect(made).toEqual(calls)
  })

  it('are no more for a login when the fence of all users was not read for a minute', async () => {
    const app = new Harness<Data>()
    const notes = async (): Promise<number> => {
      app.store.clearCalls()
      await app.visit((s) => s.login('alice'))
      return app.store.calls.filter(({ method }) => method === 'note').length
    }
    expect([await notes(), await notes()]).toEqual([2, 2])
    app.clock.advance(59_999)
    expect(await notes()).toBe(2)
    app.clock.advance(1)
    expect([await notes(), await notes()]).toEqual([2, 2])
  })

  it('are one lookup each and no write for a thousand guesses', async () => {
    const app = new Harness<Data>()
    for (let guess = 0; guess < 1000; guess++) {
      const id = Buffer.from(String(guess).padStart(32, 'x')).toString('base64url')
      const { setCookie } = await app.visit((s) => s.get('views'), { cookie: `${NAME}=${id}` })
      expect(setCookie).toEqual([])
    }
    expect({ finds: app.store.finds, writes: app.store.writes }).toEqual({ finds: 1000, writes: 0 })
    expect((await app.store.page({ by: 'all' }, { limit: 10 })).entries).toEqual([])
  })

  it('are one write for changes of parallel requests that come while one is in flight', async () => {
    const app = new Harness<Data>()
    const cookie = await app.given()
    const sessions = await Promise.all(Array.from({ length: 10 }, () => app.load(cookie)))
    app.store.clearCalls()
    const gate = app.store.hold({ method: 'write' })
    const commits = sessions.map((session, index) => {
      session.set(`key${index}`, index)
      return app.sessions.commit(session)
    })
    await gate.reached
    gate.release()
    await Promise.all(commits)
    expect(app.store.calls).toHaveLength(2)
    expect(Object.keys(await app.data(cookie))).toHaveLength(11)
  })
})

describe('the headers of a response about the session', () => {
  it('varies with the cookie exactly when the session was used', async () => {
    const app = new Harness<Data>()
    const cookie = await app.given()
    expect((await app.visit(() => {}, { cookie })).vary).toBe(false)
    expect((await app.visit((s) => s.get('views'), { cookie })).vary).toBe(true)
    expect((await app.visit((s) => s.user)).vary).toBe(true)
    expect((await app.visit((s) => s.set('a', 1))).vary).toBe(true)
  })
})
