import { describe, expect, it } from 'vitest'
import {
  memoryStore,
  type Session,
  type SessionsOptions,
  SessionValueError,
} from '../../src/index.ts'
import { failingStore, fakeClock } from '../../src/testing/index.ts'
import { DAY, Harness, HOUR, MINUTE, maxAge, SECOND } from '../request/harness.ts'

type Data = Record<string, unknown>

/** Options that make every limit a round number. */
const LIMITS: SessionsOptions = { lifetime: '1h', absoluteLifetime: '1d', touchEvery: '5m' }

describe('the idle limit', () => {
  it.each([
    [-1, 'live'],
    [0, 'live'],
    [1, 'expired'],
  ])('at %i ms finds the session %s', async (offset, outcome) => {
    const app = new Harness(LIMITS)
    const cookie = await app.given()
    app.clock.advance(HOUR + offset)
    const session = await app.load(cookie)
    expect(session.loadOutcome).toBe(outcome)
    expect(session.size).toBe(outcome === 'live' ? 1 : 0)
    expect(session.isNew).toBe(outcome !== 'live')
  })

  it('moves with use', async () => {
    const app = new Harness(LIMITS)
    const cookie = await app.given()
    for (let visits = 0; visits < 5; visits++) {
      app.clock.advance(50 * MINUTE)
      const { session } = await app.visit((s) => s.get('views'), { cookie })
      expect(session.loadOutcome).toBe('live')
    }
  })

  it('does not move with requests that do not use the session', async () => {
    const app = new Harness(LIMITS)
    const cookie = await app.given()
    app.clock.advance(50 * MINUTE)
    await app.visit(() => {}, { cookie })
    app.clock.advance(11 * MINUTE)
    expect((await app.load(cookie)).loadOutcome).toBe('expired')
  })

  it('is never written again once it has passed', async () => {
    const app = new Harness(LIMITS)
    const cookie = await app.given({ a: 1 })
    app.clock.advance(HOUR + 1)
    const { session, cookie: next } = await app.visit((s) => s.set('b', 1), { cookie })
    expect(session.loadOutcome).toBe('expired')
    expect(next).not.toBe(cookie)
    expect(await app.data(next)).toEqual({ b: 1 })
    expect((await app.load(cookie)).loadOutcome).toBe('expired')
  })

  it('lets a request save for half of the leeway if it loaded the session alive', async () => {
    for (const [late, gone] of [
      [2.5 * MINUTE, false],
      [2.5 * MINUTE + 1, true],
    ] as const) {
      const app = new Harness(LIMITS)
      const cookie = await app.given({ a: 1 })
      app.clock.advance(HOUR)
      const session = await app.load(cookie)
      session.set('b', 1)
      app.clock.advance(late)
      const saved = await session.save().then(
        () => 'saved',
        (error: Error) => error.name,
      )
      expect(saved).toBe(gone ? 'SessionGoneError' : 'saved')
    }
  })
})

