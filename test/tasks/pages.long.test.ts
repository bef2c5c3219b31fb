import { readdirSync } from 'node:fs'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { cookieJar } from '../../src/testing/index.ts'
import { blocksOf } from '../pages/blocks.ts'
import { describeOnce, matrix } from '../setup/matrix.ts'
import { FORMATS, type PageFolder, pageFolder, type Running } from './page-app.ts'

const pages = readdirSync(new URL('../../docs/tasks/', import.meta.url))

let folder: PageFolder
beforeAll(() => {
  folder = pageFolder()
})
afterAll(() => folder?.remove())

let app: Running | undefined
afterEach(() => {
  app?.stop()
  app = undefined
})

/** The answers to commands as a page shows them. */
function answersOf(page: string): string {
  const block = blocksOf(page).find(({ language }) => language === 'console')
  return (block?.code ?? '').replaceAll(/^\$ .*\n/gm, '').trimEnd()
}

/** Pages show the beginning of an id, and "…_43 characters_…" instead of the rest. */
const withoutIds = (text: string): string =>
  text.replaceAll('_43 characters_', '').replaceAll(/(viur-session=|X-Session-Id: )[\w…-]+/g, '$1…')

/** Statuses of forms with a field missing, with a field sent twice, and with a body that the app does not parse. */
async function statusesOfWrongForms({ ask }: Running, path: string, fields: string[]) {
  const twice = new URLSearchParams([...fields, ...fields].map((name) => [name, 'x']))
  const sent = [{ form: {} }, { form: twice }, { json: {} }]
  const statuses: number[] = []
  for (const options of sent) statuses.push((await ask(path, options)).status)
  return statuses
}

