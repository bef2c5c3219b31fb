import assert from 'node:assert/strict'
import { countCalls, type ExpressSessionCase } from './case.ts'
import { done, put, type SiteHandler, sidOf, stored } from './site.ts'

const HOUR = 60 * 60 * 1000

const count: SiteHandler = (req, res) => {
  if (req.url === '/count') req.session['count'] = ((req.session['count'] as number) ?? 0) + 1
  res.end(String(req.session['count'] ?? 'none'))
}

interface Combination {
  readonly resave: boolean
  readonly saveUninitialized: boolean
  readonly rolling: boolean
  readonly maxAge: number | null
}

const BOTH = [false, true]

const COMBINATIONS: readonly Combination[] = BOTH.flatMap((resave) =>
  BOTH.flatMap((saveUninitialized) =>
    BOTH.flatMap((rolling) =>
      [null, HOUR].map((maxAge) => ({ resave, saveUninitialized, rolling, maxAge })),
    ),
  ),
)

/** Cases about when the middleware saves, touches and sends a cookie, by the documentation of its options. */
export const savingCases: readonly ExpressSessionCase[] = [
  ...COMBINATIONS.map(combinationCase),
  {
    name: "keeps the session with unset: 'keep' when req.session is set to null",
    async run({ store, open }) {
      const site = await open({ store, unset: 'keep' }, unsetting)
      const { cookie } = await site.visit('/count')
      await site.visit('/unset', { cookie })
      assert.equal((await site.visit('/', { cookie })).body, '1')
    },
  },
  {
    name: "destroys the session with unset: 'destroy' when req.session is set to null",
    async run({ store, open }) {
      const site = await open({ store, unset: 'destroy' }, unsetting)
      const { cookie } = await site.visit('/count')
      assert.notEqual(await stored(store, sidOf(cookie)), null)
      const { status, setCookie } = await site.visit('/unset', { cookie })
      assert.deepEqual([status, setCookie], [200, []])
      assert.equal(await stored(store, sidOf(cookie)), null)
    },
  },
  {
    name: 'sends no cookie for a new session that is unset',
    async run({ store, open }) {
      const site = await open({ store, unset: 'destroy', saveUninitialized: true }, unsetting)
      assert.deepEqual((await site.visit('/unset')).setCookie, [])
    },
  },
  {
    name: 'stores before the response is complete, however it is written',
    async run({ store, open }) {
      const site = await open({ store }, (req, res) => {
        req.session['seen'] = req.url
        if (req.url === '/empty') res.setHeader('Content-Length', '0')
        if (req.url === '/length') res.setHeader('Content-Length', '4')
        if (req.url === '/parts') res.write('bo')
        res.end(req.url === '/empty' ? undefined : req.url === '/parts' ? 'dy' : 'body')
      })
      for (const path of ['/', '/empty', '/length', '/parts']) {
        const { body, cookie } = await site.visit(path)
        assert.equal(body, path === '/empty' ? '' : 'body')
        assert.equal((await stored(store, sidOf(cookie)))?.['seen'], path)
      }
    },
  },
  {
    name: 'notices a change deep inside, and one under the name cookie',
    async run({ store, open }) {
      const sets = countCalls(store, 'set')
      const site = await open({ store }, (req, res) => {
        req.session['user'] ??= { cookie: 0 }
        const user = req.session['user'] as { cookie: number }
        if (req.url === '/change') user.cookie += 1
        res.end(String(user.cookie))
      })
      const { cookie } = await site.visit('/change')
      assert.equal((await site.visit('/change', { cookie })).body, '2')
      assert.equal((await site.visit('/', { cookie })).body, '2')
      assert.equal(sets.count, 2)
    },
  },
  {
    name: 'save() stores at once, so that there is no save at the end',
    async run({ store, open }) {
      const sets = countCalls(store, 'set')
      const site = await open(
        { store, resave: true, saveUninitialized: true },
        async (req, res) => {
          req.session['hit'] = true
          await done((callback) => req.session.save(callback))
          const found = await stored(store, req.session.id)
          res.end(found?.['hit'] === true ? 'stored' : 'missing')
        },
      )
      const { body, cookie } = await site.visit()
      assert.equal(body, 'stored')
      assert.equal(sets.count, 1)
      assert.equal((await site.visit('/', { cookie })).body, 'stored')
      assert.equal(sets.count, 2)
    },
  },
  {
    name: 'stores changes after a save()',
    async run({ store, open }) {
      const site = await open({ store }, async (req, res) => {
        req.session['first'] = 1
        await done((callback) => req.session.save(callback))
        req.session['second'] = 2
        delete req.session['first']
        res.end()
      })
      const found = await stored(store, sidOf((await site.visit()).cookie))
      assert.deepEqual([found?.['first'], found?.['second']], [undefined, 2])
    },
  },
  {
    name: 'stores the result of several save() in a row',
    async run({ store, open }) {
      const site = await open({ store }, async (req, res) => {
        const saves: Promise<unknown>[] = []
        for (const step of [1, 2, 3]) {
          req.session['step'] = step
          saves.push(done((callback) => req.session.save(callback)))
        }
        await Promise.all(saves)
        res.end()
      })
      const { cookie } = await site.visit()
      assert.equal((await stored(store, sidOf(cookie)))?.['step'], 3)
    },
  },
  {
    name: 'takes away a key that is deleted',
    async run({ store, open }) {
      const site = await open({ store }, (req, res) => {
        if (req.url === '/set') Object.assign(req.session, { a: 1, b: 2 })
        else delete req.session['a']
        res.end()
      })
      const { cookie } = await site.visit('/set')
      await site.visit('/delete', { cookie })
      const found = await stored(store, sidOf(cookie))
      assert.deepEqual([found?.['a'], found?.['b']], [undefined, 2])
    },
  },
  {
    name: 'counts up over requests',
    async run({ store, open }) {
      const site = await open({ store }, count)
      const { cookie } = await site.visit('/count')
      for (const body of ['2', '3']) {
        assert.equal((await site.visit('/count', { cookie })).body, body)
      }
    },
  },
  {
    name: 'does not save for a session id that is not a string',
    async run({ store, open }) {
      const sets = countCalls(store, 'set')
      const site = await open({ store, saveUninitialized: true }, (req, res) => {
        req.sessionID = () => {}
        req.session['test'] = 1
        res.end()
      })
      assert.deepEqual((await site.visit()).setCookie, [])
      assert.equal(sets.count, 0)
    },
  },
  {
    name: 'takes over a session that was stored by hand',
    async run({ store, open }) {
      const site = await open({ store }, count)
      const { cookie } = await site.visit('/count')
      const found = (await stored(store, sidOf(cookie))) ?? {}
      // The name of a session member, which the middleware ignores.
      await put(store, sidOf(cookie), { ...found, save: 'nope', count: 7 })
      assert.equal((await site.visit('/count', { cookie })).body, '8')
    },
  },
]

