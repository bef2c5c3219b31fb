import { describe, expect, it } from 'vitest'
import {
  type Session,
  type SessionInfo,
  SessionConfigError,
  SessionGoneError,
  SessionValueError,
} from '../../src/index.ts'
import { clientHints, shortened } from '../../src/record/info.ts'
import { gate } from '../setup/gate.ts'
import { Harness, type Visit, keyOfCookie, MINUTE } from './harness.ts'

type Data = Record<string, unknown>

async function devices(app: Harness<Data>, user: string): Promise<SessionInfo[]> {
  const list: SessionInfo[] = []
  for await (const info of app.sessions.listSessionsByUser(user)) list.push(info)
  return list
}

describe('the address of a client', () => {
  it.each([
    ['192.0.2.77', '192.0.2.0'],
    ['::ffff:192.0.2.77', '192.0.2.0'],
    ['::FFFF:192.0.2.77', '192.0.2.0'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1::'],
    ['2001:DB8:0001:2::6', '2001:db8:1::'],
    ['2001:db8::1', '2001:db8::'],
    ['2001::1', '2001::'],
    ['1:2:3:4:5:6:192.0.2.77', '1:2:3::'],
    ['64:ff9b::192.0.2.77', '64:ff9b::'],
    ['0:0:1::5', '0:0:1::'],
    ['fe80::1%eth0', 'fe80::'],
    ['::1', '::'],
    ['::', '::'],
    ['::192.0.2.77', '::'],
    ['1:2::', '1:2::'],
  ])('%s is stored as %s', (address, kept) => {
    expect(shortened(address)).toBe(kept)
  })

  it.each([
    '',
    'localhost',
    '192.0.2',
    '192.0.2.256',
    '1::2::3',
    '192.0.2.1, 192.0.2.2',
    'x'.repeat(10_000),
  ])('%j is no address', (address) => {
    expect(shortened(address)).toBeNull()
  })

  it('is stored with a short agent without control characters', () => {
    expect(clientHints('a\r\nb\u0000c', undefined)).toEqual({ agent: 'a  b c' })
    expect(clientHints('x'.repeat(5000), null)?.agent).toHaveLength(256)
    expect(clientHints(`${'x'.repeat(255)}\u{1f600}`, null)?.agent?.isWellFormed()).toBe(true)
    expect(clientHints(' ', 'nowhere')).toBeNull()
  })
})

describe('a login that asks for it', () => {
  const CLIENT = { userAgent: 'Browser/1.0', ip: '192.0.2.77' }

  it('stores agent and network for the list of devices, and keeps them over cycleKey', async () => {
    const app = new Harness<Data>()
    const session = await app.sessions.open({ secure: true, ...CLIENT }).load()
    await session.login('alice', { client: true })
    await session.save()
    const client = { agent: 'Browser/1.0', address: '192.0.2.0' }
    expect((await devices(app, 'alice'))[0]?.client).toEqual(client)
    await session.cycleKey()
    await session.save()
    expect((await devices(app, 'alice'))[0]?.client).toEqual(client)
    expect((await app.sessions.get(session.key as never))?.client).toEqual(client)
  })

  it('takes the values of the app instead', async () => {
    const app = new Harness<Data>()
    const session = await app.sessions.open({ secure: true, ...CLIENT }).load()
    await session.login('alice', { client: { agent: 'Phone', address: '2001:db8:1:2::9' } })
    await session.save()
    expect((await devices(app, 'alice'))[0]?.client).toEqual({
      agent: 'Phone',
      address: '2001:db8:1::',
    })
  })

  it('stores nothing without the option, nor for a guest, nor after logout', async () => {
    const app = new Harness<Data>({ persistentFieldsOnLogout: ['lang'] })
    const session = await app.sessions.open({ secure: true, ...CLIENT }).load()
    session.set('lang', 'de')
    await session.login('alice')
    await session.save()
    expect((await devices(app, 'alice'))[0]).not.toHaveProperty('client')
    await session.login('alice', { client: true, data: { lang: 'de' } })
    await session.save()
    await session.logout()
    await session.save()
    const [guest] = await devices(app, '__guest__')
    expect(guest).toBeDefined()
    expect(guest).not.toHaveProperty('client')
  })

  it.each([false, null, 'me', 7])('refuses %j before it logs in', async (client) => {
    const app = new Harness<Data>()
    const session = await app.load()
    expect(() => session.login('alice', { client: client as never })).toThrow(SessionValueError)
    expect(session.user).toBe('__guest__')
  })
})

/** The result of a login that was refused. */
function refused(error: unknown): 'refused' {
  if (error instanceof SessionGoneError) return 'refused'
  throw error
}

describe('a limit of sessions per user', () => {
  async function loginAs(app: Harness<Data>, user: string): Promise<string> {
    app.clock.advance(MINUTE)
    return await app.given({}, (session) => session.login(user))
  }

  it('ends the sessions with the oldest logins', async () => {
    const app = new Harness<Data>({ maxSessionsPerUser: 2 })
    const [first, second, third] = [
      await loginAs(app, 'alice'),
      await loginAs(app, 'alice'),
      await loginAs(app, 'alice'),
    ]
    const other = await loginAs(app, 'bob')
    expect((await app.load(first)).user).toBe('__guest__')
    expect((await app.load(second)).user).toBe('alice')
    expect((await app.load(third)).user).toBe('alice')
    expect((await app.load(other)).user).toBe('bob')
  })

  it('ends no session by a login whose cookie could not be sent', async () => {
    const app = new Harness<Data>({ maxSessionsPerUser: 2 })
    const guests: Visit<Data>[] = []
    for (let n = 0; n < 6; n++) guests.push(await app.visit((s) => s.set('n', n)))
    const [{ cookie } = { cookie: undefined }] = guests
    // Set by hand: a browser does not send it without TLS.
    const work = async (s: Session<Data>): Promise<void> => {
      expect(s.get('n')).toBe(0)
      await s.login('mallory')
    }
    const { setCookie } = await app.visit(work, { cookie, secure: false })
    expect(setCookie).toEqual([])
    for (const [n, guest] of guests.entries()) {
      await app.visit((s) => expect(s.get('n')).toBe(n), { cookie: guest.cookie })
    }
  })

  it('of one keeps the login that has just been made', async () => {
    const app = new Harness<Data>({ maxSessionsPerUser: 1 })
    const before = await Promise.all(
      ['alice', 'alice', 'alice'].map((user) => app.visit((s) => s.login(user)).catch(refused)),
    )
    expect(before.filter((one) => one === 'refused')).toHaveLength(2)
    const latest = await loginAs(app, 'alice')
    expect((await devices(app, 'alice')).map(({ key }) => key)).toEqual([keyOfCookie(latest)])
    for (const one of before) {
      if (one !== 'refused') expect((await app.load(one.cookie)).user).toBe('__guest__')
    }
  })

  it('holds when many log in at once', async () => {
    const app = new Harness<Data>({ maxSessionsPerUser: 3 })
    const results = await Promise.all(
      Array.from({ length: 10 }, () => app.visit((s) => s.login('alice')).catch(refused)),
    )
    expect(results.filter((one) => one !== 'refused')).toHaveLength(3)
    expect((await devices(app, 'alice')).length).toBe(3)
  })

  it('leaves the latest of two logins that do not wait for each other', async () => {
    const app = new Harness<Data>({ maxSessionsPerUser: 1 })
    const held = gate()
    const { page } = app.store
    app.store.page = async (...given) => {
      app.store.page = page
      held.reach()
      await held.opened
      return await page.apply(app.store, given)
    }
    const earlier = loginAs(app, 'alice')
    await held.reached
    const latest = await loginAs(app, 'alice')
    held.open()
    await expect(earlier).rejects.toMatchObject({ code: 'ERR_SESSION_GONE' })
    expect((await app.load(latest)).user).toBe('alice')
  })

  it('reports the reason to the observers', async () => {
    const app = new Harness<Data>({ maxSessionsPerUser: 1, events: true })
    const reasons: string[] = []
    app.sessions.onDelete(({ reason, user }) => {
      reasons.push(`${user} ${reason}`)
    })
    await loginAs(app, 'alice')
    await loginAs(app, 'alice')
    expect(reasons).toEqual(['alice killed'])
  })

  it('that the store cannot look up does not undo the login', async () => {
    const app = new Harness<Data>({ maxSessionsPerUser: 1 })
    const first = await loginAs(app, 'alice')
    app.store.failAlways('before', { method: 'page' })
    const second = await loginAs(app, 'alice')
    expect((await app.load(first)).user).toBe('alice')
    expect((await app.load(second)).user).toBe('alice')
    expect(app.warnings).toEqual(['the oldest sessions of a user who logged in could not be ended'])
  })

  it('costs nothing without the option, and a query with it', async () => {
    const free = new Harness<Data>()
    await free.visit((session) => session.login('alice'))
    expect(free.store.calls.map(({ method }) => method)).toEqual(['note', 'write', 'note'])
    const limited = new Harness<Data>({ maxSessionsPerUser: 5 })
    await limited.visit((session) => session.login('alice'))
    expect(limited.store.calls.map(({ method }) => method).slice(3)).toEqual(['page', 'page'])
    limited.store.clearCalls()
    await limited.visit((session) => session.set('a', 1), { cookie: await limited.given() })
    expect(limited.store.calls.map(({ method }) => method)).toEqual(['find', 'write'])
  })

  it.each([0, -1, 1.5, Number.NaN, '5', null])('cannot be %j', (maxSessionsPerUser) => {
    expect(() => new Harness({ maxSessionsPerUser: maxSessionsPerUser as never })).toThrow(
      SessionConfigError,
    )
  })
})
