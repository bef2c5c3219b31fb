import assert from 'node:assert/strict'
import { SessionStoreError } from '../../base/errors.ts'
import { type AdapterPage, answer, count, leave, login, PAGES, pieces, who } from './app.ts'
import { type AdapterCase, assertError, ours } from './site.ts'

/** An error that is not retried. */
const FATAL = {
  method: 'write',
  error: new SessionStoreError('the store of the contract is down', {
    effect: 'none',
    retryable: false,
  }),
} as const

const throwing: AdapterPage = (session) => {
  session.set('visits', 99)
  throw new Error('the page has failed, as the contract wants it to')
}

/** Stores a value that cannot be kept, which only the commit notices. */
const unkept: AdapterPage = (session) => {
  session.set('list', [])
  ;(session.get('list') as unknown[]).push(() => {})
  return answer('kept')
}

/** Cases about errors of the pages, of the store and of the commit. */
export const errorCases: readonly AdapterCase[] = [
  {
    name: 'stores no changes of a page that answers with a server error',
    async run(open) {
      const visitor = (
        await open({
          ...PAGES,
          '/broken': (session) => {
            count(session)
            return answer('broken', 503)
          },
        })
      ).visitor()
      await visitor.get('/count')
      const reply = await visitor.get('/broken')
      assert.deepEqual([reply.status, reply.body, ours(reply)], [503, 'broken', []])
      assert.equal(await visitor.read('/visits'), '1')
    },
  },
  {
    name: 'stores no changes of a page that throws, and keeps working',
    async run(open) {
      const visitor = (await open({ ...PAGES, '/throw': throwing })).visitor()
      await visitor.get('/count')
      assertError(await visitor.get('/throw'))
      assert.equal(await visitor.read('/visits'), '1')
    },
  },
  {
    name: 'ends the session that a page logs out before it throws',
    needs: ['store'],
    async run(open) {
      const site = await open({
        '/login': login,
        '/out': async (session) => {
          await session.logout()
          throw new Error('the page has failed after a logout, as the contract wants it to')
        },
        '/who': who,
      })
      const visitor = site.visitor()
      await visitor.get('/login')
      const headers = { cookie: visitor.cookie }
      assert.equal((await site.get('/out', { headers })).status >= 500, true)
      assert.equal((await site.get('/who', { headers })).body, '__guest__')
    },
  },
  {
    name: 'answers with an error when the changes of a page cannot be stored',
    async run(open) {
      const visitor = (await open({ ...PAGES, '/unkept': unkept })).visitor()
      await visitor.get('/count')
      const reply = await visitor.get('/unkept')
      assertError(reply)
      assert.notEqual(reply.body, 'kept')
      assert.equal(await visitor.read('/visits'), '1')
    },
  },
  {
    name: 'answers with an error and nothing of the page when the store fails the commit',
    needs: ['store'],
    async run(open) {
      const site = await open({
        ...PAGES,
        '/page': (session) => ({
          ...count(session),
          body: 'the page',
          headers: [
            ['ETag', '"page"'],
            ['Cache-Control', 'public, max-age=60'],
          ],
        }),
      })
      const visitor = site.visitor()
      await visitor.get('/count')
      site.store.failNext('before', FATAL)
      const reply = await visitor.get('/page')
      assertError(reply)
      assert.equal(reply.body.includes('the page'), false)
      assert.notEqual(reply.headers.etag, '"page"')
      assert.doesNotMatch(reply.headers['cache-control'] ?? '', /public/)
      assert.equal(await visitor.read('/count'), '2')
    },
  },
  {
    name: 'answers with an error and no Location when the commit of a redirect fails',
    needs: ['store'],
    async run(open) {
      const site = await open({ ...PAGES, '/leave': leave })
      const visitor = site.visitor()
      await visitor.get('/count')
      site.store.failNext('before', FATAL)
      const reply = await visitor.get('/leave')
      assertError(reply)
      assert.equal(reply.headers.location, undefined)
    },
  },
  {
    name: 'answers with an error when the commit of a stream fails',
    needs: ['store', 'streams'],
    async run(open) {
      const site = await open({
        ...PAGES,
        '/stream': (session) => {
          session.set('streamed', true)
          return answer(pieces('a piece of the page'))
        },
      })
      const visitor = site.visitor()
      await visitor.get('/count')
      site.store.failNext('before', FATAL)
      const reply = await visitor.get('/stream')
      assertError(reply)
      assert.equal(reply.body.includes('a piece of the page'), false)
    },
  },
  {
    name: 'serves pages that do not use the session while the store is down, and no others',
    needs: ['store'],
    async run(open) {
      const site = await open(PAGES)
      const visitor = site.visitor()
      await visitor.get('/count')
      const { cookie } = visitor
      const heal = site.store.failAlways('before')
      assert.equal(await visitor.read('/plain'), 'plain')
      assertError(await visitor.get('/visits'))
      assertError(await visitor.get('/count'))
      heal()
      assert.equal(visitor.cookie, cookie, 'an outage must not take the cookie away')
      assert.equal(await visitor.read('/visits'), '1')
    },
  },
]
