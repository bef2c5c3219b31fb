import protos from '@google-cloud/datastore/build/protos/protos.js'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  decodeCommit,
  decodeLookup,
  decodeRunQuery,
} from '../../../../src/store/datastore/transport/answers.ts'
import {
  encodeCommit,
  encodeLookup,
  encodeRunQuery,
} from '../../../../src/store/datastore/transport/requests.ts'

const v1 = protos.google.datastore.v1 as unknown as Record<string, MessageType>

/** The used part of the static classes of Google's client. */
interface MessageType {
  fromObject(object: object): object
  toObject(message: object, options?: object): object
  encode(message: object): { finish(): Uint8Array }
  decode(bytes: Uint8Array): object
}

const PLAIN = { longs: String, enums: String }

function googleReads(name: string, bytes: Buffer): object {
  const type = v1[name] as MessageType
  return type.toObject(type.decode(bytes), PLAIN)
}

function googleWrites(name: string, message: object): Buffer {
  const type = v1[name] as MessageType
  return Buffer.from(type.encode(type.fromObject(message)).finish())
}

// Lengths take one to three bytes on the wire, and long texts take the most time.
const text = fc.oneof(
  { weight: 30, arbitrary: fc.string({ unit: 'binary', minLength: 1 }) },
  { weight: 1, arbitrary: fc.nat(10_000).map((length) => 'ä'.repeat(length + 1)) },
)
const int64 = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }).map(String)
const positive = fc.bigInt({ min: 1n, max: 2n ** 63n - 1n }).map(String)
const bytes = fc.uint8Array({ minLength: 1, maxLength: 300 }).map((array) => Buffer.from(array))
const time = fc.record({ seconds: positive, nanos: fc.integer({ min: 1, max: 999_999_999 }) })
const key = fc.record({
  partitionId: fc.record({ projectId: text, databaseId: text, namespaceId: text }),
  path: fc.array(
    fc.oneof(fc.record({ kind: text, name: text }), fc.record({ kind: text, id: int64 })),
    { minLength: 1, maxLength: 3 },
  ),
})
const { value } = fc.letrec<{ value: object }>((tie) => ({
  value: fc
    .tuple(
      fc.oneof(
        { maxDepth: 3 },
        fc.record({ stringValue: fc.oneof(text, fc.constant('')) }),
        fc.record({ integerValue: int64 }),
        fc.record({ doubleValue: fc.double({ noNaN: true }) }),
        fc.record({ booleanValue: fc.boolean() }),
        fc.constant({ nullValue: 'NULL_VALUE' }),
        fc.record({ timestampValue: time }),
        fc.record({ blobValue: bytes }),
        fc.record({ keyValue: key }),
        fc.record({
          geoPointValue: fc.record({
            latitude: fc.double({ min: 1, max: 90 }),
            longitude: fc.double({ min: -180, max: -1 }),
          }),
        }),
        fc.record({ arrayValue: fc.record({ values: fc.array(tie('value'), { minLength: 1 }) }) }),
        fc.record({
          entityValue: fc.record({
            properties: fc.dictionary(name(), tie('value'), { minKeys: 1 }),
          }),
        }),
      ),
      fc.record({ excludeFromIndexes: fc.constant(true), meaning: fc.integer({ min: 1 }) }),
      fc.boolean(),
    )
    .map(([content, more, isPlain]) => (isPlain ? content : { ...content, ...more })),
}))

function name() {
  return fc.string({ minLength: 1 }).filter((one) => !['__proto__', 'constructor'].includes(one))
}

const entity = fc.record({ key, properties: fc.dictionary(name(), value, { minKeys: 1 }) })

/** Removes empty lists, which protobufjs leaves out by default. */
function withoutEmpty(message: unknown): unknown {
  if (Buffer.isBuffer(message)) return message
  if (Array.isArray(message)) return message.map(withoutEmpty)
  if (typeof message !== 'object' || message === null) return message
  return Object.fromEntries(
    Object.entries(message)
      .filter(([, one]) => !(Array.isArray(one) && one.length === 0))
      .map(([field, one]) => [field, withoutEmpty(one)]),
  )
}

