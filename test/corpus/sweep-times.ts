/** Wrong clocks, and values at limits. Each entry is one named test. All times are in milliseconds. */

const MINUTE = 60 * 1000
export const HOUR: number = 60 * MINUTE
export const DAY: number = 24 * HOUR
export const YEAR: number = 365 * DAY

/** The time between the expiry of a session, or the end of its bucket, and its sweep. */
export const LEEWAY: number = 5 * MINUTE

/** Values at a limit, and one beside it. */
export const AROUND: readonly number[] = [-1, 0, 1]

/** Instants at which software has failed. */
export const INSTANTS: readonly (readonly [name: string, time: number])[] = [
  ['the leap second of 2016', Date.UTC(2016, 11, 31, 23, 59, 59, 999)],
  ['a leap day', Date.UTC(2028, 1, 29, 12)],
  ['an hour that some countries have twice', Date.UTC(2026, 9, 25, 1, 30)],
  ['the end of 32 bits of seconds', 2 ** 31 * 1000],
  ['the end of 32 unsigned bits of seconds', 2 ** 32 * 1000],
  ['the year 2100, which is no leap year', Date.UTC(2100, 1, 28, 23, 59)],
]

/** Values that are not dates, for `before` and `after`. */
export const NO_DATES: readonly (readonly [name: string, value: unknown])[] = [
  ['an invalid date', new Date(Number.NaN)],
  ['a date out of range', new Date(8.64e15 + 1)],
  ['milliseconds', 1_767_225_600_000],
  ['a text', '2026-01-01T00:00:00Z'],
  ['null', null],
  ['an object', {}],
  ['a value that only looks like a date', { getTime: () => 0 }],
]

/** Results of wrong clocks. */
export const NO_TIMES: readonly (readonly [name: string, value: unknown])[] = [
  ['NaN', Number.NaN],
  ['Infinity', Number.POSITIVE_INFINITY],
  ['-Infinity', Number.NEGATIVE_INFINITY],
  ['undefined', undefined],
]
