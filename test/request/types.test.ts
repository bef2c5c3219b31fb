import { randomUUID } from 'node:crypto'
import { inspect } from 'node:util'
import { ObjectId } from 'bson'
import { Decimal } from 'decimal.js'
import { Temporal } from 'temporal-polyfill'
import { describe, expect, it } from 'vitest'
import {
  DeleteSessionsIter,
  type SessionEntry,
  type SessionsOptions,
  type SessionType,
} from '../../src/index.ts'
import { STORE_KINDS, uniqueSpace } from '../setup/stores.ts'
import { Harness, keyOfCookie } from './harness.ts'

class Money {
  readonly amount: bigint
  readonly currency: string
  #isOpened = false

  constructor(amount: bigint, currency: string) {
    this.amount = amount
    this.currency = currency
  }

  open(): this {
    this.#isOpened = true
    return this
  }

  get isOpened(): boolean {
    return this.#isOpened
  }
}

/** An enum as a class, with one instance for each of its names. */
class Color {
  static readonly red: Color = new Color('red')
  static readonly blue: Color = new Color('blue')
  readonly name: string

  private constructor(name: string) {
    this.name = name
  }

  static of(name: string): Color {
    for (const one of [Color.red, Color.blue]) if (one.name === name) return one
    throw new RangeError(`no color ${name}`)
  }
}

const money: SessionType<Money, { amount: bigint; currency: string }> = {
  is: (value) => value instanceof Money,
  encode: ({ amount, currency }) => ({ amount, currency }),
  decode: ({ amount, currency }) => new Money(amount, currency),
}

const color: SessionType<Color, string> = {
  is: (value) => value instanceof Color,
  encode: ({ name }) => name,
  decode: (name) => Color.of(name),
}

const TYPES = {
  Money: money,
  Color: color,
  'Temporal.Instant': {
    is: (value) => value instanceof Temporal.Instant,
    encode: (value) => String(value),
    decode: (text) => Temporal.Instant.from(text as string),
  },
  'Temporal.ZonedDateTime': {
    is: (value) => value instanceof Temporal.ZonedDateTime,
    encode: (value) => String(value),
    decode: (text) => Temporal.ZonedDateTime.from(text as string),
  },
  Decimal: {
    is: (value) => Decimal.isDecimal(value),
    encode: (value) => String(value),
    decode: (text) => new Decimal(text as string),
  },
  ObjectId: {
    is: (value) => value instanceof ObjectId,
    encode: (value) => (value as ObjectId).id,
    decode: (bytes) => new ObjectId(bytes as Uint8Array),
  },
  URL: {
    is: (value) => value instanceof URL,
    encode: (value) => String(value),
    decode: (text) => new URL(text as string),
  },
  Symbol: {
    is: (value) => typeof value === 'symbol' && Symbol.keyFor(value) !== undefined,
    encode: (value) => Symbol.keyFor(value as symbol),
    decode: (name) => Symbol.for(name as string),
  },
  NaN: { is: (value) => Number.isNaN(value), encode: () => null, decode: () => Number.NaN },
} satisfies Record<string, SessionType>

const VALUES: readonly [name: string, value: unknown][] = [
  ['an amount of money', new Money(12n, 'EUR')],
  ['one of an enum', Color.blue],
  ['an instant', Temporal.Instant.from('2026-11-28T11:00:00.123456789Z')],
  ['a time of a zone', Temporal.ZonedDateTime.from('2026-11-28T11:00+01:00[Europe/Berlin]')],
  ['a decimal', new Decimal('0.1').plus('0.2')],
  ['an ObjectId', new ObjectId()],
  ['a URL', new URL('https://example.com/a?b=c#d')],
  ['a symbol', Symbol.for('a symbol')],
  ['a number that is none', Number.NaN],
]

