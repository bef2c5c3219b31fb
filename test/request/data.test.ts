import { describe, expect, it, vi } from 'vitest'
import {
  type Session,
  type SessionKey,
  SessionLateChangeError,
  SessionNotLoadedError,
  SessionTooLargeError,
  SessionValueError,
} from '../../src/index.ts'
import { plainValues } from '../../src/record/codec.ts'
import { Payload } from '../../src/record/payload.ts'
import { SessionData } from '../../src/request/tracked-data.ts'
import { Harness } from './harness.ts'

type Data = Record<string, unknown>
type Step = (session: Session<Data>) => unknown

const START = { a: 1, b: 'two', c: { deep: [1, 2] } }

interface Case {
  readonly does: Step
  /** The result of the call. */
  readonly gives?: unknown
  /** The data afterwards; unchanged unless given. */
  readonly leaves?: Data
}

const CASES: Record<string, Case> = {
  'get gives a value': { does: (s) => s.get('b'), gives: 'two' },
  'get of a missing key is undefined': { does: (s) => s.get('x'), gives: undefined },
  'get of what every object inherits is undefined': {
    does: (s) => s.get('toString'),
    gives: undefined,
  },
  'has knows a key': { does: (s) => s.has('a'), gives: true },
  'has knows no missing key': { does: (s) => s.has('x'), gives: false },
  'has knows no key that every object inherits': {
    does: (s) => s.has('hasOwnProperty'),
    gives: false,
  },
  'set adds': { does: (s) => s.set('d', 4), leaves: { ...START, d: 4 } },
  'set replaces': { does: (s) => s.set('a', null), leaves: { ...START, a: null } },
  'set can be chained': {
    does: (s) => s.set('a', 2).set('b', 3),
    leaves: { ...START, a: 2, b: 3 },
  },
  'set of undefined removes': {
    does: (s) => s.set('a', undefined),
    leaves: { b: START.b, c: START.c },
  },
  'delete removes and says so': {
    does: (s) => s.delete('a'),
    gives: true,
    leaves: { b: START.b, c: START.c },
  },
  'delete of a missing key says so': { does: (s) => s.delete('x'), gives: false },
  'pop gives and removes': {
    does: (s) => s.pop('a'),
    gives: 1,
    leaves: { b: START.b, c: START.c },
  },
  'pop of a missing key gives the default': { does: (s) => s.pop('x', 'y'), gives: 'y' },
  'pop takes undefined for a default': { does: (s) => s.pop('x', undefined), gives: undefined },
  'popItem gives the newest and removes it': {
    does: (s) => s.popItem(),
    gives: ['c', START.c],
    leaves: { a: 1, b: 'two' },
  },
  'popItem goes by when a key came and not by when it was changed': {
    does: (s) => s.set('d', 4).set('a', 5).popItem(),
    gives: ['d', 4],
    leaves: { ...START, a: 5 },
  },
  'setDefault leaves what is there': { does: (s) => s.setDefault('a', 9), gives: 1 },
  'setDefault leaves a null that is there': {
    does: (s) => s.set('n', null).setDefault('n', 9),
    gives: null,
    leaves: { ...START, n: null },
  },
  'setDefault sets what is missing': {
    does: (s) => s.setDefault('d', 4),
    gives: 4,
    leaves: { ...START, d: 4 },
  },
  'setDefault gives the value that is kept': {
    does: (s) => (s.setDefault('list', []) as number[]).push(1),
    gives: 1,
    leaves: { ...START, list: [1] },
  },
  'update sets each and leaves the others': {
    does: (s) => s.update({ a: 2, d: 4 }),
    leaves: { ...START, a: 2, d: 4 },
  },
  'update of undefined removes': {
    does: (s) => s.update({ a: undefined }),
    leaves: { b: START.b, c: START.c },
  },
  'clear removes all': { does: (s) => s.clear(), leaves: {} },
  'clear and set again': {
    does: (s) => {
      s.clear()
      s.set('a', 1)
    },
    leaves: { a: 1 },
  },
  'keys are in the order in which they came': {
    does: (s) => [...s.keys()],
    gives: ['a', 'b', 'c'],
  },
  'values follow the keys': { does: (s) => [...s.values()], gives: [1, 'two', START.c] },
  'entries follow the keys': { does: (s) => [...s.entries()], gives: Object.entries(START) },
  'a session can be iterated': { does: (s) => [...s], gives: Object.entries(START) },
  'iterators have the methods of an iterator': { does: (s) => s.keys().next().value, gives: 'a' },
  'size counts': { does: (s) => s.size, gives: 3 },
  'size follows changes': {
    does: (s) => {
      s.set('d', 4).delete('a')
      s.delete('b')
      return s.size
    },
    gives: 2,
    leaves: { c: START.c, d: 4 },
  },
  'a key that is removed and set again is the newest': {
    does: (s) => {
      s.delete('a')
      s.set('a', 1)
      return [...s.keys()]
    },
    gives: ['b', 'c', 'a'],
  },
  'a changed key keeps its place': {
    does: (s) => [...s.set('a', 9).keys()],
    gives: ['a', 'b', 'c'],
    leaves: { ...START, a: 9 },
  },
  'iterating while deleting sees every key': {
    does: (s) => {
      const seen = []
      for (const [key] of s) {
        seen.push(key)
        s.delete(key)
      }
      return seen
    },
    gives: ['a', 'b', 'c'],
    leaves: {},
  },
  'an empty key is a key': {
    does: (s) => s.set('', 0).get(''),
    gives: 0,
    leaves: { ...START, '': 0 },
  },
  'a key may hold whatever text may': {
    does: (s) => s.set('a\tb\nc"\\\u2028🙂\0', 1).get('a\tb\nc"\\\u2028🙂\0'),
    gives: 1,
    leaves: { ...START, 'a\tb\nc"\\\u2028🙂\0': 1 },
  },
}

