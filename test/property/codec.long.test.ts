import { isDeepStrictEqual } from 'node:util'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { decodeValue, encodeValue } from '../../src/record/codec.ts'
import { keyOfUnit, Payload, unitOf, unitPrefix } from '../../src/record/payload.ts'
import { sampleRecord } from '../../src/testing/index.ts'
import { Harness } from '../request/harness.ts'
import { key, value } from './values.ts'

const scope = fc.option(key, { nil: null })

describe('for any value', () => {
  it('the codec decodes to the encoded value, and encodes that to the same text', () => {
    fc.assert(
      fc.property(value, (given) => {
        const encoded = encodeValue(given, 'v')
        const decoded = decodeValue(encoded)
        // Not toEqual, because for toEqual 0 equals -0, and a Buffer equals a Uint8Array.
        expect(isDeepStrictEqual(decoded, given)).toBe(true)
        expect(encodeValue(decoded, 'v')).toBe(encoded)
        expect(encoded).not.toMatch(/[\n\t\r]/)
        expect(encoded.isWellFormed()).toBe(true)
      }),
      { numRuns: 500 },
    )
  })

  it('a session returns it in the next request under any key of any scope', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.tuple(scope, key, value), { maxLength: 6 }), async (entries) => {
        const app = new Harness()
        const { cookie } = await app.visit((s) => {
          s.markChanged()
          for (const [name, k, given] of entries) (name === null ? s : s.scope(name)).set(k, given)
        })
        const session = await app.load(cookie)
        expect(session.loadOutcome).toBe('live')
        const expected = new Map(
          entries.map(([name, k, given]) => [JSON.stringify([name, k]), given]),
        )
        for (const [name, k] of entries) {
          const view = name === null ? session : session.scope(name)
          expect(isDeepStrictEqual(view.get(k), expected.get(JSON.stringify([name, k])))).toBe(true)
        }
        const names = new Set(entries.map(([name]) => name))
        const sizes = [...names].map((name) => (name === null ? session : session.scope(name)).size)
        expect(sizes.reduce((sum, size) => sum + size, 0)).toBe(expected.size)
      }),
      { numRuns: 100 },
    )
  })
})

describe('for any units', () => {
  const units = fc.array(fc.tuple(scope, key, fc.option(fc.string(), { nil: null })), {
    maxLength: 12,
  })

  it('a payload is a map that keeps its order', () => {
    fc.assert(
      fc.property(fc.array(units, { maxLength: 4 }), (batches) => {
        const model = new Map<string, string>()
        const session = sampleRecord().key
        let payload = Payload.empty
        for (const batch of batches) {
          const changes = new Map(
            batch.map(([name, k, given]) => [
              unitOf(name, k),
              given === null ? null : encodeValue(given, k),
            ]),
          )
          payload = Payload.decode(payload.with(changes).encode(session), session)
          for (const [unit, encoded] of changes) {
            if (encoded === null) model.delete(unit)
            else model.set(unit, encoded)
          }
          // The first time a text search finds it, before the payload is split. Later the index does.
          for (const [name, k] of batch) {
            expect(payload.find(unitOf(name, k))).toBe(model.get(unitOf(name, k)))
          }
        }
        expect([...payload.entries()]).toEqual([...model])
        expect(payload.isEmpty).toBe(model.size === 0)
      }),
      { numRuns: 300 },
    )
  })

  it('names are kept apart, and found only by the prefix of their scope', () => {
    fc.assert(
      fc.property(scope, key, scope, key, (scopeA, keyA, scopeB, keyB) => {
        const unit = unitOf(scopeA, keyA)
        expect(keyOfUnit(unit)).toBe(keyA)
        expect(unit).not.toMatch(/[\n\t]/)
        expect(unit === unitOf(scopeB, keyB)).toBe(scopeA === scopeB && keyA === keyB)
        expect(unit.startsWith(unitPrefix(scopeB))).toBe(scopeA === scopeB)
      }),
      { numRuns: 500 },
    )
  })

  it('any damage to a payload is found when it is decoded', () => {
    const session = sampleRecord().key
    fc.assert(
      fc.property(
        units,
        fc.nat(),
        fc.string({ minLength: 1, maxLength: 3, unit: 'binary' }),
        (batch, at, junk) => {
          const changes = new Map(batch.map(([name, k]) => [unitOf(name, k), encodeValue(k, k)]))
          const whole = Payload.empty.with(changes).encode(session)
          const start = at % whole.length
          const damaged = whole.slice(0, start) + junk + whole.slice(start + junk.length)
          fc.pre(damaged !== whole)
          expect(() => Payload.decode(damaged, session)).toThrow()
        },
      ),
      { numRuns: 500 },
    )
  })
})
