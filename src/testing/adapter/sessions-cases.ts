import assert from 'node:assert/strict'
import { gate } from '../gate.ts'
import { type AdapterPages, answer, count, login, logout, plain, visits, who } from './app.ts'
import { type AdapterCase, ours } from './site.ts'

const identity: AdapterPages = {
  '/count': count,
  '/visits': visits,
  '/who': who,
  '/login': login,
  '/logout': logout,
  '/cycle': async (session) => {
    await session.cycleKey()
    return answer('cycled')
  },
}

/** Cases about the session of a request, and its changes. */
export const sessionCases: readonly AdapterCase[] = [
  {
    name: 'gives a visitor a cookie, and finds what was stored by it',
    async run(open) {
      const visitor = (await open({ '/count': count, '/visits': visits })).visitor()
      const first = await visitor.get('/count')
      assert.deepEqual([first.status, first.body], [200, '1'])
      assert.match(
        ours(first)[0] ?? 'no cookie',
        /^viur-session=[^;]+; Max-Age=\d+; Path=\/; HttpOnly; SameSite=Lax$/,
      )
      assert.equal(ours(first).length, 1)
      assert.equal(await visitor.read('/count'), '2')
      assert.equal(await visitor.read('/visits'), '2')
    },
  },
  {
    name: 'has loaded the session when the page begins',
    async run(open) {
      const site = await open({
        '/count': count,
        '/outcome': (session) => answer(`${session.loaded} ${session.loadOutcome}`),
      })
      const visitor = site.visitor()
      await visitor.get('/count')
      assert.equal(await visitor.read('/outcome'), 'true live')
      assert.equal((await site.get('/outcome')).body, 'true none')
    },
  },
  {
    name: 'stores what a POST changes',
    async run(open) {
      const visitor = (await open({ '/count': count, '/visits': visits })).visitor()
      const headers = { 'content-type': 'application/json' }
      const { status } = await visitor.get('/count', { method: 'POST', headers })
      assert.equal(status, 200)
      assert.equal(await visitor.read('/visits'), '1')
    },
  },
  {
    name: 'makes no store call for a visitor without a cookie whose page does not use the session',
    needs: ['store'],
    async run(open) {
      const site = await open({ '/plain': plain, '/visits': visits })
      const replies = [await site.get('/plain'), await site.get('/visits')]
      assert.deepEqual(
        replies.map(({ setCookie }) => setCookie),
        [[], []],
      )
      assert.deepEqual(site.store.calls, [])
    },
  },
  {
    name: 'makes one store call for a page that only reads, and sets no cookie',
    needs: ['store'],
    async run(open) {
      const site = await open({ '/count': count, '/visits': visits })
      const visitor = site.visitor()
      await visitor.get('/count')
      site.store.clearCalls()
      const { body, setCookie } = await visitor.get('/visits')
      assert.deepEqual([body, setCookie], ['1', []])
      assert.deepEqual(
        site.store.calls.map(({ method }) => method),
        ['find'],
      )
    },
  },
  {
    name: 'treats a cookie without a session like no cookie',
    async run(open) {
      const site = await open({ '/visits': visits })
      for (const value of ['A'.repeat(43), 'x', '%', '"']) {
        const { status, body } = await site.get('/visits', {
          headers: { cookie: `viur-session=${value}` },
        })
        assert.deepEqual([status, body], [200, 'none'])
      }
    },
  },
  {
    name: 'gives a new id at login, and leaves nothing under the old one',
    needs: ['store'],
    async run(open) {
      const site = await open(identity)
      const visitor = site.visitor()
      await visitor.get('/count')
      const before = visitor.cookie
      assert.equal(ours(await visitor.get('/login')).length, 1)
      assert.notEqual(visitor.cookie, before)
      assert.equal(await visitor.read('/who'), 'alice')
      const { body } = await site.get('/who', { headers: { cookie: before } })
      assert.equal(body, '__guest__')
    },
  },
  {
    name: 'ends the session at logout, and removes the cookie',
    async run(open) {
      const visitor = (await open(identity)).visitor()
      await visitor.get('/login')
      assert.equal(await visitor.read('/who'), 'alice')
      const [cookie] = ours(await visitor.get('/logout'))
      assert.match(cookie ?? 'no cookie', /^viur-session=; Max-Age=0;/)
      assert.equal(visitor.cookie, '')
      assert.equal(await visitor.read('/who'), '__guest__')
    },
  },
  {
    name: 'carries all data to a new id',
    async run(open) {
      const visitor = (await open(identity)).visitor()
      await visitor.get('/count')
      const before = visitor.cookie
      await visitor.get('/cycle')
      assert.notEqual(visitor.cookie, before)
      assert.equal(await visitor.read('/visits'), '1')
    },
  },
  {
    name: 'keeps the sessions of simultaneous visitors apart',
    async run(open) {
      const names = Array.from({ length: 12 }, (_, at) => `visitor-${at}`)
      const together = gate(names.length)
      const site = await open({
        '/login': async (session, url) => {
          await session.login(url.searchParams.get('as') as string)
          await together.pass()
          return answer(session.user)
        },
        '/who': who,
      })
      const all = names.map((name) => ({ name, visitor: site.visitor() }))
      const logins = all.map(({ name, visitor }) => visitor.get(`/login?as=${name}`))
      await Promise.race([together.reached, ...logins])
      together.open()
      await Promise.all(logins)
      const seen = await Promise.all(all.map(({ visitor }) => visitor.read('/who')))
      assert.deepEqual(seen, names)
    },
  },
  {
    name: 'keeps the changes of two parallel requests of one visitor',
    needs: ['store'],
    async run(open) {
      const together = gate(2)
      const site = await open({
        '/count': count,
        '/put': async (session, url) => {
          session.set(url.searchParams.get('key') as string, true)
          await together.pass()
          return answer('put')
        },
        '/keys': (session) => answer([...session.keys()].sort().join()),
      })
      const visitor = site.visitor()
      await visitor.get('/count')
      const puts = ['a', 'b'].map((key) => visitor.ask(`/put?key=${key}`).reply)
      await Promise.race([together.reached, ...puts])
      together.open()
      await Promise.all(puts)
      assert.equal(await visitor.read('/keys'), 'a,b,visits')
    },
  },
]