/** The requests of a visitor to each app, and the expected answers. */
const VISITS: Readonly<Record<string, (app: Running) => Promise<void>>> = {
  'README.md': async ({ ask }) => {
    const first = await ask('/')
    expect([first.body, first.headers.get('vary'), first.headers.get('cache-control')]).toEqual([
      '__guest__: 1\n',
      'Cookie',
      'no-store',
    ])
    expect(first.headers.get('set-cookie')).toMatch(
      /^viur-session=[\w-]{43}; Max-Age=3600; Path=\/; HttpOnly; SameSite=Lax$/,
    )
    const [head = '', body] = answersOf('README.md').split('\n\n')
    expect(body).toBe(first.body.trimEnd())
    for (const [, name = '', value] of head.matchAll(/^([\w-]+): (.*)$/gm)) {
      expect(withoutIds(first.headers.get(name) ?? ''), name).toBe(withoutIds(value ?? ''))
    }
    expect((await ask('/account')).status).toBe(401)
    const page = await ask('/account', { headers: { accept: 'text/html' } })
    expect([page.status, page.headers.get('location')]).toEqual([303, '/login?returnTo=%2Faccount'])
    const login = await ask('/login?returnTo=%2Faccount', { method: 'POST' })
    expect(login.headers.get('location')).toBe('/account')
    expect((await ask('/account')).body).toBe('Only for you, alice\n')
    expect((await ask('/')).body).toBe('alice: 2\n')
  },
  'log-in.md': async (app) => {
    const { ask, origin, said } = app
    expect(
      (await ask('/account', { headers: { accept: 'text/html' } })).headers.get('location'),
    ).toBe('/login?returnTo=%2Faccount')
    const login = '/login?returnTo=%2Faccount'
    const wrong = await ask(login, { form: { name: 'alice', password: 'wrong' } })
    const unknown = await ask(login, { form: { name: 'bob', password: 'no password of anybody' } })
    expect([wrong.status, unknown.status, unknown.body]).toEqual([401, 401, wrong.body])
    const right = await ask(login, { form: { name: 'alice', password: 'correct horse' } })
    expect([right.status, right.headers.get('location')]).toEqual([303, '/account'])
    expect((await ask('/account')).body).toMatch('Only for you, alice')
    const foreign = { 'sec-fetch-site': 'cross-site' }
    const refused = await ask('/logout', { method: 'POST', headers: foreign })
    expect([refused.status, refused.body]).toEqual([403, 'Send the form from this site.'])
    const likeCurl = { 'sec-fetch-site': '' }
    expect((await ask('/logout', { method: 'POST', headers: likeCurl })).status).toBe(403)
    const named = { ...likeCurl, origin }
    expect((await ask('/logout', { method: 'POST', headers: named })).status).toBe(303)
    const guest = await ask('/account')
    expect([guest.status, guest.body]).toEqual([401, '<a href="/login">Log in</a> first.'])
    expect(await statusesOfWrongForms(app, '/login', ['name', 'password'])).toEqual([400, 400, 400])
    expect(said()).toBe('')
    for (let tries = 0; tries < 4; tries++) await ask('/login', { form: {} })
    expect((await ask('/login', { form: {} })).status).toBe(429)
  },
  'remember-me.md': async ({ ask }) => {
    const short = await ask('/login', { form: {} })
    expect(short.headers.get('set-cookie')).not.toMatch('Max-Age')
    const long = await ask('/login', { form: { remember: 'on' } })
    expect(long.headers.get('set-cookie')).toMatch('Max-Age=1209600')
    expect((await ask('/')).body).toMatch(/^alice, until \d{4}-/)
    expect((await ask('/', { jar: cookieJar() })).body).toMatch('Stay logged in')
    expect((await ask('/login', { json: {} })).status).toBe(303)
  },
  'log-out-everywhere.md': async ({ ask }) => {
    const [other, third] = [cookieJar(), cookieJar()]
    for (const jar of [undefined, other, third])
      await ask('/login', { method: 'POST', ...(jar && { jar }) })
    const { body } = await ask('/logout-others', { method: 'POST' })
    expect(JSON.parse(body)).toEqual({ ended: 2 })
    expect((await ask('/account', { jar: other })).status).toBe(401)
    expect((await ask('/account')).body).toBe('alice')
    await ask('/login', { method: 'POST', jar: other })
    expect((await ask('/password', { method: 'POST' })).status).toBe(204)
    expect((await ask('/account', { jar: other })).status).toBe(401)
    expect((await ask('/account')).body).toBe('alice')
    await ask('/logout', { method: 'POST' })
    expect((await ask('/account')).status).toBe(401)
  },
  'devices.md': async (app) => {
    const { ask } = app
    const phone = cookieJar()
    await ask('/login', { method: 'POST', headers: { 'user-agent': 'a browser' } })
    await ask('/login', { method: 'POST', headers: { 'user-agent': 'a phone' }, jar: phone })
    const list = JSON.parse((await ask('/devices')).body) as {
      key: string
      isThis: boolean
      client: { agent: string }
    }[]
    expect(new Map(list.map(({ isThis, client }) => [client.agent, isThis]))).toEqual(
      new Map([
        ['a browser', true],
        ['a phone', false],
      ]),
    )
    const key = list.find(({ isThis }) => !isThis)?.key ?? ''
    expect((await ask('/devices/end', { form: { key: key.replace(/^./, '_') } })).status).toBe(404)
    expect(await statusesOfWrongForms(app, '/devices/end', ['key'])).toEqual([400, 400, 400])
    expect((await ask('/devices/end', { form: { key } })).status).toBe(303)
    expect((await ask('/devices', { jar: phone })).status).toBe(401)
    expect((await ask('/devices')).status).toBe(200)
  },
  'forms.md': async ({ ask, origin }) => {
    const page = await ask('/transfer', { headers: { accept: 'text/html' } })
    const login = page.headers.get('location') ?? ''
    expect((await ask(login)).body).toMatch('<form method="post">')
    const likeCurl = { 'sec-fetch-site': '' }
    expect((await ask(login, { method: 'POST', headers: likeCurl })).status).toBe(403)
    const named = { ...likeCurl, origin }
    expect((await ask(login, { method: 'POST', headers: named })).status).toBe(303)
    const [, skey = ''] = /name="skey" value="([^"]+)"/.exec((await ask('/transfer')).body) ?? []
    expect((await ask('/transfer', { form: {} })).status).toBe(403)
    expect((await ask('/transfer', { form: { skey } })).status).toBe(303)
    expect((await ask('/transfer', { form: { skey } })).status).toBe(403)
    expect((await ask('/transfer')).body).toMatch(/^Done\. </)
    expect((await ask('/transfer')).body).toMatch(/^</)
  },
  'password-reset.md': async (app) => {
    const { ask, said } = app
    expect(await statusesOfWrongForms(app, '/forgot', ['mail'])).toEqual([400, 400, 400])
    expect(await statusesOfWrongForms(app, '/reset', ['key', 'password'])).toEqual([400, 400, 400])
    const mail = 'alice@shop.example'
    const known = await ask('/forgot', { form: { mail } })
    const unknown = await ask('/forgot', { form: { mail: 'nobody@shop.example' } })
    expect([known.status, known.body]).toEqual([unknown.status, unknown.body])
    const keys = [...said().matchAll(/reset#(\S+)/g)].map(([, key = '']) => key)
    expect(keys).toHaveLength(1)
    const other = { jar: cookieJar() }
    expect((await ask('/reset', { form: { key: 'x', password: 'new' }, ...other })).status).toBe(
      400,
    )
    const form = { key: keys[0] ?? '', password: 'new' }
    const reset = await ask('/reset', { form, ...other })
    expect([reset.status, reset.headers.getSetCookie()]).toEqual([
      200,
      [expect.stringMatching('viur-session=')],
    ])
    expect((await ask('/reset', { form, ...other })).status).toBe(400)
  },
  'step-up.md': async (app) => {
    const { ask } = app
    const html = { headers: { accept: 'text/html' } }
    expect((await ask('/payout', html)).headers.get('location')).toBe('/login?returnTo=%2Fpayout')
    const login = '/login?returnTo=%2Fpayout'
    expect((await ask(login, { form: { password: 'wrong' } })).status).toBe(401)
    expect(await statusesOfWrongForms(app, login, ['password'])).toEqual([400, 400, 400])
    const right = await ask(login, { form: { password: 'correct horse' } })
    expect([right.status, right.headers.get('location')]).toEqual([303, '/payout'])
    expect((await ask('/payout', html)).body).toBe('alice has just shown who they are')
    expect((await ask('/', html)).body).toBe('Hello, alice')
  },
  'native-clients.md': async ({ ask }) => {
    const login = await ask('/api/login', { method: 'POST' })
    const id = login.headers.get('x-session-id') ?? ''
    expect([login.headers.getSetCookie(), id.length]).toEqual([[], 43])
    const headers = { 'x-session-id': id }
    const me = await ask('/api/me', { headers })
    expect(me.body).toBe('{"user":"alice"}')
    const shown = `X-Session-Id: ${id}\n${me.body}`
    expect(withoutIds(answersOf('docs/tasks/native-clients.md'))).toBe(withoutIds(shown))
    expect((await ask('/api/me')).status).toBe(401)
    const logout = await ask('/api/logout', { method: 'POST', headers })
    expect([logout.status, logout.headers.get('x-session-id')]).toEqual([204, ''])
    expect((await ask('/api/me', { headers })).status).toBe(401)
  },
  'several-apps.md': async ({ ask }) => {
    await ask('/login', { method: 'POST' })
    expect((await ask('/admin')).status).toBe(401)
    await ask('/admin/login', { method: 'POST' })
    expect((await ask('/admin')).body).toBe('root, and as a customer alice')
    expect((await ask('/')).body).toBe('alice')
  },
}

describe('the app of a page on a task', () => {
  it.each(pages.filter((page) => !(page in VISITS)))('is visited: %s', (page) => {
    expect.unreachable(`${page} has no visitor here`)
  })

  // test/pages/code.test.ts runs every block in both formats.
  const cases = matrix(Object.entries(VISITS), FORMATS).map(([[page, visit], format]) => ({
    page,
    format,
    visit,
  }))
  it.each(cases)('does what the page says: $page, as $format', async ({ page, format, visit }) => {
    app = await folder.start(page === 'README.md' ? page : `docs/tasks/${page}`, format)
    await visit(app)
  })
})

describeOnce('the page on testing', () => {
  it('has tests that pass', () => {
    expect(folder.test('docs/testing.md')).toMatch(/^# pass 1\n# fail 0$/m)
  })
})
