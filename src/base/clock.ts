import { atOnce } from './refuse-promise.ts'
import { SessionConfigError } from './errors.ts'

/** Whole milliseconds since the epoch. */
export type Clock = () => number

/** Waits for the given number of milliseconds. */
export function pause(duration: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, duration)
  })
}

/**
 * Makes a clock of whole milliseconds from the app's function `now`. A value that is no finite number throws
 * `SessionConfigError`: otherwise a session could live for ever.
 */
export function clockFrom(now: () => number): Clock {
  return () => {
    const time = Math.floor(atOnce('now()', now()))
    if (!Number.isFinite(time)) {
      throw new SessionConfigError('now() must return milliseconds since the epoch')
    }
    return time
  }
}
