import crypto, { timingSafeEqual } from 'node:crypto'
import { syncBuiltinESMExports } from 'node:module'
import { afterEach, describe, expect, it } from 'vitest'
import { SessionConfigError } from '../../src/index.ts'
import { decodeValue } from '../../src/record/codec.ts'
import { Payload, unitOf } from '../../src/record/payload.ts'
import { datastoreStore } from '../../src/store/datastore/index.ts'
import { Harness, idOf, keyOfCookie, NAME } from '../request/harness.ts'

/** Encoded values that an attacker with write access to the store would write. */
const HOSTILE: Readonly<Record<string, string>> = {
  'a function': '[["Function",1],"process.exit(1)"]',
  'a class of the app': '[["Point",1],{"x":2},1]',
  'a constructor': '[["constructor",1],"x"]',
  'a name that every object has': '[["toString",1],"x"]',
  'a name that every object has, as a reviver': '[["__proto__",1],"x"]',
  'an object of another class': '[["Object",1],{}]',
  'a regular expression': '[["RegExp","(a+)+$"]]',
  'a prototype by its key': '[{"__proto__":1},{"admin":2},true]',
  'a prototype without one': '[["null","__proto__",1],{"admin":2},true]',
  'a constructor by its key': '[{"constructor":1},{"prototype":2},{"admin":3},true]',
  'a URL': '[["URL","file:///etc/passwd"]]',
  'a pickle': "cos\\nsystem\\n(S'id'\\ntR.",
  'a PHP object': 'O:8:"stdClass":1:{s:5:"admin";b:1;}',
  'a node-serialize function': '{"rce":"_$$ND_FUNC$$_function(){process.exit(1)}()"}',
  'a length that is a lie': '[["Bytes",1],[2],"A"]',
  'a sparse array that is huge': '[[-7,4294967295]]',
  'an index that is not there': '[99]',
  nothing: '',
}

describe('stored data', () => {
  it.each(Object.entries(HOSTILE))(
    'CVE-2013-7489: that holds %s runs no code, makes no class, and changes no prototype',
    async (_, text) => {
      const app = new Harness()
      const cookie = await app.given({ kept: 1 })
      const key = keyOfCookie(cookie)
      const found = await app.store.find(key)
      if (found === null || found.record === null) throw new Error('nothing is stored')
      const data = Payload.decode(found.record.data, key)
        .with(new Map([[unitOf(null, 'hostile'), text]]))
        .encode(key)
      await app.store.write({
        kind: 'update',
        record: { ...found.record, data },
        version: found.version,
      })
      const session = await app.load(cookie)
      let value: unknown
      try {
        value = session.get('hostile')
      } catch {
        value = null
      }
      expect(typeof value).not.toBe('function')
      expect(({} as Record<string, unknown>)['admin']).toBeUndefined()
      expect(isOfThePlatform(value)).toBe(true)
      if (typeof value === 'object' && value !== null) {
        expect((value as Record<string, unknown>)['admin']).toBeUndefined()
      }
      // The other values of the record can still be used.
      expect((await app.load(cookie)).get('kept')).toBe(1)
    },
  )

  it('CVE-2013-7489: random text never gives more than plain values', () => {
    let seed = 42
    // mulberry32: the texts are the same in each run.
    const random = (below: number): number => {
      seed = (seed + 0x6d2b79f5) | 0
      let mixed = Math.imul(seed ^ (seed >>> 15), 1 | seed)
      mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
      return ((mixed ^ (mixed >>> 14)) >>> 0) % below
    }
    const parts = [
      '[',
      ']',
      '{',
      '}',
      '"a"',
      '"Function"',
      '"Buffer"',
      '"Map"',
      ',',
      ':',
      '1',
      '-1',
      '"__proto__"',
      'null',
    ]
    let decoded = 0
    for (let round = 0; round < 20_000; round++) {
      const text = Array.from({ length: random(12) }, () => parts[random(parts.length)]).join('')
      try {
        const value = decodeValue(text)
        decoded += 1
        expect(typeof value).not.toBe('function')
      } catch {
        // A refusal is a correct result too.
      }
    }
    expect(decoded).toBeGreaterThan(100)
    expect(Object.keys(Object.prototype)).toEqual([])
  })
})

/** Whether a value is a primitive, or an object of a class of the language: no class of the app. */
function isOfThePlatform(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return true
  const prototype = Object.getPrototypeOf(value) as { constructor?: { name: string } } | null
  const maker = prototype?.constructor
  return (
    maker === undefined ||
    (globalThis as Record<string, unknown>)[maker.name] === (maker as unknown)
  )
}

describe('comparisons of secrets', () => {
  const compared: number[] = []

  function watch(): void {
    crypto.timingSafeEqual = (a, b) => {
      compared.push(a.byteLength)
      return timingSafe(a, b)
    }
    syncBuiltinESMExports()
  }
  const timingSafe = timingSafeEqual

  afterEach(() => {
    crypto.timingSafeEqual = timingSafe
    syncBuiltinESMExports()
    compared.length = 0
  })

  it('CVE-2016-1000236: the signature of a cookie is compared in constant time, right or wrong', async () => {
    const app = new Harness({ cookie: { secrets: ['one secret for the signature of cookies'] } })
    const cookie = await app.given()
    const wrong = `${cookie.slice(0, -1)}${cookie.endsWith('A') ? 'B' : 'A'}`
    watch()
    for (const [sent, outcome] of [
      [cookie, 'live'],
      [wrong, 'malformed'],
      [`${NAME}=s:${idOf(cookie)}.${'A'.repeat(43)}`, 'malformed'],
    ] as const) {
      compared.length = 0
      expect((await app.load(sent)).loadOutcome).toBe(outcome)
      // The id, a dot and the signature.
      expect(compared).toEqual([87])
    }
  })

  it('CVE-2016-1000236: the static security key is compared in constant time, right or wrong', async () => {
    const app = new Harness()
    let key = ''
    const { cookie } = await app.visit(async (s) => {
      await s.login('alice')
      key = s.staticSecurityKey()
    })
    const session = await app.load(cookie)
    watch()
    for (const [sent, valid] of [
      [key, true],
      [`${key.slice(0, -1)}${key.endsWith('A') ? 'E' : 'A'}`, false],
      ['A'.repeat(43), false],
    ] as const) {
      compared.length = 0
      expect(session.validateStaticSecurityKey(sent)).toBe(valid)
      expect(compared).toHaveLength(1)
    }
  })
})

describe('names of the database', () => {
  it.each([
    { kind: 'x; DROP TABLE sessions' },
    { kind: '__session__' },
    { kind: '' },
    { kind: "a' OR '1'='1" },
    { kind: 'a`b' },
    { kind: 'a/b' },
    { kind: 'a\0b' },
    { kind: 'a'.repeat(1501) },
    { kind: ['viur-session'] },
    { namespace: 'a b' },
    { namespace: '__meta__' },
    { namespace: '../other' },
    { namespace: 'a'.repeat(101) },
    { databaseId: "x' --" },
    { projectId: 'p/../q' },
  ])('CVE-2019-15658: %j is refused at construction', (options) => {
    expect(() => datastoreStore(options as never)).toThrow(SessionConfigError)
  })
})
