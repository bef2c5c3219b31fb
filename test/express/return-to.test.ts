import type { IncomingMessage } from 'node:http'
import { describe, expect, it } from 'vitest'
import { returnTo } from '../../src/express/index.ts'

function request(query: string, body?: unknown): IncomingMessage {
  return { originalUrl: `/login${query}`, url: '/', body } as unknown as IncomingMessage
}

const asked = (path: string): IncomingMessage => request(`?returnTo=${encodeURIComponent(path)}`)

describe('returnTo()', () => {
  it.each([
    ['/', '/'],
    ['/a/b?c=d&e=%2F#f', '/a/b?c=d&e=%2F#f'],
    ['/a//b', '/a//b'],
    ['/a b', '/a%20b'],
    ['/straße', '/stra%C3%9Fe'],
    ['/a/../b', '/b'],
    ['/search?text=a%0Ab', '/search?text=a%0Ab'],
    ['/search?at=https://evil.example/', '/search?at=https://evil.example/'],
    ['/@evil.example', '/@evil.example'],
    ['/100%', '/100%'],
    ['/a\\b', '/a/b'],
  ])('gives a path of this server: %s', (path, expected) => {
    expect(returnTo(asked(path), '/home')).toBe(expected)
    expect(returnTo(request('', { returnTo: path }), '/home')).toBe(expected)
  })

  it.each([
    '',
    'a',
    'evil.example',
    '?a',
    '#a',
    '//evil.example',
    '///evil.example',
    '/\\evil.example',
    '\\/evil.example',
    '\\\\evil.example',
    '/\\/evil.example',
    '/%5cevil.example',
    '/%5Cevil.example',
    '/%255cevil.example',
    '/%2fevil.example',
    '/%252Fevil.example',
    '/.//evil.example',
    '/..//evil.example',
    '/a/..//evil.example',
    '/%2e//evil.example',
    '/%2e%2e%2f/evil.example',
    '/a/../\\evil.example',
    '/\t/evil.example',
    '/\n/evil.example',
    '/%09/evil.example',
    '/\u0000',
    '/a\r\nSet-Cookie: a=b',
    '/a%0d%0aSet-Cookie: a=b',
    ' //evil.example',
    ' /a',
    '//here.invalid/a',
    'http://here.invalid/a',
    'https://evil.example/',
    'https:evil.example',
    'javascript:alert(1)',
    'data:text/html,x',
    '/%25252525255cevil.example',
    `/${'a'.repeat(2000)}`,
  ])('gives the fallback for what may lead elsewhere: %j', (path) => {
    expect(returnTo(asked(path), '/home')).toBe('/home')
    expect(returnTo(request('', { returnTo: path }), '/home')).toBe('/home')
  })

  it('leads a browser to this server, for any input', () => {
    const origins = new Set<string>()
    const parts = ['/', '\\', '.', '..', '%2e', '%2f', '%5c', '\t', '@', 'evil.example', '?', ':']
    for (const a of parts)
      for (const b of parts)
        for (const c of parts)
          for (const d of parts) {
            const back = returnTo(asked(`/${a}${b}${c}${d}`), '/home')
            const once = decodeURIComponent(back)
            for (const target of [back, once])
              origins.add(new URL(target, 'https://shop.example').origin)
          }
    expect([...origins]).toEqual(['https://shop.example'])
  })

  it.each([
    ['nothing', request('')],
    ['two in the query', request('?returnTo=/a&returnTo=/b')],
    ['a list in the body', request('', { returnTo: ['/a'] })],
    ['an object in the body', request('?returnTo=/a', { returnTo: {} })],
    ['a prototype', request('', Object.create({ returnTo: '/a' }))],
    ['a body that is text', request('', '/a')],
  ])('gives the fallback for %s', (_, req) => {
    expect(returnTo(req, '/home')).toBe('/home')
    expect(returnTo(req)).toBe('/')
  })

  it('uses the field of the form first, unless that is empty', () => {
    expect(returnTo(request('?returnTo=/a', { returnTo: '/b' }))).toBe('/b')
    expect(returnTo(request('?returnTo=/a', { returnTo: '' }))).toBe('/a')
    expect(returnTo(request('?returnTo=/a', { returnTo: '//evil.example' }))).toBe('/')
    expect(returnTo(request('?returnTo=/a', {}))).toBe('/a')
    expect(returnTo(request('?x=1&returnTo=%2Fa%3Fb%3D1#returnTo=/c'))).toBe('/a?b=1')
  })

  it('reads the URL of a request without originalUrl', () => {
    expect(returnTo({ url: '/login?returnTo=/a' } as IncomingMessage)).toBe('/a')
  })
})
