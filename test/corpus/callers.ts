/** Allowed and refused callers of the cron, task and status routes. Each entry is one named test. */

export type Path = '/cron' | '/task' | '/status'

export type SentHeaders = Readonly<Record<string, string | string[]>>

export interface HeaderCase {
  readonly name: string
  readonly path: Path
  readonly headers: SentHeaders
  /** Environment variables in addition to those that the caller under test needs. */
  readonly environment?: Readonly<Record<string, string>>
}

const TASK = { 'X-AppEngine-TaskName': '0a1b', 'X-AppEngine-QueueName': 'session-sweep' }
const CRON = { 'X-Appengine-Cron': 'true' }

/** Accepted on App Engine (GAE_ENV `standard`), and refused in every other place. */
export const APP_ENGINE_SERVED: readonly HeaderCase[] = [
  { name: 'the cron service', path: '/cron', headers: CRON },
  {
    name: 'the cron service in other letters',
    path: '/cron',
    headers: { 'x-appengine-CRON': 'true' },
  },
  {
    name: 'spaces around the value, which do not belong to it',
    path: '/cron',
    headers: { 'X-Appengine-Cron': ' true ' },
  },
  { name: 'the cron service at the status', path: '/status', headers: CRON },
  { name: 'a task', path: '/task', headers: TASK },
]

/** Refused on App Engine, too. */
export const APP_ENGINE_REFUSED: readonly HeaderCase[] = [
  { name: 'nothing', path: '/cron', headers: {} },
  ...[
    'TRUE',
    'True',
    '1',
    'yes',
    '',
    'truee',
    'true;',
    '"true"',
    'false, true',
    'true, true',
    'false',
  ].map(
    (value): HeaderCase => ({
      name: `cron ${JSON.stringify(value)}`,
      path: '/cron',
      headers: { 'X-Appengine-Cron': value },
    }),
  ),
  {
    name: 'two cron headers, the last true',
    path: '/cron',
    headers: { 'X-Appengine-Cron': ['false', 'true'] },
  },
  {
    name: 'two cron headers, both true',
    path: '/cron',
    headers: { 'X-Appengine-Cron': ['true', 'true'] },
  },
  { name: 'underscores', path: '/cron', headers: { X_Appengine_Cron: 'true' } },
  {
    name: 'a name like it',
    path: '/cron',
    headers: { 'X-Appengine-Cron-Job': 'true', 'X-Google-Cron': 'true' },
  },
  {
    name: 'the address of the cron service',
    path: '/cron',
    headers: { 'X-Appengine-User-IP': '0.1.0.2', 'X-Forwarded-For': '0.1.0.1' },
  },
  { name: 'a task at the cron route', path: '/cron', headers: TASK },
  { name: 'a task at the status', path: '/status', headers: TASK },
  { name: 'nobody at the status', path: '/status', headers: {} },
  { name: 'the cron service at the task route', path: '/task', headers: CRON },
  { name: 'nobody at the task route', path: '/task', headers: {} },
  { name: 'a task without a queue', path: '/task', headers: { 'X-AppEngine-TaskName': '0a1b' } },
  { name: 'a queue without a task', path: '/task', headers: { 'X-AppEngine-QueueName': 'q' } },
  { name: 'an empty task name', path: '/task', headers: { ...TASK, 'X-AppEngine-TaskName': '' } },
  {
    name: 'two task names',
    path: '/task',
    headers: { ...TASK, 'X-AppEngine-TaskName': ['a', 'b'] },
  },
  {
    name: 'the headers of an HTTP target, which prove nothing',
    path: '/task',
    headers: { 'X-CloudTasks-TaskName': 'a', 'X-CloudTasks-QueueName': 'q' },
  },
  { name: 'a bearer token', path: '/cron', headers: { Authorization: 'Bearer a.b.c' } },
]

/** Values of GAE_ENV with which the headers prove nothing; `undefined`: not set. */
export const NOT_APP_ENGINE: readonly (string | undefined)[] = [
  undefined,
  '',
  'flex',
  'STANDARD',
  'standard2',
  'localdev',
]

