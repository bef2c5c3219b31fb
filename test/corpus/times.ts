import { DAY, HOUR, MINUTE, SECOND } from '../request/harness.ts'

/** Uses of a session that lives one hour, and one day at most, and whether it is alive at the end. */
export interface TimeCase {
  /** The start. Default: noon of the first of January 2030. */
  readonly start?: number
  /** The moves of the clock, in milliseconds. The session is used after each move except the last. */
  readonly moves: readonly number[]
  readonly outcome: 'live' | 'expired' | 'unreadable'
}

/** Section F of the attack corpus. */
export const TIMES: Readonly<Record<string, TimeCase>> = {
  'no time at all': { moves: [0], outcome: 'live' },
  'one millisecond before the idle limit': { moves: [HOUR - 1], outcome: 'live' },
  'the idle limit': { moves: [HOUR], outcome: 'live' },
  'one millisecond after the idle limit': { moves: [HOUR + 1], outcome: 'expired' },
  'use one millisecond before touchEvery, and the limit from the start': {
    moves: [5 * MINUTE - 1, 55 * MINUTE + 1],
    outcome: 'live',
  },
  'use one millisecond before touchEvery, and one past the limit': {
    moves: [5 * MINUTE - 1, 55 * MINUTE + 2],
    outcome: 'expired',
  },
  'use at touchEvery, and the limit from there': { moves: [5 * MINUTE, HOUR], outcome: 'live' },
  'use at touchEvery, and one past the limit from there': {
    moves: [5 * MINUTE, HOUR + 1],
    outcome: 'expired',
  },
  'use every 59 minutes for 23 hours': {
    moves: Array.from({ length: 23 }, () => 59 * MINUTE),
    outcome: 'live',
  },
  'use every 59 minutes past the absolute limit': {
    moves: Array.from({ length: 25 }, () => 59 * MINUTE),
    outcome: 'expired',
  },
  'the absolute limit, in use': {
    moves: [...Array.from({ length: 24 }, () => HOUR)],
    outcome: 'live',
  },
  'one millisecond after the absolute limit, in use': {
    moves: [...Array.from({ length: 24 }, () => HOUR), 1],
    outcome: 'expired',
  },
  'a clock that goes back one hour': { moves: [-HOUR], outcome: 'live' },
  'a clock that goes back one hour and forward again': {
    moves: [-HOUR, HOUR, HOUR],
    outcome: 'live',
  },
  'a clock that goes back gives no more time than it took': {
    moves: [-HOUR, 2 * HOUR + 1],
    outcome: 'expired',
  },
  'a clock that goes back 23 hours': { moves: [-23 * HOUR], outcome: 'live' },
  'a clock that goes back more than a day, by which the session is not yet born': {
    moves: [-DAY - 1],
    outcome: 'unreadable',
  },
  'a clock that goes forward one year': { moves: [365 * DAY], outcome: 'expired' },
  'a leap second': {
    start: Date.UTC(2016, 11, 31, 23, 59, 59),
    moves: [SECOND, HOUR - SECOND],
    outcome: 'live',
  },
  'the end of 32-bit seconds': { start: (2 ** 31 - 1) * SECOND, moves: [HOUR], outcome: 'live' },
  'past the end of 32-bit seconds': {
    start: (2 ** 31 - 1) * SECOND,
    moves: [HOUR + 1],
    outcome: 'expired',
  },
  'a leap day': { start: Date.UTC(2028, 1, 29, 23, 30), moves: [HOUR], outcome: 'live' },
  'fractions of milliseconds': {
    start: Date.UTC(2030, 0, 1) + 0.5,
    moves: [HOUR],
    outcome: 'live',
  },
}
