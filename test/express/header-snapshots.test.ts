import type { RequestHandler } from 'express'
import { Cookie, CookieJar } from 'tough-cookie'
import { describe, expect, it } from 'vitest'
import { ask, frameworks, serve, setup, storedCookie } from './helpers.ts'

describe.each(frameworks)('%s: the headers of', (_name, express) => {
  async function headersOf(
    handler: RequestHandler,
    options: { cookie?: string; age?: string } = {},
  ) {
    const { sessions, clock } = setup()
    const stored = await storedCookie(sessions)
    clock.advance(options.age ?? '1s')
    const { port } = await serve({ express, sessions }, handler)
    const answer = await ask(port, {
      cookie: options.cookie === '' ? undefined : (options.cookie ?? stored),
    })
    const kept: Record<string, unknown> = { status: answer.status }
    for (const name of ['set-cookie', 'cache-control', 'vary', 'etag']) {
      if (name in answer.headers) kept[name] = answer.headers[name]
    }
    return kept
  }

  const unknown = `viur-session=${'x'.repeat(43)}`
  const cases: [string, RequestHandler, { cookie?: string; age?: string }?][] = [
    ['a first write', (req, res) => void res.end(String(req.session.set('x', 1))), { cookie: '' }],
    ['a later write', (req, res) => void res.end(String(req.session.set('x', 1)))],
    ['a refresh', (req, res) => void res.end(String(req.session.get('views'))), { age: '10m' }],
    ['a login', (req, res, next) => void req.session.login('alice').then(() => res.end(), next)],
    ['a logout', (req, res, next) => void req.session.logout().then(() => res.end(), next)],
    ['a read', (req, res) => void res.end(String(req.session.get('views')))],
    [
      'a read with the own headers of the app',
      (req, res) => {
        res.set({ Vary: 'Origin', 'Cache-Control': 'private, max-age=5' })
        res.end(String(req.session.get('views')))
      },
    ],
    ['an untouched session', (_req, res) => void res.end()],
    ['an unknown cookie, read', (req, res) => void res.end(req.session.user), { cookie: unknown }],
    ['an unknown cookie, untouched', (_req, res) => void res.end(), { cookie: unknown }],
    [
      'an error',
      (req, _res, next) => {
        req.session.set('x', 1)
        next(new Error('boom'))
      },
      { cookie: '' },
    ],
    [
      'a 304',
      (req, res) => {
        req.headers['if-none-match'] = '"1"'
        res.set('ETag', '"1"').send(String(req.session.get('views')))
      },
    ],
  ]
  it.each(cases)('%s', async (what, handler, options) => {
    expect({ [what]: await headersOf(handler, options) }).toMatchSnapshot()
  })
})

it('a browser keeps the cookie of a secure site, and loses it with a logout', async () => {
  const { sessions } = setup()
  const jar = new CookieJar()
  const open = async () => ({
    cookie: await jar.getCookieString('https://app.example/'),
    secure: true,
  })
  const session = await sessions.open(await open()).load()
  session.set('x', 1)
  const { setCookie } = await sessions.commit(session)
  await jar.setCookie(Cookie.parse(setCookie[0] as string) as Cookie, 'https://app.example/')
  const again = await sessions.open(await open()).load()
  expect(again.get('x')).toBe(1)
  await again.logout()
  const removal = await sessions.commit(again)
  await jar.setCookie(
    Cookie.parse(removal.setCookie[0] as string) as Cookie,
    'https://app.example/',
  )
  expect((await open()).cookie).toBe('')
})