const PLACES: readonly [name: string, around: (value: unknown) => unknown][] = [
  ['itself', (value) => value],
  ['in a list of objects', (value) => [{ a: { value } }, value]],
  ['in a Map, as key and value', (value) => new Map([[value, { value }]])],
  ['in a Set', (value) => new Set([[value]])],
]

function processes(
  kind: (typeof STORE_KINDS)[number],
  ...options: SessionsOptions[]
): Harness<Record<string, unknown>>[] {
  const space = uniqueSpace()
  const [first, ...others] = options
  const one = new Harness<Record<string, unknown>>({ ...first, store: kind.make({ space }) })
  return [
    one,
    ...others.map((given) => {
      const store = kind.host === null ? one.store : kind.make({ space })
      return new Harness<Record<string, unknown>>({ ...given, store }, one.clock)
    }),
  ]
}

describe.each(STORE_KINDS)('a value of a type of the app, on $name', (kind) => {
  it('comes back unchanged, at any place', async () => {
    const [app] = processes(kind, { types: TYPES }) as [Harness<Record<string, unknown>>]
    for (const [name, around] of PLACES) {
      const given = Object.fromEntries(VALUES.map(([what, value]) => [what, around(value)]))
      const cookie = await app.given(given)
      const session = await app.load(cookie)
      for (const [what, value] of VALUES) {
        expect(inspect(session.get(what)), `${what} ${name}`).toBe(inspect(around(value)))
      }
      expect(session.changed).toBe(false)
      expect(await app.commit(session, cookie)).toMatchObject({ setCookie: [] })
      expect(app.store.writes).toBe(0)
    }
  })

  it('stays one object where it appears twice, and is the one instance of its enum', async () => {
    const [app] = processes(kind, { types: TYPES }) as [Harness<Record<string, unknown>>]
    const price = new Money(1n, 'EUR')
    const cookie = await app.given({ two: [price, price], color: Color.red })
    const session = await app.load(cookie)
    const [first, second] = session.get('two') as [Money, Money]
    expect(first).toBe(second)
    expect(first.open().isOpened).toBe(true)
    expect(session.get('color')).toBe(Color.red)
  })

  it('that is changed in place is stored, and one that is set to the same value is not', async () => {
    const [app] = processes(kind, { types: TYPES }) as [Harness<Record<string, unknown>>]
    const cookie = await app.given({ at: [{ url: new URL('https://example.com/') }] })
    await app.visit((s) => s.set('at', [{ url: new URL('https://example.com') }]), { cookie })
    expect(app.store.writes).toBe(0)
    await app.visit(
      (s) => {
        const [{ url }] = s.get('at') as [{ url: URL }]
        url.pathname = '/there'
      },
      { cookie },
    )
    expect(app.store.writes).toBe(1)
    const [{ url }] = (await app.load(cookie)).get('at') as [{ url: URL }]
    expect(url.pathname).toBe('/there')
  })

  it('survives a login, a conflict, and a scope', async () => {
    const [app, other] = processes(
      kind,
      { types: TYPES, persistentFieldsOnLogin: ['price'], persistentScopesOnLogin: ['shop'] },
      { types: TYPES },
    ) as [Harness<Record<string, unknown>>, Harness<Record<string, unknown>>]
    const cookie = await app.given({ price: new Money(1n, 'EUR') }, (s) =>
      s.scope('shop').set('color', Color.red),
    )
    const slow = await app.load(cookie)
    await other.visit((s) => s.set('price', new Money(2n, 'EUR')), { cookie })
    slow.set('color', Color.blue)
    await app.commit(slow, cookie)
    const { cookie: after } = await app.visit((s) => s.login('alice'), { cookie })
    const session = await app.load(after)
    expect(session.get('price')).toEqual(new Money(2n, 'EUR'))
    expect(session.scope('shop').get('color')).toBe(Color.red)
  })

  it('can be the data of a security key', async () => {
    const [app] = processes(kind, { types: TYPES }) as [Harness<Record<string, unknown>>]
    const cookie = await app.given()
    const session = await app.load(cookie)
    const key = await session.getSecurityKey({ data: { price: new Money(3n, 'EUR') } })
    expect(await session.validateSecurityKey(key)).toEqual({ price: new Money(3n, 'EUR') })
  })
})

