import { createHmac, createSign, generateKeyPairSync } from 'node:crypto'
import { OAuth2Client } from 'google-auth-library'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { type OidcOptions, oidc } from '../../src/express/index.ts'
import { SessionConfigError } from '../../src/index.ts'
import {
  ACCOUNT,
  AUDIENCE,
  encode,
  SENT,
  TOKENS_REFUSED,
  TOKENS_SERVED,
  type TokenCase,
} from '../corpus/callers.ts'
import { environment, type Reply, type Routes, serveRoutes } from './caller-harness.ts'
import { frameworks, listen } from './helpers.ts'

const known = generateKeyPairSync('rsa', { modulusLength: 2048 })
const other = generateKeyPairSync('rsa', { modulusLength: 2048 })
const PUBLISHED = known.publicKey.export({ type: 'spki', format: 'pem' }).toString()
const KEY_ID = 'key-1'

function tokenOf({
  header,
  claims,
  signer = 'known',
  mangle,
}: Omit<TokenCase, 'name'> = {}): string {
  const now = Math.floor(Date.now() / 1000)
  const head = encode({ alg: 'RS256', kid: KEY_ID, typ: 'JWT', ...header })
  const body = encode({
    iss: 'https://accounts.google.com',
    aud: AUDIENCE,
    azp: '1234567890',
    sub: '1234567890',
    email: ACCOUNT,
    email_verified: true,
    iat: now,
    exp: now + 3600,
    ...claims,
  })
  const token = `${head}.${body}.${sign(`${head}.${body}`, signer)}`
  return mangle === undefined ? token : mangle(token)
}

function sign(text: string, signer: NonNullable<TokenCase['signer']>): string {
  switch (signer) {
    case 'none':
      return ''
    case 'hmac':
      return createHmac('sha256', PUBLISHED).update(text).digest('base64url')
    default: {
      const { privateKey } = signer === 'known' ? known : other
      return createSign('RSA-SHA256').update(text).sign(privateKey, 'base64url')
    }
  }
}

/** Publishes keys as Google does, for the real client. */
async function keyServer(): Promise<{
  client: OAuth2Client
  state: { up: boolean; asked: number }
}> {
  const state = { up: true, asked: 0 }
  const port = await listen((_req, res) => {
    state.asked += 1
    res.writeHead(state.up ? 200 : 404, {
      'Content-Type': 'application/json',
      'Cache-Control': 'public, max-age=3600',
    })
    res.end(JSON.stringify({ [KEY_ID]: PUBLISHED }))
  })
  const url = `http://127.0.0.1:${port}/certs`
  const client = new OAuth2Client({ endpoints: { oauth2FederatedSignonPemCertsUrl: url } })
  return { client, state }
}

async function routesFor(
  options: Partial<OidcOptions> = {},
): Promise<Routes & { keys: { up: boolean; asked: number } }> {
  const { client, state } = await keyServer()
  const caller = oidc({ audience: AUDIENCE, serviceAccounts: [ACCOUNT], client, ...options })
  return { ...(await serveRoutes({ caller })), keys: state }
}

/** The claims that oidc() checks itself; the library finds all other faults of a token. */
const OWN_CLAIMS = ['aud', 'iss', 'email', 'email_verified', 'nbf']

const isSet = (claims: object | undefined, name: string): boolean =>
  claims !== undefined && Reflect.get(claims, name) !== undefined

const bearer = (token: string) => ({ headers: { Authorization: `Bearer ${token}` } })

function expectRefused(routes: Routes, reply: Reply): void {
  expect(reply).toMatchObject({ status: 401, body: '{"error":"refused"}' })
  expect(reply.headers).toMatchObject({ 'www-authenticate': 'Bearer', 'cache-control': 'no-store' })
  expect(routes.store.calls).toEqual([])
  expect(routes.logged).toHaveLength(1)
}

afterEach(() => {
  vi.restoreAllMocks()
  vi.doUnmock('google-auth-library')
  vi.resetModules()
})

