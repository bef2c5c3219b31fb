/** Section H of the attack corpus: security keys as they are sent, stolen, kept too long and used again. */

/** Values that are not keys, for every function that needs one. */
export const NO_KEYS: readonly (readonly [name: string, key: unknown])[] = [
  ['undefined', undefined],
  ['null', null],
  ['an empty text', ''],
  ['a number', 42],
  ['true', true],
  ['a list of one', ['a'.repeat(43)]],
  ['a list of two', ['a', 'b']],
  ['an object', { key: 'a'.repeat(43) }],
  ['an object that reads as a text', { toString: () => 'a'.repeat(43) }],
  ['a text in an object', new String('a'.repeat(43))],
  ['a symbol', Symbol('key')],
  ['a Buffer', Buffer.alloc(43, 'a')],
  ['1 character', 'a'],
  ['42 characters', 'a'.repeat(42)],
  ['44 characters', 'a'.repeat(44)],
  ['43 characters that nobody minted', 'a'.repeat(43)],
  ['1 MB', 'a'.repeat(2 ** 20)],
  ['43 letters beyond ASCII', 'é'.repeat(43)],
  ['43 full-width letters', 'ａ'.repeat(43)],
  ['43 NULs', '\0'.repeat(43)],
  ['a lone surrogate', `\ud800${'a'.repeat(42)}`],
  ['a line break', `${'a'.repeat(42)}\n`],
  ['a path', `../${'a'.repeat(40)}`],
  ['__proto__', '__proto__'],
  ['the marker of the static key', 'STATIC_SESSION_KEY'],
]

/** The differences between a key and a text that is almost equal. */
export const NEARLY: readonly (readonly [name: string, change: (key: string) => string])[] = [
  ['a space before it', (key) => ` ${key}`],
  ['a line break behind it', (key) => `${key}\n`],
  ['a NUL behind it', (key) => `${key}\0`],
  ['quotes around it', (key) => `"${key}"`],
  ['its letters turned', (key) => [...key].reverse().join('')],
  [
    'its case turned',
    (key) => key.replace(/[a-z]/i, (one) => (one < 'a' ? one.toLowerCase() : one.toUpperCase())),
  ],
  ['its first letter changed', (key) => `${key.startsWith('A') ? 'B' : 'A'}${key.slice(1)}`],
  ['its last letter changed', (key) => `${key.slice(0, -1)}${key.endsWith('A') ? 'E' : 'A'}`],
  ['padding behind it', (key) => `${key}=`],
  ['it twice', (key) => `${key}${key}`],
  ['percent signs', (key) => `%${key.charCodeAt(0).toString(16)}${key.slice(1)}`],
]

/** One event of a key, or of the session for which it was made. */
export type Step =
  | 'mint'
  | 'mint for reset'
  | 'mint for everybody'
  | 'mint for two minutes'
  | 'use'
  | 'use for reset'
  | 'use as anybody'
  | 'use elsewhere'
  | 'use elsewhere as anybody'
  | 'ten at once'
  | 'static'
  | 'login'
  | 'logout'
  | 'reset'
  | 'cycleKey'
  | 'kill'
  | 'two minutes less a millisecond pass'
  | 'a millisecond passes'
  | 'a read'

/** The events in order, and the results of the uses. For ten simultaneous uses: the number that succeeded. */
export interface KeyStory {
  readonly steps: readonly Step[]
  readonly uses: readonly (boolean | number)[]
}

function story(steps: readonly Step[], ...uses: (boolean | number)[]): KeyStory {
  return { steps, uses }
}