describe.each(STORE_KINDS)('a type that this process lacks, on $name', (kind) => {
  const lacking = (): [Harness<Record<string, unknown>>, Harness<Record<string, unknown>>] =>
    processes(kind, { types: TYPES }, { types: { Color: color } }) as never

  async function textOf(app: Harness<Record<string, unknown>>, cookie: string): Promise<string> {
    const lines = ((await app.stored(cookie))?.data ?? '').split('\n')
    return lines.find((line) => line.startsWith('"price"\t')) ?? 'none'
  }

  it('is an error only for reads of that key', async () => {
    const [app, other] = lacking()
    const cookie = await app.given({ a: 1, price: new Money(1n, 'hunter2'), color: Color.red })
    const session = await other.load(cookie)
    expect(session.get('a')).toBe(1)
    expect(session.get('color')).toBe(Color.red)
    expect([...session.keys()]).toEqual(['a', 'price', 'color'])
    expect([session.size, session.has('price')]).toEqual([3, true])
    for (const read of [
      () => session.get('price'),
      () => session.pop('price'),
      () => session.setDefault('price', 1),
      () => [...session.values()],
    ]) {
      expect(read).toThrow(
        expect.objectContaining({
          code: 'ERR_SESSION_STORE',
          status: 503,
          effect: 'none',
          retryable: false,
          message: expect.stringMatching(/price.*"Money".*option types/),
        }),
      )
    }
    expect(() => session.get('price')).not.toThrow(/hunter2/)
    expect(JSON.stringify(session)).toBe('{"a":1,"price":null,"color":{"name":"red"}}')
    expect(session.changed).toBe(false)
    expect(session.delete('price')).toBe(true)
  })

  it('is kept byte by byte by every write', async () => {
    const [app, other] = lacking()
    const cookie = await app.given({ price: new Money(1n, 'EUR'), b: 1 })
    const before = await textOf(app, cookie)
    expect(before).toContain('Money')
    await other.visit((s) => s.set('b', 2), { cookie })
    expect(await textOf(app, cookie)).toBe(before)
    const { cookie: cycled } = await other.visit((s) => s.cycleKey(), { cookie })
    expect(await textOf(app, cycled as string)).toBe(before)
    await other.sessions.updateSessionsByUser('__guest__', (data) => {
      data['b'] = 3
      expect(() => data['price']).toThrow(/Money/)
      expect(Object.keys(data)).toEqual(['price', 'b'])
    })
    expect(await textOf(app, cycled as string)).toBe(before)
    expect(await app.data(cycled)).toEqual({ price: new Money(1n, 'EUR'), b: 3 })
  })

  it('can be overwritten and removed, by updateSessionsByUser() too', async () => {
    const [app, other] = lacking()
    const cookie = await app.given({ price: new Money(1n, 'EUR'), old: new Money(2n, 'EUR') })
    await other.sessions.updateSessionsByUser('__guest__', (data) => {
      data['price'] = 5
      delete data['old']
    })
    expect(await app.data(cookie)).toEqual({ price: 5 })
    await other.visit((s) => s.set('price', Color.red), { cookie })
    expect(await app.data(cookie)).toEqual({ price: Color.red })
  })

  it('leaves a security key unused', async () => {
    const [app, other] = lacking()
    const cookie = await app.given()
    const key = await (await app.load(cookie)).getSecurityKey({ data: [new Money(1n, 'EUR')] })
    const session = await other.load(cookie)
    await expect(session.validateSecurityKey(key)).rejects.toMatchObject({
      code: 'ERR_SESSION_STORE',
    })
    expect(await (await app.load(cookie)).validateSecurityKey(key)).toEqual([new Money(1n, 'EUR')])
  })

  it('leaves an event to a process that has it', async () => {
    const space = uniqueSpace()
    const store = kind.make({ space })
    const app = new Harness<Record<string, unknown>>({ types: TYPES, events: true, store })
    const other = new Harness<Record<string, unknown>>(
      { types: { Color: color }, events: true, store: app.store },
      app.clock,
    )
    const told: [string, string, unknown][] = []
    app.sessions.onDelete(({ key, data }) => {
      told.push(['app', key, data])
    })
    other.sessions.onDelete(({ key, data }) => {
      told.push(['other', key, data])
    })
    const price = await app.given({ price: new Money(1n, 'EUR') })
    const nested = await app.given({}, (s) => s.scope('shop').set('all', [new Money(1n, 'EUR')]))
    const plain = await app.given({ color: Color.red })
    const out = await app.given({ price: new Money(2n, 'EUR') })
    await other.visit((s) => s.logout(), { cookie: out })
    expect((await (await other.load(out)).load()).loadOutcome).toBe('ended')
    app.clock.advance(26 * 60 * 60 * 1000)
    await other.sessions.startClearSessions()
    expect(told).toEqual([['other', keyOfCookie(plain), { color: Color.red }]])
    expect(other.warnings.filter((line) => line.includes('cannot read'))).toHaveLength(1)
    const { runs } = await other.sessions.status()
    expect(runs).toMatchObject([{ ended: 1, skipped: 3 }])
    told.length = 0
    await app.sessions.startClearSessions()
    expect(told.sort()).toEqual(
      [
        ['app', keyOfCookie(price), { price: new Money(1n, 'EUR') }],
        ['app', keyOfCookie(nested), {}],
        ['app', keyOfCookie(out), { price: new Money(2n, 'EUR') }],
      ].sort(),
    )
  })
})