describe('the data of a session', () => {
  it.each(Object.entries(CASES))('%s', async (_, { does, gives, leaves = START }) => {
    const app = new Harness<Data>()
    const before = await app.given(START)
    const { cookie } = await app.visit(
      (session) => {
        const given = does(session)
        if (gives !== undefined) expect(given).toEqual(gives)
        expect(Object.fromEntries(session)).toEqual(leaves)
      },
      { cookie: before },
    )
    expect(await app.data(cookie)).toEqual(leaves)
  })

  it('throws RangeError for pop of a missing key and popItem of an empty session', async () => {
    const session = await new Harness<Data>().load()
    expect(() => session.pop('x')).toThrow(RangeError)
    expect(() => session.popItem()).toThrow(RangeError)
    expect(session.changed).toBe(false)
  })

  it('keeps the order of keys over requests', async () => {
    const app = new Harness<Data>()
    const cookie = await app.given({ z: 1, 10: 1, y: 1 }, (session) => session.set('first', 1))
    await app.visit((session) => session.set('a', 1).set('z', 2), { cookie })
    // Numbers come first in the object for update(), but not in the session.
    expect([...(await app.load(cookie)).keys()]).toEqual(['first', '10', 'z', 'y', 'a'])
  })

  it('keeps the order of new keys, one of which came back', async () => {
    const app = new Harness<Data>()
    const cookie = await app.given({}, (s) => {
      s.set('x', 1).set('y', 1).delete('x')
      s.set('x', 1)
      expect([...s.keys()]).toEqual(['y', 'x'])
    })
    expect([...(await app.load(cookie)).keys()]).toEqual(['y', 'x'])
  })

  it('puts a stored key that came back in its old place, from the save on', async () => {
    const app = new Harness<Data>()
    const cookie = await app.given({ a: 1, b: 2 })
    const session = await app.load(cookie)
    session.delete('a')
    session.set('a', 3)
    expect([...session.keys()]).toEqual(['b', 'a'])
    await session.save()
    expect([...session.keys()]).toEqual(['a', 'b'])
    await app.visit((s) => expect(s.popItem()).toEqual(['b', 2]), { cookie })
    expect(await app.data(cookie)).toEqual({ a: 3 })
  })

  it('writes nothing for a stored key that came back unchanged', async () => {
    const app = new Harness<Data>()
    const cookie = await app.given({ a: 1, b: 2 })
    await app.visit((s) => s.delete('a') && s.set('a', 1), { cookie })
    expect(app.store.writes).toBe(0)
  })

  it('keeps numeric, dotted and inherited names as plain keys', async () => {
    const app = new Harness<Data>()
    const data = {
      '0': 'a',
      'a.b': 1,
      a: { b: 2 },
      toString: 'x',
      hasOwnProperty: 1,
      length: 5,
      valueOf: 0,
    }
    const cookie = await app.given(data)
    expect(await app.data(cookie)).toEqual(data)
  })

  it.each(['__proto__', 'constructor', 'prototype'])(
    'refuses the key %s everywhere',
    async (key) => {
      const session = await new Harness<Data>().load()
      const calls: Step[] = [
        (s) => s.get(key),
        (s) => s.has(key),
        (s) => s.set(key, 1),
        (s) => s.delete(key),
        (s) => s.pop(key, 1),
        (s) => s.setDefault(key, 1),
        (s) => s.update(JSON.parse(`{"${key}":1}`) as Data),
        (s) => s.scope('cart').set(key, 1),
      ]
      for (const call of calls) expect(() => call(session)).toThrow(SessionValueError)
      expect(session.changed).toBe(false)
    },
  )

  it.each([undefined, null, 1, Symbol('x'), {}])('refuses %s as a key', async (key) => {
    const session = await new Harness<Data>().load()
    expect(() => session.get(key as never)).toThrow(SessionValueError)
    expect(() => session.set(key as never, 1)).toThrow(SessionValueError)
  })

  it.each([null, undefined, 5, 'text'])('refuses update(%s)', async (values) => {
    const session = await new Harness<Data>().load()
    expect(() => session.update(values as never)).toThrow(SessionValueError)
  })
})

