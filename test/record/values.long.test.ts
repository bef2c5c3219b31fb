import { describe, expect, it } from 'vitest'
import { type Session, SessionTooLargeError } from '../../src/index.ts'
import { Harness } from '../request/harness.ts'

type Data = Record<string, unknown>

/** So many members are four times too large, whatever they are: each takes two bytes or more. */
const MANY = 1_900_000

const SOME = '.'.repeat(40)

/** Values far beyond the limit. */
const HUGE: Record<string, () => unknown> = {
  'an array of numbers': () => Array(MANY).fill(0),
  'an array of different numbers': () => Array.from({ length: MANY }, (_, at) => at),
  'an array deep inside': () => ({ a: [{ b: Array(MANY).fill(null) }] }),
  'a Set': () => new Set(Array.from({ length: 80_000 }, (_, at) => `member ${at}${SOME}`)),
  'a Map': () =>
    new Map(Array.from({ length: 80_000 }, (_, at) => [at, `a value ${at}${SOME}`] as const)),
  keys: () => Object.fromEntries(Array.from({ length: 80_000 }, (_, at) => [`${at}${SOME}`, 0])),
}

describe('a value far too large', () => {
  it.each(Object.entries(HUGE))('is not encoded to its end: %s', async (_, make) => {
    const app = new Harness<Data>()
    const value = make()
    const session = await app.load()
    expect(() => session.set('v', value)).toThrow(SessionTooLargeError)
    expect([session.size, session.changed, session.isGuest]).toEqual([0, false, true])
    expect(app.store.writes).toBe(0)
  })

  it.each<[string, (s: Session<Data>, v: unknown) => unknown]>([
    ['update() of an object', (s, v) => s.update({ ok: 1, v })],
    ['update() of pairs', (s, v) => s.update([['v', v]])],
    ['login()', (s, v) => s.login('alice', { data: { v } })],
    ['getSecurityKey()', (s, v) => s.getSecurityKey({ data: { v } })],
  ])('is not encoded to its end by %s either', async (_, give) => {
    const app = new Harness<Data>()
    const session = await app.load()
    const value = Array(MANY).fill(0)
    await expect((async () => give(session, value))()).rejects.toThrow(SessionTooLargeError)
    expect([session.size, session.changed, session.isGuest]).toEqual([0, false, true])
    expect(app.store.writes).toBe(0)
  })

  it('is read no further than necessary to know that', async () => {
    const session = await new Harness<Data>().load()
    let reads = 0
    const list = new Proxy(Array(MANY).fill(0), {
      get(target, name, receiver) {
        reads += 1
        return Reflect.get(target, name, receiver)
      },
    })
    expect(() => session.set('v', list)).toThrow(SessionTooLargeError)
    // A member takes at least two bytes, and encoding stops at four times the limit.
    expect(reads).toBeLessThan((900 * 1024 * 4) / 2 + 10)
  })

  it('is found at the commit if it has grown since it was set', async () => {
    const app = new Harness<Data>()
    const session = await app.load()
    const list: unknown[] = []
    session.set('list', list)
    for (let n = 0; n < MANY; n++) list.push(0)
    await expect(app.sessions.commit(session)).rejects.toThrow(SessionTooLargeError)
    expect(app.store.writes).toBe(0)
  })

  it('can consist of many values, or of an endless iterable', async () => {
    const session = await new Harness<Data>().load()
    const part = 'x'.repeat(600 * 1024)
    const values = Object.fromEntries(Array.from({ length: 10 }, (_, at) => [at, `${at}${part}`]))
    expect(() => session.update(values)).toThrow(SessionTooLargeError)
    let given = 0
    function* endless(): Generator<[string, number]> {
      for (let n = 0; ; n++) {
        given += 1
        yield [`key${n}`, n]
      }
    }
    expect(() => session.update(endless())).toThrow(SessionTooLargeError)
    // Keys count too.
    expect(given).toBeLessThan(400_000)
    expect(session.size).toBe(0)
  })
  it('is a set of a million numbers, known when it is set', async () => {
    const session = await new Harness<Data>().load()
    const numbers = new Set(Array.from({ length: 1_000_000 }, (_, n) => n))
    expect(() => session.set('v', numbers)).toThrow(SessionTooLargeError)
  })
})
