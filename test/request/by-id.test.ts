import { describe, expect, it } from 'vitest'
import {
  type CommitResult,
  type Session,
  SessionConfigError,
  type SessionsOptions,
} from '../../src/index.ts'
import { sign } from '../../src/base/signature.ts'
import { keyOf, type SessionId } from '../../src/record/id.ts'
import { DAY, Harness, MINUTE, NAME } from './harness.ts'

type Data = Record<string, unknown>

const OLD = 'old-secret-old-secret-old-secret-1'
const NEW = 'new-secret-new-secret-new-secret-2'

/** A client without cookies: it sends the value that it got, until it is told to drop it. */
class Client {
  id: string | undefined
  readonly #app: Harness<Data>

  constructor(app: Harness<Data>, id?: string) {
    this.#app = app
    this.id = id
  }

  async visit(
    work: (session: Session<Data>) => unknown,
    { status = 200, secure = true } = {},
  ): Promise<CommitResult> {
    const { sessions } = this.#app
    const session = await sessions.open({ id: this.id, secure }).load()
    await work(session)
    const result = await sessions.commit(session, { status })
    if (result.id !== undefined) this.id = result.id ?? undefined
    return result
  }
}

function begin(options: SessionsOptions<Data> = {}): { app: Harness<Data>; client: Client } {
  const app = new Harness<Data>(options)
  return { app, client: new Client(app) }
}

const headers = ({ app }: { app: Harness<Data> }, result: CommitResult) =>
  app.sessions.responseHeaders(result)