/** Refused by localOnly() though they come over a loopback socket. */
export const LOCAL_REFUSED: readonly HeaderCase[] = [
  ...[
    'Forwarded',
    'X-Forwarded-For',
    'X-Forwarded-Proto',
    'X-Forwarded-Host',
    'x-FORWARDED-anything',
    'Via',
    'X-Real-IP',
    'X-Forwarded',
    'X-Original-Host',
    'X-Original-URL',
    'X-Client-IP',
    'Client-IP',
    'True-Client-IP',
    'X-Cluster-Client-IP',
    'CF-Connecting-IP',
    'CF-Ray',
    'CF-Visitor',
    'CDN-Loop',
    'Fastly-Client-IP',
    'Fastly-SSL',
    'X-Fastly-Request-ID',
    'X-Envoy-External-Address',
    'X-Envoy-Original-Path',
    'CloudFront-Viewer-Address',
    'X-Amzn-Trace-Id',
    'X-Amz-Cf-Id',
    'X-Azure-ClientIP',
    'X-ARR-LOG-ID',
    'X-Vercel-Forwarded-For',
    'X-NF-Client-Connection-IP',
    'Fly-Client-IP',
    'X-Goog-IAP-JWT-Assertion',
    'X-Goog-Authenticated-User-Email',
    'X-Cloud-Trace-Context',
    'X-AppEngine-User-IP',
    'X-AppEngine-Country',
    'X-GFE-SSL',
    'Remote-Addr',
    'X-ProxyUser-Ip',
    'Ali-CDN-Real-IP',
    'Tailscale-User-Login',
    'Front-End-Https',
    'X-Scheme',
    'Proxy-Connection',
  ].map(
    (header): HeaderCase => ({
      name: `a proxy with ${header}`,
      path: '/cron',
      headers: { [header]: '127.0.0.1' },
    }),
  ),
  { name: 'a proxy with an empty header', path: '/cron', headers: { 'X-Forwarded-For': '' } },
  ...['null', 'http://evil.example', 'https://localhost', 'http://127.0.0.1', ''].map(
    (origin): HeaderCase => ({
      name: `a page by its Origin: ${JSON.stringify(origin)}`,
      path: '/cron',
      headers: { Origin: origin },
    }),
  ),
  ...['http://evil.example/', 'http://localhost:1/', 'about:blank', 'nonsense'].map(
    (page): HeaderCase => ({
      name: `a page by its Referer: ${page}`,
      path: '/cron',
      headers: { Referer: page },
    }),
  ),
  ...['cross-site', 'same-site', '', 'none, none'].map(
    (site): HeaderCase => ({
      name: `a page: ${JSON.stringify(site)}`,
      path: '/status',
      headers: { 'Sec-Fetch-Site': site },
    }),
  ),
  {
    name: 'two fetch sites',
    path: '/status',
    headers: { 'Sec-Fetch-Site': ['none', 'same-origin'] },
  },
  ...[
    { NODE_ENV: 'production' },
    { GAE_ENV: 'standard' },
    { GAE_SERVICE: 'default' },
    { K_SERVICE: 'web' },
    { GAE_APPLICATION: 's~shop' },
    { K_REVISION: 'web-1' },
    { CLOUD_RUN_JOB: 'sweep' },
    { FUNCTION_TARGET: 'web' },
    { FUNCTION_NAME: 'web' },
  ].map(
    (environment): HeaderCase => ({
      name: `${Object.entries(environment)}`,
      path: '/cron',
      headers: CRON,
      environment,
    }),
  ),
]

/** Addresses that are not this machine. */
export const NOT_LOOPBACK: readonly (string | undefined)[] = [
  undefined,
  '',
  '10.0.0.1',
  '128.0.0.1',
  '::',
  '::2',
  '::ffff:10.0.0.1',
  '0.1.0.2',
  'localhost',
  '127.0.0.1.evil.example',
  '1127.0.0.1',
]

/** How a token differs from a good one. */
export interface TokenCase {
  readonly name: string
  readonly header?: Readonly<Record<string, unknown>>
  /** `undefined` removes a claim. */
  readonly claims?: Readonly<Record<string, unknown>>
  /** The signing key: the one that Google publishes (default), another one, the public key as an HMAC secret, or none. */
  readonly signer?: 'known' | 'other' | 'hmac' | 'none'
  readonly mangle?: (token: string) => string
}