export const KEY_STORIES: Readonly<Record<string, KeyStory>> = {
  'used once': story(['mint', 'use'], true),
  'used twice, one after the other': story(['mint', 'use', 'use'], true, false),
  'used ten times at once': story(['mint', 'ten at once', 'use'], 1, false),
  'for everybody, used twice': story(
    ['mint for everybody', 'use as anybody', 'use as anybody'],
    true,
    false,
  ),
  'kept over requests that only read': story(['mint', 'a read', 'a read', 'use'], true),
  'of another session, which does not use it up': story(
    ['mint', 'use elsewhere', 'use'],
    false,
    true,
  ),
  'of a session, where one for everybody is asked for': story(
    ['mint', 'use as anybody', 'use elsewhere as anybody', 'use'],
    false,
    false,
    true,
  ),
  'for everybody, where one of the session is asked for': story(
    ['mint for everybody', 'use', 'use elsewhere as anybody'],
    false,
    true,
  ),
  'of another purpose, which does not use it up': story(
    ['mint for reset', 'use', 'use for reset'],
    false,
    true,
  ),
  'of no purpose where one is asked for': story(['mint', 'use for reset', 'use'], false, true),
  'a millisecond before its time is up': story(
    ['mint for two minutes', 'two minutes less a millisecond pass', 'use'],
    true,
  ),
  'when its time is up': story(
    ['mint for two minutes', 'two minutes less a millisecond pass', 'a millisecond passes', 'use'],
    false,
  ),
  'a millisecond after its time is up': story(
    [
      'mint for two minutes',
      'two minutes less a millisecond pass',
      'a millisecond passes',
      'a millisecond passes',
      'use',
    ],
    false,
  ),
  'from before the login': story(['mint', 'login', 'use'], false),
  'from before the login of a user who was logged in': story(
    ['login', 'mint', 'login', 'use'],
    false,
  ),
  'from before the logout': story(['login', 'mint', 'logout', 'use'], false),
  'from before a reset': story(['mint', 'reset', 'use'], false),
  'from before a new id': story(['login', 'mint', 'cycleKey', 'use'], false),
  'of a session that was killed': story(['login', 'mint', 'kill', 'use'], false),
  'for everybody, after the login': story(['mint for everybody', 'login', 'use as anybody'], true),
  'of the session, after the login': story(['login', 'mint', 'use'], true),
  'the static one, as a one-time one': story(
    ['login', 'static', 'use', 'use as anybody'],
    false,
    false,
  ),
}

/** A POST that sends a key in some way; the key replaces KEY. */
export interface SentKey {
  readonly name: string
  readonly path?: string
  readonly type?: 'form' | 'json' | 'text'
  readonly body?: string
  readonly headers?: Readonly<Record<string, string | string[]>>
  /** The kind of the key. Default: a one-time key. */
  readonly key?: 'static' | 'hash'
  /** Whether the session has a static key. Default: true. */
  readonly loggedIn?: boolean
  readonly passes: boolean
}

const STATIC = 'Sec-X-ViUR-StaticSessionKey'

