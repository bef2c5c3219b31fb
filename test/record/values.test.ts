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
  'an object that throws when it is read': {
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
    // A generator can be read only once.
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

/** Values far beyond the limit. Values of many parts are in values.long.test.ts. */
const HUGE: Record<string, () => unknown> = {
  'a text': () => 'x'.repeat(5_000_000),
  'a text deep inside': () => ({ a: [{ b: 'x'.repeat(5_000_000) }] }),
  'a Buffer': () => Buffer.alloc(5_000_000),
  'a Uint8Array deep inside': () => [{ a: new Uint8Array(5_000_000) }],
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

  it('reports the reached size and the limit', async () => {
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

  it('is not a value that only looks large, such as the same text a thousand times', async () => {
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
