/** Users as apps pass them, and values that are never users. Each entry is one named test. */

/** Errors in every function that takes a user. None of them means all users, or guests. */
export const NO_USERS: readonly (readonly [name: string, user: unknown])[] = [
  ['undefined', undefined],
  ['null', null],
  ['an empty text', ''],
  ['0', 0],
  ['a number', 42],
  ['NaN', Number.NaN],
  ['a bigint', 1n],
  ['true', true],
  ['a symbol', Symbol('alice')],
  ['an object', {}],
  ['an object that reads as a text', { toString: () => 'alice' }],
  ['a text in an object', new String('alice')],
  ['a list', ['alice']],
  ['an empty list', []],
  ['a function', () => 'alice'],
  ['a date', new Date(0)],
  ['1,501 bytes', 'x'.repeat(1501)],
  ['751 letters of two bytes', 'é'.repeat(751)],
  ['half of a pair', 'alice\ud800'],
]

/** Ordinary users whose names look like special ones. */
export const ODD_USERS: readonly string[] = [
  'None',
  'none',
  'undefined',
  'null',
  'NULL',
  'false',
  '0',
  'NaN',
  '[object Object]',
  'guest',
  '__guest',
  '__GUEST__',
  ' __guest__',
  '*',
  '%',
  '__proto__',
  'constructor',
  'x'.repeat(1500),
  'é'.repeat(750),
]

/** Different users that some code treats as equal: with case folding, trimming, normalisation, numbers, or keys. */
export const PAIRS: readonly (readonly [string, string])[] = [
  ['alice', 'Alice'],
  ['alice', 'alice '],
  ['alice', ' alice'],
  ['alice', 'alice\u200b'],
  ['alice', 'alice\n'],
  ['alice', 'al\u0456ce'],
  ['caf\u00e9', 'cafe\u0301'],
  ['\u212b', '\u00c5'],
  ['\ufb01', 'fi'],
  ['stra\u00dfe', 'strasse'],
  ['\u0130', 'i'],
  ['1', '01'],
  ['1', '1.0'],
  ['9007199254740993', '9007199254740992'],
  ['["user",1]', '["user","1"]'],
  ['user:1', 'user:1:'],
  ['a/b', 'a%2Fb'],
]
