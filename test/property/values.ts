import fc from 'fast-check'
import { anyText } from './text.ts'

const FORBIDDEN = new Set(['__proto__', 'constructor', 'prototype'])

/** Text of any kind: ASCII, astral, lone surrogates, line breaks, tabs, quotes. */
const text: fc.Arbitrary<string> = fc.oneof(
  fc.string(),
  anyText,
  fc.string({
    unit: fc.constantFrom(
      '\n',
      '\r',
      '\t',
      '"',
      '\\',
      ',',
      '[',
      ']',
      '\0',
      '\u2028',
      '\ud800',
      '\udc00',
      '<',
      'a',
      '1',
    ),
  }),
)

/** Any key that is not refused. */
export const key: fc.Arbitrary<string> = text.filter((name) => !FORBIDDEN.has(name))

const leaf: fc.Arbitrary<unknown> = fc.oneof(
  text,
  fc.boolean(),
  fc.constant(null),
  fc.double({ noNaN: true, noDefaultInfinity: true }),
  fc.integer(),
  fc.constantFrom(0, -0, 2 ** 53, -(2 ** 53), 1e308, 5e-324),
  fc.bigInt(),
  fc.date({ noInvalidDate: true }),
  fc.uint8Array({ maxLength: 20 }).map((bytes) => new Uint8Array(bytes)),
  fc.uint8Array({ maxLength: 20 }).map((bytes) => Buffer.from(bytes)),
  // A part of a larger pool.
  fc.uint8Array({ minLength: 4, maxLength: 20 }).map((bytes) => Buffer.from(bytes).subarray(1, 3)),
)

/** Any value that a session can keep. */
export const value: fc.Arbitrary<unknown> = fc.letrec<{ any: unknown }>((tie) => ({
  any: fc.oneof(
    { maxDepth: 4, depthSize: 'small' },
    leaf,
    fc.array(tie('any'), { maxLength: 4 }),
    fc.dictionary(key, tie('any'), { maxKeys: 4, noNullPrototype: false }),
    fc.array(fc.tuple(tie('any'), tie('any')), { maxLength: 3 }).map((entries) => new Map(entries)),
    fc.array(tie('any'), { maxLength: 3 }).map((members) => new Set(members)),
  ),
})).any
