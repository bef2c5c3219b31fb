import { describe, expect, it } from 'vitest'
import { OldSessionDamage } from '../../src/migrate/old-system.ts'
import { keyText, plainJson, plainProperties, plainValue } from '../../src/migrate/values.ts'

/** No emulator stores some of these values, but a server, another client or a restored backup may hold them. */
describe('values of old sessions', () => {
  it.each([
    [{ stringValue: '' }, ''],
    [{ booleanValue: false }, false],
    [{ integerValue: '-9007199254740991' }, -9007199254740991],
    [{ integerValue: '9223372036854775807' }, 9223372036854775807n],
    [{ integerValue: 'many' }, null],
    [{ doubleValue: Number.NaN }, null],
    [{ doubleValue: Number.NEGATIVE_INFINITY }, null],
    [{ doubleValue: 0 }, 0],
    [{ timestampValue: { seconds: '1', nanos: 2_999_999 } }, new Date(1002)],
    [{ timestampValue: '1970-01-02T00:00:00Z' }, new Date(86_400_000)],
    [{ timestampValue: { seconds: 'x' } }, null],
    [{ timestampValue: { seconds: '999999999999999' } }, null],
    [{ blobValue: 'AQI=' }, Buffer.from([1, 2])],
    [{ blobValue: 7 }, null],
    [{ geoPointValue: {} }, { latitude: 0, longitude: 0 }],
    [{ arrayValue: {} }, []],
    [{ entityValue: {} }, {}],
    [{ keyValue: { path: [] } }, null],
    [{ nullValue: 'NULL_VALUE' }, null],
    [{ newerValue: 'something' }, null],
    [{}, null],
    [null, null],
    ['text', null],
  ])('reads %o', (value, plain) => {
    expect(plainValue(value)).toEqual(plain)
  })

  it('drops the names that no session may hold, at any depth', () => {
    const hostile = JSON.parse(
      '{"__proto__": {"stringValue": "p"}, "constructor": {"stringValue": "c"}, "a": {"entityValue": {"properties": {"__proto__": {"stringValue": "p"}, "b": {"integerValue": "1"}}}}}',
    ) as Record<string, unknown>
    const plain = plainProperties(hostile)
    expect(plain).toEqual({ a: { b: 1 } })
    expect(Object.getPrototypeOf(plain['a'])).toBe(Object.prototype)
    const json = plainJson(JSON.parse('{"__proto__": {"x": 1}, "a": [{"prototype": 1, "b": 2}]}'))
    expect(json).toEqual({ a: [{ b: 2 }] })
    expect(Object.getPrototypeOf(json)).toBe(Object.prototype)
    expect(({} as { x?: unknown }).x).toBeUndefined()
  })

  it('refuses values that are nested deeper than a session can be, without a stack overflow', () => {
    let value: object = { stringValue: 'bottom' }
    for (let depth = 0; depth < 100_000; depth++) value = { arrayValue: { values: [value] } }
    expect(() => plainValue(value)).toThrow(OldSessionDamage)
    let json: unknown = 'bottom'
    for (let depth = 0; depth < 100_000; depth++) json = [json]
    expect(() => plainJson(json)).toThrow(OldSessionDamage)
  })

  it('writes a key as a path', () => {
    expect(keyText({ path: [{ kind: 'user', id: '12' }] })).toBe('user/12')
    expect(keyText({ path: [{ kind: 'a b', name: 'c/d' }, { kind: 'é' }] })).toBe(
      'a%20b/c%2Fd/%C3%A9/',
    )
    expect(keyText(undefined)).toBeNull()
  })
})
