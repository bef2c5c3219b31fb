import assert from 'node:assert/strict'
import type { Session } from '../../request/session.ts'
import { gate } from '../gate.ts'
import { type AdapterAnswer, type AdapterPage, answer, count, leave, PAGES, pieces } from './app.ts'
import { type AdapterCase, listed, ours, type Site, type Visitor } from './site.ts'

/** Asserts that nothing of a response arrives before the session is stored. */
async function assertHeld(site: Site, path: string): Promise<void> {
  const visitor = site.visitor()
  await visitor.get('/count')
  const held = site.store.hold({ method: 'write' })
  let hasArrived = false
  const asked = visitor.ask(path)
  void asked.head.then(
    () => {
      hasArrived = true
    },
    () => {},
  )
  await Promise.race([held.reached, asked.reply])
  // A response that was sent too early would arrive before the answers to two complete requests.
  await site.get('/plain')
  await site.get('/plain')
  const wasEarly = hasArrived
  held.release()
  await asked.reply
  assert.equal(wasEarly, false, 'nothing of the response may arrive before the session is stored')
}

/** Makes a page whose stream waits after its first piece. It continues with the result of `late`. */
function streamed(late: (session: Session) => Promise<string>) {
  const begun = gate()
  const page: AdapterPage = (session) =>
    answer(
      pieces('begun ', async () => {
        await begun.pass()
        return await late(session)
      }),
    )
  return {
    page,
    /** Returns the result of `late` for a visitor who has received the first piece. */
    async read(visitor: Visitor): Promise<string> {
      const asked = visitor.ask('/late')
      await asked.until('begun ')
      begun.open()
      return (await asked.reply).body.slice('begun '.length)
    },
  }
}

/** Cases about the kinds of responses, and about the time at which they are sent. */
export const responseCases: readonly AdapterCase[] = [
  {
    name: 'holds a page until the session is stored',
    needs: ['store'],
    async run(open) {
      await assertHeld(await open(PAGES), '/count')
    },
  },
  {
    name: 'holds a redirect until the session is stored',
    needs: ['store'],
    async run(open) {
      await assertHeld(await open({ ...PAGES, '/leave': leave }), '/leave')
    },
  },
  {
    name: 'stores what a redirect changes for the page that it leads to',
    async run(open) {
      const visitor = (
        await open({
          '/in': async (session) => {
            await session.login('alice')
            return answer(null, 302, [['Location', '/name']])
          },
          '/name': (session) => answer(session.user),
        })
      ).visitor()
      const { status, headers } = await visitor.get('/in')
      assert.deepEqual([status, headers.location], [302, '/name'])
      assert.equal(await visitor.read('/name'), 'alice')
    },
  },
  {
    name: 'holds a stream until the session is stored',
    needs: ['store', 'streams'],
    async run(open) {
      const site = await open({
        ...PAGES,
        '/stream': (session) => {
          session.set('streamed', true)
          return answer(pieces('one ', 'two ', 'three'))
        },
      })
      await assertHeld(site, '/stream')
    },
  },
  {
    name: 'sends the pieces of a stream as they come, with the cookie',
    needs: ['streams'],
    async run(open) {
      const first = gate()
      const visitor = (
        await open({
          ...PAGES,
          '/stream': (session) => {
            count(session)
            const later = async () => {
              await first.pass()
              return 'two '
            }
            return answer(pieces('one ', later, 'three'))
          },
        })
      ).visitor()
      const asked = visitor.ask('/stream')
      await asked.until('one ')
      first.open()
      const reply = await asked.reply
      assert.deepEqual([reply.status, reply.body], [200, 'one two three'])
      assert.equal(ours(reply).length, 1)
    },
  },
  {
    name: 'stores what a stream changes by save(), or refuses it',
    needs: ['streams'],
    async run(open) {
      const late = streamed(async (session) => {
        try {
          session.set('visits', 99)
          await session.save()
          return 'stored'
        } catch (error) {
          return String((error as { code?: unknown }).code)
        }
      })
      const visitor = (await open({ ...PAGES, '/late': late.page })).visitor()
      await visitor.get('/count')
      const said = await late.read(visitor)
      if (said !== 'stored') assert.match(said, /^ERR_SESSION/)
      assert.equal(await visitor.read('/visits'), said === 'stored' ? '99' : '1')
    },
  },
  {
    name: 'refuses a login whose cookie could not leave any more',
    needs: ['streams'],
    async run(open) {
      const late = streamed(async (session) => {
        return await session.login('late').then(
          () => 'logged in',
          (error: { readonly code?: unknown }) => String(error.code),
        )
      })
      const name: AdapterPage = (session) => answer(session.user)
      const visitor = (await open({ ...PAGES, '/late': late.page, '/name': name })).visitor()
      await visitor.get('/count')
      assert.match(await late.read(visitor), /^ERR_SESSION/)
      assert.equal(await visitor.read('/name'), '__guest__')
    },
  },
  {
    name: 'answers HEAD as it answers GET, without a body',
    async run(open) {
      const visitor = (await open(PAGES)).visitor()
      const reply = await visitor.get('/count', { method: 'HEAD' })
      assert.deepEqual([reply.status, reply.body, ours(reply).length], [200, '', 1])
      assert.deepEqual(listed(reply, 'cache-control'), ['no-store'])
      assert.equal(await visitor.read('/visits'), '1')
    },
  },
  ...[204, 304].map(
    (status): AdapterCase => ({
      name: `sets cookie and headers on a ${status}`,
      async run(open) {
        const reply = await (
          await open({
            '/empty': (session) => {
              count(session)
              return answer(null, status, [['ETag', '"page"']])
            },
          })
        ).get('/empty')
        assert.deepEqual(
          [reply.status, reply.body, reply.headers.etag, ours(reply).length],
          [status, '', '"page"', 1],
        )
        assert.deepEqual(listed(reply, 'vary'), ['cookie'])
      },
    }),
  ),
  {
    name: 'stores what a page changes that answers with a status below 500',
    async run(open) {
      const visitor = (
        await open({
          ...PAGES,
          '/missing': (session): AdapterAnswer => {
            count(session)
            return answer('missing', 404)
          },
        })
      ).visitor()
      const reply = await visitor.get('/missing')
      assert.deepEqual([reply.status, reply.body], [404, 'missing'])
      assert.equal(await visitor.read('/visits'), '1')
    },
  },
  {
    name: 'stores what a page has changed when the client is gone by then',
    needs: ['store'],
    async run(open) {
      const begun = gate()
      const site = await open({
        ...PAGES,
        '/slow': async (session) => {
          await begun.pass()
          return count(session)
        },
      })
      const visitor = site.visitor()
      await visitor.get('/count')
      const asked = visitor.ask('/slow')
      await begun.reached
      asked.abort()
      await asked.reply.catch(() => {})
      // The server has noticed by now that the client left.
      await site.get('/plain')
      const stored = site.store.hold({ method: 'write', when: 'after' })
      begun.open()
      await stored.reached
      stored.release()
      assert.equal(await visitor.read('/visits'), '2')
    },
  },
]
