import type { SessionsOptions } from '../../src/index.ts'

export interface OptionCase {
  /** The options as an app in JavaScript could pass them. */
  readonly options: unknown
  /** The parts of the message: the option, the rule and the value. */
  readonly says: readonly string[]
}

const WHOLE_STORE = {
  name: 'whole',
  shards: 16,
  find: () => {},
  write: () => {},
  writeTogether: () => {},
  writeEach: () => {},
  page: () => {},
  pageKeys: () => {},
  close: () => {},
}

function bad(options: unknown, ...says: string[]): OptionCase {
  return { options, says }
}

function cookie(options: unknown, ...says: string[]): OptionCase {
  return bad({ cookie: options }, ...says)
}

const SECRET = '0123456789abcdefghijklmnopqrstuv'

/** Section B of the attack corpus: options that cannot work. */
export const BAD_OPTIONS: Readonly<Record<string, OptionCase>> = {
  'no object': bad('memory', 'object', '"memory"'),
  null: bad(null, 'object', 'null'),
  'an unknown option': bad({ lifetme: '1h' }, '"lifetme"'),
  'an option of express-session': bad({ resave: false }, '"resave"'),
  'a __proto__ of its own': bad(JSON.parse('{"__proto__":{"lifetime":5}}'), '"__proto__"'),

  'lifetime 0': bad({ lifetime: 0 }, 'lifetime', 'positive', '0'),
  'lifetime below 0': bad({ lifetime: -1 }, 'lifetime', 'positive', '-1'),
  'lifetime NaN': bad({ lifetime: Number.NaN }, 'lifetime', 'positive', 'NaN'),
  'lifetime Infinity': bad({ lifetime: Number.POSITIVE_INFINITY }, 'lifetime', 'Infinity'),
  'lifetime of a fraction of a millisecond': bad({ lifetime: 0.5 }, 'lifetime', 'positive', '0.5'),
  'lifetime that is no duration': bad({ lifetime: 'soon' }, 'lifetime', 'duration', '"soon"'),
  'lifetime that is empty': bad({ lifetime: '' }, 'lifetime', '""'),
  'lifetime that is an object': bad({ lifetime: {} }, 'lifetime', 'an object'),
  'lifetime that is a bigint': bad({ lifetime: 5n }, 'lifetime', '5'),
  'lifetime that is a huge text': bad({ lifetime: '1'.repeat(5000) }, 'lifetime', '"111'),
  'lifetime above absoluteLifetime': bad(
    { lifetime: '2h', absoluteLifetime: '1h' },
    'lifetime',
    'absoluteLifetime',
    '7200000',
    '3600000',
  ),
  'lifetime above 400 days': bad(
    { lifetime: '401d', absoluteLifetime: '500d' },
    'lifetime',
    '400 days',
    String(401 * 86_400_000),
  ),
  'absoluteLifetime 0': bad({ absoluteLifetime: 0 }, 'absoluteLifetime', '0'),
  'absoluteLifetime Infinity': bad(
    { absoluteLifetime: Number.POSITIVE_INFINITY },
    'absoluteLifetime',
    'Infinity',
  ),
  'absoluteLifetime false': bad({ absoluteLifetime: false }, 'absoluteLifetime', 'false'),
  'absoluteLifetime past the year 9999': bad(
    { absoluteLifetime: '9000y', lifetime: '8500y', sessionCookie: true },
    'absoluteLifetime',
  ),
  'touchEvery of lifetime': bad(
    { lifetime: '1h', touchEvery: '1h' },
    'touchEvery',
    'lifetime',
    '3600000',
  ),
  'touchEvery above lifetime': bad(
    { lifetime: '1h', touchEvery: '2h' },
    'touchEvery',
    'lifetime',
    '7200000',
  ),
  'touchEvery 0': bad({ touchEvery: 0 }, 'touchEvery', '0'),
  'touchEvery of no whole millisecond': bad({ touchEvery: 0.5 }, 'touchEvery', '0.5'),
  'touchEvery below 0': bad({ touchEvery: -5 }, 'touchEvery', '-5'),
  'lifetime of one millisecond, too short to be touched': bad(
    { lifetime: 1 },
    'touchEvery',
    'lifetime',
    '1',
  ),

  'a name with a semicolon': cookie({ name: 'a;b' }, 'cookie.name', 'token', '"a;b"'),
  'a name with a line break': cookie({ name: 'a\r\nb' }, 'cookie.name', 'token'),
  'a name with a space': cookie({ name: 'a b' }, 'cookie.name', 'token', '"a b"'),
  'a name with an equals sign': cookie({ name: 'a=b' }, 'cookie.name', 'token', '"a=b"'),
  'a name beyond ASCII': cookie({ name: 'säß' }, 'cookie.name', 'token', '"säß"'),
  'an empty name': cookie({ name: '' }, 'cookie.name', 'token', '""'),
  'a name of 5,000 characters': cookie({ name: 'a'.repeat(5000) }, 'cookie.name', '256'),
  'a name that is no text': cookie({ name: 5 }, 'cookie.name', '5'),
  'a __Host- name with a domain': cookie(
    { name: '__Host-sid', domain: 'shop.example' },
    'cookie.name',
    '__Host-',
    '"shop.example"',
  ),
  'the default name with a domain': cookie(
    { domain: 'shop.example' },
    'cookie.name',
    '__Host-',
    '"shop.example"',
  ),
  'a __Host- name with a path': cookie(
    { name: '__Host-sid', path: '/shop' },
    'cookie.name',
    '__Host-',
    '"/shop"',
  ),
  'the default name with a path': cookie({ path: '/shop' }, 'cookie.name', '"/shop"'),
  'a __Host- name that is not Secure': cookie(
    { name: '__Host-sid', secure: false },
    'cookie.secure',
    '"__Host-sid"',
  ),
  'a __Secure- name that is not Secure': cookie(
    { name: '__Secure-sid', secure: false },
    'cookie.secure',
    '"__Secure-sid"',
  ),
  'a prefix in lower case': cookie({ name: '__host-sid' }, 'cookie.name', '"__host-sid"'),
  'a prefix in upper case': cookie({ name: '__SECURE-sid' }, 'cookie.name', '"__SECURE-sid"'),
  'a prefix alone': cookie({ name: '__Host-' }, 'cookie.name', '"__Host-"'),
  'a path without a slash': cookie({ name: 'sid', path: 'shop' }, 'cookie.path', '"shop"'),
  'an empty path': cookie({ name: 'sid', path: '' }, 'cookie.path', '""'),
  'a path with an attribute': cookie(
    { name: 'sid', path: '/;Domain=evil.example' },
    'cookie.path',
    ';',
  ),
  'a path with a line break': cookie({ name: 'sid', path: '/\r\nSet-Cookie: a=b' }, 'cookie.path'),
  'a path beyond ASCII': cookie({ name: 'sid', path: '/ü' }, 'cookie.path', '"/ü"'),
  'a path of 2,000 characters': cookie(
    { name: 'sid', path: `/${'a'.repeat(2000)}` },
    'cookie.path',
  ),
  'a domain with an attribute': cookie(
    { name: 'sid', domain: 'a.example; Path=/' },
    'cookie.domain',
  ),
  'a domain with a port': cookie(
    { name: 'sid', domain: 'a.example:80' },
    'cookie.domain',
    '"a.example:80"',
  ),
  'a domain with a scheme': cookie({ name: 'sid', domain: 'https://a.example' }, 'cookie.domain'),
  'an empty domain': cookie({ name: 'sid', domain: '' }, 'cookie.domain', '""'),
  'a domain with a wildcard': cookie(
    { name: 'sid', domain: '*.example' },
    'cookie.domain',
    '"*.example"',
  ),
  "sameSite 'none' without Secure": cookie(
    { sameSite: 'none', secure: false },
    'cookie.sameSite',
    'Secure',
    'false',
  ),
  'sameSite in upper case': cookie({ sameSite: 'Lax' }, 'cookie.sameSite', '"Lax"'),
  'sameSite true': cookie({ sameSite: true }, 'cookie.sameSite', 'true'),
  'partitioned without Secure': cookie(
    { partitioned: true, secure: false },
    'cookie.partitioned',
    'Secure',
  ),
  "secure 'true'": cookie({ secure: 'true' }, 'cookie.secure', '"true"'),
  'secure null': cookie({ secure: null }, 'cookie.secure', 'null'),
  'httpOnly 0': cookie({ httpOnly: 0 }, 'cookie.httpOnly', '0'),
  'an unknown priority': cookie({ priority: 'urgent' }, 'cookie.priority', '"urgent"'),
  'maxAge NaN': cookie({ maxAge: Number.NaN }, 'cookie', '"maxAge"'),
  'maxAge, which is lifetime here': cookie({ maxAge: 1000 }, 'cookie', '"maxAge"'),
  'a misspelt cookie option': cookie({ samesite: 'strict' }, 'cookie', '"samesite"'),
  'a cookie option __proto__ of its own': cookie(
    JSON.parse('{"__proto__":{"secure":false}}'),
    '"__proto__"',
  ),
  'cookie null': cookie(null, 'cookie', 'null'),
  'cookie that is a text': cookie('sid', 'cookie', '"sid"'),
  'no secrets in the list': cookie({ secrets: [] }, 'cookie.secrets'),
  'a secret that is no list': cookie({ secrets: SECRET }, 'cookie.secrets'),
  'a secret of 31 bytes': cookie({ secrets: [SECRET.slice(1)] }, 'cookie.secrets[0]', '32'),
  'an older secret that is short': cookie(
    { secrets: [SECRET, 'short'] },
    'cookie.secrets[1]',
    '32',
  ),
  'a secret that is easy to guess': cookie(
    { secrets: ['ab'.repeat(20)] },
    'cookie.secrets[0]',
    'guess',
  ),
  'a secret twice': cookie({ secrets: [SECRET, SECRET] }, 'cookie.secrets[1]', 'twice'),
  'a secret that is no text': cookie({ secrets: [Buffer.from(SECRET)] }, 'cookie.secrets[0]'),

  'a store that is none': bad({ store: {} }, 'store', 'an object'),
  'a store that is a function': bad({ store: () => {} }, 'store', 'a function'),
  ...Object.fromEntries(
    ['find', 'write', 'writeTogether', 'writeEach', 'page', 'pageKeys', 'close'].map((method) => [
      `a store without ${method}`,
      bad({ store: { ...WHOLE_STORE, [method]: undefined } }, 'store', 'lacks', method),
    ]),
  ),
  'store null': bad({ store: null }, 'store', 'null'),
  "sessionCookie 'yes'": bad({ sessionCookie: 'yes' }, 'sessionCookie', '"yes"'),
  'persistent fields that are no list': bad(
    { persistentFieldsOnLogin: 'cart' },
    'persistentFieldsOnLogin',
    '"cart"',
  ),
  'a persistent field __proto__': bad(
    { persistentFieldsOnLogin: ['__proto__'] },
    'persistentFieldsOnLogin',
    '__proto__',
  ),
  'a persistent field that is no text': bad(
    { persistentFieldsOnLogout: [5] },
    'persistentFieldsOnLogout',
    'number',
  ),
  'an unknown onGone': bad(
    { onGone: 'ignore' },
    'onGone',
    "'drop'".replaceAll("'", '"'),
    '"ignore"',
  ),
  'now that is a number': bad({ now: 5 }, 'now', 'function', '5'),
  'randomBytes that is an object': bad({ randomBytes: {} }, 'randomBytes', 'function', 'an object'),
  'sleep that is a text': bad({ sleep: 'long' }, 'sleep', 'function', '"long"'),
  'a logger that is a function': bad({ logger: () => {} }, 'logger', 'a function'),
  'a logger that is true': bad({ logger: true }, 'logger', 'true'),
  'a schema that is a function': bad({ validate: () => true }, 'validate', 'Standard Schema'),
  'a schema that is null': bad({ validate: null }, 'validate', 'Standard Schema'),
}

