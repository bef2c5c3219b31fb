import assert from 'node:assert/strict'
import { type AdapterAnswer, type AdapterPage, answer, count } from './app.ts'
import { type AdapterCase, listed, ours } from './site.ts'

/** Returns the same page with these headers. */
function saying(page: AdapterPage, headers: AdapterAnswer['headers']): AdapterPage {
  return async (session, url) => ({ ...(await page(session, url)), headers })
}

const untouched: AdapterPage = () => answer('untouched')
const used: AdapterPage = (session) => answer(String(session.get('visits') ?? 'none'))
const CACHED: AdapterAnswer['headers'] = [
  ['Cache-Control', 'public, max-age=60'],
  ['Vary', 'Accept'],
]

interface Row {
  readonly what: string
  readonly page: AdapterPage
  readonly vary: readonly string[]
  readonly cacheControl: readonly string[]
}

const ROWS: readonly Row[] = [
  { what: 'a page that does not use the session', page: untouched, vary: [], cacheControl: [] },
  {
    what: 'a page that does not use the session and says how it may be cached',
    page: saying(untouched, CACHED),
    vary: ['accept'],
    cacheControl: ['max-age=60', 'public'],
  },
  {
    what: 'a page that uses the session',
    page: used,
    vary: ['cookie'],
    cacheControl: ['no-cache', 'private'],
  },
  {
    what: 'a page that uses the session and says how it may be cached',
    page: saying(used, CACHED),
    vary: ['accept', 'cookie'],
    cacheControl: ['max-age=60', 'public'],
  },
  { what: 'a page with our cookie', page: count, vary: ['cookie'], cacheControl: ['no-store'] },
  {
    what: 'a page with our cookie that says how it may be cached',
    page: saying(count, [
      ['Cache-Control', 'public, max-age=60, no-transform'],
      ['Vary', 'Accept, cookie'],
    ]),
    vary: ['accept', 'cookie'],
    cacheControl: ['no-store', 'no-transform'],
  },
]

/** Cases about the caching headers of a response, and its other headers. */
export const headerCases: readonly AdapterCase[] = [
  ...ROWS.map(
    ({ what, page, vary, cacheControl }): AdapterCase => ({
      name: `sends Vary and Cache-Control of ${what}`,
      async run(open) {
        const reply = await (await open({ '/page': page })).get('/page')
        assert.equal(reply.status, 200)
        assert.deepEqual(listed(reply, 'vary'), vary)
        assert.deepEqual(listed(reply, 'cache-control'), cacheControl)
      },
    }),
  ),
  {
    name: 'lets no other header say that a page with our cookie may be stored',
    async run(open) {
      const { headers } = await (
        await open({
          '/page': saying(count, [
            ['CDN-Cache-Control', 'max-age=60'],
            ['Surrogate-Control', 'max-age=60'],
            ['Expires', new Date(Date.now() + 60_000).toUTCString()],
          ]),
        })
      ).get('/page')
      const { 'cdn-cache-control': cdn, 'surrogate-control': surrogate, expires } = headers
      assert.deepEqual([cdn, surrogate, expires], [undefined, undefined, undefined])
    },
  },
  {
    name: 'leaves the cookies and headers of the app beside its own',
    async run(open) {
      const reply = await (
        await open({
          '/page': saying(count, [
            ['Set-Cookie', 'one=1; Path=/'],
            ['Set-Cookie', 'two=2; Path=/'],
            ['X-Page', 'page'],
            ['Content-Type', 'text/plain; charset=utf-8'],
          ]),
        })
      ).get('/page')
      const others = reply.setCookie.filter((cookie) => !ours(reply).includes(cookie))
      assert.deepEqual(others, ['one=1; Path=/', 'two=2; Path=/'])
      assert.equal(ours(reply).length, 1)
      assert.equal(reply.headers['x-page'], 'page')
      assert.match(reply.headers['content-type'] ?? '', /^text\/plain; ?charset=utf-8$/i)
    },
  },
]
