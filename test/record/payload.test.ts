import { crc32 } from 'node:zlib'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Payload, type Unit } from '../../src/record/payload.ts'
import type { SessionKey } from '../../src/record/id.ts'

const KEY = 'A'.repeat(43) as SessionKey

// Names that are parts of each other, so that a search for one must not find another.
const unit = fc.constantFrom<Unit>('"a"', '"ab"', '"b"', '["a","b"]', '["b","a"]', '"]"', '"[1]"')
const text = fc.constantFrom('[1]', '["a"]', '[{"a":1},"b"]')
const units = fc.array(fc.tuple(unit, text)).map((pairs) => new Map(pairs))
const changes = fc
  .array(fc.tuple(unit, fc.option(text)), { maxLength: 4 })
  .map((pairs) => new Map<Unit, string | null>(pairs))

describe('a payload with changes', () => {
  it('has the same text whether or not all of its lines were read before', () => {
    fc.assert(
      fc.property(units, changes, (stored, changed) => {
        const encoded = Payload.empty.with(stored).encode(KEY)
        const read = Payload.decode(encoded, KEY)
        read.entries()
        const expected = read.with(changed)
        const actual = Payload.decode(encoded, KEY).with(changed)
        expect(actual.encode(KEY)).toBe(expected.encode(KEY))
        expect([...actual.entries()]).toEqual([...expected.entries()])
      }),
      { numRuns: 500 },
    )
  })

  it('keeps a new value also where the text of another writer lacks its last line break', () => {
    const body = '\n"a"\t[1]'
    const text = `1 ${KEY} ${crc32(body).toString(16)}${body}`
    const changed = Payload.decode(text, KEY).with(new Map([['"b"', '[2]']]))
    const stored = Payload.decode(changed.encode(KEY), KEY)
    expect([...stored.entries()]).toEqual([
      ['"a"', '[1]'],
      ['"b"', '[2]'],
    ])
  })
})
