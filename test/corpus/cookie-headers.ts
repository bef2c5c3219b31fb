import { NAME } from '../request/harness.ts'

/** The parts of a header: an id that names a session, a second such id, and the key of the first. */
export interface Ids {
  readonly id: string
  readonly other: string
  readonly key: string
}

export interface HeaderCase {
  readonly header: (ids: Ids) => string | undefined
  /** `live`: the session is found; `unknown`: a lookup does not find it; otherwise there must be no lookup. */
  readonly outcome: 'live' | 'unknown' | 'none' | 'malformed'
}

function is(
  outcome: HeaderCase['outcome'],
  header: string | undefined | ((ids: Ids) => string),
): HeaderCase {
  return { header: typeof header === 'function' ? header : () => header, outcome }
}

const PLAIN = NAME.replace('__Host-', '')

/** A value with our name that is not an id. */
const NO_IDS: Readonly<Record<string, string | ((ids: Ids) => string)>> = {
  empty: '',
  'of 1 character': 'a',
  'of 42 characters': 'a'.repeat(42),
  'of 44 characters': 'a'.repeat(44),
  'of 4 KiB': 'a'.repeat(4096),
  'of 15 KiB': 'a'.repeat(15 * 1024),
  'that is cut by one': ({ id }) => id.slice(0, -1),
  'that is longer by one': ({ id }) => `${id}A`,
  'with one quote': ({ id }) => `"${id}`,
  'with one quote behind it': ({ id }) => `${id}"`,
  'with a quote in it, in quotes': ({ id }) => `"${id.slice(0, 20)}"${id.slice(21)}"`,
  'in two pairs of quotes': ({ id }) => `""${id}""`,
  'in single quotes': ({ id }) => `'${id}'`,
  'in quotes that are escaped': ({ id }) => `\\"${id}\\"`,
  'in percent-encoded quotes': ({ id }) => `%22${id}%22`,
  'with a blank inside of its quotes': ({ id }) => `" ${id}"`,
  'with something behind its quotes': ({ id }) => `"${id}"x`,
  'of quotes alone': '""',
  'of one quote': '"',
  'of 43 characters with the quotes': ({ id }) => `"${id.slice(2)}"`,
  'that is percent-encoded': ({ id }) => `%${id.charCodeAt(0).toString(16)}${id.slice(1)}`,
  'that ends with a percent-encoded line break': ({ id }) => `${id}%0d%0a`,
  'that ends with %00': ({ id }) => `${id}%00`,
  'that is escaped badly': '%E0%A4%A',
  'of JSON': ({ id }) => `j:{"id":"${id}"}`,
  'of JSON with __proto__': 'j:{"__proto__":{"id":1}}',
  'that is signed though nothing is': ({ id }) => `s:${id}.${'a'.repeat(43)}`,
  'that climbs directories': '../../../../../../../../../../etc/passwd',
  'of 43 dots': '.'.repeat(43),
  'of 43 spaces': ' '.repeat(43),
  __proto__: '__proto__',
  constructor: 'constructor',
  toString: 'toString',
  hasOwnProperty: 'hasOwnProperty',
  'of UTF-8 bytes as Latin-1': Buffer.from('é'.repeat(21)).toString('latin1'),
  'of 43 characters beyond ASCII': 'é'.repeat(43),
  'of 43 full-width letters': 'Ａ'.repeat(43),
  'with a homoglyph': ({ id }) => `а${id.slice(1)}`,
  'with a lone surrogate': ({ id }) => `\ud800${id.slice(1)}`,
  'with a mark that writes from right to left': ({ id }) => `\u202e${id.slice(1)}`,
  'with a NUL': ({ id }) => `${id.slice(1)}\0`,
  'with a line break': ({ id }) => `${id}\n`,
  'with a vertical tab before it': ({ id }) => `\v${id}`,
  'with a no-break space before it': ({ id }) => `\u00a0${id}`,
  'with a byte order mark before it': ({ id }) => `\ufeff${id}`,
}