export const AUDIENCE = 'https://web-abc-ew.a.run.app'
export const ACCOUNT = 'sweeper@project.iam.gserviceaccount.com'

const HOUR = 60 * 60
const now = Math.floor(Date.now() / 1000)

export const TOKENS_SERVED: readonly TokenCase[] = [
  { name: 'a token as Google makes it' },
  { name: 'the other spelling of the issuer', claims: { iss: 'accounts.google.com' } },
  {
    name: 'one that expired within the difference of clocks',
    claims: { iat: now - HOUR, exp: now - 60 },
  },
  { name: 'nbf in the past', claims: { nbf: now - 10 } },
]

export const TOKENS_REFUSED: readonly TokenCase[] = [
  { name: 'expired', claims: { iat: now - 2 * HOUR, exp: now - HOUR } },
  { name: 'without an end', claims: { exp: undefined } },
  { name: 'without a beginning', claims: { iat: undefined } },
  { name: 'a week long', claims: { exp: now + 7 * 24 * HOUR } },
  { name: 'issued in the future', claims: { iat: now + HOUR, exp: now + 2 * HOUR } },
  { name: 'nbf in the future', claims: { nbf: now + HOUR } },
  { name: 'nbf of another type', claims: { nbf: '0' } },
  { name: 'another issuer', claims: { iss: 'https://accounts.google.com.evil.example' } },
  { name: 'an issuer over http', claims: { iss: 'http://accounts.google.com' } },
  { name: 'no issuer', claims: { iss: undefined } },
  { name: 'another service', claims: { aud: 'https://other-abc-ew.a.run.app' } },
  { name: 'a trailing slash', claims: { aud: `${AUDIENCE}/` } },
  { name: 'http instead of https', claims: { aud: AUDIENCE.replace('https', 'http') } },
  { name: 'the audience in other letters', claims: { aud: AUDIENCE.toUpperCase() } },
  { name: 'the audience in a list', claims: { aud: [AUDIENCE] } },
  { name: 'no audience', claims: { aud: undefined } },
  { name: 'audience null', claims: { aud: null } },
  { name: 'another account', claims: { email: 'other@project.iam.gserviceaccount.com' } },
  { name: 'the account in other letters', claims: { email: ACCOUNT.toUpperCase() } },
  { name: 'the account with more behind it', claims: { email: `${ACCOUNT}.evil.example` } },
  { name: 'the token of a user', claims: { email: 'somebody@gmail.com', hd: 'example.com' } },
  { name: 'no account', claims: { email: undefined } },
  { name: 'accounts in a list', claims: { email: [ACCOUNT] } },
  { name: 'an address that is not verified', claims: { email_verified: false } },
  { name: 'an address verified by a text', claims: { email_verified: 'true' } },
  { name: 'an address verified by 1', claims: { email_verified: 1 } },
  { name: 'no word on whether it is verified', claims: { email_verified: undefined } },
  { name: 'the key of another', signer: 'other' },
  { name: 'alg none', header: { alg: 'none' }, signer: 'none' },
  { name: 'alg none, but signed', header: { alg: 'none' } },
  { name: 'alg HS256 with the public key as secret', header: { alg: 'HS256' }, signer: 'hmac' },
  { name: 'RS256 said, HMAC done', signer: 'hmac' },
  { name: 'ES256 said, RSA done', header: { alg: 'ES256' } },
  { name: 'no alg', header: { alg: undefined } },
  { name: 'alg in a list', header: { alg: ['RS256'] } },
  { name: 'an unknown key', header: { kid: 'unknown' } },
  { name: 'the key __proto__', header: { kid: '__proto__' } },
  { name: 'no key', header: { kid: undefined } },
  { name: 'two parts', mangle: (token) => token.split('.').slice(0, 2).join('.') },
  { name: 'four parts', mangle: (token) => `${token}.x` },
  { name: 'three dots and nothing', mangle: () => '...' },
  { name: 'no signature', mangle: (token) => token.replace(/[^.]+$/, '') },
  {
    name: 'a signature with one bit changed',
    mangle: (token) => token.replace(/.(?=.{20}$)/, (one) => (one === 'A' ? 'B' : 'A')),
  },
  {
    name: 'claims of another token',
    mangle: (token) => token.replace(/\.[^.]+\./, `.${encode({ email: ACCOUNT, aud: AUDIENCE })}.`),
  },
  { name: 'no JSON', mangle: () => 'bm90.bm90.bm90' },
  { name: 'JSON null', mangle: () => `${encode(null)}.${encode(null)}.AAAA` },
  { name: 'no token', mangle: () => '' },
  { name: '8 KB and more', claims: { filler: 'x'.repeat(8 * 1024) } },
]

