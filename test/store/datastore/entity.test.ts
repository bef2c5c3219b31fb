import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { decodeEntity, encodeEntity } from '../../../src/store/datastore/entity-codec.ts'
import type { SessionRecord } from '../../../src/record/record.ts'
import { keyNamed, NOW, recordOf } from './fake.ts'

const layout = { kind: 'k', shards: 16, bucket: 3_600_000 }
const key = keyNamed('a')

interface Encoded {
  readonly properties: Readonly<Record<string, Readonly<Record<string, unknown>>>>
}

function encode(record: SessionRecord, changes: Partial<typeof layout> = {}): Encoded {
  return encodeEntity(record, { ...layout, ...changes }) as unknown as Encoded
}

function decode(properties: object): ReturnType<typeof decodeEntity> {
  return decodeEntity(key, { entity: { properties }, version: '7' })
}

const full: SessionRecord = recordOf(key, {
  authenticated: NOW,
  expiry: { kind: 'fixed', at: NOW + 1 },
  ended: NOW + 2,
  reason: 'logout',
})

describe('the entity of a session', () => {
  test('has the properties of the design, indexed only where the design says so', () => {
    const { properties } = encode(full)
    const indexed = Object.entries(properties)
      .filter(([, value]) => value['excludeFromIndexes'] !== true)
      .map(([name]) => name)
    expect(indexed).toEqual(['user', 'sweep'])
    expect(Object.keys(properties).sort()).toEqual([
      'authenticated',
      'created',
      'data',
      'ended',
      'expires',
      'expiry',
      'lastseen',
      'purge',
      'reason',
      'rev',
      'sweep',
      'user',
    ])
    expect(properties['expires']).toEqual({
      timestampValue: { seconds: '1770003600', nanos: 123_000_000 },
      excludeFromIndexes: true,
    })
    expect(properties['purge']).toMatchObject({ timestampValue: { seconds: '1772595600' } })
    const shard = Math.floor((Buffer.from(key, 'base64url')[0] as number) / 16)
    const end = (Math.floor((NOW + 2) / 3_600_000) + 1) * 60
    expect(properties['sweep']).toEqual({
      stringValue: `${shard.toString(16).padStart(2, '0')}:${String(end).padStart(10, '0')}`,
    })
  })

  test('is in the bucket of its expiry while it lives', () => {
    const { properties } = encode(recordOf(key, { lastSeen: 5, expires: 3_600_000 * 5 - 1 }), {
      shards: 1,
    })
    expect(properties['sweep']).toEqual({ stringValue: '00:0000000300' })
  })

  test('is in the bucket of its last use if its expiry is earlier', () => {
    const { properties } = encode(recordOf(key, { lastSeen: 3_600_000 * 5 - 1, expires: 7 }), {
      shards: 1,
    })
    expect(properties['sweep']).toEqual({ stringValue: '00:0000000300' })
  })

  test('leaves out what is null', () => {
    const { properties } = encode(recordOf(key))
    for (const name of ['expiry', 'authenticated', 'ended', 'reason']) {
      expect(properties).not.toHaveProperty(name)
    }
  })

  test.each([
    ['the general rule', null, undefined],
    ['browser close', { kind: 'browser' }, { integerValue: '0', excludeFromIndexes: true }],
    ['a duration', { kind: 'idle', duration: 5 }, { integerValue: '5', excludeFromIndexes: true }],
  ] as const)('holds an expiry of %s', (_name, expiry, value) => {
    const { properties } = encode(recordOf(key, { expiry }))
    expect(properties['expiry']).toEqual(value)
    expect(decode(properties).record?.expiry).toEqual(expiry)
  })

  test('decodes to the same record, for all records', () => {
    const time = fc.integer({ min: 0, max: Date.UTC(9999, 11, 31) })
    const record = fc.record({
      data: fc.string({ unit: 'grapheme' }),
      user: fc.string({ unit: 'grapheme', minLength: 1, maxLength: 20 }),
      created: time,
      lastSeen: time,
      authenticated: fc.option(time),
      expires: time,
      expiry: fc.oneof(
        fc.constant(null),
        fc.constant({ kind: 'browser' as const }),
        fc.record({ kind: fc.constant('idle' as const), duration: fc.integer({ min: 1 }) }),
        fc.record({ kind: fc.constant('fixed' as const), at: time }),
      ),
      ended: fc.option(time),
      reason: fc.option(fc.constantFrom('expired', 'logout', 'login', 'reset', 'killed')),
      rev: fc.string(),
    })
    fc.assert(
      fc.property(record, (values) => {
        const original = { ...values, key } as SessionRecord
        const { properties } = encode(original)
        expect(decode(properties)).toEqual({ record: original, version: '7' })
      }),
      { numRuns: 200 },
    )
  })

  test('keeps unknown properties, and writes them back', () => {
    const extra = { device: { entityValue: { properties: { a: { stringValue: 'x' } } } } }
    const found = decode({ ...encode(full).properties, ...extra })
    expect(found.record).toEqual({ ...full, extra })
    expect(encode(found.record as SessionRecord).properties).toMatchObject(extra)
  })

  test('has properties of the app as indexed properties with their own names, beside ours', () => {
    const properties = { tenant: 'acme', Plan: '' }
    const record: SessionRecord = { ...full, properties }
    const encoded = encode(record).properties
    expect(encoded).toMatchObject({ tenant: { stringValue: 'acme' }, Plan: { stringValue: '' } })
    const indexed = Object.entries(encoded)
      .filter(([, value]) => value['excludeFromIndexes'] !== true)
      .map(([name]) => name)
    expect(indexed.sort()).toEqual(['Plan', 'sweep', 'tenant', 'user'])
    expect(decode(encoded).record).toEqual(record)
  })

  test('reads only indexed texts with allowed names as properties of the app', () => {
    const extra = {
      later: { stringValue: 'x', excludeFromIndexes: true },
      number: { integerValue: '1' },
      viur_later: { stringValue: 'x' },
      'of another shape': { stringValue: 'x' },
      long: { stringValue: 'x'.repeat(1501) },
    }
    const found = decode({ ...encode(full).properties, ...extra, tenant: { stringValue: 'acme' } })
    expect(found.record).toEqual({ ...full, extra, properties: { tenant: 'acme' } })
    expect(encode(found.record as SessionRecord).properties).toMatchObject(extra)
  })

  test('prefers a property of the app to an unknown one of the same name that was read', () => {
    const extra = { tenant: { integerValue: '1' } }
    const record = { ...full, extra, properties: { tenant: 'acme' } }
    expect(encode(record).properties['tenant']).toEqual({ stringValue: 'acme' })
  })

  test('has a static key and client hints if there are some, unindexed', () => {
    const record: SessionRecord = {
      ...full,
      staticKey: 'h'.repeat(43),
      client: { agent: 'Browser "1"', address: '192.0.2.0' },
    }
    const { properties } = encode(record)
    expect(properties['static_security_key']).toEqual({
      stringValue: 'h'.repeat(43),
      excludeFromIndexes: true,
    })
    expect(properties['client']).toEqual({
      stringValue: '{"agent":"Browser \\"1\\"","address":"192.0.2.0"}',
      excludeFromIndexes: true,
    })
    expect(decode(properties).record).toEqual(record)
    for (const without of [full, { ...full, staticKey: null, client: null }]) {
      expect(encode(without).properties).not.toHaveProperty('static_security_key')
      expect(encode(without).properties).not.toHaveProperty('client')
    }
  })

  test.each<[string, object, object]>([
    ['a static key of another type', { static_security_key: { integerValue: '1' } }, {}],
    ['a client of another type', { client: { entityValue: { properties: {} } } }, {}],
    ['a client that is no JSON', { client: { stringValue: '{' } }, {}],
    ['a client that is a list', { client: { stringValue: '["a"]' } }, {}],
    ['a client that is null', { client: { stringValue: 'null' } }, {}],
    ['a client without hints', { client: { stringValue: '{}' } }, {}],
    [
      'an agent that is too long',
      { client: { stringValue: `{"agent":"${'x'.repeat(1501)}"}` } },
      {},
    ],
    [
      'an agent that is no text',
      { client: { stringValue: '{"agent":1,"address":"192.0.2.0"}' } },
      { client: { address: '192.0.2.0' } },
    ],
  ])('is read without %s, and stays readable', (_, wrong, rest) => {
    expect(decode({ ...encode(full).properties, ...wrong }).record).toEqual({ ...full, ...rest })
  })

  test('never lets an unknown property replace a known one', () => {
    const extra = { user: { stringValue: 'admin' }, expiry: { integerValue: '1' } }
    const { properties } = encode(recordOf(key, { extra }))
    expect(properties['user']).toEqual({ stringValue: 'someone' })
    expect(properties).not.toHaveProperty('expiry')
  })

  test.each([
    ['numbers', { seconds: 1_770_000_000, nanos: 123_999_999 }],
    ['texts', { seconds: '1770000000', nanos: 123_000_000 }],
    ['a Long', { seconds: { toString: () => '1770000000' }, nanos: 123_000_000 }],
  ])('reads a timestamp of %s', (_name, timestampValue) => {
    const properties = { ...encode(full).properties, created: { timestampValue } }
    expect(decode(properties).record?.created).toBe(NOW)
  })

  test('reads null as absent for optional properties', () => {
    const nothing = { nullValue: 'NULL_VALUE' }
    const properties = {
      ...encode(full).properties,
      ended: nothing,
      reason: nothing,
      expiry: nothing,
    }
    expect(decode(properties).record).toMatchObject({ ended: null, reason: null, expiry: null })
  })

  test('repairs the derived properties instead of checking them', () => {
    const { properties } = encode(full)
    const { sweep: _sweep, ...rest } = properties
    expect(decode({ ...rest, purge: { stringValue: 'x' } }).record).toEqual(full)
  })
})

