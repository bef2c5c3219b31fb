import assert from 'node:assert/strict'
import type { ExpressSessionCase } from './case.ts'
import {
  cookieOf,
  done,
  type ExpressSessionStore,
  expiryOf,
  plainCookie,
  put,
  stored,
} from './site.ts'

const HOUR = 60 * 60 * 1000

/** Ids that a `genid` may return. */
const STRANGE_IDS = [
  'wat',
  '%',
  '/foo/../bar',
  '__proto__',
  'a b\tc',
  'ß–漢字',
  "'; --",
  'x'.repeat(4000),
]

/** The methods of a store, called by hand. */
export const methodCases: readonly ExpressSessionCase[] = [
  {
    name: 'finds nothing under an id that was never stored',
    async run({ store }) {
      assert.equal(await stored(store, 'unknown'), null)
    },
  },
  {
    name: 'gives back what was stored, with the times of the cookie',
    async run({ store }) {
      const cookie: Record<string, unknown> = {
        ...plainCookie(HOUR),
        sameSite: 'lax',
        secure: false,
      }
      await put(store, 'a', {
        cookie,
        user: 'alice',
        list: [1, [2, null]],
        nested: { deep: { x: 1.5 } },
      })
      const found = await stored(store, 'a')
      assert.ok(found !== null, 'the session has to be there')
      const { cookie: back, ...data } = found
      assert.deepEqual(data, { user: 'alice', list: [1, [2, null]], nested: { deep: { x: 1.5 } } })
      const { expires, ...rest } = back as Record<string, unknown>
      assert.deepEqual(plain(rest), {
        originalMaxAge: HOUR,
        httpOnly: true,
        path: '/',
        sameSite: 'lax',
        secure: false,
      })
      assert.equal(new Date(expires as string).getTime(), (cookie['expires'] as Date).getTime())
    },
  },
  {
    name: 'takes expires as a string too',
    async run({ store }) {
      const expires = new Date(Date.now() + HOUR).toISOString()
      await put(store, 'a', { cookie: { ...plainCookie(HOUR), expires } })
      assert.equal(new Date(await expiryOf(store, 'a')).toISOString(), expires)
    },
  },
  {
    name: 'keeps values as JSON does',
    async run({ store }) {
      const values = {
        text: 'ü\n\u2028"\\',
        empty: '',
        zero: 0,
        no: false,
        nothing: null,
        list: [],
        object: {},
      }
      await put(store, 'a', { cookie: plainCookie(null), ...values })
      const { cookie: _, ...data } = (await stored(store, 'a')) ?? {}
      assert.deepEqual(plain(data), values)
    },
  },
  {
    name: 'leaves out and replaces what JSON leaves out and replaces',
    async run({ store }) {
      class Money {
        readonly amount: number = 3
        readonly currency: string = 'EUR'
        plus(): void {}
      }
      const odd = {
        call: () => 1,
        missing: undefined,
        unknown: Number.NaN,
        list: [undefined, () => 1, Number.POSITIVE_INFINITY],
        money: new Money(),
        own: { toJSON: () => ({ as: 'told' }) },
        url: new URL('https://example.com/a'),
      }
      await put(store, 'a', { cookie: plainCookie(null), ...odd })
      const { cookie: _, ...data } = (await stored(store, 'a')) ?? {}
      assert.deepEqual(plain(data), JSON.parse(JSON.stringify(odd)))
    },
  },
  {
    name: 'hands out a copy each time',
    async run({ store }) {
      const session = { cookie: plainCookie(null), list: [1] }
      await put(store, 'a', session)
      session.list.push(2)
      const found = (await stored(store, 'a')) as { list: number[] }
      found.list.push(3)
      assert.deepEqual((await stored(store, 'a'))?.['list'], [1])
    },
  },
  {
    name: 'replaces the whole session',
    async run({ store }) {
      await put(store, 'a', { cookie: plainCookie(null), one: 1, two: 2 })
      await put(store, 'a', { cookie: plainCookie(HOUR), two: 3 })
      const found = await stored(store, 'a')
      assert.equal(found?.['one'], undefined)
      assert.equal(found?.['two'], 3)
      assert.equal(cookieOf(found)['originalMaxAge'], HOUR)
    },
  },
  {
    name: 'keeps keys with the names of session members',
    async run({ store }) {
      await put(store, 'a', { cookie: plainCookie(null), save: 'nope', id: 'other' })
      assert.equal((await stored(store, 'a'))?.['save'], 'nope')
    },
  },
  {
    name: 'returns a session without a cookie unchanged',
    async run({ store }) {
      await put(store, 'a', { foo: 'bar' })
      const found = await stored(store, 'a')
      assert.equal(found?.['foo'], 'bar')
      assert.equal(found?.['cookie'], undefined)
    },
  },
  {
    name: 'keeps the sessions of any ids apart',
    async run({ store }) {
      for (const [index, sid] of STRANGE_IDS.entries()) {
        await put(store, sid, { cookie: plainCookie(null), index })
      }
      for (const [index, sid] of STRANGE_IDS.entries()) {
        assert.equal(
          (await stored(store, sid))?.['index'],
          index,
          `the session of ${sid.slice(0, 20)}`,
        )
      }
    },
  },
  {
    name: 'does not give a session whose cookie has expired',
    async run({ store }) {
      await put(store, 'a', {
        cookie: { ...plainCookie(HOUR), expires: new Date(Date.now() - 1000) },
      })
      await put(store, 'b', { cookie: { ...plainCookie(-5), originalMaxAge: -5 } })
      await put(store, 'c', { cookie: { path: '/', expires: new Date(0) } })
      for (const sid of ['a', 'b', 'c']) assert.equal(await stored(store, sid), null)
      if (store.all !== undefined) assert.deepEqual(await allOf(store), [])
    },
  },
  {
    name: 'stores a new session under an expired id',
    async run({ store }) {
      await put(store, 'a', { cookie: plainCookie(-1000), old: true })
      await put(store, 'a', { cookie: plainCookie(HOUR), fresh: true })
      const found = await stored(store, 'a')
      assert.equal(found?.['fresh'], true)
      assert.equal(found?.['old'], undefined)
    },
  },
  {
    name: 'destroys a session, and does not mind one that is not there',
    async run({ store }) {
      await put(store, 'a', { cookie: plainCookie(null) })
      await put(store, 'b', { cookie: plainCookie(null) })
      await done((callback) => store.destroy('a', callback))
      await done((callback) => store.destroy('a', callback))
      await done((callback) => store.destroy('never stored', callback))
      assert.equal(await stored(store, 'a'), null)
      assert.notEqual(await stored(store, 'b'), null)
    },
  },
  {
    name: 'destroys without a callback, as req.session.destroy() does',
    async run({ store }) {
      await put(store, 'a', { cookie: plainCookie(null) })
      await store.destroy('a')
      await done((callback) => store.destroy('a', callback))
      assert.equal(await stored(store, 'a'), null)
    },
  },
  {
    name: 'touches the cookie and nothing else',
    async run({ store }) {
      if (store.touch === undefined) return
      await put(store, 'a', { cookie: plainCookie(HOUR), count: 1 })
      await put(store, 'a', { cookie: plainCookie(HOUR), count: 2 })
      const renewed = { cookie: plainCookie(2 * HOUR), count: 1 }
      await done((callback) => store.touch?.('a', renewed as never, callback))
      assert.equal((await stored(store, 'a'))?.['count'], 2)
      assert.equal(await expiryOf(store, 'a'), (renewed.cookie['expires'] as Date).getTime())
    },
  },
  {
    name: 'creates nothing by a touch',
    async run({ store }) {
      if (store.touch === undefined) return
      const session = { cookie: plainCookie(HOUR), count: 1 }
      await done((callback) => store.touch?.('a', session as never, callback))
      assert.equal(await stored(store, 'a'), null)
    },
  },
  {
    name: 'counts, lists and clears the sessions that are alive',
    async run({ store }) {
      await put(store, 'a', { cookie: plainCookie(HOUR), name: 'a' })
      await put(store, 'b', { cookie: plainCookie(null), name: 'b' })
      await put(store, 'c', { cookie: plainCookie(-1000), name: 'c' })
      if (store.length !== undefined) {
        assert.equal(await done((callback) => store.length?.(callback)), 2)
      }
      if (store.all !== undefined) {
        const all = await allOf(store)
        assert.deepEqual(all.map(({ name }) => name).sort(), ['a', 'b'])
        assert.ok(all.every(({ cookie }) => typeof cookie === 'object'))
      }
      if (store.clear === undefined) return
      await done((callback) => store.clear?.(callback))
      assert.equal(await stored(store, 'a'), null)
      assert.equal(await stored(store, 'b'), null)
    },
  },
  {
    name: 'hands what cannot be stored to the callback, once',
    extra: 'errors-by-callback',
    async run({ store }) {
      const cycle: Record<string, unknown> = { cookie: plainCookie(null) }
      cycle['self'] = { cycle }
      let calls = 0
      const outcome = new Promise((resolve) => {
        store.set('a', cycle as never, (error) => {
          calls += 1
          resolve(error)
        })
      })
      assert.ok((await outcome) instanceof Error, 'the callback has to get an error')
      assert.equal(await stored(store, 'a'), null)
      assert.equal(calls, 1)
    },
  },
  {
    name: 'calls back once for each call',
    async run({ store }) {
      const calls: string[] = []
      const note = (name: string) => (callback: (error?: unknown) => void) => (error?: unknown) => {
        calls.push(name)
        callback(error)
      }
      await done((callback) =>
        store.set('a', { cookie: plainCookie(null) } as never, note('set')(callback)),
      )
      await done((callback) => store.get('a', note('get')(callback)))
      await done((callback) => store.destroy('a', note('destroy')(callback)))
      await stored(store, 'a')
      assert.deepEqual(calls, ['set', 'get', 'destroy'])
    },
  },
]

/** Converts a value as JSON does. */
function plain(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value))
}

async function allOf(store: ExpressSessionStore): Promise<Record<string, unknown>[]> {
  const all = await done<unknown>((callback) => store.all?.(callback))
  return Object.values(all ?? {})
}