describe('the messages of Datastore', () => {
  test("are written so that Google's code reads the same: lookups", () => {
    fc.assert(
      fc.property(text, text, fc.array(key, { minLength: 1 }), (projectId, databaseId, keys) => {
        const request = { projectId, databaseId, keys }
        expect(googleReads('LookupRequest', encodeLookup(request))).toEqual(request)
      }),
    )
  })

  test("are written so that Google's code reads the same: commits", () => {
    const condition = fc.record({
      baseVersion: positive,
      conflictResolutionStrategy: fc.constantFrom('SERVER_VALUE', 'FAIL'),
    })
    const mutation = fc.oneof(
      fc.record({ insert: entity }),
      fc.tuple(fc.record({ update: entity }), condition).map(([a, b]) => ({ ...a, ...b })),
      fc.tuple(fc.record({ upsert: entity }), condition).map(([a, b]) => ({ ...a, ...b })),
      fc.tuple(fc.record({ delete: key }), condition).map(([a, b]) => ({ ...a, ...b })),
    )
    fc.assert(
      fc.property(
        fc.constantFrom('TRANSACTIONAL', 'NON_TRANSACTIONAL'),
        fc.array(mutation, { minLength: 1, maxLength: 4 }),
        (mode, mutations) => {
          const request = {
            projectId: 'p',
            mode,
            mutations,
            singleUseTransaction: { readWrite: {} },
          }
          expect(googleReads('CommitRequest', encodeCommit(request))).toEqual(request)
        },
      ),
    )
  })

  test("are written so that Google's code reads the same: queries", () => {
    const filter = {
      property: { name: 'sweep' },
      op: 'LESS_THAN_OR_EQUAL',
      value: { stringValue: 'x' },
    }
    const request = {
      projectId: 'p',
      partitionId: { projectId: 'p', namespaceId: 'n' },
      query: {
        kind: [{ name: 'k' }],
        projection: [{ property: { name: '__key__' } }],
        filter: {
          compositeFilter: {
            op: 'AND',
            filters: [{ propertyFilter: filter }, { propertyFilter: filter }],
          },
        },
        order: [{ property: { name: 'sweep' }, direction: 'DESCENDING' }],
        startCursor: Buffer.from([0, 1, 255]),
        limit: { value: 500 },
        offset: 3,
      },
    }
    expect(googleReads('RunQueryRequest', encodeRunQuery(request))).toEqual(request)
  })

  test('accept numbers, bigints, base64 and objects like Long', () => {
    const of = (integerValue: unknown) => ({ properties: { a: { integerValue } } })
    const written = [7, 7n, '7', { toString: () => '7' }].map((one) =>
      encodeCommit({ mutations: [{ insert: of(one) }] }).toString('hex'),
    )
    expect(new Set(written).size).toBe(1)
    const blob = (blobValue: unknown) =>
      encodeCommit({ mutations: [{ insert: { properties: { a: { blobValue } } } }] })
    expect(blob('AAH/')).toEqual(blob(Buffer.from([0, 1, 255])))
    expect(encodeCommit({ mode: 2 })).toEqual(encodeCommit({ mode: 'NON_TRANSACTIONAL' }))
    expect(() => encodeCommit({ mode: 'SOME' })).toThrow(TypeError)
  })

  test("are read as Google's code wrote them: entities found, missing and deferred", () => {
    const result = fc.record({ entity, version: positive, createTime: time, updateTime: time })
    fc.assert(
      fc.property(fc.array(result), fc.array(key), (found, deferred) => {
        const response = { found, missing: found.slice(0, 1), deferred, readTime: { seconds: '9' } }
        const read = decodeLookup(googleWrites('LookupResponse', response))
        expect(withoutEmpty(read)).toEqual(withoutEmpty(response))
      }),
    )
  })

  test("are read as Google's code wrote them: results of mutations, and pages", () => {
    const results = {
      mutationResults: [
        { key: { path: [{ kind: 'k', id: '-1' }] }, version: '3', conflictDetected: true },
      ],
      indexUpdates: 7,
      commitTime: { seconds: '5', nanos: 6 },
    }
    expect(withoutEmpty(decodeCommit(googleWrites('CommitResponse', results)))).toEqual(results)
    const page = {
      batch: {
        entityResultType: 'KEY_ONLY',
        entityResults: [
          {
            entity: { key: { path: [{ kind: 'k', name: 'n' }] }, properties: {} },
            cursor: Buffer.from([9]),
          },
        ],
        endCursor: Buffer.from([1, 2]),
        moreResults: 'NOT_FINISHED',
        snapshotVersion: '4',
      },
    }
    expect(withoutEmpty(decodeRunQuery(googleWrites('RunQueryResponse', page)))).toEqual(page)
  })

  test('may contain fields of a later release, which are skipped', () => {
    const known = googleWrites('LookupResponse', { readTime: { seconds: '9' } })
    // Field 99 in each form: a number, eight bytes, some bytes, four bytes.
    const others = ['980601', '9906', '9a0602aabb', '9d06'].map((hex) => Buffer.from(hex, 'hex'))
    const [number, eight, some, four] = others as [Buffer, Buffer, Buffer, Buffer]
    const all = Buffer.concat([number, eight, Buffer.alloc(8), some, four, Buffer.alloc(4), known])
    expect(withoutEmpty(decodeLookup(all))).toEqual({ readTime: { seconds: '9' } })
  })

  test('that are cut anywhere are an error, and never a shorter message', () => {
    const whole = googleWrites('LookupResponse', {
      found: [{ entity: { key: { path: [{ kind: 'k', name: 'n' }] } }, version: '300' }],
    })
    for (let length = 1; length < whole.length; length++) {
      expect(() => decodeLookup(whole.subarray(0, length))).toThrow(RangeError)
    }
  })
})
