import { expect, it } from 'vitest'
import { withSession } from '../../src/fetch/index.ts'
import { Harness } from '../request/harness.ts'

it.each([
  ['GET', {}, 0],
  ['HEAD', {}, 0],
  ['POST', {}, 1],
  ['GET', { Upgrade: 'websocket' }, 1],
])('reads what is remembered for a %s with %o by %i lookups', async (method, headers, finds) => {
  const app = new Harness<{ n?: number }>({ readCache: { maxAge: '10s' } })
  const cookie = await app.given({ n: 1 })
  const request = new Request('https://shop.example/', { method, headers: { cookie, ...headers } })
  await withSession(app.sessions, request, (session) => new Response(String(session.get('n'))))
  expect(app.store.finds).toBe(finds)
})
