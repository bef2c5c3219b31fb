import assert from 'node:assert/strict'
import { type ExpressSessionCase, gate } from './case.ts'
import { done, plainCookie, put, type SiteHandler, sidOf, stored } from './site.ts'

const HOUR = 60 * 60 * 1000

/** Cases about overlapping requests. Each request waits at a gate after it has loaded its session. */
export const raceCases: readonly ExpressSessionCase[] = [
  {
    name: 'a slow request does not bring back what was destroyed meanwhile',
    extra: 'ended-stays-ended',
    async run({ store, open }) {
      const held = gate()
      const site = await open({ store }, waitingAt(held))
      const { cookie } = await site.visit('/set?a')
      const slow = site.visit('/wait?b', { cookie })
      await held.reached
      await site.visit('/destroy', { cookie })
      held.open()
      await slow
      assert.equal(await stored(store, sidOf(cookie)), null)
    },
  },
  {
    name: 'a slow request that only reads does not bring it back either',
    extra: 'ended-stays-ended',
    async run({ store, open }) {
      for (const resave of [false, true]) {
        const held = gate()
        const site = await open(
          { store, resave, rolling: true, cookie: { maxAge: HOUR } },
          waitingAt(held),
        )
        const { cookie } = await site.visit('/set?a')
        const slow = site.visit('/wait', { cookie })
        await held.reached
        await site.visit('/destroy', { cookie })
        held.open()
        await slow
        assert.equal(await stored(store, sidOf(cookie)), null)
      }
    },
  },
  {
    name: 'a slow request does not bring back what a login has replaced',
    extra: 'ended-stays-ended',
    async run({ store, open }) {
      const held = gate()
      const site = await open({ store }, waitingAt(held))
      const { cookie } = await site.visit('/set?a')
      const slow = site.visit('/wait?b', { cookie })
      await held.reached
      const login = await site.visit('/login?user', { cookie })
      held.open()
      await slow
      assert.equal(await stored(store, sidOf(cookie)), null)
      assert.equal((await stored(store, sidOf(login.cookie)))?.['user'], true)
    },
  },
  {
    name: 'an object that was loaded or stored does not bring its session back',
    extra: 'ended-stays-ended',
    async run({ store }) {
      const session = { cookie: plainCookie(HOUR), count: 1 }
      await put(store, 'a', session)
      const loaded = await stored(store, 'a')
      await done((callback) => store.destroy('a', callback))
      for (const object of [session, loaded as object]) {
        Object.assign(object, { count: 2 })
        // The store decides whether that is an error.
        await new Promise<void>((resolve) => {
          store.set('a', object as never, () => resolve())
        })
        if (store.touch !== undefined) {
          await done((callback) => store.touch?.('a', object as never, callback))
        }
        assert.equal(await stored(store, 'a'), null)
      }
    },
  },
  {
    name: 'parallel requests that change different keys all keep their change',
    extra: 'merged-changes',
    async run({ store, open }) {
      const held = [gate(), gate(), gate()]
      const site = await open({ store }, waitingAt(...held))
      const { cookie } = await site.visit('/set?before&gone')
      const slow = ['/wait?a&gate=0', '/wait?b&gate=1', '/wait?drop=gone&gate=2'].map((path) =>
        site.visit(path, { cookie }),
      )
      await Promise.all(held.map(({ reached }) => reached))
      for (const one of held) one.open()
      await Promise.all(slow)
      const { cookie: _, ...data } = (await stored(store, sidOf(cookie))) ?? {}
      assert.deepEqual(data, { before: true, a: true, b: true })
    },
  },
  {
    name: 'a second save of a request keeps what others have stored in between',
    extra: 'merged-changes',
    async run({ store, open }) {
      const held = gate()
      const site = await open({ store }, async (req, res) => {
        const { pathname, search } = new URL(String(req.url), 'http://localhost')
        req.session[search.slice(1)] = true
        if (pathname === '/twice') {
          await done((callback) => req.session.save(callback))
          await held.wait()
          req.session['late'] = true
        }
        res.end()
      })
      const { cookie } = await site.visit('/?first')
      const slow = site.visit('/twice?early', { cookie })
      await held.reached
      await site.visit('/?between', { cookie })
      held.open()
      await slow
      const { cookie: _, ...data } = (await stored(store, sidOf(cookie))) ?? {}
      assert.deepEqual(data, { first: true, early: true, between: true, late: true })
    },
  },
  {
    name: 'a request that only reads does not roll back what others store meanwhile',
    extra: 'merged-changes',
    async run({ store, open }) {
      for (const resave of [false, true]) {
        const held = gate()
        const site = await open({ store, resave, cookie: { maxAge: HOUR } }, waitingAt(held))
        const { cookie } = await site.visit('/set?a')
        const slow = site.visit('/wait', { cookie })
        await held.reached
        await site.visit('/set?b', { cookie })
        held.open()
        await slow
        assert.equal((await stored(store, sidOf(cookie)))?.['b'], true)
      }
    },
  },
]

/** Sets the keys of the query; on `/wait` only after the gate. */
function waitingAt(...gates: readonly { wait(): Promise<void> }[]): SiteHandler {
  return async (req, res) => {
    const { pathname, searchParams } = new URL(String(req.url), 'http://localhost')
    const { gate: index = '0', drop, ...keys } = Object.fromEntries(searchParams)
    if (pathname === '/wait') await gates[Number(index)]?.wait()
    if (pathname === '/login') await done((callback) => req.session.regenerate(callback))
    if (pathname === '/destroy') await done((callback) => req.session.destroy(callback))
    else {
      for (const key of Object.keys(keys)) req.session[key] = true
      if (drop !== undefined) delete req.session[drop]
    }
    res.end()
  }
}