/** Options at the limits of valid values. */
export const GOOD_OPTIONS: Readonly<Record<string, SessionsOptions>> = {
  'none at all': {},
  'lifetime of absoluteLifetime': { lifetime: '1h', absoluteLifetime: '1h' },
  'lifetime of 400 days': { lifetime: '400d', absoluteLifetime: '400d' },
  'lifetime above 400 days for a cookie without one': {
    lifetime: '401d',
    absoluteLifetime: '402d',
    sessionCookie: true,
  },
  'lifetime of two milliseconds': { lifetime: 2 },
  'touchEvery just below lifetime': { lifetime: 1000, touchEvery: 999 },
  'a __Host- name of its own': { cookie: { name: '__Host-a', path: '/' } },
  'a __Secure- name with a domain and a path': {
    cookie: { name: '__Secure-a', domain: 'a.example', path: '/b' },
  },
  'a name of every letter that a token has': { cookie: { name: "!#$%&'*+-.^_`|~09AZaz" } },
  'sameSite none': { cookie: { sameSite: 'none' } },
  'an own name that is not Secure': { cookie: { name: 'sid', secure: false } },
  'a secret of 32 bytes': { cookie: { secrets: [SECRET] } },
  'a secret of 32 bytes in 16 characters': { cookie: { secrets: ['äöüßéèàùçñôîêûïë'] } },
  'options without a prototype': Object.assign(Object.create(null) as object, { lifetime: '2h' }),
  'options set to undefined': {
    lifetime: undefined,
    cookie: undefined,
    store: undefined,
  } as unknown as SessionsOptions,
}

