import { describe, expect, it } from 'vitest'
import { applyDelta, combine, type Delta } from '../../src/write/change.ts'
import { sampleRecord } from '../../src/testing/index.ts'

const policy = { lifetime: 3_600_000, absoluteLifetime: 30 * 86_400_000, touchEvery: 300_000 }
const none: Delta = { units: new Map(), expiry: undefined, seen: null, force: false }

describe('applyDelta', () => {
  it('never moves lastSeen back, whatever the clock of this process says', () => {
    const record = sampleRecord()
    expect(applyDelta(record, { ...none, seen: record.lastSeen - 60_000 }, policy)).toBe(record)
    const forced = applyDelta(
      record,
      { ...none, seen: record.lastSeen - 60_000, force: true },
      policy,
    )
    expect([forced.lastSeen, forced.expires]).toEqual([record.lastSeen, record.expires])
  })

  it('gives back the very record when nothing differs', () => {
    const record = sampleRecord({ expiry: { kind: 'idle', duration: 5 } })
    expect(applyDelta(record, { ...none, expiry: { kind: 'idle', duration: 5 } }, policy)).toBe(
      record,
    )
    expect(applyDelta(record, none, policy)).toBe(record)
  })

  it('keeps the stored expiry when only data changes, also after the lifetime was raised', () => {
    const record = sampleRecord()
    const changed = applyDelta(
      record,
      { ...none, units: new Map([['"a"', '[1]']]) },
      { ...policy, lifetime: 2 * policy.lifetime },
    )
    expect(changed.expires).toBe(record.expires)
    expect(changed.data).not.toBe(record.data)
  })
})

describe('combine', () => {
  it('lets the later delta win unit by unit, and keeps the latest use', () => {
    const first: Delta = {
      units: new Map([
        ['"a"', '[1]'],
        ['"b"', '[1]'],
      ]),
      expiry: null,
      seen: 9,
      force: true,
    }
    const then: Delta = {
      units: new Map([['"b"', null]]),
      expiry: undefined,
      seen: 5,
      force: false,
    }
    expect(combine(first, then)).toEqual({
      units: new Map([
        ['"a"', '[1]'],
        ['"b"', null],
      ]),
      expiry: null,
      seen: 9,
      force: true,
    })
  })
})