const READS: Record<string, Step> = {
  get: (s) => s.get('a'),
  has: (s) => s.has('a'),
  keys: (s) => s.keys(),
  values: (s) => s.values(),
  entries: (s) => s.entries(),
  size: (s) => s.size,
  iteration: (s) => [...s],
  expiryAge: (s) => s.expiryAge(),
  expiryDate: (s) => s.expiryDate(),
  expireAtBrowserClose: (s) => s.expireAtBrowserClose(),
  isEmpty: (s) => s.isEmpty,
  scopes: (s) => s.scopes(),
  toJSON: (s) => JSON.stringify(s),
  'scope().get': (s) => s.scope('cart').get('a'),
}

const WRITES: Record<string, Step> = {
  set: (s) => s.set('a', 2),
  delete: (s) => s.delete('a'),
  pop: (s) => s.pop('a'),
  popItem: (s) => s.popItem(),
  setDefault: (s) => s.setDefault('new', 1),
  update: (s) => s.update({ a: 2 }),
  clear: (s) => s.clear(),
  setExpiry: (s) => s.setExpiry('5m'),
  markChanged: (s) => s.markChanged(),
  'scope().set': (s) => s.scope('cart').set('a', 2),
}

const FLAGS: Record<string, Step> = {
  user: (s) => s.user,
  isGuest: (s) => s.isGuest,
  isNew: (s) => s.isNew,
  key: (s) => s.key,
  loadOutcome: (s) => s.loadOutcome,
  authenticated: (s) => s.authenticated,
  isFresh: (s) => s.isFresh('5m'),
}

