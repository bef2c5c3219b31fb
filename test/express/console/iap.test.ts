import { createHmac, createSign, generateKeyPairSync, type KeyObject } from 'node:crypto'
import { OAuth2Client } from 'google-auth-library'
import { describe, expect, it } from 'vitest'
import { type IapOptions, iap } from '../../../src/express/index.ts'
import { SessionConfigError } from '../../../src/index.ts'
import { listen } from '../helpers.ts'
import { consoleApp } from './harness.ts'

const AUDIENCE = '/projects/123/apps/shop'
const KEY_ID = 'key-1'
const known = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const other = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const PUBLISHED = known.publicKey.export({ type: 'spki', format: 'pem' }).toString()

const encode = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url')

interface Token {
  readonly header?: object
  readonly claims?: object
  readonly key?: KeyObject
  readonly sign?: (text: string) => string
}

function tokenOf({ header, claims, key = known.privateKey, sign }: Token = {}): string {
  const now = Math.floor(Date.now() / 1000)
  const text = `${encode({ alg: 'ES256', typ: 'JWT', kid: KEY_ID, ...header })}.${encode({
    iss: 'https://cloud.google.com/iap',
    aud: AUDIENCE,
    sub: 'accounts.google.com:1',
    email: 'Olga@shop.example',
    iat: now - 10,
    exp: now + 590,
    ...claims,
  })}`
  const signature =
    sign?.(text) ??
    createSign('SHA256').update(text).sign({ key, dsaEncoding: 'ieee-p1363' }, 'base64url')
  return `${text}.${signature}`
}

/** The real client, whose keys are published on loopback. */
async function appFor(options: Partial<IapOptions> = {}) {
  let asked = 0
  const port = await listen((_req, res) => {
    asked += 1
    res.setHeader('content-type', 'application/json').end(JSON.stringify({ [KEY_ID]: PUBLISHED }))
  })
  const endpoints = { oauth2IapPublicKeyUrl: `http://127.0.0.1:${port}/keys` }
  const client = new OAuth2Client({ endpoints })
  const users = ['olga@shop.example', 'krl@shop.example']
  const allow = iap({ audience: AUDIENCE, users, client, ...options })
  const app = await consoleApp({ allow })
  const status = async (token: string): Promise<number> =>
    (await app.get('/', { 'x-goog-iap-jwt-assertion': token })).status
  return { app, status, asked: () => asked }
}

describe('iap()', () => {
  it('admits users that the proxy has signed in, and names them by their addresses', async () => {
    const { app, status } = await appFor()
    const token = tokenOf()
    expect(await status(token)).toBe(200)
    const headers = { 'x-goog-iap-jwt-assertion': token, 'sec-fetch-site': 'same-origin' }
    expect((await app.post('/sweep', {}, headers)).status).toBe(303)
    expect(app.logged).toEqual([['an operator started a sweep', { by: 'olga@shop.example' }]])
  })

  const now = Math.floor(Date.now() / 1000)
  it.each<[string, Token]>([
    ['somebody else', { claims: { email: 'eve@shop.example' } }],
    ['an address that only begins so', { claims: { email: 'olga@shop.example.evil.com' } }],
    ['an address that only looks so in lower case', { claims: { email: '\u212arl@shop.example' } }],
    ['no address', { claims: { email: undefined } }],
    ['a list of addresses', { claims: { email: ['olga@shop.example'] } }],
    ['a token for another service', { claims: { aud: '/projects/123/apps/other' } }],
    ['a list of audiences', { claims: { aud: [AUDIENCE] } }],
    ['another issuer', { claims: { iss: 'https://accounts.google.com' } }],
    ['a token that is over', { claims: { iat: now - 7200, exp: now - 3600 } }],
    ['a token of times to come', { claims: { iat: now + 3600, exp: now + 7200 } }],
    ['a token for years', { claims: { exp: now + 1e9 } }],
    ['no end', { claims: { exp: undefined } }],
    ['another key', { key: other.privateKey }],
    ['a key that nobody knows', { header: { kid: 'key-2' } }],
    ['no signature', { sign: () => '' }],
    ['"none"', { header: { alg: 'none' }, sign: () => 'x' }],
    [
      'the public key as a secret',
      {
        header: { alg: 'HS256' },
        sign: (text) => createHmac('sha256', PUBLISHED).update(text).digest('base64url'),
      },
    ],
  ])('refuses %s', async (_, token) => {
    const { app, status } = await appFor()
    expect(await status(tokenOf(token))).toBe(403)
    expect(JSON.stringify(app.logged)).not.toContain('eyJ')
  })

  it('fetches the keys of the proxy once, whatever tokens clients send', async () => {
    const { status, asked } = await appFor()
    const kids = ['key-2', 'key-3', '__proto__', 'toString']
    const forged = kids.map((kid) => tokenOf({ header: { kid } }))
    const sent = [tokenOf(), ...forged, tokenOf({ key: other.privateKey }), tokenOf()]
    const statuses = await Promise.all(sent.map(status))
    expect(statuses).toEqual([200, 403, 403, 403, 403, 403, 200])
    for (const token of sent) await status(token)
    expect(asked()).toBe(1)
  })

  it('refuses a request without the header, or with an invalid token', async () => {
    const { app, status } = await appFor()
    expect((await app.get('/')).status).toBe(403)
    for (const text of ['x', 'a.b.c', `${tokenOf()}.x`, 'x'.repeat(9000)]) {
      expect(await status(text)).toBe(403)
    }
    const address = { 'x-goog-authenticated-user-email': 'accounts.google.com:olga@shop.example' }
    expect((await app.get('/', address)).status).toBe(403)
  })

  it('calls a function for the rights of a user', async () => {
    const users = (email: string) => (email === 'olga@shop.example' ? 'view' : false)
    const { app, status } = await appFor({ users })
    expect(await status(tokenOf())).toBe(200)
    expect(await status(tokenOf({ claims: { email: 'eve@shop.example' } }))).toBe(403)
    const { body } = await app.get('/', { 'x-goog-iap-jwt-assertion': tokenOf() })
    expect(body).not.toContain('method="post"')
  })

  it('refuses options that would admit everyone, or no one', () => {
    for (const options of [
      undefined,
      {},
      { audience: AUDIENCE },
      { audience: AUDIENCE, users: [] },
      { audience: AUDIENCE, users: ['*'] },
      { audience: AUDIENCE, users: ['*@shop.example'] },
      { audience: AUDIENCE, users: 'olga@shop.example' },
      { audience: '', users: ['olga@shop.example'] },
      { audience: AUDIENCE, users: ['olga@shop.example'], client: {} },
      { audience: AUDIENCE, users: ['olga@shop.example'], user: 1 },
    ]) {
      expect(() => iap(options as never)).toThrow(SessionConfigError)
    }
  })
})
