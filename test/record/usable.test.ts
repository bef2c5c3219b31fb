import { describe, expect, it } from 'vitest'
import { plainValues } from '../../src/record/codec.ts'
import { Payload } from '../../src/record/payload.ts'
import { dataIn, unitsIn } from '../../src/record/root-data.ts'
import { isUsable, useOf } from '../../src/record/usable.ts'
import { sampleRecord } from '../../src/testing/index.ts'

const HOUR = 60 * 60 * 1000
const NOW = Date.UTC(2030, 0, 1, 12, 45)
const POLICY = { lifetime: HOUR, absoluteLifetime: 24 * HOUR, touchEvery: 60_000 }

/** A year ahead, which is more than clocks differ. */
const AHEAD = NOW + 365 * 24 * HOUR

describe('a stored session', () => {
  it.each([
    ['usable', {}],
    ['ended', { ended: NOW - 1, reason: 'logout' }],
    ['ended', { ended: NOW - 1, reason: 'logout', lastSeen: AHEAD }],
    ['expired', { expires: NOW - 1 }],
    ['unreadable', { lastSeen: AHEAD }],
    ['unreadable', { data: 'of somebody else' }],
  ] as const)('is %s with %o', (is, changes) => {
    const record = sampleRecord(changes)
    expect(useOf({ record, version: '1' }, POLICY, NOW)).toMatchObject({ is })
  })

  it('that the store cannot read is unreadable, with the reason of the store', () => {
    const { key } = sampleRecord()
    expect(useOf({ record: null, key, version: '1', why: 'no user' }, POLICY, NOW)).toEqual({
      is: 'unreadable',
      key,
      why: 'no user',
    })
  })

  it.each([
    ['usable', NOW],
    ['expired', NOW - 1],
  ] as const)('whose source says how long it is alive is %s by that alone', (is, until) => {
    const record = sampleRecord({ expires: 2 * NOW - until - 1 })
    expect(useOf({ record, version: '1' }, POLICY, NOW, until)).toMatchObject({ is })
  })

  it.each([
    [true, {}],
    [false, { ended: NOW - 1 }],
    [false, { expires: NOW - 1 }],
    [false, { lastSeen: AHEAD }],
  ] as const)('is usable by its times: %s with %o', (expected, changes) => {
    expect(isUsable(sampleRecord(changes), POLICY, NOW)).toBe(expected)
  })
})

describe('the data of a scope', () => {
  const payload = Payload.empty.with(
    new Map([
      ['"a"', '[1]'],
      ['"__proto__"', '[{"a":1},2]'],
      ['["cart","a"]', '[3]'],
    ]),
  )

  it('holds what was stored under each key, and sets no prototype', () => {
    const data = dataIn(payload, null, plainValues)
    expect(Object.entries(data)).toEqual([
      ['a', 1],
      ['__proto__', { a: 2 }],
    ])
    expect(Object.getPrototypeOf(data)).toBe(Object.prototype)
    expect(dataIn(payload, 'cart', plainValues)).toEqual({ a: 3 })
  })

  it('is a new object at each call', () => {
    expect(dataIn(payload, 'cart', plainValues)).not.toBe(dataIn(payload, 'cart', plainValues))
  })

  it('is also available as texts by unit', () => {
    expect([...unitsIn(payload, 'cart')]).toEqual([['["cart","a"]', '[3]']])
  })
})