/** Section B for `datastoreStore()`: each is refused at construction, with a message that names the option. */
export const BAD_DATASTORE_OPTIONS: Readonly<Record<string, OptionCase>> = {
  'a kind that Datastore keeps to itself': bad({ kind: '__session__' }, 'kind', '"__session__"'),
  'a kind of 1,501 characters': bad({ kind: 'a'.repeat(1501) }, 'kind'),
  'an empty kind': bad({ kind: '' }, 'kind', '""'),
  'a kind with a slash': bad({ kind: 'a/b' }, 'kind', '"a/b"'),
  'a kind with a quote': bad({ kind: "a' OR '1'='1" }, 'kind'),
  'a kind that is a list': bad({ kind: ['viur-session'] }, 'kind'),
  'a namespace with a space': bad({ namespace: 'a b' }, 'namespace', '"a b"'),
  'a namespace that Datastore keeps to itself': bad({ namespace: '__x__' }, 'namespace'),
  'a namespace of 101 characters': bad({ namespace: 'a'.repeat(101) }, 'namespace'),
  'a database in upper case': bad({ databaseId: 'Sessions' }, 'databaseId', '"Sessions"'),
  'a project with a slash': bad({ projectId: 'a/b' }, 'projectId', '"a/b"'),
  'no shards': bad({ shards: 0 }, 'shards', '0'),
  'shards that are no power of two': bad({ shards: 12 }, 'shards', '12'),
  '512 shards': bad({ shards: 512 }, 'shards', '512'),
  'a bucket of a second': bad({ bucket: '1s' }, 'bucket', '"1s"'),
  'a bucket of 31 days': bad({ bucket: '31d' }, 'bucket', '"31d"'),
  'a deadline of 0': bad({ deadline: 0 }, 'deadline', '0'),
  'a deadline of 11 minutes': bad({ deadline: '11m' }, 'deadline', '"11m"'),
  'shared writes that are forced': bad({ sharedWrites: 'on' }, 'sharedWrites', '"on"'),
  'a client that is none': bad({ client: {} }, 'client', 'an object'),
  'a misspelt option': bad({ nameSpace: 'x' }, '"nameSpace"'),
  'a __proto__ of its own': bad(JSON.parse('{"__proto__":{"kind":"x"}}'), '"__proto__"'),
}
