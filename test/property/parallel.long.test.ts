import { isDeepStrictEqual } from 'node:util'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Session } from '../../src/index.ts'
import { Harness } from '../request/harness.ts'

type Data = Record<string, unknown>

/** An operation on a session and on a plain Map. */
interface Operation {
  readonly name: string
  readonly on: (session: Session<Data>) => unknown
  readonly model: (map: Map<string, unknown>) => unknown
}

const KEYS = ['a', 'b', 'c', 'd', 'e']
const key = fc.constantFrom(...KEYS)
const value = fc.oneof(
  fc.integer({ min: 0, max: 3 }),
  fc.constantFrom('x', null),
  fc.array(fc.integer({ min: 0, max: 1 }), { maxLength: 2 }),
)

const operation: fc.Arbitrary<Operation> = fc.oneof(
  fc.tuple(key, value).map(([k, v]) => ({
    name: `set ${k}`,
    on: (s: Session<Data>) => void s.set(k, structuredClone(v)),
    model: (m: Map<string, unknown>) => void m.set(k, structuredClone(v)),
  })),
  key.map((k) => ({
    name: `delete ${k}`,
    on: (s: Session<Data>) => s.delete(k),
    model: (m: Map<string, unknown>) => m.delete(k),
  })),
  key.map((k) => ({
    name: `pop ${k}`,
    on: (s: Session<Data>) => s.pop(k, 'none'),
    model: (m: Map<string, unknown>) => {
      const value = m.has(k) ? m.get(k) : 'none'
      m.delete(k)
      return value
    },
  })),
  fc.constant({
    name: 'popItem',
    on: (s: Session<Data>) => (s.size === 0 ? null : s.popItem()),
    model: (m: Map<string, unknown>) => {
      const last = [...m].at(-1) ?? null
      if (last !== null) m.delete(last[0])
      return last
    },
  }),
  fc.tuple(key, value).map(([k, v]) => ({
    name: `setDefault ${k}`,
    on: (s: Session<Data>) => s.setDefault(k, structuredClone(v)),
    model: (m: Map<string, unknown>) => {
      if (!m.has(k)) m.set(k, structuredClone(v))
      return m.get(k)
    },
  })),
  fc.dictionary(key, value, { noNullPrototype: true }).map((values) => ({
    name: `update ${Object.keys(values).join()}`,
    on: (s: Session<Data>) => void s.update(structuredClone(values)),
    model: (m: Map<string, unknown>) => {
      for (const [k, v] of Object.entries(values)) m.set(k, structuredClone(v))
    },
  })),
  fc.constant({
    name: 'clear',
    on: (s: Session<Data>) => s.clear(),
    model: (m: Map<string, unknown>) => m.clear(),
  }),
  key.map((k) => ({
    name: `push ${k}`,
    on: (s: Session<Data>) => {
      const list = s.get(k)
      if (Array.isArray(list)) list.push('pushed')
    },
    model: (m: Map<string, unknown>) => {
      const list = m.get(k)
      if (Array.isArray(list)) list.push('pushed')
    },
  })),
)

const operations = fc.array(operation, { maxLength: 10 })
const start = fc.dictionary(key, value, { noNullPrototype: true })

/** The changes that one request made to the data that it saw, key by key. */
function differences(before: Data, after: ReadonlyMap<string, unknown>): Map<string, unknown> {
  const changed = new Map<string, unknown>()
  for (const k of KEYS) {
    const was = Object.hasOwn(before, k) ? before[k] : undefined
    if (!isDeepStrictEqual(was, after.get(k))) changed.set(k, after.get(k))
  }
  return changed
}

function apply(data: Data, changes: ReadonlyMap<string, unknown>): Data {
  const result = { ...data }
  for (const [k, v] of changes) {
    if (v === undefined) delete result[k]
    else result[k] = v
  }
  return result
}

describe('for any operations', () => {
  it('a session behaves like a Map, within a request and in the next one', async () => {
    await fc.assert(
      fc.asyncProperty(start, fc.array(operations, { maxLength: 3 }), async (data, requests) => {
        const app = new Harness<Data>()
        const cookie = await app.given(structuredClone(data), (s) => s.markChanged())
        let model = new Map<string, unknown>(Object.entries(structuredClone(data)))
        for (const steps of requests) {
          const before = [...model.keys()]
          await app.visit(
            (s) => {
              for (const step of steps) {
                const given = step.on(s)
                expect(given, step.name).toEqual(step.model(model))
                expect(s.size).toBe(model.size)
              }
              expect([...s]).toEqual([...model])
            },
            { cookie },
          )
          // A key that was removed and set again keeps its place in the stored session.
          const places = [...new Set([...before, ...model.keys()])].filter((k) => model.has(k))
          model = new Map(places.map((k) => [k, model.get(k)]))
          expect([...(await app.load(cookie))]).toEqual([...model])
        }
      }),
      { numRuns: 200 },
    )
  })

  it('two parallel requests both keep their changes, and of the same key the later one wins', async () => {
    await fc.assert(
      fc.asyncProperty(
        start,
        operations,
        operations,
        fc.boolean(),
        async (data, first, second, together) => {
          const app = new Harness<Data>()
          const cookie = await app.given(structuredClone(data), (s) => s.markChanged())
          const other = new Harness<Data>({ store: app.store }, app.clock)
          const sessions = [
            await app.load(cookie),
            await (together ? app : other).load(cookie),
          ] as const
          const changes = [first, second].map((steps, index) => {
            const model = new Map(Object.entries(structuredClone(data)))
            for (const step of steps) {
              step.on(sessions[index] as Session<Data>)
              step.model(model)
            }
            return differences(data, model)
          }) as [Map<string, unknown>, Map<string, unknown>]
          app.store.clearCalls()
          if (together) await Promise.all(sessions.map((session) => app.sessions.commit(session)))
          else {
            await app.sessions.commit(sessions[0])
            await other.sessions.commit(sessions[1])
          }
          const [one, two] = changes
          expect(await app.data(cookie)).toEqual(apply(apply(data, one), two))
          if (one.size === 0 && two.size === 0) expect(app.store.writes).toBe(0)
          // A key that only one of them changed has the value of that one.
          const left = await app.data(cookie)
          for (const [k, v] of one) if (!two.has(k)) expect(left[k]).toEqual(v)
        },
      ),
      { numRuns: 300 },
    )
  })
})