describe('the absolute limit', () => {
  async function useUntil(app: Harness, cookie: string, end: number): Promise<void> {
    while (app.clock.now() + 30 * MINUTE < end) {
      app.clock.advance(30 * MINUTE)
      const session = await app.load(cookie)
      expect(session.loadOutcome).toBe('live')
      session.set('used', app.clock.now())
      await app.sessions.commit(session)
    }
  }

  it.each([
    [-1, 'live'],
    [0, 'live'],
    [1, 'expired'],
  ])('at %i ms finds a session in use %s', async (offset, outcome) => {
    const app = new Harness(LIMITS)
    const end = app.clock.now() + DAY
    const cookie = await app.given()
    await useUntil(app, cookie, end)
    app.clock.set(end + offset)
    expect((await app.load(cookie)).loadOutcome).toBe(outcome)
  })

  it('counts from the login, which starts it anew', async () => {
    const app = new Harness(LIMITS)
    const guest = await app.given()
    app.clock.advance(30 * MINUTE)
    const { cookie } = await app.visit((s) => s.login('alice'), { cookie: guest })
    const end = app.clock.now() + DAY
    await useUntil(app, cookie as string, end)
    app.clock.set(end)
    expect((await app.load(cookie)).loadOutcome).toBe('live')
    app.clock.set(end + 1)
    expect((await app.load(cookie)).loadOutcome).toBe('expired')
  })

  it('is not moved by cycleKey', async () => {
    const app = new Harness(LIMITS)
    const end = app.clock.now() + DAY
    let cookie = await app.given()
    while (app.clock.now() + 50 * MINUTE < end) {
      app.clock.advance(50 * MINUTE)
      cookie = (await app.visit((s) => s.cycleKey(), { cookie })).cookie as string
    }
    expect((await app.load(cookie)).expires?.getTime()).toBeLessThanOrEqual(end)
    app.clock.set(end + 1)
    expect((await app.load(cookie)).loadOutcome).toBe('expired')
  })

  it('binds setExpiry in any form', async () => {
    for (const value of ['10d', new Date(Date.UTC(2035, 0, 1)), 1e15] as const) {
      const app = new Harness(LIMITS)
      const end = app.clock.now() + DAY
      const { session, setCookie } = await app.visit((s) => s.setExpiry(value), {
        cookie: await app.given(),
      })
      expect(session.expiryDate().getTime()).toBe(end)
      expect(session.expires?.getTime()).toBe(end)
      expect(maxAge(setCookie)).toBe(DAY / SECOND)
    }
  })
})

describe('storing the time of use', () => {
  it.each([
    [5 * MINUTE - 1, 0],
    [5 * MINUTE, 1],
  ])('after %i ms takes %i writes', async (passed, writes) => {
    const app = new Harness(LIMITS)
    const cookie = await app.given()
    app.clock.advance(passed)
    const { setCookie } = await app.visit((s) => s.get('views'), { cookie })
    expect(app.store.writes).toBe(writes)
    expect(setCookie).toHaveLength(writes)
    if (writes > 0) expect(maxAge(setCookie)).toBe(HOUR / SECOND)
  })

  it('takes one write when several requests are due at once', async () => {
    const app = new Harness(LIMITS)
    const cookie = await app.given()
    app.clock.advance('10m')
    const sessions = await Promise.all([app.load(cookie), app.load(cookie), app.load(cookie)])
    for (const session of sessions) session.get('views')
    await Promise.all(sessions.map((session) => app.sessions.commit(session)))
    expect(app.store.writes).toBe(1)
  })

  it('is part of the write of a change', async () => {
    const app = new Harness(LIMITS)
    const cookie = await app.given()
    app.clock.advance('10m')
    const { setCookie } = await app.visit((s) => s.set('views', 2), { cookie })
    expect(app.store.writes).toBe(1)
    expect((await app.stored(cookie))?.lastSeen).toBe(app.clock.now())
    expect(maxAge(setCookie)).toBe(HOUR / SECOND)
  })

  it('happens after a tenth of the limit of a session with a short limit of its own', async () => {
    const app = new Harness(LIMITS)
    const cookie = await app.given({ a: 1 }, (s) => s.setExpiry('10m'))
    app.clock.advance('59s')
    await app.visit((s) => s.get('a'), { cookie })
    expect(app.store.writes).toBe(0)
    app.clock.advance('1s')
    await app.visit((s) => s.get('a'), { cookie })
    expect(app.store.writes).toBe(1)
    app.clock.advance('9m')
    expect((await app.load(cookie)).loadOutcome).toBe('live')
  })

  it('also happens when the response is a server error', async () => {
    const app = new Harness(LIMITS)
    const cookie = await app.given()
    app.clock.advance('10m')
    await app.visit((s) => s.set('views', 5), { cookie, status: 500 })
    const record = await app.stored(cookie)
    expect(record?.lastSeen).toBe(app.clock.now())
    expect(await app.data(cookie)).toEqual({ views: 1 })
  })

  it.each(['before', 'after'] as const)(
    'is logged and no error when it fails %s the write',
    async (when) => {
      const app = new Harness(LIMITS)
      const cookie = await app.given()
      app.clock.advance('10m')
      app.store.failNext(when, { method: 'write' })
      const { setCookie } = await app.visit((s) => s.get('views'), { cookie })
      expect(app.store.writes).toBe(1)
      expect(setCookie).toEqual([])
      expect(app.warnings).toHaveLength(1)
    },
  )

  it('is given up without an error when another request wrote meanwhile', async () => {
    const app = new Harness(LIMITS)
    const cookie = await app.given()
    app.clock.advance('10m')
    const session = await app.load(cookie)
    session.get('views')
    const other = new Harness({ ...LIMITS, store: app.store }, app.clock)
    await other.visit((s) => s.set('views', 2), { cookie })
    app.store.clearCalls()
    expect((await app.sessions.commit(session)).setCookie).toEqual([])
    expect(app.store.calls).toHaveLength(1)
    expect(app.warnings).toEqual([])
    expect(await app.data(cookie)).toEqual({ views: 2 })
  })

  it('does not bring back a session that was logged out meanwhile', async () => {
    const app = new Harness(LIMITS)
    const cookie = await app.given()
    app.clock.advance('10m')
    const session = await app.load(cookie)
    session.get('views')
    await app.visit((s) => s.logout(), { cookie })
    expect((await app.sessions.commit(session)).setCookie).toEqual([])
    expect((await app.load(cookie)).loadOutcome).toBe('unknown')
  })
})