describe('accessed and changed', () => {
  it('are false for a session that is only loaded', async () => {
    const app = new Harness<Data>()
    const session = await app.load(await app.given({ a: 1 }))
    expect([session.accessed, session.changed, session.loaded, session.ended]).toEqual([
      false,
      false,
      true,
      false,
    ])
  })

  it.each(Object.entries({ ...READS, ...FLAGS }))(
    '%s marks accessed and not changed',
    async (_, step) => {
      const app = new Harness<Data>()
      const session = await app.load(await app.given({ a: 1 }))
      step(session)
      expect([session.accessed, session.changed]).toEqual([true, false])
    },
  )

  it.each(Object.entries(WRITES))('%s marks accessed and changed', async (_, step) => {
    const app = new Harness<Data>()
    const session = await app.load(await app.given({ a: 1 }))
    step(session)
    expect([session.accessed, session.changed]).toEqual([true, true])
  })

  it.each(Object.entries(READS).filter(([name]) => name !== 'toJSON'))(
    '%s before load() throws',
    async (_, step) => {
      const session = new Harness<Data>().open()
      expect(() => step(session)).toThrow(SessionNotLoadedError)
    },
  )

  it.each(Object.entries(WRITES))('%s before load() throws', async (_, step) => {
    const session = new Harness<Data>().open()
    expect(() => step(session)).toThrow(SessionNotLoadedError)
  })

  it('revert() before load() throws', () => {
    expect(() => new Harness<Data>().open().revert()).toThrow(SessionNotLoadedError)
  })

  it.each(Object.entries(WRITES))('%s after the commit has started throws', async (_, step) => {
    const app = new Harness<Data>()
    const { session } = await app.visit(() => {}, { cookie: await app.given({ a: 1 }) })
    expect(() => step(session)).toThrow(SessionLateChangeError)
  })

  it.each(['login', 'logout', 'reset', 'cycleKey', 'save'] as const)(
    '%s after the commit has started throws',
    async (method) => {
      const app = new Harness<Data>()
      const { session } = await app.visit(() => {}, { cookie: await app.given({ a: 1 }) })
      await expect(session[method]('alice')).rejects.toThrow(SessionLateChangeError)
    },
  )

  it.each(Object.entries(READS))('%s after the commit goes on working', async (_, step) => {
    const app = new Harness<Data>()
    const { session } = await app.visit(() => {}, { cookie: await app.given({ a: 1 }) })
    expect(() => step(session)).not.toThrow()
  })
})

