import fc from 'fast-check'

/**
 * Text of all that Unicode has, as `fc.string({ unit: 'binary' })` makes it too, which takes a second of a processor when it is
 * first used.
 */
export const anyText: fc.Arbitrary<string> = fc
  .array(fc.oneof(fc.nat(0xd7ff), fc.integer({ min: 0xe000, max: 0x10ffff })))
  .map((points) => String.fromCodePoint(...points))