describe('a session that is opened by its id', () => {
  it('is stored for a client that has none yet, which gets the id and no cookie', async () => {
    for (const request of [{ id: undefined }, { id: '' }]) {
      const { app } = begin()
      const session = await app.sessions.open({ ...request, secure: true }).load()
      expect(session.loadOutcome).toBe('none')
      session.set('n', 1)
      const result = await app.sessions.commit(session)
      expect(result).toEqual({
        setCookie: [],
        vary: true,
        byId: true,
        id: expect.stringMatching(/^[A-Za-z0-9_-]{43}$/),
      })
      expect(session.key).toBe(keyOf(result.id as SessionId))
    }
  })

  it('continues by that id, which is sent once, also when its use is stored', async () => {
    const { app, client } = begin()
    await client.visit((session) => session.set('n', 1))
    const { id } = client
    const read = await client.visit((session) => expect(session.get('n')).toBe(1))
    expect(read).toEqual({ setCookie: [], vary: true, byId: true })
    app.clock.advance(10 * MINUTE)
    app.store.clearCalls()
    expect(await client.visit((session) => session.get('n'))).toEqual(read)
    expect(app.store.writes).toBe(1)
    expect(await client.visit((session) => session.setExpiry('2h'))).toEqual(read)
    expect(client.id).toBe(id)
    // Requests that do not use the session get no new value.
    expect(await client.visit(() => {})).toEqual({ setCookie: [], vary: false, byId: true })
  })

  it('changes its id with login, reset and cycleKey, and the old id is invalid', async () => {
    const { app, client } = begin()
    await client.visit((session) => session.set('n', 1))
    for (const method of ['login', 'cycleKey', 'reset'] as const) {
      const before = client.id as string
      const result = await client.visit((session) => session[method]('alice'))
      expect(result.setCookie).toEqual([])
      expect(result.id).toEqual(expect.any(String))
      expect(client.id).not.toBe(before)
      const old = await app.sessions.open({ id: before, secure: true }).load()
      expect(old.loadOutcome).toBe('unknown')
    }
  })

  it('says to drop the id after a logout, and not for one that is unknown or expired', async () => {
    const { app, client } = begin()
    await client.visit((session) => session.login('alice'))
    const { id } = client
    expect(await client.visit((session) => session.logout())).toEqual({
      setCookie: [],
      vary: true,
      byId: true,
      id: null,
    })
    const late = new Client(app, id)
    expect(await late.visit((session) => session.get('n'))).not.toHaveProperty('id')
    const stale = new Client(app)
    await stale.visit((session) => session.set('n', 1))
    app.clock.advance(DAY)
    const result = await stale.visit((session) => expect(session.loadOutcome).toBe('expired'))
    expect(result).not.toHaveProperty('id')
    // A client that presented nothing has nothing to drop.
    expect(await new Client(app).visit((session) => session.logout())).not.toHaveProperty('id')
  })

  it('says to drop it also with a server error, which sends no login', async () => {
    const { client } = begin()
    const failed = await client.visit((session) => session.login('alice'), { status: 500 })
    expect(failed).not.toHaveProperty('id')
    await client.visit((session) => session.login('alice'))
    expect(await client.visit((session) => session.logout(), { status: 500 })).toHaveProperty(
      'id',
      null,
    )
  })

  it('is signed where secrets are set, and costs no lookup with a wrong signature', async () => {
    const { app, client } = begin({ cookie: { secrets: [NEW, OLD] } })
    await client.visit((session) => session.set('n', 1))
    const { id } = client as { id: string }
    expect(id).toMatch(/^s:[A-Za-z0-9_-]{43}\..+$/)
    await client.visit((session) => expect(session.get('n')).toBe(1))
    app.store.clearCalls()
    const bare = id.slice(2, 45)
    for (const wrong of [bare, `s:${bare}`, `${id}x`, `s:${sign(bare, 'x'.repeat(40))}`, 'junk']) {
      const session = await app.sessions.open({ id: wrong, secure: true }).load()
      expect(session.loadOutcome).toBe('malformed')
      expect(await app.sessions.commit(session)).not.toHaveProperty('id')
    }
    expect(app.store.calls).toEqual([])
    // Like the value of a cookie, it may come encoded.
    const encoded = await app.sessions.open({ id: encodeURIComponent(id), secure: true }).load()
    expect(encoded.get('n')).toBe(1)
  })

  it('is sent again under the newest secret, with the same id', async () => {
    const before = begin({ cookie: { secrets: [OLD] } })
    await before.client.visit((session) => session.set('n', 1))
    const app = new Harness<Data>({ store: before.app.store, cookie: { secrets: [NEW, OLD] } })
    const client = new Client(app, before.client.id)
    const result = await client.visit((session) => session.get('n'))
    expect(result.id).toMatch(/^s:/)
    expect(result.id?.slice(0, 45)).toBe(before.client.id?.slice(0, 45))
    expect(await client.visit((session) => session.get('n'))).not.toHaveProperty('id')
  })

  it('is the session of the cookie with the same value, and neither way sends the value of the other', async () => {
    const { app, client } = begin()
    const cookie = await app.given({ n: 1 })
    const byId = new Client(app, cookie.slice(NAME.length + 1))
    await byId.visit((session) => expect(session.get('n')).toBe(1))
    await client.visit((session) => session.set('n', 2))
    expect(await app.data(`${NAME}=${client.id}`)).toEqual({ n: 2 })
    const { sessions } = app
    const session = await sessions.open({ cookie, secure: true }).load()
    await session.cycleKey()
    const result = await sessions.commit(session)
    expect(result.setCookie).toHaveLength(1)
    expect(result).not.toHaveProperty('id')
    expect(result).not.toHaveProperty('byId')
  })

  it('is refused together with a cookie, and is a text', () => {
    const { app } = begin()
    const { sessions } = app
    const both = { id: 'x', cookie: 'a=1', secure: true }
    expect(() => sessions.open(both)).toThrow(SessionConfigError)
    expect(() => sessions.open({ id: '', cookie: '' })).toThrow(SessionConfigError)
    for (const id of [7, ['x'], {}, true]) {
      expect(() => sessions.open({ id: id as never })).toThrow(SessionConfigError)
    }
    // Neither message shows the secret.
    const secret = 'A'.repeat(43)
    for (const wrong of [{ id: secret, cookie: secret }, { id: [secret] as never }]) {
      expect(() => sessions.open(wrong)).toThrow(expect.not.stringContaining(secret))
    }
  })

  it('is not used where a request has a cookie, or could have one', async () => {
    const { app } = begin()
    const { sessions } = app
    const cookie = await app.given({ n: 1 })
    const known = await sessions.open({ cookie, id: undefined, secure: true }).load()
    expect(known.get('n')).toBe(1)
    const first = await sessions.open({ cookie: undefined, id: undefined, secure: true }).load()
    first.set('n', 1)
    const result = await sessions.commit(first)
    expect(result.setCookie).toHaveLength(1)
    expect(result).not.toHaveProperty('id')
  })

  it('stores nothing and sends nothing for a request that is not secure', async () => {
    const { app, client } = begin()
    const result = await client.visit((session) => session.set('n', 1), { secure: false })
    expect(result).not.toHaveProperty('id')
    expect(app.store.writes).toBe(0)
    expect(app.warnings).toHaveLength(1)
  })

  it('varies by an unknown header, and is never cached where it carries an id', async () => {
    const { app, client } = begin()
    const stored = await client.visit((session) => session.set('n', 1))
    expect(headers({ app }, stored)).toEqual([
      ['Vary', '*'],
      ['Cache-Control', 'no-store'],
    ])
    const read = await client.visit((session) => session.get('n'))
    expect(headers({ app }, read)).toEqual([
      ['Vary', '*'],
      ['Cache-Control', 'private, no-cache'],
    ])
    expect(headers({ app }, await client.visit(() => {}))).toEqual([])
    const gone = await client.visit((session) => session.logout())
    expect(headers({ app }, gone)).toContainEqual(['Cache-Control', 'no-store'])
  })

  it('has security keys and a static key like any other', async () => {
    const { client } = begin()
    await client.visit((session) => session.login('alice'))
    let key = ''
    await client.visit(async (session) => {
      key = await session.getSecurityKey()
    })
    await client.visit(async (session) => {
      expect(await session.validateSecurityKey(key)).toBe(true)
      expect(await session.validateSecurityKey(key)).toBe(false)
    })
  })
})