export function encode(value: unknown): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url')
}

/** Ways to send a good token. */
export interface SendCase {
  readonly name: string
  readonly served: boolean
  readonly path?: string
  readonly headers: (token: string) => SentHeaders
}

export const SENT: readonly SendCase[] = [
  { name: 'Bearer', served: true, headers: (token) => ({ Authorization: `Bearer ${token}` }) },
  {
    name: 'bearer, as the scheme has no case',
    served: true,
    headers: (token) => ({ authorization: `bearer ${token}` }),
  },
  { name: 'BEARER', served: true, headers: (token) => ({ Authorization: `BEARER ${token}` }) },
  { name: 'nothing', served: false, headers: () => ({}) },
  {
    name: 'in the query',
    served: false,
    path: '/cron?access_token=TOKEN&token=TOKEN',
    headers: () => ({}),
  },
  { name: 'without a scheme', served: false, headers: (token) => ({ Authorization: token }) },
  { name: 'as Basic', served: false, headers: (token) => ({ Authorization: `Basic ${token}` }) },
  {
    name: 'with more behind it',
    served: false,
    headers: (token) => ({ Authorization: `Bearer ${token} x` }),
  },
  {
    name: 'twice in one header',
    served: false,
    headers: (token) => ({ Authorization: `Bearer ${token}, Bearer ${token}` }),
  },
  {
    name: 'in two headers',
    served: false,
    headers: (token) => ({ Authorization: [`Bearer ${token}`, `Bearer ${token}`] }),
  },
  {
    name: 'before another header',
    served: false,
    headers: (token) => ({ Authorization: [`Bearer ${token}`, 'Basic eA=='] }),
  },
  {
    name: 'after another header',
    served: false,
    headers: (token) => ({ Authorization: ['Basic eA==', `Bearer ${token}`] }),
  },
  {
    name: 'in another header',
    served: false,
    headers: (token) => ({
      'Proxy-Authorization': `Bearer ${token}`,
      'X-Authorization': `Bearer ${token}`,
    }),
  },
  {
    name: 'in a cookie',
    served: false,
    headers: (token) => ({ Cookie: `Authorization=Bearer ${token}` }),
  },
  { name: 'none, but the headers of App Engine', served: false, headers: () => CRON },
]

/** Similar paths that are not routes. None may reach a route, with or without a caller. */
export const OTHER_PATHS: readonly string[] = [
  '/cron/',
  '/CRON',
  '/Cron',
  '/./cron',
  '/x/../cron',
  '/%63ron',
  '/cron%2f',
  '/%2fcron',
  '/cron%00',
  '/cron;x=1',
  '/cron.json',
  '/task/',
  '/TASK',
  '/status/',
  '/',
  '',
  '/cron/x',
  '/tasks',
  '/constructor',
  '/__proto__',
]

/** Express 4 removes one slash together with the path of the mount, and Express 5 does not. */
export const DOUBLE_SLASHES: readonly string[] = ['//cron', '//status', '//task']

/** For each route, the methods that it does not have. */
export const OTHER_METHODS: readonly { path: Path; method: string }[] = [
  ...['HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'].flatMap((method) => [
    { path: '/cron' as const, method },
    { path: '/status' as const, method },
  ]),
  ...['HEAD', 'GET', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'].map((method) => ({
    path: '/task' as const,
    method,
  })),
]

export interface BodyCase {
  readonly name: string
  readonly body: string | Uint8Array
  readonly headers?: SentHeaders
  readonly status: number
}

