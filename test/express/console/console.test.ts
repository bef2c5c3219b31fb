import express5 from 'express'
import express4 from 'express4'
import { describe, expect, it } from 'vitest'
import { consoleRoutes, localOnly, oidc } from '../../../src/express/index.ts'
import {
  createSessions,
  SessionConfigError,
  type SessionKey,
  type SessionsOptions,
} from '../../../src/index.ts'
import { ODD_USERS } from '../../corpus/users.ts'
import { environment } from '../caller-harness.ts'
import { listen } from '../helpers.ts'
import { consoleApp } from './harness.ts'

const PATHS = ['', '/', '/style.css', '/sessions?user=alice', '/session?key=x', '/nothing', '//']

/** Markup that came from data, which no page may contain. */
const ATTACKS = [
  '<script>alert(1)</script>',
  '"><img src=x onerror=alert(1)>',
  "' autofocus onfocus=alert(1) x='",
  '</title></textarea></style><svg onload=alert(1)>',
  '<!--<script>',
  '&lt;script&gt;&#60;script&#62;',
  'javascript:alert(1)',
  '`$&{alert(1)}`',
  '\u202e\u2066<b>\u200b\u0000\ufeff',
]

/** Foreign markup in a page. The console's own markup has no script, no image and no event handler. */
function foreign(body: string): string[] {
  return body.match(/<(?:script|img|svg onload|b>|!--)|\son\w+\s*=\s*(?!.*&#)|\0|\u202e/gi) ?? []
}

describe('a request that `allow` does not admit', () => {
  const ANSWERS: readonly unknown[] = [
    false,
    undefined,
    null,
    0,
    1,
    '',
    'Act',
    'admin',
    'true',
    {},
    [],
    ['act'],
    { access: 'act' },
    { access: 'act', name: '' },
    { access: 'root', name: 'eve' },
    { access: true, name: 'eve' },
    new String('act'),
  ]

  it.each(ANSWERS.map((answer) => [JSON.stringify(answer) ?? 'undefined', answer]))(
    'gets no page: %s',
    async (_, answer) => {
      const app = await consoleApp({ allow: async () => answer as never })
      app.store.clearCalls()
      const bodies = new Set<string>()
      for (const path of PATHS) {
        const { status, body, headers } = await app.get(path)
        expect(status).toBe(403)
        expect(headers.get('cache-control')).toBe('no-store')
        bodies.add(body)
      }
      const sent = await app.post('/sweep', { skey: 'x' })
      expect(sent.status).toBe(403)
      bodies.add(sent.body)
      expect([...bodies]).toEqual(['refused\n'])
      expect(app.store.calls).toEqual([])
      expect(app.logged).toHaveLength(1)
    },
  )

  it('is logged with the reason when `allow` fails', async () => {
    for (const allow of [
      () => {
        throw new Error('hunter2')
      },
      () => Promise.reject(new Error('hunter2')),
    ]) {
      const app = await consoleApp({ allow })
      expect(await app.get('/')).toMatchObject({ status: 403, body: 'refused\n' })
      expect(JSON.stringify(app.logged)).not.toContain('hunter2')
    }
  })

  it('is not admitted by localOnly() from another machine', async () => {
    const app = await consoleApp({ allow: localOnly() })
    expect((await app.get('/')).status).toBe(200)
    expect((await app.get('/', { 'x-forwarded-for': '203.0.113.9' })).status).toBe(403)
    expect((await app.get('/', { 'sec-fetch-site': 'cross-site' })).status).toBe(403)
    environment({ NODE_ENV: 'production' })
    expect((await app.get('/')).status).toBe(403)
  })
})

describe('options', () => {
  it('without `allow`, or with an invalid one, are refused', () => {
    const sessions = createSessions()
    const caller = oidc({
      audience: 'https://a.example',
      serviceAccounts: ['a@b.iam.gserviceaccount.com'],
    })
    for (const options of [
      undefined,
      {},
      { allow: true },
      { allow: 'act' },
      { allow: caller },
      { allow: () => true, showData: 'yes' },
      { allow: () => true, logger: {} },
      { allow: () => true, alow: 1 },
    ]) {
      expect(() => consoleRoutes(sessions, options as never)).toThrow(SessionConfigError)
    }
    expect(() => consoleRoutes({} as never, { allow: () => true })).toThrow(SessionConfigError)
  })
})

describe.each([
  ['Express 4', express4 as never],
  ['Express 5', express5],
] as const)('the pages on %s', (_, express) => {
  const open = (sessions?: SessionsOptions, showData = false) =>
    consoleApp(
      { allow: () => ({ access: 'act', name: 'olga' }), showData },
      { express, ...(sessions && { sessions }) },
    )

  it('have strict headers, and no script', async () => {
    const app = await open()
    await app.login('alice')
    for (const path of ['/', '/sessions?user=alice', '/style.css', '/nothing']) {
      const { headers, body } = await app.get(path)
      expect(headers.get('content-security-policy')).toBe(
        "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
      )
      expect(headers.get('x-content-type-options')).toBe('nosniff')
      expect(headers.get('cache-control')).toBe('no-store')
      expect(headers.get('set-cookie')).toBeNull()
      expect(body).not.toMatch(/<script|style=|\son\w+=/i)
    }
  })

  it('find the sessions of a user, and show one with its keys and sizes', async () => {
    const app = await open()
    const key = await app.login('alice', { cart: ['hunter2'] }, 'Firefox')
    await app.login('bob')
    const list = await app.get('/sessions?user=alice')
    expect(list.body).toContain(`href="session?key=${key}"`)
    expect(list.body).toContain('1 session.')
    expect(list.body).toContain('Firefox')
    const one = await app.get(`/session?key=${key}`)
    expect(one.body).toContain('<bdi>cart</bdi></td><td class="figure">11</td>')
    expect(one.body).not.toContain('hunter2')
    expect((await app.get(`/session?key=${'A'.repeat(43)}`)).status).toBe(404)
    expect((await app.get('/session?key=short')).status).toBe(400)
    expect((await app.get('/nothing')).status).toBe(404)
  })

  it('show values when the option asks for that, and log each view', async () => {
    const app = await open(undefined, true)
    const key = await app.login('alice', { cart: ['hunter2'] })
    expect((await app.get(`/session?key=${key}`)).body).toContain('hunter2')
    expect(app.logged).toEqual([
      ['an operator looked at the data of a session', { by: 'olga', key, scope: null }],
    ])
  })

  it('end a session or all of a user, and start a sweep, and the log names the operator', async () => {
    const app = await open()
    const key = await app.login('alice')
    expect((await app.post('/end', { key })).headers.get('location')).toBe('./?done=ended')
    expect(await app.sessions.get(key)).toBeNull()
    expect((await app.post('/end', { key })).headers.get('location')).toBe('./?done=ended-before')
    await app.login('bob')
    await app.login('bob')
    const u = Buffer.from('bob').toString('base64url')
    expect((await app.post('/end-user', { u })).status).toBe(403)
    expect(await app.sessions.countSessions()).toBe(2)
    const ended = await app.post('/end-user', { u, sure: 'yes' })
    expect(ended.headers.get('location')).toBe(`sessions?u=${u}&done=all-ended`)
    expect(await app.sessions.countSessions()).toBe(0)
    await app.login(null)
    app.clock.advance(24 * 60 * 60 * 1000)
    expect((await app.post('/sweep', {})).headers.get('location')).toBe('./?done=swept')
    expect((await app.get('/?done=swept')).body).toContain('The sweep has finished.')
    expect(app.logged).toEqual([
      ['an operator ended a session', { by: 'olga', key }],
      ['an operator ended a session', { by: 'olga', key }],
      ['an operator ended all sessions of a user', { by: 'olga', user: '"bob"' }],
      ['an operator started a sweep', { by: 'olga' }],
    ])
  })

  it.each(ATTACKS)('contain no markup from names, agents and data: %s', async (attack) => {
    const app = await open(undefined, true)
    const user = attack.replaceAll('\0', '')
    const key = await app.login(user, { [attack]: attack, list: [{ [attack]: attack }] }, attack)
    const u = Buffer.from(user).toString('base64url')
    const pages = [
      `/sessions?u=${u}`,
      `/sessions?user=${encodeURIComponent(user)}&done=${encodeURIComponent(attack)}`,
      `/session?key=${key}`,
      `/session?key=${key}&scope=${encodeURIComponent(attack)}`,
      `/session?key=${encodeURIComponent(attack)}`,
      `/?done=${encodeURIComponent(attack)}`,
      `/${encodeURIComponent(attack)}`,
    ]
    for (const path of pages) expect(foreign((await app.get(path)).body)).toEqual([])
    expect((await app.get(pages[0] as string)).body).toContain(`href="session?key=${key}"`)
    await app.post('/end-user', { u, sure: 'yes' })
    expect(await app.sessions.get(key)).toBeNull()
  })

  it.each(ODD_USERS)('end the sessions of exactly this user: %j', async (user) => {
    const app = await open()
    await app.login(user)
    await app.login('another')
    const u = Buffer.from(user).toString('base64url')
    const { body } = await app.get(`/sessions?u=${u}`)
    expect(body).toContain('1 session.')
    await app.post('/end-user', { u, sure: 'yes' })
    expect(await app.sessions.countSessions()).toBe(1)
  })
})

describe('an operator who may only look', () => {
  it('sees no form that changes something, and can send none', async () => {
    const app = await consoleApp({ allow: () => 'view' })
    const key = await app.login('alice')
    for (const path of ['/', '/sessions?user=alice', `/session?key=${key}`]) {
      const { status, body } = await app.get(path)
      expect(status).toBe(200)
      expect(body).not.toContain('method="post"')
    }
    for (const path of ['/sweep', '/end', '/end-user']) {
      expect((await app.post(path, { skey: 'x', key, sure: 'yes' })).status).toBe(403)
    }
    expect(await app.sessions.get(key)).not.toBeNull()
  })
})

describe('a form', () => {
  async function tried(
    send: (app: Awaited<ReturnType<typeof consoleApp>>, key: SessionKey) => Promise<unknown>,
  ): Promise<boolean> {
    const app = await consoleApp({
      allow: (req) => ({ access: 'act', name: String(req.headers['x-operator'] ?? 'olga') }),
    })
    const key = await app.login('alice')
    await send(app, key)
    return (await app.sessions.get(key)) === null
  }

  it('counts when a page of the console sent it', async () => {
    expect(await tried((app, key) => app.post('/end', { key }))).toBe(true)
  })

  it.each([
    ['another site', { 'sec-fetch-site': 'cross-site', origin: 'https://evil.example' }],
    ['a neighbour', { 'sec-fetch-site': 'same-site' }],
    ['a client without such headers', {}],
    ['a sandboxed page', { origin: 'null' }],
  ])('does not count from %s, though its key is right', async (_, headers) => {
    expect(
      await tried(async (app, key) => {
        const skey = await app.keyOf('/')
        expect(await app.post('/end', { key, skey }, headers)).toMatchObject({ status: 403 })
      }),
    ).toBe(false)
  })

  it.each(['', 'x', 'A'.repeat(43)])('does not count with another key: %j', async (skey) => {
    expect(
      await tried(async (app, key) => {
        expect(await app.post('/end', { key, skey })).toMatchObject({ status: 403 })
      }),
    ).toBe(false)
  })

  it('does not count with the key of another operator, nor with one that was used', async () => {
    expect(
      await tried(async (app, key) => {
        const skey = await app.keyOf('/', { 'x-operator': 'eve' })
        expect(skey).toHaveLength(43)
        expect(await app.post('/end', { key, skey })).toMatchObject({ status: 403 })
        const used = await app.keyOf('/')
        expect(await app.post('/sweep', { skey: used })).toMatchObject({ status: 303 })
        expect(await app.post('/end', { key, skey: used })).toMatchObject({ status: 403 })
      }),
    ).toBe(false)
  })

  it('does not count as GET, as JSON, by another method, nor with a field twice', async () => {
    expect(
      await tried(async (app, key) => {
        const skey = await app.keyOf('/')
        expect((await app.get(`/end?key=${key}&skey=${skey}`)).status).toBe(404)
        const headers = { 'sec-fetch-site': 'same-origin' }
        const ask = (init: RequestInit) => fetch(`${app.url}/end`, { method: 'POST', ...init })
        const json = { ...headers, 'content-type': 'application/json' }
        expect((await ask({ headers: json, body: JSON.stringify({ key, skey }) })).status).toBe(400)
        const twice = new URLSearchParams([
          ['key', key],
          ['key', key],
          ['skey', skey],
        ])
        expect((await ask({ headers, body: twice })).status).toBe(400)
        const long = new URLSearchParams({ key, skey, more: 'x'.repeat(20_000) })
        expect((await ask({ headers, body: long })).status).toBe(400)
        expect((await ask({ method: 'PUT', headers, body: 'x' })).status).toBe(405)
      }),
    ).toBe(false)
  })
})

describe('where it is mounted', () => {
  it('redirects to the page with a final slash, so that links work behind a proxy', async () => {
    const app = await consoleApp({ allow: () => true })
    const { status, headers } = await app.get('')
    expect([status, headers.get('location')]).toEqual([303, './_console/'])
    expect((await app.get('/')).body).not.toMatch(/(?:href|action|src)="(?!\.\/|[a-z-]+(?:[."?]))/)
  })

  it('works on a plain Node server too, and uses the body that a parser has read', async () => {
    const sessions = createSessions()
    const logger = { warn: () => {} }
    const routes = consoleRoutes(sessions, { allow: () => true, logger })
    const port = await listen((req, res) => routes(req, res, () => {}))
    const url = `http://127.0.0.1:${port}/`
    expect(await (await fetch(url)).text()).toContain('<h1>Overview</h1>')
    const app = express5()
      .use(express5.urlencoded({ extended: false }))
      .use('/c', routes)
    const parsed = `http://127.0.0.1:${await listen(app)}/c/`
    const skey = /name="skey" value="([\w-]{43})"/.exec(await (await fetch(parsed)).text())?.[1]
    const sent = await fetch(`${parsed}sweep`, {
      method: 'POST',
      redirect: 'manual',
      headers: { 'sec-fetch-site': 'same-origin' },
      body: new URLSearchParams({ skey: skey as string }),
    })
    expect(sent.headers.get('location')).toBe('./?done=swept')
  })
})

describe('the overview', () => {
  it('counts ends and troubles of this process, and draws the runs', async () => {
    const app = await consoleApp({ allow: () => true })
    await app.login(null)
    app.clock.advance(24 * 60 * 60 * 1000)
    const before = (await app.get('/')).body
    expect(before).toMatch(/<dt>Backlog<\/dt><dd>1<\/dd>/)
    await app.sessions.startClearSessions()
    const after = (await app.get('/')).body
    expect(after).toMatch(/<dt>expired<\/dt><dd class="figure">[1-9]/)
    expect(after).toMatch(/<rect class="ended"/)
    expect(after).toMatch(/<polyline class="line"/)
    expect(after).toMatch(/<dt>caller-refused<\/dt>/)
  })

  it('shows that the store is down', async () => {
    const app = await consoleApp({ allow: () => 'view' })
    app.store.failAlways('before')
    const { status, body } = await app.get('/')
    expect(status).toBe(200)
    expect(body).toContain('unreachable')
  })
})