describe('a change of data', () => {
  const deep: Record<string, [unknown, (value: never) => void]> = {
    'of an object': [
      { a: { b: 1 } },
      (value: { a: { b: number } }) => {
        value.a.b = 2
      },
    ],
    'of an array': [[[1]], (value: number[][]) => value[0]?.push(2)],
    'of a Map': [new Map([['a', 1]]), (value: Map<string, number>) => value.set('a', 2)],
    'of a Set': [new Set([1]), (value: Set<number>) => value.add(2)],
    'of a Date': [new Date(0), (value: Date) => value.setTime(1)],
    'of a Buffer': [
      Buffer.from('ab'),
      (value: Buffer) => {
        value[0] = 0
      },
    ],
    'of a Uint8Array': [
      new Uint8Array(2),
      (value: Uint8Array) => {
        value[1] = 7
      },
    ],
    'of a Map in a Set in an array': [
      [new Set([new Map([[1, 1]])])],
      (value: [Set<Map<number, number>>]) => [...value[0]][0]?.set(1, 2),
    ],
  }

  it.each(Object.entries(deep))('is a change deep inside %s', async (_, [value, change]) => {
    const app = new Harness<Data>()
    const cookie = await app.given({ value, other: 1 })
    const { session } = await app.visit((s) => change(s.get('value') as never), { cookie })
    expect(app.store.writes).toBe(1)
    change(value as never)
    expect(session.get('value')).toEqual(value)
    expect(await app.data(cookie)).toEqual({ value, other: 1 })
  })

  it.each(Object.entries(deep))(
    'is not reading, nor a change taken back, %s',
    async (_, [value]) => {
      const app = new Harness<Data>()
      const cookie = await app.given({ value })
      await app.visit((s) => s.set('value', s.get('value')), { cookie })
      await app.visit(
        (s) =>
          s
            .set('value', structuredClone(s.get('value')))
            .set('x', 1)
            .delete('x'),
        { cookie },
      )
      // The clone of a Buffer is a Uint8Array, which is another type.
      expect(app.store.writes).toBe(Buffer.isBuffer(value) ? 1 : 0)
    },
  )

  it('is a change of a value from an iteration', async () => {
    const app = new Harness<Data>()
    const cookie = await app.given({ list: [1] })
    await app.visit(
      (s) => {
        for (const [, value] of s) (value as number[]).push(2)
      },
      { cookie },
    )
    expect(await app.data(cookie)).toEqual({ list: [1, 2] })
  })

  it('is the change of a value after it was set', async () => {
    const app = new Harness<Data>()
    const list = [1]
    const { cookie } = await app.visit((s) => {
      s.set('list', list)
      list.push(2)
    })
    list.push(3)
    expect(await app.data(cookie)).toEqual({ list: [1, 2] })
  })

  it('is -0 for 0, and no other value that looks equal', async () => {
    const app = new Harness<Data>()
    const cookie = await app.given({ n: 0, s: '1', t: true })
    await app.visit((s) => s.set('n', 0).set('s', '1').set('t', true), { cookie })
    expect(app.store.writes).toBe(0)
    await app.visit((s) => s.set('n', -0), { cookie })
    expect(app.store.writes).toBe(1)
    expect((await app.data(cookie))['n']).toBe(-0)
  })

  it('is markChanged(), once', async () => {
    const app = new Harness<Data>()
    const cookie = await app.given()
    const before = await app.stored(cookie)
    await app.visit(
      async (s) => {
        s.markChanged()
        await s.save()
        await s.save()
      },
      { cookie },
    )
    expect(app.store.writes).toBe(1)
    expect((await app.stored(cookie))?.rev).not.toBe(before?.rev)
  })

  it('is markChanged() of a new session, which is stored empty', async () => {
    const app = new Harness<Data>()
    const { cookie, session } = await app.visit((s) => s.markChanged())
    expect(session.isNew).toBe(false)
    expect((await app.load(cookie)).loadOutcome).toBe('live')
  })

  it('is undone by revert()', async () => {
    const app = new Harness<Data>()
    const cookie = await app.given({ a: { b: 1 }, c: 1 })
    await app.visit(
      (s) => {
        ;(s.get('a') as Data)['b'] = 2
        s.set('d', 1).delete('c')
        s.markChanged()
        s.revert()
        expect(s.changed).toBe(false)
        expect(Object.fromEntries(s)).toEqual({ a: { b: 1 }, c: 1 })
      },
      { cookie },
    )
    expect(app.store.writes).toBe(0)
  })

  it('is undone by revert() up to the last save', async () => {
    const app = new Harness<Data>()
    const cookie = await app.given({ a: 1 })
    await app.visit(
      async (s) => {
        s.set('a', 2)
        await s.save()
        s.set('a', 3)
        s.revert()
        expect(s.get('a')).toBe(2)
      },
      { cookie },
    )
    expect(await app.data(cookie)).toEqual({ a: 2 })
  })

  it('is removing the last key', async () => {
    const app = new Harness<Data>()
    const cookie = await app.given({ a: 1 })
    await app.visit((s) => s.delete('a'), { cookie })
    expect(await app.data(cookie)).toEqual({})
    expect((await app.load(cookie)).loadOutcome).toBe('live')
  })
})