describe('setExpiry', () => {
  interface Setting {
    readonly value: Parameters<Session['setExpiry']>[0]
    readonly age: number
    readonly atClose?: boolean
    readonly cookieAge?: number | null
  }
  const settings: Record<string, Setting> = {
    'null, the general rule': { value: null, age: HOUR },
    'a duration in milliseconds': { value: 10 * MINUTE, age: 10 * MINUTE },
    'a duration as text': { value: '2h', age: 2 * HOUR },
    'one millisecond': { value: 1, age: 1, cookieAge: 1 },
    'a fraction of a second': { value: 1500, age: 1500, cookieAge: 2 },
    'until the browser closes': { value: 0, age: HOUR, atClose: true, cookieAge: null },
    'a date': { value: new Date(Date.UTC(2030, 0, 1, 12, 20)), age: 20 * MINUTE },
    'a date after the absolute limit': { value: new Date(Date.UTC(2031, 0, 1)), age: DAY },
    'a duration above the absolute limit': { value: '100d', age: DAY },
  }

  it.each(Object.entries(settings))(
    'takes %s',
    async (_, { value, age, atClose = false, cookieAge }) => {
      const app = new Harness(LIMITS)
      const expectations = (s: Session<Data>): void => {
        expect(s.expiryAge()).toBe(age)
        expect(s.expiryDate().getTime()).toBe(app.clock.now() + age)
        expect(s.expireAtBrowserClose()).toBe(atClose)
      }
      const { cookie, setCookie } = await app.visit((s) => {
        s.set('a', 1)
        s.setExpiry(value)
        expectations(s)
      })
      expect(setCookie).toHaveLength(1)
      expect(maxAge(setCookie)).toBe(cookieAge === undefined ? age / SECOND : cookieAge)
      expectations(await app.load(cookie))
      app.clock.advance(age)
      expect((await app.load(cookie)).loadOutcome).toBe('live')
      app.clock.advance(1)
      expect((await app.load(cookie)).loadOutcome).toBe('expired')
    },
  )

  it('of a date is not moved by use, and of a duration is', async () => {
    for (const [value, outcome] of [
      [new Date(Date.UTC(2030, 0, 1, 12, 20)), 'expired'],
      ['20m', 'live'],
    ] as const) {
      const app = new Harness(LIMITS)
      const cookie = await app.given({ a: 1 }, (s) => s.setExpiry(value))
      app.clock.advance('15m')
      await app.visit((s) => s.get('a'), { cookie })
      app.clock.advance('6m')
      expect((await app.load(cookie)).loadOutcome).toBe(outcome)
    }
  })

  it('of a date in the past ends the session and removes the cookie', async () => {
    const app = new Harness(LIMITS)
    const cookie = await app.given()
    const { setCookie } = await app.visit((s) => s.setExpiry(new Date(0)), { cookie })
    expect(maxAge(setCookie)).toBe(0)
    expect((await app.load(cookie)).loadOutcome).toBe('expired')
  })

  it('of null goes back to the general rule', async () => {
    const app = new Harness(LIMITS)
    const cookie = await app.given({ a: 1 }, (s) => s.setExpiry('10m'))
    const { setCookie } = await app.visit((s) => s.setExpiry(null), { cookie })
    expect(maxAge(setCookie)).toBe(HOUR / SECOND)
    expect((await app.stored(cookie))?.expiry).toBeNull()
  })

  it('to what it was writes nothing', async () => {
    const app = new Harness(LIMITS)
    const cookie = await app.given({ a: 1 }, (s) => s.setExpiry('10m'))
    await app.visit((s) => s.setExpiry('10m'), { cookie })
    expect(app.store.writes).toBe(0)
  })

  it('alone does not store a new session', async () => {
    const app = new Harness(LIMITS)
    const { setCookie } = await app.visit((s) => s.setExpiry('10m'))
    expect([app.store.writes, setCookie.length]).toEqual([0, 0])
  })

  it('while the first save is under way is for the next one', async () => {
    const app = new Harness(LIMITS)
    const session = await app.load()
    session.set('a', 1)
    const gate = app.store.hold({ method: 'write' })
    const saving = session.save()
    await gate.reached
    session.setExpiry('10m')
    gate.release()
    await saving
    const { cookie } = await app.commit(session)
    expect((await app.stored(cookie as string))?.expiry).toEqual({
      kind: 'idle',
      duration: 10 * MINUTE,
    })
  })

  it('while a later save is under way is for the next one', async () => {
    const app = new Harness(LIMITS)
    const cookie = await app.given()
    const session = await app.load(cookie)
    session.set('a', 1)
    const gate = app.store.hold({ method: 'write' })
    const saving = session.save()
    await gate.reached
    session.setExpiry('10m')
    gate.release()
    await saving
    await app.commit(session)
    expect((await app.stored(cookie))?.expiry).toEqual({ kind: 'idle', duration: 10 * MINUTE })
  })

  it.each([
    -1,
    '-5m',
    Number.NaN,
    Number.POSITIVE_INFINITY,
    'soon',
    '',
    undefined,
    {},
    true,
    new Date(Number.NaN),
    new Date(-1),
    new Date(8.64e15),
    1e300,
    0.4,
    '0.4ms',
  ])('refuses %s', async (value) => {
    const session = await new Harness(LIMITS).load()
    expect(() => session.setExpiry(value as never)).toThrow(SessionValueError)
  })

  it('is merged as one value, so that the later of two requests decides', async () => {
    const app = new Harness(LIMITS)
    const cookie = await app.given()
    const [one, two] = await Promise.all([app.load(cookie), app.load(cookie)])
    one.setExpiry('10m')
    two.setExpiry(0)
    two.set('two', 1)
    await app.sessions.commit(one)
    await app.sessions.commit(two)
    expect((await app.stored(cookie))?.expiry).toEqual({ kind: 'browser' })
    expect(await app.data(cookie)).toEqual({ views: 1, two: 1 })
  })
})

