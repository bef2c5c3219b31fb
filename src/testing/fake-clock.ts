import { type Duration, parseDuration, show } from '../base/duration.ts'
import { SessionConfigError } from '../base/errors.ts'

/** A clock that stands still until it is moved. Its functions can be passed on without the object. */
export interface FakeClock {
  /** Milliseconds since the epoch, for the option `now`. */
  now(this: void): number
  /** Moves the clock forward. */
  advance(this: void, duration: Duration): void
  /** Moves the clock to this instant, forward or back. */
  set(this: void, time: Date | number): void
  /** For the option `sleep`: moves the clock forward and resolves at once, so that retries take no time in a test. */
  sleep(this: void, duration: number): Promise<void>
}

/** Makes a clock that starts at noon UTC on 1 January 2030, or at `start`. */
export function fakeClock(start: Date | number = Date.UTC(2030, 0, 1, 12)): FakeClock {
  let time = instant(start)
  return {
    now: () => time,
    advance(duration) {
      const parsed = parseDuration(duration)
      if (parsed === null) {
        throw new SessionConfigError(
          `advance() needs a duration of zero or more, and not ${show(duration)}: set() moves the clock back`,
        )
      }
      time += parsed
    },
    set(to) {
      time = instant(to)
    },
    async sleep(duration) {
      time += duration
    },
  }
}

function instant(time: Date | number): number {
  const instant = typeof time === 'number' ? time : time.getTime()
  if (!Number.isFinite(instant)) throw new SessionConfigError('a fake clock needs a valid time')
  return instant
}
