import fc from 'fast-check'

/**
 * Text with any character of Unicode. `fc.string({ unit: 'binary' })` makes the same, but takes a second of
 * processor time at its first use.
 */
export const anyText: fc.Arbitrary<string> = fc
  .array(fc.oneof(fc.nat(0xd7ff), fc.integer({ min: 0xe000, max: 0x10ffff })))
  .map((points) => String.fromCodePoint(...points))