describe('the option sessionCookie', () => {
  it('leaves Max-Age out, and the idle limit in place', async () => {
    const app = new Harness({ ...LIMITS, sessionCookie: true })
    const { cookie, setCookie, session } = await app.visit((s) => s.set('a', 1))
    expect(setCookie[0]).not.toMatch(/max-age|expires/i)
    expect(session.expireAtBrowserClose()).toBe(true)
    app.clock.advance(HOUR)
    expect((await app.load(cookie)).loadOutcome).toBe('live')
    app.clock.advance(1)
    expect((await app.load(cookie)).loadOutcome).toBe('expired')
  })

  it('is overruled by setExpiry of one session', async () => {
    const app = new Harness({ ...LIMITS, sessionCookie: true })
    const { setCookie, session } = await app.visit((s) => {
      s.set('a', 1)
      s.setExpiry('10m')
    })
    expect(session.expireAtBrowserClose()).toBe(false)
    expect(maxAge(setCookie)).toBe(600)
  })

  it('needs no new cookie when the time of use is stored', async () => {
    const app = new Harness({ ...LIMITS, sessionCookie: true })
    const cookie = await app.given()
    app.clock.advance('10m')
    const { setCookie } = await app.visit((s) => s.get('views'), { cookie })
    expect([app.store.writes, setCookie]).toEqual([1, []])
  })
})