/** Bodies from a caller that may send tasks. Only a task causes calls of the store. */
export const BODIES: readonly BodyCase[] = [
  { name: 'nothing', body: '', status: 400 },
  { name: 'no JSON', body: 'v=1&run=x&step=1', status: 400 },
  { name: 'JSON cut off', body: '{"v":1,"run":"x"', status: 400 },
  {
    name: 'no UTF-8',
    body: Buffer.from('{"v":1,"run":"x","step":1,"y":"\xc3("}', 'latin1'),
    status: 400,
  },
  ...['null', '[]', '1', '"x"', 'true', '{}', '{"v":1}', '[{"v":1,"run":"x","step":1}]'].map(
    (body) => ({ name: body, body, status: 400 }),
  ),
  { name: 'another version', body: '{"v":2,"run":"x","step":1}', status: 400 },
  { name: 'a run with a slash', body: '{"v":1,"run":"x/../y","step":1}', status: 400 },
  { name: 'a run with a colon', body: '{"v":1,"run":"run:x","step":1}', status: 400 },
  { name: 'an empty run', body: '{"v":1,"run":"","step":1}', status: 400 },
  { name: 'a long run', body: `{"v":1,"run":"${'x'.repeat(101)}","step":1}`, status: 400 },
  { name: 'a run that is none', body: '{"v":1,"run":{"x":1},"step":1}', status: 400 },
  { name: 'a negative step', body: '{"v":1,"run":"x","step":-1}', status: 400 },
  { name: 'a step 0', body: '{"v":1,"run":"x","step":0}', status: 400 },
  { name: 'half a step', body: '{"v":1,"run":"x","step":1.5}', status: 400 },
  { name: 'an endless step', body: '{"v":1,"run":"x","step":1e400}', status: 400 },
  { name: 'a step in a text', body: '{"v":1,"run":"x","step":"1"}', status: 400 },
  {
    name: 'the fields in __proto__',
    body: '{"__proto__":{"v":1,"run":"x","step":1}}',
    status: 400,
  },
  { name: 'a run that is not there', body: '{"v":1,"run":"x","step":1}', status: 200 },
  { name: 'a run __proto__', body: '{"v":1,"run":"__proto__","step":1}', status: 200 },
  {
    name: 'cursor, batch and query beside it, which nobody reads',
    body: '{"v":1,"run":"x","step":1,"cursor":"abc","limit":-1,"query":{"select":"all"},"__proto__":{"y":1}}',
    status: 200,
  },
  {
    name: 'UTF-8 said',
    body: '{"v":1,"run":"x","step":1}',
    headers: { 'Content-Type': 'application/json; charset=UTF-8' },
    status: 200,
  },
  {
    name: '16 KB',
    body: JSON.stringify({ v: 1, run: 'x', step: 1, filler: '' }).replace(
      '""',
      `"${'x'.repeat(16 * 1024 - 38)}"`,
    ),
    status: 200,
  },
  {
    name: 'one byte more',
    body: JSON.stringify({ v: 1, run: 'x', step: 1, filler: '' }).replace(
      '""',
      `"${'x'.repeat(16 * 1024 - 37)}"`,
    ),
    status: 413,
  },
  {
    name: '16 KB and a byte in chunks',
    body: `"${'x'.repeat(16 * 1024 - 1)}"`,
    headers: { 'Transfer-Encoding': 'chunked' },
    status: 413,
  },
  { name: '10 MB', body: `"${'x'.repeat(10_000_000)}"`, status: 413 },
  {
    name: '10 MB in chunks',
    body: `"${'x'.repeat(10_000_000)}"`,
    headers: { 'Transfer-Encoding': 'chunked' },
    status: 413,
  },
  { name: 'deep nesting', body: '['.repeat(16_000), status: 400 },
  ...[
    'text/plain',
    'application/x-www-form-urlencoded',
    'multipart/form-data; boundary=x',
    'application/octet-stream',
    '',
    'application/jsonp',
    'text/html, application/json',
    'application/json; charset=utf-16',
    'application/json, text/plain',
  ].map((type) => ({
    name: `content type ${JSON.stringify(type)}`,
    body: '{"v":1,"run":"x","step":1}',
    headers: { 'Content-Type': type },
    status: 415,
  })),
  {
    name: 'compressed',
    body: '{"v":1,"run":"x","step":1}',
    headers: { 'Content-Encoding': 'gzip' },
    status: 415,
  },
]