describe.each([true, false])('a sweep of the app, with events: %s', (events) => {
  it('gets the sessions that it can report completely, and those without an event', async () => {
    const swept: string[] = []
    class Mine extends DeleteSessionsIter<Record<string, unknown>> {
      static override id = 'mine'
      override async handleEntry(entry: SessionEntry<Record<string, unknown>>): Promise<void> {
        swept.push(entry.key)
        await super.handleEntry(entry, null)
      }
    }
    const app = new Harness<Record<string, unknown>>({ types: TYPES })
    const lacking = keyOfCookie(await app.given({ price: new Money(1n, 'EUR') }))
    const plain = keyOfCookie(await app.given({ a: 1 }))
    const other = new Harness<Record<string, unknown>>(
      { sweep: Mine as never, events, store: app.store },
      app.clock,
    )
    if (events) other.sessions.onDelete(() => {})
    app.clock.advance(26 * 60 * 60 * 1000)
    await other.sessions.startClearSessions()
    expect(swept.sort()).toEqual((events ? [plain] : [lacking, plain]).sort())
    expect((await other.sessions.status()).runs).toMatchObject([
      events ? { ended: 1, skipped: 1, failed: 0 } : { ended: 2, skipped: 0, failed: 0 },
    ])
  })
})

describe('a type of the app', () => {
  const session = async (types: Record<string, SessionType>) => await new Harness({ types }).load()
  const value = { price: [new Money(1n, 'hunter2')] }

  it.each<[string, Partial<SessionType>, RegExp]>([
    [
      'whose is() throws',
      { is: () => fail() },
      /price\[0\].*is\(\) of the type "Money" threw RangeE/,
    ],
    ['whose is() gives a promise', { is: (async () => true) as never }, /is\(\).*at once/],
    ['whose encode() throws', { encode: () => fail() }, /encode\(\).*threw RangeError/],
    ['whose encode() gives a promise', { encode: async () => fail() }, /encode\(\).*at once/],
    ['whose encode() returns it', { encode: (one) => one }, /returned it unchanged/],
    [
      'whose encode() gives another instance',
      { encode: () => new Money(1n, 'hunter2') },
      /"Money"\) cannot.*instance of Money/,
    ],
    [
      'whose encode() gives one inside',
      { encode: () => ({ a: [Color.red] }) },
      /\.a\[0\].*instance of Color/,
    ],
    ['whose encode() gives nothing', { encode: () => undefined }, /"Money"\) cannot.*undefined/],
    ['whose encode() gives a function', { encode: () => fail }, /"Money"\) cannot.*function/],
    [
      'whose encode() gives a key of a prototype',
      { encode: () => JSON.parse('{"__proto__":1}') },
      /__proto__/,
    ],
    ['whose encode() gives a cycle', { encode: () => cycle() }, /contains itself/],
  ])('%s is a clear error', async (_, parts, message) => {
    const one = await session({ Money: { ...(money as SessionType), ...parts } })
    let error: unknown
    try {
      one.update(value)
    } catch (thrown) {
      error = thrown
    }
    expect(error).toMatchObject({
      code: 'ERR_SESSION_VALUE',
      message: expect.stringMatching(message),
    })
    expect(inspect(error)).not.toContain('hunter2')
  })

  it('counts the result of encode() against the limits', async () => {
    const long = await session({
      Money: { ...(money as SessionType), encode: () => 'x'.repeat(4e6) },
    })
    expect(() => long.update(value)).toThrow(
      expect.objectContaining({ code: 'ERR_SESSION_TOO_LARGE' }),
    )
    let deep: unknown = 1
    for (let depth = 0; depth < 64; depth++) deep = [deep]
    const nested = await session({ Money: { ...(money as SessionType), encode: () => deep } })
    expect(() => nested.update(value)).toThrow(/deeper than 64/)
  })

  it.each<[string, (plain: unknown) => unknown, RegExp]>([
    [
      'throws',
      () => fail(),
      /price cannot be read: decode\(\) of the type "Money" threw RangeError/,
    ],
    ['gives nothing', () => undefined, /returned undefined/],
    ['gives a promise', async () => fail(), /returned a promise/],
  ])('whose decode() %s is an error of the store at the read', async (_, decode, message) => {
    const app = new Harness<Record<string, unknown>>({ types: TYPES })
    const cookie = await app.given(value)
    const types = { ...TYPES, Money: { ...(money as SessionType), decode } }
    const other = new Harness<Record<string, unknown>>({ types, store: app.store }, app.clock)
    const one = await other.load(cookie)
    let error: unknown
    try {
      one.get('price')
    } catch (thrown) {
      error = thrown
    }
    expect(error).toMatchObject({
      code: 'ERR_SESSION_STORE',
      message: expect.stringMatching(message),
    })
    expect(inspect(error)).not.toContain('hunter2')
  })

  it('is not used for values that a session can store without it', async () => {
    const asked: unknown[] = []
    const app = new Harness<Record<string, unknown>>({
      types: { Any: { is: (one) => asked.push(one) > 0, encode: () => 'any', decode: () => 1 } },
    })
    const cookie = await app.given({
      a: [1, 'a', true, null, 1n, { b: {} }, new Date(0), new Map(), new Set(), Buffer.from('a')],
    })
    await app.data(cookie)
    expect(asked).toEqual([])
  })

  it('may be one that is only read', async () => {
    const app = new Harness<Record<string, unknown>>({ types: { Old: money } })
    const cookie = await app.given({ price: new Money(1n, 'EUR') })
    const types = { Old: { ...money, is: () => false }, Money: money }
    const later = new Harness<Record<string, unknown>>({ types, store: app.store }, app.clock)
    await later.visit((s) => s.get('price'), { cookie })
    expect((await app.stored(cookie))?.data).not.toContain('Old')
    expect(await later.data(cookie)).toEqual({ price: new Money(1n, 'EUR') })
  })

  it.each([
    ['no object', 5, /types must be an object/],
    ['a list', [money], /types must be an object/],
    ['a Map', new Map([['Money', money]]), /types must be an object/],
    ['no type', { Money }, /types\.Money must be an object/],
    [
      'without decode()',
      { Money: { is: () => true, encode: () => 1 } },
      /types\.Money\.decode must be a function/,
    ],
    [
      'with a part too many',
      { Money: { ...money, parse: () => 1 } },
      /types\.Money has no option "parse"/,
    ],
    ['without a name', { '': money }, /the name of a type/],
    ['with a name of no text', { '\ud800': money }, /the name of a type/],
    ...[
      'Date',
      'Map',
      'Set',
      'BigInt',
      'bigint',
      'Buffer',
      'Bytes',
      'Uint8Array',
      'Object',
      'null',
      'Type',
      'constructor',
      'prototype',
    ].map((name): [string, unknown, RegExp] => [`named ${name}`, { [name]: money }, /is reserved/]),
    ['named __proto__', JSON.parse('{"__proto__":{}}'), /"__proto__" is reserved/],
  ])('%s is refused', (_, types, message) => {
    expect(() => new Harness({ types: types as never })).toThrow(
      expect.objectContaining({
        code: 'ERR_SESSION_CONFIG',
        message: expect.stringMatching(message),
      }),
    )
  })

  it('may be an object of a separate class', async () => {
    class MoneyType {
      readonly #unit = 'EUR'
      is(one: unknown): boolean {
        return one instanceof Money
      }
      encode(one: Money): string {
        return `${one.amount} ${this.#unit}`
      }
      decode(text: string): Money {
        return new Money(BigInt(text.split(' ')[0] ?? ''), this.#unit)
      }
    }
    const app = new Harness<Record<string, unknown>>({ types: { Money: new MoneyType() } })
    const cookie = await app.given({ price: new Money(7n, '?') })
    expect(await app.data(cookie)).toEqual({ price: new Money(7n, 'EUR') })
  })
})

