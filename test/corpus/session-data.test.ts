import { describe, expect, it } from 'vitest'
import { SessionValueError } from '../../src/index.ts'
import { Harness } from '../request/harness.ts'
import { SESSION_DATA } from './session-data.ts'

const all = Object.entries(SESSION_DATA)

describe('session data', () => {
  it.each(all.filter(([, entry]) => !('refused' in entry)))('keeps %s', async (_, entry) => {
    const app = new Harness()
    const cookie = await app.given({ v: entry.make() })
    const value = (await app.load(cookie)).get('v')
    const expected = 'as' in entry ? entry.as : entry.make()
    expect(value).toStrictEqual(expected)
    // Setting the value that was read is no change.
    await app.visit((s) => s.set('v', s.get('v')), { cookie })
    expect(app.store.writes).toBe(0)
  })

  it.each(all)(
    'refuses or keeps %s the same way in a scope, in update() and at commit',
    async (_, entry) => {
      const app = new Harness()
      const cookie = await app.given({ v: {} })
      const session = await app.load(cookie)
      const calls = [
        () => session.set('v', entry.make()),
        () => session.update({ v: entry.make() }),
        () => session.setDefault('new', entry.make()),
        () => session.scope('a').set('v', entry.make()),
      ]
      for (const call of calls) {
        if ('refused' in entry) expect(call).toThrow(SessionValueError)
        else expect(call).not.toThrow()
      }
      const late = await app.load(cookie)
      ;(late.get('v') as Record<string, unknown>)['late'] = entry.make()
      const committed = app.sessions.commit(late)
      if ('refused' in entry) await expect(committed).rejects.toThrow(SessionValueError)
      else await committed
    },
  )

  it.each(all.filter(([, entry]) => 'refused' in entry))(
    'refuses %s, and names the path',
    async (_, entry) => {
      const session = await new Harness().load()
      const at = 'refused' in entry ? entry.refused : ''
      let message = ''
      try {
        session.set('v', entry.make())
      } catch (error) {
        expect(error).toBeInstanceOf(SessionValueError)
        message = (error as Error).message
      }
      // An endless value is refused at the deepest allowed level.
      const ends = at.endsWith('.a.a') ? at : `${at} `
      expect(message.startsWith(at === 'v' ? 'v' : ends)).toBe(true)
      expect(session.has('v')).toBe(false)
    },
  )

  it('never changes the prototype of all objects', async () => {
    const app = new Harness()
    for (const [, entry] of all) {
      await app.visit((s) => s.set('v', entry.make())).catch(() => {})
    }
    expect(Object.keys(Object.prototype)).toEqual([])
    expect(({} as Record<string, unknown>)['admin']).toBeUndefined()
  })

  it('reads a getter once, so that the check and the store cannot get different values', async () => {
    let reads = 0
    const tricky = {
      get value() {
        reads += 1
        return reads === 1 ? 'harmless' : () => {}
      },
    }
    const session = await new Harness().load()
    session.set('v', 1)
    expect(() => session.set('v', tricky)).not.toThrow()
    expect(reads).toBe(1)
  })

  it('keeps shared parts of a value, and shares no value with another request', async () => {
    const app = new Harness()
    const part = { n: 1 }
    const cookie = await app.given({ v: { a: part, b: part } })
    const [one, two] = await Promise.all([app.load(cookie), app.load(cookie)])
    const first = one.get('v') as { a: object; b: object }
    expect(first.a).toBe(first.b)
    expect(two.get('v')).not.toBe(first)
  })

  it('gives each get() of one request the same value', async () => {
    const app = new Harness()
    const cookie = await app.given({ v: [1] })
    const session = await app.load(cookie)
    expect(session.get('v')).toBe(session.get('v'))
  })
})
