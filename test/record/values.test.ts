import { describe, expect, it } from 'vitest'
import { type Session, SessionTooLargeError, SessionValueError } from '../../src/index.ts'
import { encodeValue } from '../../src/record/codec.ts'
import { Harness } from '../request/harness.ts'

type Data = Record<string, unknown>

function* pairs(): Generator<[string, unknown]> {
  yield ['a', 1]
  yield ['b', [2]]
}

const REMOVING = 'pairs of which one removes'

const TAKEN: Record<string, [given: unknown, kept: Data]> = {
  'a plain object': [{ a: 1 }, { a: 1 }],
  'an object without a prototype': [Object.assign(Object.create(null), { a: 1 }), { a: 1 }],
  'a Map': [new Map<string, unknown>([['a', 1]]), { a: 1 }],
  URLSearchParams: [new URLSearchParams('a=1&b=2&a=3'), { a: '3', b: '2' }],
  FormData: [formData(), { a: '1' }],
  Headers: [new Headers({ 'X-A': '1' }), { 'x-a': '1' }],
  'a list of pairs': [[['a', 1]], { a: 1 }],
  'an empty list': [[], {}],
  'a generator of pairs': [pairs(), { a: 1, b: [2] }],
  [REMOVING]: [[['gone', undefined]], {}],
}

function formData(): FormData {
  const form = new FormData()
  form.set('a', '1')
  return form
}

class Cart {
  items = []
}

const REFUSED: Record<string, unknown> = {
  null: null,
  'a text': 'a=1',
  'a number': 5,
  'a function': () => {},
  'a Date': new Date(0),
  'a promise': Promise.resolve({ a: 1 }),
  'an instance of a class': new Cart(),
  'an error': new Error('x'),
  'a regular expression': /x/,
  'a list of texts': ['a'],
  'a list of objects': [{ a: 1 }],
  'a list of threes': [['a', 1, 2]],
  'a Set of texts': new Set(['ab']),
  bytes: new Uint8Array(2),
  'a boxed text': new String('ab'),
  'a Map with keys that are no text': new Map([[1, 1]]),
  'a symbol as a key': { [Symbol('a')]: 1 },
  'a key that is refused': new Map([['__proto__', 1]]),
  'a value that is refused after one that is not': [
    ['ok', 1],
    ['bad', () => {}],
  ],
  'what throws when it is read': {
    get a(): never {
      throw new Error('broken')
    },
  },
}

describe.each<[string, (s: Session<Data>, values: never) => unknown]>([
  ['update()', (s, values) => s.update(values)],
  ['login() with data', (s, values) => s.login('alice', { data: values })],
])('%s', (_, give) => {
  it.each(Object.entries(TAKEN))('takes %s', async (_what, [given, kept]) => {
    const app = new Harness<Data>()
    // A generator can be read once.
    const values = given instanceof Object && 'next' in given ? pairs() : given
    const { cookie } = await app.visit(async (s) => {
      if (_what === REMOVING) s.set('gone', 1)
      await give(s, values as never)
      expect(Object.fromEntries(s)).toEqual(kept)
      s.markChanged()
    })
    expect(await app.data(cookie)).toEqual(kept)
  })

  it.each(Object.entries(REFUSED))('refuses %s, and changes nothing', async (_what, given) => {
    const session = await new Harness<Data>().load()
    await expect((async () => give(session, given as never))()).rejects.toThrow(SessionValueError)
    expect([session.size, session.changed, session.isGuest]).toEqual([0, false, true])
  })
})

/** What is known to be four times too large by its members alone: each takes two bytes or more. */
const MANY = 1_900_000

const SOME = '.'.repeat(40)

/** Each far beyond the limit. */
const HUGE: Record<string, () => unknown> = {
  'an array of numbers': () => Array(MANY).fill(0),
  'an array of different numbers': () => Array.from({ length: MANY }, (_, at) => at),
  'an array deep inside': () => ({ a: [{ b: Array(MANY).fill(null) }] }),
  'a text': () => 'x'.repeat(5_000_000),
  'a text deep inside': () => ({ a: [{ b: 'x'.repeat(5_000_000) }] }),
  'a Set': () => new Set(Array.from({ length: 80_000 }, (_, at) => `member ${at}${SOME}`)),
  'a Map': () =>
    new Map(Array.from({ length: 80_000 }, (_, at) => [at, `a value ${at}${SOME}`] as const)),
  'a Buffer': () => Buffer.alloc(5_000_000),
  'a Uint8Array deep inside': () => [{ a: new Uint8Array(5_000_000) }],
  keys: () => Object.fromEntries(Array.from({ length: 80_000 }, (_, at) => [`${at}${SOME}`, 0])),
  'a bigint': () => 1n << 50_000_000n,
}