const LETTERS = [
  '/',
  '+',
  '=',
  '.',
  '%',
  ',',
  '"',
  '\\',
  "'",
  '<',
  '>',
  ' ',
  '\t',
  '~',
  '*',
  ':',
  '@',
  '\x7f',
]

/** Section A of the attack corpus: raw Cookie headers. */
export const COOKIE_HEADERS: Readonly<Record<string, HeaderCase>> = {
  'no header': is('none', undefined),
  'an empty header': is('none', ''),
  'a semicolon': is('none', ';'),
  'an equals sign': is('none', '='),
  'a value without a name': is('none', '=x'),
  'our name alone': is('none', NAME),
  'our name as a value': is('none', `x=${NAME}`),
  'the id without a name': is('none', ({ id }) => id),
  '10,000 semicolons': is('none', ';'.repeat(10_000)),
  '10,000 equals signs': is('none', '='.repeat(10_000)),
  '500 cookies of others': is(
    'none',
    Array.from({ length: 500 }, (_, i) => `c${i}=v${i}`).join('; '),
  ),
  '500 cookies of others, and ours': is(
    'live',
    ({ id }) => `${Array.from({ length: 500 }, (_, i) => `c${i}=v${i}`).join('; ')}; ${NAME}=${id}`,
  ),

  'our cookie': is('live', ({ id }) => `${NAME}=${id}`),
  'our cookie between others': is('live', ({ id }) => `a=1; ${NAME}=${id}; b=2`),
  'our cookie without spaces': is('live', ({ id }) => `a=1;${NAME}=${id};b=2`),
  'our cookie with spaces and tabs around': is('live', ({ id }) => ` \t ${NAME} \t=\t ${id} \t ;`),
  'our cookie with a path that no browser sends': is('live', ({ id }) => `${NAME}=${id};Path=/`),
  'our cookie 50 times': is('live', ({ id }) =>
    Array.from({ length: 50 }, () => `${NAME}=${id}`).join('; '),
  ),
  'two headers that Node joined': is('live', ({ id }) => `a=1; ${NAME}=${id}`),
  'our cookie behind a name with 15,000 blanks in it': is(
    'live',
    ({ id }) => `x${' '.repeat(15_000)}y=1; ${NAME}=${id}`,
  ),
  'our cookie between 15,000 tabs': is(
    'live',
    ({ id }) => `${'\t'.repeat(15_000)}${NAME}=${id}${'\t'.repeat(15_000)}`,
  ),
  'our cookie, and __proto__, constructor and toString': is(
    'live',
    ({ id }) => `__proto__=1; constructor=2; toString=3; hasOwnProperty=4; ${NAME}=${id}`,
  ),
  'a well-formed id that nobody minted': is('unknown', `${NAME}=${'A'.repeat(43)}`),
  'the key of a session for its id': is('unknown', ({ key }) => `${NAME}=${key}`),

  'our cookie in quotes': is('live', ({ id }) => `${NAME}="${id}"`),
  'our cookie as Java sends it': is(
    'live',
    ({ id }) => `$Version="1"; ${NAME}="${id}";$Path="/";$Domain="localhost.local"`,
  ),
  'our cookie between quoted ones of others': is(
    'live',
    ({ id }) => `a="1"; ${NAME}="${id}"; b="2"`,
  ),
  'our cookie with and without quotes': is('live', ({ id }) => `${NAME}="${id}"; ${NAME}=${id}`),
  'our cookie with blanks around its quotes': is('live', ({ id }) => `${NAME} = "${id}" ;`),
  'a right value in quotes and a half-quoted copy': is(
    'live',
    ({ id }) => `${NAME}="${id}"; ${NAME}="${id}`,
  ),
  'two right values, one of them in quotes': is(
    'malformed',
    ({ id, other }) => `${NAME}="${id}"; ${NAME}=${other}`,
  ),
  'two right values in quotes': is(
    'malformed',
    ({ id, other }) => `${NAME}="${id}"; ${NAME}="${other}"`,
  ),
  'our name inside of the quotes of another, behind a semicolon': is(
    'malformed',
    ({ id }) => `a="x; ${NAME}=${id}"`,
  ),
  'a right value and a wrong one': is('live', ({ id }) => `${NAME}=${id}; ${NAME}=garbage`),
  'a wrong value and a right one': is('live', ({ id }) => `${NAME}=garbage; ${NAME}=${id}`),
  'an empty value and a right one': is('live', ({ id }) => `${NAME}=; ${NAME}=${id}`),
  'two right values': is('malformed', ({ id, other }) => `${NAME}=${id}; ${NAME}=${other}`),
  'a right value and one that nobody minted': is(
    'malformed',
    ({ id }) => `${NAME}=${id}; ${NAME}=${'A'.repeat(43)}`,
  ),
  '50 right values': is('malformed', ({ id }) =>
    Array.from(
      { length: 50 },
      (_, i) => `${NAME}=${String(i).padStart(2, '0')}${id.slice(2)}`,
    ).join('; '),
  ),

  'our name in lower case': is('none', ({ id }) => `${NAME.toLowerCase()}=${id}`),
  'our name in upper case': is('none', ({ id }) => `${NAME.toUpperCase()}=${id}`),
  'our name with its prefix in upper case': is('none', ({ id }) => `__HOST-viur-session=${id}`),
  'our name percent-encoded': is('none', ({ id }) => `%5F%5FHost-viur-session=${id}`),
  'our name percent-encoded, with our name as it is in the value of another': is(
    'none',
    ({ id }) => `x=${NAME}; %5F%5FHost-viur-session=${id}; y=${NAME}`,
  ),
  'our name in upper case, with our name as it is in the value of another': is(
    'none',
    ({ id }) => `x=${NAME}; ${NAME.toUpperCase()}=${id}`,
  ),
  'our name behind an equals sign': is('none', ({ id }) => `=${NAME}=${id}`),
  'our name without its prefix': is('none', ({ id }) => `${PLAIN}=${id}`),
  'our name with another prefix': is('none', ({ id }) => `__Secure-${PLAIN}=${id}`),
  'our name with something before it': is('none', ({ id }) => `x${NAME}=${id}`),
  'our name with something behind it': is('none', ({ id }) => `${NAME}x=${id}`),
  'our name with dots for underscores': is('none', ({ id }) => `..Host-viur-session=${id}`),
  'our name with a vertical tab before it': is('none', ({ id }) => `\v${NAME}=${id}`),
  'our name with a no-break space before it': is('none', ({ id }) => `\u00a0${NAME}=${id}`),
  'our name inside the quotes of another value': is('none', ({ id }) => `a="b, ${NAME}=${id}"`),
  'our name behind a comma': is('none', ({ id }) => `a=b,${NAME}=${id}`),
  '__proto__ as a name': is('none', ({ id }) => `__proto__=${id}`),
  'constructor as a name': is('none', ({ id }) => `constructor=${id}`),

  ...Object.fromEntries(
    Object.entries(NO_IDS).map(([what, value]) => [
      `a value ${what}`,
      is('malformed', (ids) => `${NAME}=${typeof value === 'function' ? value(ids) : value}`),
    ]),
  ),
  ...Object.fromEntries(
    LETTERS.map((letter) => [
      `a value with ${JSON.stringify(letter)} in it`,
      is('malformed', ({ id }) => `${NAME}=${id.slice(0, 20)}${letter}${id.slice(21)}`),
    ]),
  ),
  'a value with a semicolon in it': is(
    'malformed',
    ({ id }) => `${NAME}=${id.slice(0, 20)};${id.slice(21)}`,
  ),
}

