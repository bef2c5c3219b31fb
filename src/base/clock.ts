import { atOnce } from './refuse-promise.ts'
import { SessionConfigError } from './errors.ts'

/** Whole milliseconds since the epoch. */
export type Clock = () => number

/** Waits so many milliseconds. */
export function pause(duration: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, duration)
  })
}

/** A clock of whole milliseconds from the app's own; a broken one is an error, not an endless session. */
export function clockFrom(now: () => number): Clock {
  return () => {
    const time = Math.floor(atOnce('now()', now()))
    if (!Number.isFinite(time)) {
      throw new SessionConfigError('now() must return milliseconds since the epoch')
    }
    return time
  }
}
