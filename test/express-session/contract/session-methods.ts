import assert from 'node:assert/strict'
import { countCalls, type ExpressSessionCase } from './case.ts'
import { cookieOf, done, expiryOf, type SiteHandler, sidOf, stored } from './site.ts'

const HOUR = 60 * 60 * 1000

const visits: SiteHandler = (req, res) => {
  req.session['visits'] = ((req.session['visits'] as number) ?? 0) + 1
  res.end(String(req.session['visits']))
}

/** Cases about the methods of `req.session`, and the life of an id. */
export const sessionMethodCases: readonly ExpressSessionCase[] = [
  {
    name: 'shows only data and the cookie as properties',
    async run({ store, open }) {
      const site = await open({ store }, (req, res) => {
        if (req.url === '/set') Object.assign(req.session, { foo: 1, bar: 2 })
        const keys: string[] = []
        for (const key in req.session) keys.push(key)
        res.end(keys.sort().join())
      })
      const { body, cookie } = await site.visit('/set')
      assert.equal(body, 'bar,cookie,foo')
      assert.equal((await site.visit('/', { cookie })).body, 'bar,cookie,foo')
    },
  },
  {
    name: 'gives a request with an unknown id a new session and id',
    async run({ store, open }) {
      const site = await open({ store }, visits)
      const { cookie } = await site.visit()
      await done((callback) => store.destroy(sidOf(cookie), callback))
      const next = await site.visit('/', { cookie })
      assert.equal(next.body, '1')
      assert.notEqual(sidOf(next.cookie), sidOf(cookie))
      assert.equal(await stored(store, sidOf(cookie)), null)
    },
  },
  {
    name: 'is not called for a cookie that is unsigned, or signed with another secret',
    async run({ store, open }) {
      const site = await open({ store }, visits)
      const { cookie } = await site.visit()
      const gets = countCalls(store, 'get')
      for (const bad of [`connect.sid=${sidOf(cookie)}`, cookie.replace(/.{3}$/, 'abc')]) {
        assert.equal((await site.visit('/', { cookie: bad })).body, '1')
      }
      assert.equal(gets.count, 0)
    },
  },
  {
    name: 'stores a session under any id of genid',
    async run({ store, open }) {
      for (const id of ['apple', '%', '/foo', 'ü 1']) {
        const site = await open({ store, genid: () => id }, visits)
        const { cookie } = await site.visit()
        assert.equal(sidOf(cookie), id)
        assert.equal((await site.visit('/', { cookie })).body, '2')
      }
    },
  },
  {
    name: 'overwrites the session of an id that genid returns again',
    async run({ store, open }) {
      const site = await open({ store, genid: () => 'always' }, (req, res) => {
        req.session[String(req.url).slice(1)] = true
        res.end()
      })
      await site.visit('/one')
      await site.visit('/two')
      const found = await stored(store, 'always')
      assert.deepEqual([found?.['one'], found?.['two']], [undefined, true])
    },
  },
  {
    name: 'reload() shows the changes of another request',
    async run({ store, open }) {
      const site = await open({ store }, async (req, res) => {
        req.session['by'] = req.url
        if (req.url === '/outer') {
          await site.visit('/inner', { cookie: req.headers.cookie ?? '' })
          await done((callback) => req.session.reload(callback))
        }
        res.end(String(req.session['by']))
      })
      const { cookie } = await site.visit('/')
      assert.equal((await site.visit('/outer', { cookie })).body, '/inner')
      assert.equal((await stored(store, sidOf(cookie)))?.['by'], '/inner')
    },
  },
  {
    name: 'reload() of a session that is gone fails',
    async run({ store, open }) {
      const site = await open({ store }, async (req, res) => {
        req.session['a'] = 1
        if (req.url === '/reload') {
          await done((callback) => store.destroy(req.session.id, callback))
          await done((callback) => req.session.reload(callback))
        }
        res.end('no error')
      })
      const { cookie } = await site.visit()
      const { status, body } = await site.visit('/reload', { cookie })
      assert.deepEqual([status, body], [500, 'failed to load session'])
    },
  },
  {
    name: 'a reloaded session can be saved',
    async run({ store, open }) {
      const site = await open({ store }, async (req, res) => {
        req.session['hits'] = ((req.session['hits'] as number) ?? 0) + 1
        await done((callback) => req.session.save(callback))
        await done((callback) => req.session.reload(callback))
        req.session['after'] = req.session['hits']
        await done((callback) => req.session.save(callback))
        res.end()
      })
      const { cookie } = await site.visit()
      await site.visit('/', { cookie })
      const found = await stored(store, sidOf(cookie))
      assert.deepEqual([found?.['hits'], found?.['after']], [2, 2])
    },
  },
  {
    name: 'regenerate() ends the old session and starts an empty one',
    async run({ store, open }) {
      const site = await open({ store }, async (req, res) => {
        req.session['old'] = true
        if (req.url === '/login') {
          const { id } = req.session
          await done((callback) => req.session.regenerate(callback))
          assert.notEqual(req.session.id, id)
          req.session['fresh'] = Object.keys(req.session).join()
        }
        res.end()
      })
      const { cookie } = await site.visit()
      const next = await site.visit('/login', { cookie })
      assert.notEqual(sidOf(next.cookie), sidOf(cookie))
      assert.equal(await stored(store, sidOf(cookie)), null)
      const found = await stored(store, sidOf(next.cookie))
      assert.deepEqual([found?.['old'], found?.['fresh']], [undefined, 'cookie'])
      // A visitor without a session has nothing to end.
      const login = await site.visit('/login')
      assert.equal((await stored(store, sidOf(login.cookie)))?.['fresh'], 'cookie')
    },
  },
  {
    name: 'regenerate(), then save(), then the end of the request leave one session',
    async run({ store, open }) {
      const site = await open({ store }, async (req, res) => {
        await done((callback) => req.session.regenerate(callback))
        req.session['user'] = 'alice'
        await done((callback) => req.session.save(callback))
        res.end()
      })
      const { cookie } = await site.visit()
      assert.equal((await stored(store, sidOf(cookie)))?.['user'], 'alice')
      if (store.length !== undefined) {
        assert.equal(await done((callback) => store.length?.(callback)), 1)
      }
    },
  },
  {
    name: 'destroy() ends the session and sends no cookie, with and without a callback',
    async run({ store, open }) {
      const site = await open({ store }, async (req, res) => {
        if (req.url === '/logout') {
          await done((callback) => req.session.destroy(callback))
          res.end(String(req.session))
        } else if (req.url === '/silently') {
          req.session.destroy()
          res.end(String(req.session))
        } else visits(req, res)
      })
      for (const path of ['/logout', '/silently']) {
        const { cookie } = await site.visit()
        const { body, setCookie } = await site.visit(path, { cookie })
        assert.deepEqual([body, setCookie], ['undefined', []])
        await done((callback) => store.destroy(sidOf(cookie), callback))
        assert.equal((await site.visit('/', { cookie })).body, '1')
      }
      assert.deepEqual((await site.visit('/logout')).setCookie, [])
      assert.deepEqual(site.errors, [])
    },
  },
  {
    name: 'touch() and use prolong a session',
    async run({ store, open }) {
      if (store.touch === undefined) return
      const site = await open({ store, cookie: { maxAge: HOUR } }, visits)
      const { cookie } = await site.visit()
      const sid = sidOf(cookie)
      const early = await stored(store, sid)
      const shortly = { ...cookieOf(early), expires: new Date(Date.now() + 60_000) }
      await done((callback) => store.set(sid, { ...early, cookie: shortly } as never, callback))
      assert.ok((await expiryOf(store, sid)) < Date.now() + HOUR / 2)
      const reader = await open({ store, cookie: { maxAge: HOUR } }, (_req, res) => res.end())
      await reader.visit('/', { cookie })
      assert.ok(
        (await expiryOf(store, sid)) > Date.now() + HOUR / 2,
        'reading a session prolongs it',
      )
    },
  },
  {
    name: 'passes errors of get to the app, and treats ENOENT as no session',
    async run({ store, open }) {
      const site = await open({ store }, visits)
      const { cookie } = await site.visit()
      const broken = store as { get: unknown }
      broken.get = (_sid: string, callback: (error: unknown) => void) => callback(new Error('boom'))
      const failed = await site.visit('/', { cookie })
      assert.deepEqual([failed.status, failed.body], [500, 'boom'])
      const missing = Object.assign(new Error('boom'), { code: 'ENOENT' })
      broken.get = (_sid: string, callback: (error: unknown) => void) => callback(missing)
      assert.equal((await site.visit('/', { cookie })).body, '1')
    },
  },
  {
    name: 'fails to show a session that was stored without a cookie',
    async run({ store, open }) {
      const site = await open({ store }, visits)
      const { cookie } = await site.visit()
      await done((callback) => store.set(sidOf(cookie), { foo: 'bar' } as never, callback))
      const { status, body } = await site.visit('/', { cookie })
      assert.equal(status, 500)
      assert.match(body, /Cannot read prop/)
    },
  },
  {
    name: 'serves without sessions between disconnect and connect',
    async run({ store, open }) {
      const site = await open({ store }, (req, res) => res.end(typeof req.session))
      store.emit('disconnect')
      assert.equal((await site.visit()).body, 'undefined')
      store.emit('connect')
      assert.equal((await site.visit()).body, 'object')
    },
  },
  {
    name: 'does not change a session that another middleware has made',
    async run({ store, middleware, open }) {
      const inner = middleware({ secret: 'another', resave: true, saveUninitialized: true, store })
      const site = await open({ store }, async (req, res) => {
        const { session } = req
        await new Promise<void>((resolve) => inner(req, res, () => resolve()))
        res.end(String(req.session === session))
      })
      assert.equal((await site.visit()).body, 'true')
    },
  },
]
