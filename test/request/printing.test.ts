import { inspect } from 'node:util'
import { describe, expect, it } from 'vitest'
import type { Session } from '../../src/index.ts'
import { Harness, idOf } from './harness.ts'

type Data = Record<string, unknown>

async function aliceIn(app: Harness<Data>): Promise<{ session: Session<Data>; id: string }> {
  const { cookie } = await app.visit(async (s) => {
    await s.login('alice', { data: { token: 'hunter2', views: 1 } })
    s.scope('shop').set('cart', 'hunter2')
  })
  return { session: await app.load(cookie), id: idOf(cookie as string) }
}

describe('a session on the console', () => {
  it('shows its user and state, and the names of its keys', async () => {
    const { session } = await aliceIn(new Harness<Data>())
    expect(inspect(session, { breakLength: Number.POSITIVE_INFINITY })).toBe(
      `Session { user: 'alice', key: '${session.key}', outcome: 'live', keys: [ 'token', 'views' ], scopes: [ 'shop' ] }`,
    )
    expect(inspect(session.scope('shop'))).toBe("ScopedSession { scope: 'shop', keys: [ 'cart' ] }")
  })

  it.each([
    ['as it is', {}],
    ['with whatever is hidden', { showHidden: true, depth: Number.POSITIVE_INFINITY }],
    ['with getters', { getters: true, showHidden: true }],
    ['with proxies', { showProxy: true, showHidden: true, depth: 9 }],
    ['without what it says of itself', { customInspect: false, showHidden: true, depth: 9 }],
    ['without what it says, with getters', { customInspect: false, getters: true, depth: 9 }],
  ])('shows no id and no value, also inside of other objects: %s', async (_, options) => {
    const app = new Harness<Data>()
    const { session, id } = await aliceIn(app)
    for (const printed of [session, { req: { session } }, [session.scope('shop')], session.load]) {
      const text = inspect(printed, options)
      expect(text).not.toContain('hunter2')
      expect(text).not.toContain(id)
    }
  })

  it('shows only its name below the depth that was asked for', async () => {
    const { session } = await aliceIn(new Harness<Data>())
    expect(inspect({ a: { session } }, { depth: 2 })).toMatch(/Session \{/)
    expect(inspect({ a: session }, { depth: 0 })).toBe('{ a: [Session] }')
    expect(inspect({ a: session }, { depth: null })).toMatch(/user: 'alice'/)
    expect(inspect({ a: session }, { depth: 0, colors: true })).toContain('[Session]')
  })

  it('does not count as used', async () => {
    const { session } = await aliceIn(new Harness<Data>())
    inspect(session)
    inspect(session.scope('shop'))
    expect(session.accessed).toBe(false)
  })

  it('shows the changes of this request', async () => {
    const app = new Harness<Data>()
    const guest = await app.load()
    expect(inspect(guest)).toMatch(/user: '__guest__',\s+key: null,\s+outcome: 'none'/)
    guest.set('a', 1)
    expect(inspect(guest)).toMatch(/keys: \[ 'a' \]/)
    await guest.login('bob')
    expect(inspect(guest)).toMatch(/user: 'bob'/)
    const { session } = await aliceIn(app)
    await session.logout()
    await app.commit(session)
    expect(inspect(session)).toMatch(
      /user: '__guest__',\s+key: null,\s+outcome: 'live',\s+ended: true,\s+keys: \[\]/,
    )
  })

  it('shows a thousand keys as the console shows lists', async () => {
    const session = await new Harness<Data>().load()
    for (let n = 0; n < 1000; n++) session.set(`key${n}`, n)
    expect(inspect(session)).toMatch(/900 more items/)
  })

  it('does not throw where only its class is printed', async () => {
    const session = await new Harness<Data>().load()
    const prototype: object = Object.getPrototypeOf(session)
    expect(inspect(Object.create(session))).toBe('Session {}')
    expect(inspect(Object.create(session), { showHidden: true, getters: true })).not.toMatch(
      /Error/,
    )
    for (const object of [prototype, Object.getPrototypeOf(prototype), Object.create(session)]) {
      // Node 24 calls the getters of a prototype here, and shows their errors.
      expect(() => inspect(object, { showHidden: true, getters: true })).not.toThrow()
      expect(JSON.stringify(object)).toBe('{}')
    }
  })
})

describe('a session as JSON', () => {
  it('is its data', async () => {
    const data = { a: 1, b: 'two', c: { deep: [1, null] }, at: new Date(5) }
    const session = await new Harness<Data>().load()
    session.update(data).scope('shop').set('cart', ['x'])
    expect(JSON.stringify(session)).toBe(JSON.stringify(data))
    expect(JSON.stringify({ scope: session.scope('shop') })).toBe('{"scope":{"cart":["x"]}}')
  })

  it('has the nearest form for a value without a JSON form', async () => {
    const session = await new Harness<Data>().load()
    session.update({
      big: 2n ** 70n,
      map: new Map([[{ k: 1n }, new Set(['x'])]]),
      set: new Set([1, [2]]),
      bytes: new Uint8Array([1, 2]),
      buffer: Buffer.from('a'),
    })
    expect(JSON.parse(JSON.stringify(session))).toEqual({
      big: '1180591620717411303424',
      map: [[{ k: '1' }, ['x']]],
      set: [1, [2]],
      bytes: { type: 'Buffer', data: [1, 2] },
      buffer: { type: 'Buffer', data: [97] },
    })
  })

  it('does not fail for a value that became invalid after it was set', async () => {
    const session = await new Harness<Data>().load()
    const value: Data = { ok: 1 }
    session.set('value', value)
    value['self'] = value
    value['symbol'] = Symbol('x')
    value['run'] = () => {}
    value['at'] = new Date(Number.NaN)
    Object.defineProperty(value, '__proto__', { value: 1, enumerable: true })
    expect(JSON.stringify(session)).toBe('{"value":{"ok":1,"self":null,"at":null,"__proto__":1}}')
    Object.defineProperty(value, 'broken', {
      enumerable: true,
      get() {
        throw new Error('broken')
      },
    })
    expect(JSON.stringify(session)).toBe('{"value":null}')
  })

  it('is a use of it, as the answer that has it is for this visitor alone', async () => {
    const app = new Harness<Data>()
    const { vary } = await app.visit((s) => JSON.stringify(s), { cookie: await app.given() })
    expect(vary).toBe(true)
  })
})