/** The bytes of a request, and its result. A request that Node refuses never reaches us. */
export interface WireCase {
  /** The header lines, one per entry, without line breaks; in Latin-1. */
  readonly lines: (ids: Ids) => readonly string[]
  readonly status: 200 | 400 | 431
  /** The outcome that the app sees. */
  readonly outcome?: HeaderCase['outcome']
}

function wire(
  outcome: HeaderCase['outcome'] | 400 | 431,
  lines: (ids: Ids) => readonly string[],
): WireCase {
  return typeof outcome === 'number' ? { lines, status: outcome } : { lines, status: 200, outcome }
}

/** Section A as bytes over a plain loopback connection, where the name has no prefix. */
export const COOKIE_WIRES: Readonly<Record<string, WireCase>> = {
  'no header': wire('none', () => []),
  'our cookie': wire('live', ({ id }) => [`Cookie: ${PLAIN}=${id}`]),
  'the header in upper case': wire('live', ({ id }) => [`COOKIE: ${PLAIN}=${id}`]),
  'two headers, ours in the first': wire('live', ({ id }) => [
    `Cookie: ${PLAIN}=${id}`,
    'Cookie: a=1',
  ]),
  'two headers, ours in the second': wire('live', ({ id }) => [
    'Cookie: a=1',
    `Cookie: ${PLAIN}=${id}`,
  ]),
  'two headers with our cookie': wire('live', ({ id }) => [
    `Cookie: ${PLAIN}=${id}`,
    `Cookie: ${PLAIN}=${id}`,
  ]),
  'two headers with two of our cookies': wire('malformed', ({ id, other }) => [
    `Cookie: ${PLAIN}=${id}`,
    `Cookie: ${PLAIN}=${other}`,
  ]),
  'an empty header': wire('none', () => ['Cookie:']),
  'blanks around the value': wire('live', ({ id }) => [`Cookie: \t ${PLAIN}=${id} \t `]),
  'the old header Cookie2': wire('none', ({ id }) => [`Cookie2: ${PLAIN}=${id}`]),
  'Set-Cookie as a request header': wire('none', ({ id }) => [`Set-Cookie: ${PLAIN}=${id}`]),
  'the name with the prefix, over a connection that is not secure': wire('none', ({ id }) => [
    `Cookie: ${NAME}=${id}`,
  ]),
  'a value of 4 KB': wire('malformed', () => [`Cookie: ${PLAIN}=${'a'.repeat(4096)}`]),
  'a value of 15 KB, which reaches us': wire('malformed', () => [
    `Cookie: ${PLAIN}=${'a'.repeat(15_000)}`,
  ]),
  'a value of 20 KB, which Node refuses': wire(431, () => [
    `Cookie: ${PLAIN}=${'a'.repeat(20_000)}`,
  ]),
  '500 cookies, ours the last': wire('live', ({ id }) => [
    `Cookie: ${Array.from({ length: 500 }, (_, i) => `c${i}=v`).join('; ')}; ${PLAIN}=${id}`,
  ]),
  'bytes of UTF-8 in the value': wire('malformed', ({ id }) => [
    `Cookie: ${PLAIN}=${id.slice(2)}${Buffer.from('é').toString('latin1')}`,
  ]),
  'bytes of UTF-8 in the cookie of another': wire('live', ({ id }) => [
    `Cookie: a=${Buffer.from('é🙂').toString('latin1')}; ${PLAIN}=${id}`,
  ]),
  'a NUL, which Node refuses': wire(400, ({ id }) => [`Cookie: ${PLAIN}=${id}\0`]),
  'a control character, which Node refuses': wire(400, ({ id }) => [`Cookie: ${PLAIN}=\x01${id}`]),
  'a carriage return inside, which Node refuses': wire(400, ({ id }) => [
    `Cookie: ${PLAIN}=${id.slice(0, 9)}\r${id.slice(9)}`,
  ]),
  'a space before the colon, which Node refuses': wire(400, ({ id }) => [
    `Cookie : ${PLAIN}=${id}`,
  ]),
}
