import { describe, expect, it } from 'vitest'
import { type PrivateServiceOptions, privateService } from '../../src/express/index.ts'
import { SessionConfigError } from '../../src/index.ts'
import { ACCOUNT, AUDIENCE, encode, type SentHeaders } from '../corpus/callers.ts'
import { environment, serveRoutes } from './caller-harness.ts'
import { frameworks } from './helpers.ts'

const REMOVED = 'SIGNATURE_REMOVED_BY_GOOGLE'

function tokenOf(claims: object = {}, signature: string = REMOVED): string {
  const now = Math.floor(Date.now() / 1000)
  const body = {
    iss: 'https://accounts.google.com',
    aud: AUDIENCE,
    email: ACCOUNT,
    email_verified: true,
    iat: now,
    exp: now + 3600,
  }
  return `${encode({ alg: 'RS256', kid: 'k' })}.${encode({ ...body, ...claims })}.${signature}`
}

const bearer = (token: string): SentHeaders => ({ Authorization: `Bearer ${token}` })
const serverless = (token: string): SentHeaders => ({
  'X-Serverless-Authorization': `Bearer ${token}`,
})

async function ask(headers: SentHeaders) {
  environment({ K_SERVICE: 'web' })
  const caller = privateService({ audience: AUDIENCE, serviceAccounts: [ACCOUNT] })
  const routes = await serveRoutes({ caller })
  const { status } = await routes.call('/cron', { headers })
  return { status, logged: JSON.stringify(routes.logged), calls: routes.store.calls.length }
}

describe('privateService()', () => {
  const sameClaims = tokenOf()
  const served: [string, SentHeaders][] = [
    ['Authorization', bearer(tokenOf())],
    ['bearer in lower case', { Authorization: `bearer ${tokenOf()}` }],
    ['X-Serverless-Authorization', serverless(tokenOf())],
    ['both, with the same token', { ...bearer(sameClaims), ...serverless(sameClaims) }],
    [
      'both, of which the unverified one has its signature',
      { ...bearer(sameClaims.replace(REMOVED, 'c2lnbmVk')), ...serverless(sameClaims) },
    ],
    ['the issuer without https', bearer(tokenOf({ iss: 'accounts.google.com' }))],
  ]
  it.each(served)('serves %s', async (_what, headers) => {
    expect(await ask(headers)).toMatchObject({ status: 200 })
  })

  const refused: [string, SentHeaders][] = [
    ['nothing', {}],
    ['a token with a signature', bearer(tokenOf({}, 'c2lnbmVk'))],
    ['a signature like it', bearer(tokenOf({}, `${REMOVED}_`))],
    ['two parts', { Authorization: `Bearer ${tokenOf().replace(`.${REMOVED}`, '')}` }],
    ['another scheme', { Authorization: `Basic ${tokenOf()}` }],
    ['two headers', { Authorization: [`Bearer ${tokenOf()}`, `Bearer ${tokenOf()}`] }],
    [
      'two serverless headers',
      { 'X-Serverless-Authorization': [`Bearer ${tokenOf()}`, `Bearer ${tokenOf()}`] },
    ],
    ['both, which differ', { ...bearer(tokenOf({ sub: 'x' })), ...serverless(tokenOf()) }],
    ['both, of which one is none', { Authorization: 'Basic eA==', ...serverless(tokenOf()) }],
    [
      'a right Authorization beside a wrong one that counts',
      { ...bearer(tokenOf()), ...serverless(tokenOf({ email: 'x' })) },
    ],
    ['an empty one that counts', { ...bearer(tokenOf()), 'X-Serverless-Authorization': '' }],
    ['another audience', bearer(tokenOf({ aud: `${AUDIENCE}/` }))],
    ['audiences in a list', bearer(tokenOf({ aud: [AUDIENCE] }))],
    ['another issuer', bearer(tokenOf({ iss: 'https://accounts.google.com.evil.example' }))],
    ['a time that is over', bearer(tokenOf({ exp: Math.floor(Date.now() / 1000) - 1 }))],
    ['no time', bearer(tokenOf({ exp: undefined }))],
    ['a time that is text', bearer(tokenOf({ exp: '9999999999' }))],
    ['a time to come', bearer(tokenOf({ nbf: Math.floor(Date.now() / 1000) + 60 }))],
    ['an address that is not verified', bearer(tokenOf({ email_verified: false }))],
    ['an address verified by text', bearer(tokenOf({ email_verified: 'true' }))],
    ['another account', bearer(tokenOf({ email: 'other@project.iam.gserviceaccount.com' }))],
    ['claims that are no JSON', { Authorization: `Bearer e30.e.${REMOVED}` }],
    ['15 KB', bearer(`${'a'.repeat(15_000)}.b.${REMOVED}`)],
  ]
  it.each(refused)('refuses %s', async (_what, headers) => {
    const { status, logged, calls } = await ask(headers)
    expect([status, calls]).toEqual([401, 0])
    expect(logged).toContain('privateService')
    for (const value of Object.values(headers).flat()) {
      for (const part of value.split(/[ .]/))
        if (part.length > 30) expect(logged).not.toContain(part)
    }
  })

  it.each([
    ['nowhere', {}],
    ['on App Engine', { GAE_ENV: 'standard' }],
    ['in the Functions emulator', { K_SERVICE: 'web', FUNCTIONS_EMULATOR: 'true' }],
  ])('serves nobody where IAM does not stand in front: %s', async (_where, variables) => {
    environment({ K_SERVICE: undefined, ...variables })
    const caller = privateService({ audience: AUDIENCE, serviceAccounts: [ACCOUNT] })
    const routes = await serveRoutes({ caller })
    expect((await routes.call('/cron', { headers: bearer(tokenOf()) })).status).toBe(401)
  })

  it.each(frameworks)('guards the task and the status too, under %s', async (_name, express) => {
    environment({ K_SERVICE: 'web' })
    const caller = privateService({ audience: [AUDIENCE, 'second'], serviceAccounts: [ACCOUNT] })
    const routes = await serveRoutes({ caller, express })
    const headers = { ...bearer(tokenOf({ aud: 'second' })), 'Content-Type': 'application/json' }
    const body = JSON.stringify({ v: 1, run: 'none', step: 1 })
    expect((await routes.call('/task', { method: 'POST', body })).status).toBe(401)
    expect((await routes.call('/task', { method: 'POST', headers, body })).status).toBe(200)
    expect((await routes.call('/status', { headers })).status).toBe(200)
  })

  it.each<[string, unknown]>([
    ['nothing', undefined],
    ['no audience', { serviceAccounts: [ACCOUNT] }],
    ['no accounts', { audience: AUDIENCE }],
    ['a person', { audience: AUDIENCE, serviceAccounts: ['somebody@gmail.com'] }],
    ['another option', { audience: AUDIENCE, serviceAccounts: [ACCOUNT], client: {} }],
  ])('throws at construction for %s', (_name, options) => {
    expect(() => privateService(options as PrivateServiceOptions)).toThrow(SessionConfigError)
  })
})
