import { describe, expect, it } from 'vitest'
import {
  cacheControlFor,
  grantsStoring,
  type HeaderValue,
  isRepresentationHeader,
  mergeSetCookie,
  varyWith,
} from '../../src/node/response/header-merging.ts'
import { parseHead } from '../../src/node/response/head.ts'
import { isLoopback } from '../../src/node/request/session-request.ts'

describe('Vary', () => {
  const cases: [HeaderValue, string | null][] = [
    [undefined, 'Cookie'],
    ['', 'Cookie'],
    ['Origin', 'Origin, Cookie'],
    [['Origin', 'Accept'], 'Origin, Accept, Cookie'],
    ['X-Cookie', 'X-Cookie, Cookie'],
    ['*', null],
    ['Origin, *', null],
    ['Cookie', null],
    ['origin,cOOkie', null],
    [['Origin', 'cookie'], null],
  ]
  it.each(cases)('%j becomes %j', (vary, expected) => {
    expect(varyWith(vary, 'Cookie')).toBe(expected)
  })
})

describe('Cache-Control', () => {
  const cases: [HeaderValue, boolean, string | null][] = [
    [undefined, false, 'private, no-cache'],
    [undefined, true, 'no-store'],
    ['public, max-age=60', false, null],
    ['public, max-age=60', true, 'no-store'],
    ['no-store', true, null],
    ['private, No-Store', true, null],
    [['private', 'no-store'], true, null],
    ['x-no-store', true, 'no-store'],
    ['no-store-ish', true, 'no-store'],
    ['', false, null],
    ['', true, 'no-store'],
    ['no-transform', true, 'no-store, no-transform'],
    ['public, No-Transform, max-age=60', true, 'no-store, No-Transform'],
    ['no-transform, NO-TRANSFORM', true, 'no-store, no-transform'],
    [['no-transform', 'public'], true, 'no-store, no-transform'],
    ['private, no-cache', true, 'no-store, private, no-cache'],
    ['must-revalidate, proxy-revalidate', true, 'no-store, must-revalidate, proxy-revalidate'],
    ['no-transform, no-store', true, null],
    ['no-store, no-cache, must-revalidate, proxy-revalidate', true, null],
    ['no-store, max-age=0', true, null],
    ['no-store, max-age="0"', true, null],
    ['no-store, max-age=60', true, 'no-store'],
    ['no-store, public', true, 'no-store'],
    ['no-store, must-understand', true, 'no-store'],
    ['no-store, no-store', true, 'no-store'],
    ['stale-while-revalidate=60, stale-if-error=60, immutable', true, 'no-store'],
    ['s-maxage=60, no-transform', true, 'no-store, no-transform'],
    ['community="UCI", no-transform', true, 'no-store, no-transform'],
    [
      'no-cache="set-cookie, x-a", no-transform',
      true,
      'no-store, no-cache="set-cookie, x-a", no-transform',
    ],
    ['x="no-store", no-transform', true, 'no-store, no-transform'],
    ['x="a, no-store', true, 'no-store'],
    ['x="a\\", no-store, b="c"', true, 'no-store'],
    ['x="a\\', true, 'no-store'],
    ['no-store=1', true, 'no-store'],
    ['no-transform=1', true, 'no-store'],
    ['private=x', true, 'no-store'],
    ['no-transform public', true, 'no-store'],
    [',, no-transform ,,', true, 'no-store, no-transform'],
    [5, true, 'no-store'],
  ]
  it.each(cases)('%j with our cookie %j becomes %j', (value, setsCookie, expected) => {
    expect(cacheControlFor(value, setsCookie ? 'no-store' : 'private, no-cache')).toBe(expected)
  })
})

describe('a header that lets a cache store a response which must not be stored', () => {
  const now = Date.parse('2026-11-28T12:00:00Z')
  const cases: [string, HeaderValue, boolean][] = [
    ['CDN-Cache-Control', 'max-age=60', true],
    ['Cloudflare-CDN-Cache-Control', 'public, max-age=60', true],
    ['Vercel-CDN-Cache-Control', 's-maxage=60', true],
    ['Netlify-CDN-Cache-Control', 'public', true],
    ['X-LiteSpeed-Cache-Control', 'public,max-age=9', true],
    ['cdn-CACHE-control', ['max-age=60', 'public'], true],
    ['CDN-Cache-Control', '', true],
    ['CDN-Cache-Control', 'no-store, must-understand', true],
    ['CDN-Cache-Control', 'no-store', false],
    ['Surrogate-Control', 'max-age=60, content="ESI/1.0"', true],
    ['Surrogate-Control', 'no-store', false],
    ['Edge-Control', '!no-store, max-age=60', true],
    ['X-Accel-Expires', '60', true],
    ['X-Accel-Expires', 60, true],
    ['X-Accel-Expires', '0', false],
    ['Expires', 'Sun, 29 Nov 2026 12:00:00 GMT', true],
    ['Expires', 'Fri, 27 Nov 2026 12:00:00 GMT', false],
    ['Expires', '0', false],
    ['Expires', '-1', false],
    ['Expires', 'never', false],
    ['Pragma', 'public', true],
    ['Pragma', 'no-cache', false],
    ['Cache-Control', 'public', false],
    ['Surrogate-Key', 'page', false],
    ['Age', '5', false],
    ['ETag', '"x"', false],
  ]
  it.each(cases)('%s: %j: %j', (name, value, expected) => {
    expect(grantsStoring(name, value, now)).toBe(expected)
  })
})