describe('clocks', () => {
  it.each([5 * MINUTE, -5 * MINUTE])('of two instances may be %i ms apart', async (skew) => {
    const here = new Harness(LIMITS)
    const there = new Harness({ ...LIMITS, store: here.store }, fakeClock(here.clock.now() + skew))
    const cookie = await here.given({ here: 0 })
    for (let turns = 0; turns < 8; turns++) {
      const a = await here.visit((s) => s.set('here', turns), { cookie })
      const b = await there.visit((s) => s.set('there', turns), { cookie })
      expect([a.session.loadOutcome, b.session.loadOutcome]).toEqual(['live', 'live'])
      here.clock.advance('20m')
      there.clock.advance('20m')
    }
    expect(await here.data(cookie)).toEqual({ here: 7, there: 7 })
  })

  it('never move lastSeen back', async () => {
    const here = new Harness(LIMITS)
    const behind = new Harness(
      { ...LIMITS, store: here.store },
      fakeClock(here.clock.now() - 5 * MINUTE),
    )
    const cookie = await here.given()
    const before = (await here.stored(cookie))?.lastSeen
    await behind.visit((s) => s.set('views', 2), { cookie })
    await behind.visit(
      (s) => {
        s.setExpiry('30m')
      },
      { cookie },
    )
    expect((await here.stored(cookie))?.lastSeen).toBe(before)
  })

  it('that are behind report the expiry that will be stored', async () => {
    const here = new Harness(LIMITS)
    const behind = new Harness(
      { ...LIMITS, store: here.store },
      fakeClock(here.clock.now() - 5 * MINUTE),
    )
    const session = await behind.load(await here.given())
    session.setExpiry('30m')
    const told = session.expiryDate()
    await session.save()
    expect(session.expires).toEqual(told)
    expect(told.getTime()).toBe(here.clock.now() + 30 * MINUTE)
  })

  it('going back an hour lose no session, and write none without need', async () => {
    const app = new Harness(LIMITS)
    const cookie = await app.given()
    app.clock.set(app.clock.now() - HOUR)
    const { session } = await app.visit((s) => s.get('views'), { cookie })
    expect([session.loadOutcome, session.get('views')]).toEqual(['live', 1])
    expect(app.store.writes).toBe(0)
    await app.visit((s) => s.set('views', 2), { cookie })
    expect(await app.data(cookie)).toEqual({ views: 2 })
    const logged = await app.visit((s) => s.login('alice'), { cookie })
    expect((await app.load(logged.cookie)).user).toBe('alice')
  })

  it('going forward a year expire every session and break none', async () => {
    const app = new Harness(LIMITS)
    const cookie = await app.given()
    app.clock.advance('1y')
    expect((await app.load(cookie)).loadOutcome).toBe('expired')
    const { cookie: next } = await app.visit((s) => s.set('a', 1), { cookie })
    expect(await app.data(next)).toEqual({ a: 1 })
  })

  it('of fractions count whole milliseconds', async () => {
    const clock = fakeClock(Date.UTC(2030, 0, 1) + 0.75)
    const app = new Harness(LIMITS, clock)
    const cookie = await app.given()
    expect((await app.stored(cookie))?.created).toBe(Date.UTC(2030, 0, 1))
  })

  it.each([Number.NaN, Number.POSITIVE_INFINITY, undefined, 'now'])(
    'that give %s fail the load',
    async (time) => {
      const good = new Harness(LIMITS)
      const cookie = await good.given()
      const broken = new Harness({ ...LIMITS, store: good.store, now: () => time as number })
      await expect(broken.load(cookie)).rejects.toThrow(/now\(\) must return milliseconds/)
    },
  )

  it('beyond 2038 are no trouble', async () => {
    const app = new Harness(LIMITS, fakeClock(Date.UTC(2038, 0, 19, 3, 14, 7)))
    const cookie = await app.given()
    app.clock.advance('30m')
    expect((await app.load(cookie)).loadOutcome).toBe('live')
  })
})

