/** Headers about the page that sent a request, and which requests may change something. Each cell is one request. */

/** The target of the requests: their Host header. */
export const HOST = 'shop.example'

export const SAFE_METHODS = ['GET', 'HEAD', 'OPTIONS', 'TRACE'] as const
export const UNSAFE_METHODS = ['POST', 'PUT', 'PATCH', 'DELETE'] as const

/** The values of a header for each case; an empty list: it is not sent. */
export type Sent = readonly (readonly [name: string, values: readonly string[]])[]

export const SITES: Sent = [
  ['absent', []],
  ['same-origin', ['same-origin']],
  ['same-site', ['same-site']],
  ['cross-site', ['cross-site']],
  ['none', ['none']],
  ['unknown', ['Same-Origin']],
  ['sent twice', ['same-origin', 'same-origin']],
]

export const ORIGINS: Sent = [
  ['absent', []],
  ['equal', ['http://shop.example']],
  ['`null`', ['null']],
  ['another', ['https://good.evil.com']],
  ['other port', ['http://shop.example:8080']],
  ['upper case', ['http://SHOP.example']],
  ['trailing dot', ['http://shop.example.']],
  ['with user', ['http://user@shop.example']],
  ['sent twice', ['http://shop.example', 'http://shop.example']],
]

/** Which requests pass (`+`) with an unsafe method: a row for each of SITES, in it a column for each of ORIGINS. */
export const UNSAFE: readonly string[] = [
  '-+-------',
  '++++++++-',
  '---------',
  '---------',
  '-+-------',
  '-+-------',
  '---------',
]

/** The origins that the app trusts in the next table, without its own. */
export const TRUSTED = ['https://good.evil.com', 'http://shop.example:8080']

/** The same with these as the option `origins`: then Host does not count. */
export const UNSAFE_TRUSTED: readonly string[] = [
  '---++----',
  '++++++++-',
  '---++----',
  '---++----',
  '---++----',
  '---++----',
  '---------',
]

/** With a safe method everything passes. */
export const SAFE: readonly string[] = SITES.map(() => '+'.repeat(ORIGINS.length))

/** Origins that look like the app's origin, but differ from it. All are refused. */
export const LOOKALIKES: readonly string[] = [
  'https://shop.example',
  'http://shop.example.evil.com',
  'http://evil-shop.example',
  'http://evil.com/shop.example',
  'http://shop.example/',
  'http://shop.example:80',
  'http://xshop.example',
  'HTTP://shop.example',
  'http://shop.example,http://shop.example',
  'shop.example',
  '//shop.example',
  '',
  'undefined',
]

/** Values that the option `origins` refuses, and the rule that the error names. */
export const BAD_ORIGINS: readonly (readonly [origins: unknown, rule: RegExp])[] = [
  [[], /an empty list/],
  ['https://shop.example', /must be a list/],
  [null, /must be a list/],
  [{}, /must be a list/],
  [['*'], /no wildcards/],
  [['https://*.shop.example'], /no wildcards/],
  [['null'], /any sandboxed page/],
  [['https://shop.example/'], /no slash, path, query or fragment/],
  [['https://shop.example/login'], /no slash, path/],
  [['https://shop.example?a=1'], /no slash, path, query/],
  [['https://shop.example#a'], /fragment/],
  [['https://Shop.example'], /browsers send it as "https:\/\/shop.example"/],
  [['HTTPS://shop.example'], /browsers send it as "https:\/\/shop.example"/],
  [['https://user@shop.example'], /no user and no password/],
  [['https://user:word@shop.example'], /no user and no password/],
  [['https://@shop.example'], /no user and no password/],
  [['https://shop.example:443'], /browsers send it as "https:\/\/shop.example"/],
  [['http://shop.example:80'], /browsers send it as "http:\/\/shop.example"/],
  [['https://münchen.example'], /browsers send it as "https:\/\/xn--mnchen-3ya.example"/],
  [[' https://shop.example'], /starts with https/],
  [['https://shop.example '], /browsers send it as/],
  [['shop.example'], /starts with https/],
  [['//shop.example'], /starts with https/],
  [['ftp://shop.example'], /starts with https/],
  [['https://'], /cannot be an origin/],
  [['https://shop.example:99999'], /cannot be an origin/],
  [[''], /starts with https/],
  [[42], /is text/],
  [['https://shop.example', undefined], /is text/],
]