describe('Set-Cookie', () => {
  const ours = 'viur-session=new; Path=/'
  const cases: [HeaderValue, string[]][] = [
    [undefined, [ours]],
    ['a=1', ['a=1', ours]],
    [
      ['a=1', 'b=2; Path=/'],
      ['a=1', 'b=2; Path=/', ours],
    ],
    [
      ['viur-session=old', 'a=1'],
      ['a=1', ours],
    ],
    [' viur-session =old', [ours]],
    ['Viur-Session=other', ['Viur-Session=other', ours]],
    ['a=viur-session=x', ['a=viur-session=x', ours]],
    ['viur-session; Path=/', [ours]],
  ]
  it.each(cases)('keeps the other cookies of %j', (present, expected) => {
    expect(mergeSetCookie(present, [ours])).toEqual(expected)
  })

  it('keeps all cookies of the app when the session sets none', () => {
    expect(mergeSetCookie(['viur-session=x', 'a=1'], [])).toEqual(['viur-session=x', 'a=1'])
  })
})

describe('arguments of writeHead', () => {
  const both = [
    ['A', '1'],
    ['B', '2'],
  ]
  const cases: [unknown[], string | undefined, unknown][] = [
    [[200], undefined, []],
    [[200, 'Fine'], 'Fine', []],
    [[200, undefined], undefined, []],
    [[200, { A: '1', B: '2' }], undefined, both],
    [[200, undefined, { A: '1', B: '2' }], undefined, both],
    [[200, 'Fine', { A: '1', B: '2' }], 'Fine', both],
    [[200, ['A', '1', 'B', '2']], undefined, both],
    [[200, 'Fine', ['A', '1', 'B', '2']], 'Fine', both],
    [[200, both], undefined, both],
    [[200, ['A', '1', 'a', '2']], undefined, [['A', ['1', '2']]]],
    [[200, ['A', ['1', '2'], 'A', '3']], undefined, [['A', ['1', '2', '3']]]],
    [[200, { '': 'x', A: '1' }], undefined, [['A', '1']]],
    [[200, ['A']], undefined, null],
    [[200, [['A', '1'], 'B']], undefined, null],
    [[200, 5], undefined, []],
    [[200, false], undefined, []],
    [[200, 'Fine', true], 'Fine', []],
    [[200, () => {}], undefined, []],
    [[200, Symbol('x')], undefined, []],
    [
      [200, undefined, 'ab'],
      undefined,
      [
        ['0', 'a'],
        ['1', 'b'],
      ],
    ],
    [[200, null], undefined, []],
  ]
  it.each(cases)('reads %j', (args, reason, headers) => {
    expect(parseHead(args)).toEqual({ status: 200, reason, headers })
  })
})

describe('headers of a dropped response', () => {
  it.each([
    'Content-Type',
    'content-length',
    'Content-Disposition',
    'Content-Encoding',
    'ETag',
    'Last-Modified',
    'Accept-Ranges',
    'Transfer-Encoding',
    'Location',
    'Cache-Control',
    'CDN-Cache-Control',
    'Expires',
    'Link',
    'Refresh',
    'X-Accel-Redirect',
    'X-Sendfile',
  ])('%s goes', (name) => {
    expect(isRepresentationHeader(name)).toBe(true)
  })

  it.each([
    'Set-Cookie',
    'Vary',
    'Content-Security-Policy',
    'Content-Security-Policy-Report-Only',
    'Strict-Transport-Security',
    'Access-Control-Allow-Origin',
    'X-Request-Id',
    'X-Powered-By',
  ])('%s stays', (name) => {
    expect(isRepresentationHeader(name)).toBe(false)
  })
})

describe('loopback', () => {
  const cases: [string | undefined, boolean][] = [
    ['127.0.0.1', true],
    ['127.255.3.4', true],
    ['::1', true],
    ['::ffff:127.0.0.1', true],
    ['::FFFF:127.9.9.9', true],
    [undefined, false],
    ['', false],
    ['128.0.0.1', false],
    ['10.127.0.1', false],
    ['127.0.0.1.evil.example', false],
    ['::ffff:10.0.0.1', false],
    ['::11', false],
    ['localhost', false],
  ]
  it.each(cases)('%j: %j', (address, expected) => {
    expect(isLoopback(address)).toBe(expected)
  })
})