describe('a lifetime that changes between releases', () => {
  it('binds at once when it is lowered', async () => {
    const before = new Harness({ ...LIMITS, lifetime: '4h' })
    const cookie = await before.given()
    const after = new Harness({ ...LIMITS, store: before.store }, before.clock)
    before.clock.advance(HOUR)
    expect((await after.load(cookie)).loadOutcome).toBe('live')
    before.clock.advance(1)
    expect((await after.load(cookie)).loadOutcome).toBe('expired')
    expect((await before.load(cookie)).loadOutcome).toBe('live')
  })

  it('does not give stored sessions more time when it is raised, until they are used', async () => {
    const before = new Harness(LIMITS)
    const cookie = await before.given()
    const used = await before.given()
    const after = new Harness({ ...LIMITS, lifetime: '4h', store: before.store }, before.clock)
    before.clock.advance('30m')
    const { setCookie } = await after.visit((s) => s.get('views'), { cookie: used })
    expect(maxAge(setCookie)).toBe((4 * HOUR) / SECOND)
    before.clock.advance(30 * MINUTE + 1)
    expect((await after.load(cookie)).loadOutcome).toBe('expired')
    expect((await after.load(used)).loadOutcome).toBe('live')
  })

  it('binds at once when the absolute one is lowered', async () => {
    const before = new Harness({ ...LIMITS, lifetime: '20h' })
    const cookie = await before.given()
    const after = new Harness(
      { lifetime: '1h', absoluteLifetime: '2h', touchEvery: '5m', store: before.store },
      before.clock,
    )
    const used = await after.given({}, (s) => s.markChanged())
    for (let visits = 0; visits < 2; visits++) {
      before.clock.advance('50m')
      await after.visit((s) => s.get('x'), { cookie: used })
      await before.visit((s) => s.get('x'), { cookie })
    }
    before.clock.advance('20m')
    expect((await after.load(cookie)).loadOutcome).toBe('live')
    before.clock.advance(1)
    expect((await after.load(cookie)).loadOutcome).toBe('expired')
    expect((await before.load(cookie)).loadOutcome).toBe('live')
  })
})

describe('the cookie of a long session', () => {
  it('lives 400 days at the most', async () => {
    const app = new Harness({ lifetime: '300d', absoluteLifetime: '2000d' })
    const { setCookie } = await app.visit((s) => {
      s.set('a', 1)
      s.setExpiry('500d')
    })
    expect(maxAge(setCookie)).toBe(400 * 24 * 60 * 60)
  })
})

it('works the same on a store that is shared by managers of one process', async () => {
  const store = failingStore(memoryStore())
  const one = new Harness({ ...LIMITS, store })
  const two = new Harness({ ...LIMITS, store }, one.clock)
  const cookie = await one.given({ a: 1 })
  await Promise.all([
    one.visit((s) => s.set('one', 1), { cookie }),
    two.visit((s) => s.set('two', 2), { cookie }),
  ])
  expect(await one.data(cookie)).toEqual({ a: 1, one: 1, two: 2 })
})