describe('a damaged entity', () => {
  const stamp = (seconds: unknown, nanos: unknown = 0): object => ({
    timestampValue: { seconds, nanos },
  })
  const damages: [string, string, unknown][] = [
    ...['data', 'user', 'expires', 'created', 'lastseen', 'rev'].flatMap(
      (name): [string, string, unknown][] => [
        ['is missing', name, undefined],
        ['is null', name, { nullValue: 'NULL_VALUE' }],
      ],
    ),
    ...[
      'data',
      'user',
      'expires',
      'created',
      'lastseen',
      'rev',
      'authenticated',
      'ended',
      'reason',
      'expiry',
    ].flatMap((name): [string, string, unknown][] => [
      ['is a boolean', name, { booleanValue: true }],
      ['is a double', name, { doubleValue: 1.5 }],
      ['is a blob', name, { blobValue: Buffer.from('secret') }],
      ['is an embedded entity', name, { entityValue: { properties: {} } }],
      ['is an array', name, { arrayValue: { values: [] } }],
      ['is empty', name, {}],
      ['is bare', name, 'secret'],
    ]),
    ...['expires', 'created', 'lastseen', 'authenticated', 'ended', 'expiry'].flatMap(
      (name): [string, string, unknown][] => [
        ['is before 1970', name, stamp('-1')],
        ['is after 9999', name, stamp('253402300800')],
        ['is no number', name, stamp('secret')],
        ['is a fraction', name, stamp(1.5)],
        ['has odd nanos', name, stamp('1', '5')],
        ['is a text', name, { stringValue: 'secret' }],
      ],
    ),
    ['is negative', 'expiry', { integerValue: '-5' }],
    ['is beyond the safe integers', 'expiry', { integerValue: '9007199254740993' }],
    ['is empty text', 'user', { stringValue: '' }],
    ['is too long', 'user', { stringValue: 'x'.repeat(1501) }],
    ['is unknown', 'reason', { stringValue: 'secret' }],
    ['is an integer', 'data', { integerValue: '5' }],
  ]

  test.each(damages)('is unreadable if it %s: %s', (_what, name, value) => {
    const { [name]: _, ...rest } = encode(full).properties
    const found = decode(value === undefined ? rest : { ...rest, [name]: value })
    expect(found).toMatchObject({ record: null, key, version: '7' })
    if (found.record !== null) throw new Error('readable')
    expect(found.why).toContain(name)
    expect(found.why).not.toContain('secret')
  })

  test.each([null, undefined, 'text', []])('is unreadable with properties %o', (properties) => {
    const found = decodeEntity(key, { entity: { properties }, version: '7' })
    expect(found.record).toBeNull()
  })

  test.each([undefined, null, '0', '-3', 'x', 1.5])('is a fault with version %o', (version) => {
    const result = { entity: { properties: encode(full).properties }, version }
    expect(() => decodeEntity(key, result)).toThrow(/version/)
  })
})