describe('an invalid value', () => {
  it('is refused when set, with its path', async () => {
    const session = await new Harness<Data>().load()
    expect(() => session.set('cart', { items: [1, 2, { f: () => {} }] })).toThrow(
      /cart\.items\[2\]\.f/,
    )
    expect(() => session.set('cart', { items: [1, 2, { f: () => {} }] })).toThrow(SessionValueError)
    expect(session.has('cart')).toBe(false)
  })

  it('is refused by update(), which then sets none of the values', async () => {
    const session = await new Harness<Data>().load()
    expect(() => session.update({ a: 1, b: { c: Number.NaN } })).toThrow(/b\.c/)
    expect(() => session.update({ a: 1, constructor: 2 })).toThrow(SessionValueError)
    expect(session.size).toBe(0)
  })

  it('leaves the old value when refused', async () => {
    const app = new Harness<Data>()
    const cookie = await app.given({ a: 1 })
    await app.visit((s) => expect(() => s.set('a', Number.NaN)).toThrow(SessionValueError), {
      cookie,
    })
    expect(await app.data(cookie)).toEqual({ a: 1 })
  })

  it('fails the commit when it was put in later, and the session stays unchanged', async () => {
    const app = new Harness<Data>()
    const cookie = await app.given({ a: {} })
    const session = await app.load(cookie)
    ;(session.get('a') as Data)['late'] = Symbol('x')
    await expect(app.sessions.commit(session)).rejects.toThrow(/a\.late/)
    expect(app.store.writes).toBe(0)
    const again = await app.sessions.commit(session, { status: 500 })
    expect(again.setCookie).toEqual([])
    expect(await app.data(cookie)).toEqual({ a: {} })
  })

  it('is dropped with the rest by a response with a server error', async () => {
    const app = new Harness<Data>()
    const cookie = await app.given({ a: {} })
    await app.visit(
      (s) => {
        ;(s.get('a') as Data)['late'] = Symbol('x')
      },
      { cookie, status: 500 },
    )
    expect(app.store.writes).toBe(0)
  })

  it('is too large above 900 KiB in bytes', async () => {
    const app = new Harness<Data>()
    const session = await app.load()
    session.set('big', '🙂'.repeat(230 * 1024))
    const error = await app.sessions.commit(session).catch((e: unknown) => e)
    expect(error).toBeInstanceOf(SessionTooLargeError)
    expect(error).toMatchObject({ limit: 900 * 1024, code: 'ERR_SESSION_TOO_LARGE' })
    expect((error as SessionTooLargeError).size).toBeGreaterThan(920 * 1024)
    const { cookie } = await app.visit((s) => s.set('big', 'x'.repeat(899 * 1024)))
    expect(String((await app.data(cookie))['big'])).toHaveLength(899 * 1024)
  })

  it('does not make another save of its session fail', async () => {
    const app = new Harness<Data>()
    const cookie = await app.given({ a: 1 })
    const [first, big, last] = await Promise.all([
      app.load(cookie),
      app.load(cookie),
      app.load(cookie),
    ])
    first.set('first', 1)
    big.set('big', 'x'.repeat(1_000_000))
    last.set('last', 1)
    const results = await Promise.allSettled([first, big, last].map((s) => app.sessions.commit(s)))
    expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled'])
    expect(await app.data(cookie)).toEqual({ a: 1, first: 1, last: 1 })
  })
})