describe('a value far too large', () => {
  it.each(Object.entries(HUGE))('is not encoded to its end: %s', async (_, make) => {
    const app = new Harness<Data>()
    const value = make()
    const session = await app.load()
    expect(() => session.set('v', value)).toThrow(SessionTooLargeError)
    expect([session.size, session.changed, session.isGuest]).toEqual([0, false, true])
    expect(app.store.writes).toBe(0)
  })

  it.each<[string, (s: Session<Data>, v: unknown) => unknown]>([
    ['update() of an object', (s, v) => s.update({ ok: 1, v })],
    ['update() of pairs', (s, v) => s.update([['v', v]])],
    ['login()', (s, v) => s.login('alice', { data: { v } })],
    ['getSecurityKey()', (s, v) => s.getSecurityKey({ data: { v } })],
  ])('is not encoded to its end by %s either', async (_, give) => {
    const app = new Harness<Data>()
    const session = await app.load()
    const value = Array(MANY).fill(0)
    await expect((async () => give(session, value))()).rejects.toThrow(SessionTooLargeError)
    expect([session.size, session.changed, session.isGuest]).toEqual([0, false, true])
    expect(app.store.writes).toBe(0)
  })

  it('is read no further than where that is known', async () => {
    const session = await new Harness<Data>().load()
    let reads = 0
    const list = new Proxy(Array(MANY).fill(0), {
      get(target, name, receiver) {
        reads += 1
        return Reflect.get(target, name, receiver)
      },
    })
    expect(() => session.set('v', list)).toThrow(SessionTooLargeError)
    // Two bytes each are the least that a member takes, and what is four times too large is given up.
    expect(reads).toBeLessThan((900 * 1024 * 4) / 2 + 10)
  })

  it('is found at the commit, where it has grown since it was set', async () => {
    const app = new Harness<Data>()
    const session = await app.load()
    const list: unknown[] = []
    session.set('list', list)
    for (let n = 0; n < MANY; n++) list.push(0)
    await expect(app.sessions.commit(session)).rejects.toThrow(SessionTooLargeError)
    expect(app.store.writes).toBe(0)
  })

  it('is what many are together, and what has no end', async () => {
    const session = await new Harness<Data>().load()
    const part = 'x'.repeat(600 * 1024)
    const values = Object.fromEntries(Array.from({ length: 10 }, (_, at) => [at, `${at}${part}`]))
    expect(() => session.update(values)).toThrow(SessionTooLargeError)
    let given = 0
    function* endless(): Generator<[string, number]> {
      for (let n = 0; ; n++) {
        given += 1
        yield [`key${n}`, n]
      }
    }
    expect(() => session.update(endless())).toThrow(SessionTooLargeError)
    // The keys count too.
    expect(given).toBeLessThan(400_000)
    expect(session.size).toBe(0)
  })

  it('is a set of a million numbers, known when it is set', async () => {
    const session = await new Harness<Data>().load()
    const numbers = new Set(Array.from({ length: 1_000_000 }, (_, n) => n))
    expect(() => session.set('v', numbers)).toThrow(SessionTooLargeError)
  })

  it('tells what it had come to and the limit', async () => {
    const session = await new Harness<Data>().load()
    let error: unknown
    try {
      session.set('v', 'x'.repeat(5_000_000))
    } catch (thrown) {
      error = thrown
    }
    expect(error).toMatchObject({ code: 'ERR_SESSION_TOO_LARGE', limit: 900 * 1024 })
    expect(String(error)).toMatch(/^SessionTooLargeError: v would take more than \d+ bytes/)
  })

  it('is not what only looks large, as the same text a thousand times', async () => {
    const app = new Harness<Data>()
    const text = 'x'.repeat(50_000)
    const { cookie } = await app.visit((s) => s.set('list', Array(1000).fill(text)))
    expect(((await app.data(cookie))['list'] as string[]).length).toBe(1000)
  })

  it.each([
    ['with a hole at its end', Object.assign([1], { length: 2 ** 32 - 1 })],
    ['with nothing in it', Array(2 ** 32 - 1)],
    ['with a property of its own', Object.assign([1], { name: 'x' })],
  ])('is not an array %s, which is refused for that', (_, value) => {
    expect(() => encodeValue(value, 'v')).toThrow(/a hole of an array|with properties of its own/)
  })
})
