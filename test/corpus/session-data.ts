/** A value, and its result: kept as it is, kept as another value, or refused at a path. */
export type DataCase =
  | { readonly make: () => unknown; readonly kept: true }
  | { readonly make: () => unknown; readonly as: unknown }
  | { readonly make: () => unknown; readonly refused: string }

function kept(make: () => unknown): DataCase {
  return { make, kept: true }
}

function refused(at: string, make: () => unknown): DataCase {
  return { make, refused: at }
}

function nested(depth: number): unknown {
  let value: unknown = 'end'
  for (let level = 0; level < depth; level++) value = [value]
  return value
}

function cyclic(): unknown {
  const value: Record<string, unknown> = {}
  value['self'] = { inner: value }
  return value
}

function revoked(): object {
  const { proxy, revoke } = Proxy.revocable({}, {})
  revoke()
  return proxy
}

/** Every property of it is another such object. */
function endless(): object {
  return new Proxy(
    {},
    {
      ownKeys: () => ['a'],
      getOwnPropertyDescriptor: () => ({ enumerable: true, configurable: true, value: 1 }),
      get: (_, key) => (key === 'a' ? endless() : undefined),
    },
  )
}

/** A map whose iteration gives other entries than it contains. */
function lying(): object {
  return Object.defineProperty(new Map([['a', 1]]), Symbol.iterator, {
    value: function* () {
      yield ['b', () => {}]
    },
  })
}

class Point {
  x = 1
}

class List extends Array<unknown> {}

class Day extends Date {}

class Names extends Map<string, string> {}