describe('stored data', () => {
  const TYPED = (name: unknown): string => JSON.stringify([['Type', 1], [2, 3], name, 'x'])

  it.each([
    ['toString', TYPED('toString')],
    ['__proto__', TYPED('__proto__')],
    ['constructor', TYPED('constructor')],
    ['hasOwnProperty', TYPED('hasOwnProperty')],
    ['a name that is none', TYPED({ a: 1 })],
    ['a strange name', TYPED(`<script>${'x'.repeat(200)}`)],
    ['no pair', JSON.stringify([['Type', 1], 'Money'])],
    ['a longer list', JSON.stringify([['Type', 1], [2, 3, 3], 'Money', 'x'])],
  ])('chooses no code by %s', async (_, text) => {
    const app = new Harness<Record<string, unknown>>({ types: TYPES })
    const cookie = await app.given({ price: 1, other: 2 })
    const record = await app.stored(cookie)
    const found = await app.store.find(keyOfCookie(cookie))
    if (record === null || found === null) throw new Error('nothing is stored')
    const { Payload } = await import('../../src/record/payload.ts')
    const data = Payload.decode(record.data, record.key)
      .with(new Map([['"price"', text]]))
      .encode(record.key)
    await app.store.write({
      kind: 'update',
      record: { ...record, data, rev: randomUUID() },
      version: found.version,
    })
    const session = await app.load(cookie)
    expect(session.get('other')).toBe(2)
    expect(() => session.get('price')).toThrow(
      expect.objectContaining({
        code: 'ERR_SESSION_STORE',
        message: expect.not.stringContaining('script'),
      }),
    )
  })
})

function fail(): never {
  throw new RangeError('no hunter2\n    at hunter2 (hunter2)')
}

function cycle(): unknown {
  const list: unknown[] = []
  list.push(list)
  return list
}