const unsetting: SiteHandler = (req, res) => {
  if (req.url === '/unset') {
    req.session = null as unknown as typeof req.session
    res.end()
  } else count(req, res)
}

function combinationCase(options: Combination): ExpressSessionCase {
  const { resave, saveUninitialized, rolling, maxAge } = options
  const { maxAge: _, ...flags } = options
  const names = Object.entries(flags).map(([name, value]) => `${name}: ${value}`)
  return {
    name: `saves, touches and sends as documented with ${names.join(', ')}, ${maxAge === null ? 'until the browser closes' : 'with maxAge'}`,
    async run({ store, open }) {
      const sets = countCalls(store, 'set')
      const touches = countCalls(store, 'touch')
      const cookieOptions = maxAge === null ? {} : { maxAge }
      const site = await open(
        { store, resave, saveUninitialized, rolling, cookie: cookieOptions },
        count,
      )
      const hasTouch = store.touch !== undefined
      let before = { sets: 0, touches: 0 }
      const visit = async (path: string, cookie = ''): Promise<unknown[]> => {
        const answer = await site.visit(path, { cookie })
        const made = [sets.count - before.sets, touches.count - before.touches]
        before = { sets: sets.count, touches: touches.count }
        return [...made, answer.setCookie.length]
      }
      assert.deepEqual(await visit('/'), [Number(saveUninitialized), 0, Number(saveUninitialized)])
      assert.deepEqual(await visit('/count'), [1, 0, 1], 'a new session that was changed')
      const { cookie } = await site.visit('/count')
      before = { sets: sets.count, touches: touches.count }
      assert.deepEqual(
        await visit('/', cookie),
        [Number(resave), Number(!resave && hasTouch), Number(rolling)],
        'a session that was only read',
      )
      assert.deepEqual(
        await visit('/count', cookie),
        [1, 0, Number(rolling || maxAge !== null)],
        'a session that was changed',
      )
      assert.equal((await site.visit('/', { cookie })).body, '2')
    },
  }
}