export const SENT_KEYS: readonly SentKey[] = [
  { name: 'the field of a form', type: 'form', body: 'skey=KEY', passes: true },
  { name: 'the field of JSON', type: 'json', body: '{"skey":"KEY"}', passes: true },
  { name: 'the header', headers: { 'X-Security-Key': 'KEY' }, passes: true },
  {
    name: 'field and header, alike',
    type: 'form',
    body: 'skey=KEY',
    headers: { 'X-Security-Key': 'KEY' },
    passes: true,
  },
  {
    name: 'field and header that differ',
    type: 'form',
    body: 'skey=KEY',
    headers: { 'X-Security-Key': 'x' },
    passes: false,
  },
  { name: 'nothing', passes: false },
  { name: 'an empty field', type: 'form', body: 'skey=', passes: false },
  { name: 'an empty header', headers: { 'X-Security-Key': '' }, passes: false },
  { name: 'the header twice', headers: { 'X-Security-Key': ['KEY', 'KEY'] }, passes: false },
  { name: 'a list', type: 'form', body: 'skey[]=KEY&skey[]=KEY', passes: false },
  { name: 'a list of one', type: 'form', body: 'skey[]=KEY', passes: false },
  { name: 'the field twice', type: 'form', body: 'skey=KEY&skey=KEY', passes: false },
  { name: 'an object', type: 'form', body: 'skey[a]=KEY', passes: false },
  { name: 'a list in JSON', type: 'json', body: '{"skey":["KEY"]}', passes: false },
  { name: 'an object in JSON', type: 'json', body: '{"skey":{"toString":"KEY"}}', passes: false },
  { name: 'null in JSON', type: 'json', body: '{"skey":null}', passes: false },
  {
    name: 'a field that is inherited',
    type: 'json',
    body: '{"__proto__":{"skey":"KEY"}}',
    passes: false,
  },
  { name: '1 MB', type: 'form', body: `skey=${'a'.repeat(2 ** 20)}`, passes: false },
  {
    name: 'letters beyond ASCII',
    type: 'form',
    body: `skey=${encodeURIComponent('é'.repeat(43))}`,
    passes: false,
  },
  { name: 'the query', path: '/post?skey=KEY&X-Security-Key=KEY', passes: false },
  { name: 'a cookie', headers: { 'X-Cookie': 'skey=KEY' }, passes: false },
  { name: 'the Referer', headers: { Referer: 'http://127.0.0.1/?skey=KEY' }, passes: false },
  { name: 'Authorization', headers: { Authorization: 'Bearer KEY' }, passes: false },
  {
    name: 'a field of another name',
    type: 'form',
    body: 'SKEY=KEY&csrf=KEY&_csrf=KEY',
    passes: false,
  },
  { name: 'a text as the body', type: 'text', body: 'KEY', passes: false },
  { name: 'its hash', type: 'form', body: 'skey=KEY', key: 'hash', passes: false },
  {
    name: 'the static key in its header',
    headers: { [STATIC]: 'KEY' },
    key: 'static',
    passes: true,
  },
  {
    name: 'the static key and the marker',
    type: 'form',
    body: 'skey=STATIC_SESSION_KEY',
    headers: { [STATIC]: 'KEY' },
    key: 'static',
    passes: true,
  },
  {
    name: 'the static key as a one-time one',
    type: 'form',
    body: 'skey=KEY',
    key: 'static',
    passes: false,
  },
  {
    name: 'the static key twice',
    headers: { [STATIC]: ['KEY', 'KEY'] },
    key: 'static',
    passes: false,
  },
  { name: 'a one-time key as the static one', headers: { [STATIC]: 'KEY' }, passes: false },
  { name: 'the hash of the static key', headers: { [STATIC]: 'KEY' }, key: 'hash', passes: false },
  {
    name: 'the marker without a header',
    type: 'form',
    body: 'skey=STATIC_SESSION_KEY',
    passes: false,
  },
  {
    name: 'the marker with an empty header',
    type: 'form',
    body: 'skey=STATIC_SESSION_KEY',
    headers: { [STATIC]: '' },
    passes: false,
  },
  {
    name: 'the marker in the header',
    headers: { 'X-Security-Key': 'STATIC_SESSION_KEY' },
    passes: false,
  },
  {
    name: 'the marker as the static key',
    headers: { [STATIC]: 'STATIC_SESSION_KEY' },
    passes: false,
  },
  {
    name: 'the marker where the session has no static key',
    type: 'form',
    body: 'skey=STATIC_SESSION_KEY',
    headers: { [STATIC]: 'KEY' },
    loggedIn: false,
    passes: false,
  },
  {
    name: 'an empty static key where the session has none',
    headers: { [STATIC]: '' },
    loggedIn: false,
    passes: false,
  },
  {
    name: '"null" where the session has no static key',
    headers: { [STATIC]: 'null' },
    loggedIn: false,
    passes: false,
  },
  {
    name: '"undefined" where the session has no static key',
    headers: { [STATIC]: 'undefined' },
    loggedIn: false,
    passes: false,
  },
]
