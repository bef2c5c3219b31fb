import assert from 'node:assert/strict'
import type { SessionInfo } from '../../record/info.ts'
import { type AdapterPages, answer, count, logout, PAGES } from './app.ts'
import type { AskOptions } from './client.ts'
import { type AdapterCase, listed, type OpenSite, ours, type SiteOptions } from './site.ts'

const WITH_LOGIN: AdapterPages = {
  '/login': async (session) => {
    await session.login('alice', { client: true })
    return answer('in')
  },
}

async function cookieAfter(
  open: OpenSite,
  options: SiteOptions,
  headers: AskOptions['headers'] = {},
): Promise<string> {
  const site = await open(PAGES, { secure: 'auto', ...options })
  const reply = await site.get('/count', { headers })
  assert.equal(reply.status, 200)
  return ours(reply)[0] ?? 'none'
}

async function clientAfter(open: OpenSite, trustProxy: 0 | 1): Promise<SessionInfo['client']> {
  const site = await open(WITH_LOGIN, { trustProxy })
  const headers = { 'x-forwarded-for': '198.51.100.9, 203.0.113.7' }
  assert.equal((await site.get('/login', { headers })).status, 200)
  for await (const { client } of site.sessions.listSessionsByUser('alice')) return client
  return assert.fail('the session has no user')
}

/** Cases about TLS, proxies and the address of the client. */
export const arrivalCases: readonly AdapterCase[] = [
  {
    name: 'sets a cookie without Secure over plain http on loopback',
    needs: ['loopback'],
    async run(open) {
      const cookie = await cookieAfter(open, {})
      assert.match(cookie, /^viur-session=[^;]+;/)
      assert.doesNotMatch(cookie, /secure/i)
    },
  },
  {
    name: 'stores nothing for a request that came over plain http through a proxy',
    async run(open) {
      assert.equal(await cookieAfter(open, {}, { 'x-forwarded-for': '203.0.113.7' }), 'none')
    },
  },
  {
    name: 'ignores X-Forwarded-Proto unless a proxy is trusted',
    async run(open) {
      assert.equal(await cookieAfter(open, {}, { 'x-forwarded-proto': 'https' }), 'none')
    },
  },
  {
    name: 'sets a Secure cookie when a trusted proxy says that the request came over TLS',
    needs: ['proxies'],
    async run(open) {
      const headers = { 'x-forwarded-proto': 'https', 'x-forwarded-for': '203.0.113.7' }
      const cookie = await cookieAfter(open, { trustProxy: 1 }, headers)
      assert.match(cookie, /^__Host-viur-session=[^;]+; .*; Secure\b/)
    },
  },
  {
    name: 'stores nothing when a trusted proxy says that the request came over plain http',
    needs: ['proxies'],
    async run(open) {
      const headers = { 'x-forwarded-proto': 'http', 'x-forwarded-for': '203.0.113.7' }
      assert.equal(await cookieAfter(open, { trustProxy: 1 }, headers), 'none')
    },
  },
  {
    name: 'records the client address that the trusted proxy saw, and the agent',
    needs: ['store', 'proxies', 'address'],
    async run(open) {
      const client = await clientAfter(open, 1)
      assert.deepEqual(client, { agent: 'adapter-contract', address: '203.0.113.0' })
    },
  },
  {
    name: 'records the address of the connection when no proxy is trusted',
    needs: ['store', 'address'],
    async run(open) {
      const { address } = (await clientAfter(open, 0)) ?? {}
      assert.ok(address === '127.0.0.0' || address === '::', `not ${address}`)
    },
  },
]

/** Cases about clients without cookies. */
export const idCases: readonly AdapterCase[] = [
  {
    name: 'sends a client without cookies its id, and finds the session by it',
    needs: ['store', 'ids'],
    async run(open) {
      const site = await open(PAGES, { byId: true })
      const first = await site.get('/count')
      const id = String(first.headers['x-session-id'])
      assert.match(id, /^[\w-]{43}$/)
      assert.deepEqual(first.setCookie, [])
      assert.deepEqual(listed(first, 'vary'), ['*'])
      assert.deepEqual(listed(first, 'cache-control'), ['no-store'])
      const second = await site.get('/visits', { headers: { 'x-session-id': id } })
      assert.equal(second.body, '1')
      assert.equal(second.headers['x-session-id'], undefined)
      assert.deepEqual(listed(second, 'vary'), ['*'])
      assert.deepEqual(listed(second, 'cache-control'), ['no-cache', 'private'])
    },
  },
  {
    name: 'reads no cookie of a client that has its session by an id',
    needs: ['store', 'ids'],
    async run(open) {
      const site = await open(PAGES, { byId: true })
      const id = String((await site.get('/count')).headers['x-session-id'])
      const { body } = await site.get('/visits', { headers: { cookie: `viur-session=${id}` } })
      assert.equal(body, 'none')
    },
  },
  {
    name: 'tells a client without cookies to drop its id at logout',
    needs: ['store', 'ids'],
    async run(open) {
      const site = await open({ ...PAGES, '/logout': logout }, { byId: true })
      const headers = { 'x-session-id': String((await site.get('/count')).headers['x-session-id']) }
      const out = await site.get('/logout', { headers })
      assert.deepEqual([out.headers['x-session-id'], out.setCookie], ['', []])
      assert.equal((await site.get('/visits', { headers })).body, 'none')
    },
  },
  {
    name: 'sends no id with an error response',
    needs: ['store', 'ids'],
    async run(open) {
      const site = await open(
        {
          ...PAGES,
          '/broken': (session) => {
            count(session)
            return answer('broken', 500)
          },
        },
        { byId: true },
      )
      const { status, headers } = await site.get('/broken')
      assert.deepEqual([status, headers['x-session-id']], [500, undefined])
    },
  },
]