describe('oidc()', () => {
  it.each(TOKENS_SERVED)('serves $name', async (one) => {
    const routes = await routesFor()
    expect(await routes.call('/cron', bearer(tokenOf(one)))).toMatchObject({ status: 200 })
  })

  it.each(TOKENS_REFUSED)('refuses $name', async (one) => {
    const routes = await routesFor()
    const token = tokenOf(one)
    expectRefused(routes, await routes.call('/cron', bearer(token)))
    for (const part of token.split('.').filter((text) => text.length > 20)) {
      expect(JSON.stringify(routes.logged)).not.toContain(part)
    }
    // The keys were fetched, so the token itself was refused.
    expect(await routes.call('/cron', bearer(tokenOf()))).toMatchObject({ status: 200 })
  })

  it.each(TOKENS_REFUSED.filter(({ claims }) => OWN_CLAIMS.some((claim) => isSet(claims, claim))))(
    'refuses a token that a client without checks accepts: $name',
    async (one) => {
      const client = {
        verifyIdToken: async ({ idToken }: { idToken: string }) => ({
          getPayload: () =>
            JSON.parse(Buffer.from(idToken.split('.')[1] ?? '', 'base64url').toString()) as object,
        }),
      }
      const routes = await routesFor({ client })
      expectRefused(routes, await routes.call('/cron', bearer(tokenOf(one))))
    },
  )

  it.each(SENT)('a token sent $name', async ({ served, path = '/cron', headers }) => {
    environment({ GAE_ENV: 'standard' })
    const routes = await routesFor()
    const token = tokenOf()
    const reply = await routes.call(path.replaceAll('TOKEN', token), { headers: headers(token) })
    if (served) expect(reply.status).toBe(200)
    else expectRefused(routes, reply)
  })

  it.each([
    ['aud', { aud: 'https://other.example' }, `"${AUDIENCE}"`, '"https://other.example"'],
    ['iss', { iss: 'evil' }, '"https://accounts.google.com" or "accounts.google.com"', '"evil"'],
    ['exp', { exp: 5 }, /^more than \d+$/, '5'],
    ['email', { email: 'a\u0000\u202e\nb' }, `"${ACCOUNT}"`, '"a\\u0000?\\nb"'],
    ['email_verified', { email_verified: undefined }, 'true', 'nothing'],
  ])('logs the expected and the actual value of %s', async (claim, claims, expected, came) => {
    const routes = await routesFor()
    const token = tokenOf({ claims })
    expectRefused(routes, await routes.call('/cron', bearer(token)))
    const [, details] = routes.logged[0] as [string, Record<string, unknown>]
    expect(details).toMatchObject({ caller: 'oidc', claim, came })
    expect(details['expected']).toEqual(
      typeof expected === 'string' ? expected : expect.stringMatching(expected),
    )
    // Any client can send a token, so its content must not make a new reason, which would be logged each time.
    await routes.call('/cron', bearer(tokenOf({ claims: { ...claims, sub: 'other' } })))
    expect(routes.logged).toHaveLength(1)
  })

  it('refuses 15 KB in one header without reading it', async () => {
    const routes = await routesFor()
    expectRefused(routes, await routes.call('/cron', bearer(`${'a'.repeat(15_000)}.b.c`)))
    expect(routes.keys.asked).toBe(0)
  })

  it('answers 431 for 100 KB, before the routes run', async () => {
    const routes = await routesFor()
    const reply = await routes.call('/cron', bearer('a'.repeat(100_000))).catch(() => null)
    expect([431, undefined]).toContain(reply?.status)
    expect(routes.store.calls).toEqual([])
  })

  it('guards the task and the status too, and allows a token again within its hour', async () => {
    const routes = await routesFor()
    const headers = { ...bearer(tokenOf()).headers, 'Content-Type': 'application/json' }
    const body = JSON.stringify({ v: 1, run: 'none', step: 1 })
    expect((await routes.call('/task', { method: 'POST', body })).status).toBe(401)
    expect((await routes.call('/status')).status).toBe(401)
    expect(routes.store.calls).toEqual([])
    for (let times = 0; times < 2; times++) {
      expect((await routes.call('/task', { method: 'POST', headers, body })).status).toBe(200)
      expect((await routes.call('/status', { headers })).status).toBe(200)
    }
    expect(routes.keys.asked).toBe(1)
  })

  it('accepts each of several audiences and accounts, but not a joined list of them', async () => {
    const second = 'tasks@other.iam.gserviceaccount.com'
    const routes = await routesFor({
      audience: [AUDIENCE, 'second'],
      serviceAccounts: [ACCOUNT, second],
    })
    const served = { aud: 'second', email: second }
    expect((await routes.call('/cron', bearer(tokenOf({ claims: served })))).status).toBe(200)
    for (const claims of [{ aud: `${AUDIENCE},second` }, { email: `${ACCOUNT},${second}` }]) {
      expect((await routes.call('/cron', bearer(tokenOf({ claims })))).status).toBe(401)
    }
  })

  it('refuses every caller while the keys cannot be fetched, and continues with keys that it has', async () => {
    const routes = await routesFor()
    routes.keys.up = false
    expectRefused(routes, await routes.call('/cron', bearer(tokenOf())))
    expect(JSON.stringify(routes.logged)).toContain('keys of Google could not be fetched')
    routes.keys.up = true
    expect((await routes.call('/cron', bearer(tokenOf()))).status).toBe(200)
    routes.keys.up = false
    expect((await routes.call('/cron', bearer(tokenOf()))).status).toBe(200)
  })

  it('refuses when the keys take too long', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    try {
      const caller = oidc({
        audience: AUDIENCE,
        serviceAccounts: [ACCOUNT],
        client: { verifyIdToken: () => new Promise(() => {}) },
      })
      const req = { rawHeaders: ['Authorization', `Bearer ${tokenOf()}`] }
      const refused = expect(caller.check(req as never, 'cron')).rejects.toMatchObject({
        code: 'ERR_CALLER_REFUSED',
      })
      await vi.advanceTimersByTimeAsync(10_000)
      await refused
    } finally {
      vi.useRealTimers()
    }
  })

  it('lets the library check the audience too', async () => {
    const asked: unknown[] = []
    const client = {
      verifyIdToken: async (options: unknown) => {
        asked.push(options)
        return { getPayload: () => undefined }
      },
    }
    const routes = await routesFor({ client })
    const idToken = tokenOf()
    await routes.call('/cron', bearer(idToken))
    expect(asked).toEqual([{ idToken, audience: [AUDIENCE] }])
  })

  it('refuses a ticket without a payload', async () => {
    const client = { verifyIdToken: async () => ({ getPayload: () => undefined }) }
    const routes = await routesFor({ client })
    expectRefused(routes, await routes.call('/cron', bearer(tokenOf())))
  })

  it('makes its own client once, on first use', async () => {
    const asked = vi
      .spyOn(OAuth2Client.prototype, 'getFederatedSignonCertsAsync')
      .mockResolvedValue({ certs: { [KEY_ID]: PUBLISHED } } as never)
    const caller = oidc({ audience: AUDIENCE, serviceAccounts: [ACCOUNT] })
    const routes = await serveRoutes({ caller })
    expect((await routes.call('/cron')).status).toBe(401)
    expect(asked).not.toHaveBeenCalled()
    expect((await routes.call('/cron', bearer(tokenOf()))).status).toBe(200)
    expect((await routes.call('/cron', bearer(tokenOf()))).status).toBe(200)
    expect(new Set(asked.mock.contexts).size).toBe(1)
  })

  it('logs which package to install when the library is missing, and does not answer it', async () => {
    vi.doMock('google-auth-library', () => ({}))
    vi.resetModules()
    const fresh = await import('../../src/express/routes/caller-oidc.ts')
    const caller = fresh.oidc({ audience: AUDIENCE, serviceAccounts: [ACCOUNT] })
    const req = { rawHeaders: ['Authorization', `Bearer ${tokenOf()}`] }
    await expect(caller.check(req as never, 'cron')).rejects.toThrow(/google-auth-library/)
  })

  it.each(frameworks)('answers the same under %s', async (_name, express) => {
    const { client } = await keyServer()
    const caller = oidc({ audience: AUDIENCE, serviceAccounts: [ACCOUNT], client })
    const routes = await serveRoutes({ caller, express })
    expect((await routes.call('/cron', bearer(tokenOf()))).status).toBe(200)
    expect((await routes.call('/cron', bearer(tokenOf({ signer: 'other' })))).status).toBe(401)
  })

  it.each<[string, unknown]>([
    ['nothing', undefined],
    ['null', null],
    ['no audience', { serviceAccounts: [ACCOUNT] }],
    ['audience null', { audience: null, serviceAccounts: [ACCOUNT] }],
    ['an empty audience', { audience: '', serviceAccounts: [ACCOUNT] }],
    ['no audiences', { audience: [], serviceAccounts: [ACCOUNT] }],
    ['an undefined audience', { audience: [AUDIENCE, undefined], serviceAccounts: [ACCOUNT] }],
    ['an audience with a space', { audience: `${AUDIENCE} `, serviceAccounts: [ACCOUNT] }],
    ['an audience of another type', { audience: /./, serviceAccounts: [ACCOUNT] }],
    ['no accounts', { audience: AUDIENCE }],
    ['an empty list', { audience: AUDIENCE, serviceAccounts: [] }],
    ['a text', { audience: AUDIENCE, serviceAccounts: ACCOUNT }],
    ['a wildcard', { audience: AUDIENCE, serviceAccounts: ['*@project.iam.gserviceaccount.com'] }],
    ['a person', { audience: AUDIENCE, serviceAccounts: ['somebody@gmail.com'] }],
    ['a look-alike', { audience: AUDIENCE, serviceAccounts: [`${ACCOUNT}.evil.example`] }],
    ['undefined in the list', { audience: AUDIENCE, serviceAccounts: [undefined] }],
    ['a client that is none', { audience: AUDIENCE, serviceAccounts: [ACCOUNT], client: {} }],
    ['another option', { audience: AUDIENCE, serviceAccounts: [ACCOUNT], issuer: 'x' }],
  ])('throws at construction for %s', (_name, options) => {
    expect(() => oidc(options as OidcOptions)).toThrow(SessionConfigError)
  })
})