describe('a scope', () => {
  it('shares no key with the root or with another scope', async () => {
    const app = new Harness<Data>()
    const { cookie } = await app.visit((s) => {
      s.set('n', 'root')
      s.scope('a').set('n', 'a').set('only', 1)
      s.scope('b').set('n', 'b')
      s.scope('a","b').set('n', 'tricky')
    })
    const s = await app.load(cookie)
    expect([...s]).toEqual([['n', 'root']])
    expect([...s.scope('a')]).toEqual([
      ['n', 'a'],
      ['only', 1],
    ])
    expect([...s.scope('b')]).toEqual([['n', 'b']])
    expect([...s.scope('a","b')]).toEqual([['n', 'tricky']])
    expect(s.scope('none').size).toBe(0)
    s.scope('a').clear()
    expect([s.size, s.scope('a').size, s.scope('b').size]).toEqual([1, 0, 1])
    s.clear()
    expect([s.size, s.scope('b').size]).toEqual([0, 1])
    expect(s.scope('b').popItem()).toEqual(['n', 'b'])
  })

  it('is the same each time, and cannot be extended', async () => {
    const s = await new Harness<Data>().load()
    s.scope('a').set('n', 1)
    expect(s.scope('a').get('n')).toBe(1)
    expect(() => Object.assign(s.scope('a'), { views: 1 })).toThrow(TypeError)
  })

  it('is listed while it holds data', async () => {
    const app = new Harness<Data>()
    const session = await app.load()
    expect([session.scopes(), session.isEmpty, session.size]).toEqual([[], true, 0])
    session.scope('b').set('n', 1)
    session.scope('a').set('n', 1).set('m', 2)
    session.scope('"').set('n', 1)
    expect([session.scopes(), session.isEmpty, session.size]).toEqual([['b', 'a', '"'], false, 0])
    expect([session.scope('a').isEmpty, session.scope('none').isEmpty]).toEqual([false, true])
    const { cookie } = await app.commit(session)
    const later = await app.load(cookie)
    expect([later.scopes(), later.isEmpty]).toEqual([['b', 'a', '"'], false])
    later.scope('b').clear()
    later.scope('"').delete('n')
    later.set('root', 1)
    expect([later.scopes(), later.isEmpty]).toEqual([['a'], false])
    later.scope('a').clear()
    expect([later.scopes(), later.isEmpty]).toEqual([[], false])
    later.clear()
    expect(later.isEmpty).toBe(true)
  })

  it('is dropped at login and kept by cycleKey', async () => {
    const app = new Harness<Data>({ persistentFieldsOnLogin: ['n'] })
    const cookie = await app.given({ n: 1 }, (s) => s.scope('a').set('n', 1))
    const cycled = await app.visit((s) => s.cycleKey(), { cookie })
    expect((await app.load(cycled.cookie)).scope('a').get('n')).toBe(1)
    const logged = await app.visit((s) => s.login('alice'), { cookie: cycled.cookie })
    const s = await app.load(logged.cookie)
    expect([s.get('n'), s.scope('a').size]).toEqual([1, 0])
  })

  it.each(['__proto__', null, 5, undefined, 'viur-session:old'])(
    'refuses the name %s',
    async (name) => {
      const s = await new Harness<Data>().load()
      expect(() => s.scope(name as never)).toThrow(SessionValueError)
    },
  )
})

describe('the object itself', () => {
  it('cannot be extended or overwritten, so that a typing error is noticed', async () => {
    const session = (await new Harness<Data>().load()) as unknown as Data
    expect(() => {
      session['views'] = 1
    }).toThrow(TypeError)
    expect(() => {
      session['user'] = 'root'
    }).toThrow(TypeError)
    expect(() => {
      session['key'] = 'x'
    }).toThrow(TypeError)
    expect(() => Object.defineProperty(session, 'x', { value: 1 })).toThrow(TypeError)
    expect(() => Object.setPrototypeOf(session, null)).toThrow(TypeError)
  })
})

describe('a session of 5,000 keys', () => {
  it('is not searched from its beginning for each key', () => {
    const { body, key } = { body: [] as [string, string][], key: 'A'.repeat(43) as SessionKey }
    for (let i = 0; i < 5000; i++) body.push([JSON.stringify(`key${i}`), `"${'x'.repeat(100)}"`])
    const payload = Payload.decode(Payload.empty.with(new Map(body)).encode(key), key)
    const data = new SessionData(payload, plainValues)
    const search = vi.spyOn(String.prototype, 'indexOf')
    try {
      for (const [unit] of body) data.write(unit, 'y')
      expect(data.changes().size).toBe(5000)
      const long = search.mock.contexts.filter((text) => String(text).length > 10_000)
      expect(long.length).toBeLessThan(100)
    } finally {
      search.mockRestore()
    }
  })
})

describe('a value that can change in place', () => {
  it.each([
    ['of a stored session', { a: 1 }],
    ['of a new session', undefined],
  ])('is encoded at most twice by a commit: %s', async (_, data) => {
    const app = new Harness<Data>()
    const session = await app.load(data && (await app.given(data)))
    let reads = 0
    session.set('v', {
      get part() {
        reads += 1
        return 'x'
      },
    })
    reads = 0
    const { cookie } = await app.commit(session)
    // Once for the store, and once to find changes made while it was being stored.
    expect(reads).toBe(2)
    if (cookie !== undefined) expect(await app.data(cookie)).toEqual({ v: { part: 'x' } })
  })
})