/** Section C of the attack corpus. The value is set under the key `v`. */
export const SESSION_DATA: Readonly<Record<string, DataCase>> = {
  null: kept(() => null),
  booleans: kept(() => [true, false]),
  'an empty text': kept(() => ''),
  'numbers to the borders': kept(() => [
    0,
    -0,
    1.5,
    5e-324,
    1e308,
    -1e308,
    Number.MAX_SAFE_INTEGER,
    2 ** 53,
    2 ** 64,
    Number.EPSILON,
  ]),
  bigints: kept(() => [0n, -1n, 2n ** 64n, -(10n ** 100n)]),
  dates: kept(() => [
    new Date(0),
    new Date(-1),
    new Date(8.64e15),
    new Date(-8.64e15),
    new Date(1.5),
  ]),
  maps: kept(
    () =>
      new Map<unknown, unknown>([
        ['a', 1],
        [1, 'b'],
        [{ k: 1 }, [2]],
        [null, new Map()],
      ]),
  ),
  sets: kept(() => new Set<unknown>([1, '1', null, [1], new Set()])),
  'a Buffer': kept(() => Buffer.from([0, 1, 254, 255])),
  'an empty Buffer': kept(() => Buffer.alloc(0)),
  'a part of a Buffer': kept(() => Buffer.from('abcdef').subarray(2, 4)),
  'a Uint8Array': kept(() => new Uint8Array([0, 127, 128, 255])),
  'a part of a Uint8Array': kept(() => new Uint8Array([1, 2, 3, 4]).subarray(1, 3)),
  'line breaks, tabs and quotes': kept(() => 'a\nb\r\nc\td"e\\f\u2028g\u2029h'),
  'NUL and other controls': kept(() => '\0\x01\x07\x1b\x7f\x80\x9f'),
  'astral characters': kept(() => '🙂👩‍👩‍👧‍👦𝒳'),
  'a lone surrogate': kept(() => ['\ud800', 'a\udc00b', { '\ud800': 1 }]),
  'both forms of one letter': kept(() => ({ é: 1, 'e\u0301': 2 })),
  'a text of 1,501 bytes': kept(() => 'x'.repeat(1501)),
  'a key of 1,501 bytes': kept(() => ({ ['x'.repeat(1501)]: 1 })),
  'keys that Datastore reserves': kept(() => ({ __key__: 1, __x__: 2, '': 3, 'a.b': 4 })),
  'keys that objects inherit': kept(() => ({
    toString: 1,
    hasOwnProperty: 2,
    valueOf: 3,
    toJSON: 4,
    length: 5,
  })),
  'numeric keys': kept(() => ({ 10: 'a', 2: 'b', '-1': 'c' })),
  'texts that look like markup': kept(() => [
    '</script>',
    '<!--',
    '{{x}}',
    '[["Date","x"]]',
    '{"__proto__":1}',
  ]),
  'an empty object and an empty array': kept(() => [{}, []]),
  'an object without a prototype': kept(() =>
    Object.assign(Object.create(null) as object, { a: 1 }),
  ),
  'a frozen object': kept(() => Object.freeze({ a: Object.freeze([1]) })),
  'depth 64': kept(() => nested(64)),
  'an array of 10,000': kept(() => Array.from({ length: 10_000 }, (_, i) => i)),

  'undefined in an object': { make: () => ({ a: 1, b: undefined }), as: { a: 1 } },
  'undefined in an array': refused('v[1]', () => [1, undefined]),
  'undefined in a Map': refused('v.values[0]', () => new Map([[1, undefined]])),
  'undefined in a Set': refused('v[0]', () => new Set([undefined])),
  NaN: refused('v', () => Number.NaN),
  Infinity: refused('v.a', () => ({ a: Number.POSITIVE_INFINITY })),
  '-Infinity in a Map': refused('v.values[0]', () => new Map([['a', Number.NEGATIVE_INFINITY]])),
  'an invalid date': refused('v[0]', () => [new Date(Number.NaN)]),
  'a function': refused('v.f', () => ({ f: () => {} })),
  'a symbol': refused('v.s', () => ({ s: Symbol('x') })),
  'a symbol for a key': refused('v', () => ({ [Symbol('x')]: 1 })),
  'a class instance': refused('v.p', () => ({ p: new Point() })),
  'an instance of a subclass of Map': refused('v', () => new Names()),
  'a RegExp': refused('v', () => /x/),
  'an Error': refused('v', () => new Error('x')),
  'a Promise': refused('v', () => Promise.resolve()),
  'a WeakMap': refused('v', () => new WeakMap()),
  'a URL': refused('v', () => new URL('https://a.example')),
  'boxed values': refused('v[0]', () => [Object(1)]),
  'an Int32Array': refused('v', () => new Int32Array(2)),
  'an ArrayBuffer': refused('v', () => new ArrayBuffer(2)),
  'a DataView': refused('v', () => new DataView(new ArrayBuffer(2))),
  'a module namespace': refused('v', () => Math),
  'an array with holes': refused('v', () => Array(2)),
  'a sparse array of length 2**32 - 1': refused('v', () =>
    Object.assign([], { length: 2 ** 32 - 1 }),
  ),
  'an array with properties': refused('v', () => Object.assign([1], { a: 1 })),
  'an array with a hole and as many properties': refused('v.a[1]', () => {
    const holed: unknown[] = [1]
    holed[2] = 3
    return { a: Object.assign(holed, { x: 5 }) }
  }),
  'an instance of a subclass of Array': refused('v.list', () => ({ list: List.from([1]) })),
  'an instance of a subclass of Date': refused('v[0]', () => [new Day(0)]),
  'a cycle': refused('v.self.inner', cyclic),
  'depth 65': refused('v', () => nested(66)),
  'depth 20,000': refused('v', () => nested(20_000)),
  '__proto__ as a key of its own': refused('v', () => JSON.parse('{"__proto__":{"admin":true}}')),
  '__proto__ deep inside': refused('v.a[0]', () => ({ a: [JSON.parse('{"__proto__":1}')] })),
  'constructor.prototype': refused('v', () => ({ constructor: { prototype: { admin: true } } })),
  'prototype as a key': refused('v', () => ({ prototype: 1 })),
  'a Proxy that changes nothing': { make: () => new Proxy({ a: 1 }, {}), as: { a: 1 } },
  'a Proxy that was revoked': refused('v', revoked),
  'a Proxy that was revoked, deep inside': refused('v.a[0]', () => ({ a: [revoked()] })),
  'a Proxy of a Map': refused('v', () => new Proxy(new Map(), {})),
  'a Proxy without an end': refused('v.a.a', endless),
  'a Proxy that throws': refused(
    'v',
    () =>
      new Proxy(
        {},
        {
          ownKeys: () => {
            throw new Error('a trap')
          },
        },
      ),
  ),
  'a getter that throws': refused('v', () => ({
    get bomb() {
      throw new Error('a bomb')
    },
  })),
  'a Map that lies': refused('v.values[0]', lying),
  'a date with a toJSON of its own, which nobody asks': {
    make: () => Object.assign(new Date(0), { toJSON: () => 'bomb' }),
    as: new Date(0),
  },
  'an iterator': refused('v', () => [1][Symbol.iterator]()),
  'a WeakRef': refused('v', () => new WeakRef({})),
  'the global object': refused('v', () => globalThis),
  'a toJSON that is a function': refused('v.toJSON', () => ({ toJSON: () => ({ bomb: true }) })),
}
