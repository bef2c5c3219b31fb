import { parseDuration, show } from './duration.ts'
import { CloudTasksServerError } from './errors.ts'
import type { QueueSettings } from './types.ts'

/** {@link QueueSettings} with all durations in milliseconds. */
export type Settings = Readonly<Record<keyof QueueSettings, number>>

/** The settings that Cloud Tasks gives a queue that is made without settings ("Configure Cloud Tasks queues"). */
export const DEFAULTS: Settings = {
  maxAttempts: 100,
  maxRetryDuration: 0,
  minBackoff: 100,
  maxBackoff: 60 * 60 * 1000,
  maxDoublings: 16,
  maxConcurrentDispatches: 1000,
  maxDispatchesPerSecond: 500,
}

/** The ranges of `queue.proto`. */
const RULES: Readonly<Record<keyof Settings, readonly [(n: number) => boolean, string]>> = {
  maxAttempts: [(n) => n === -1 || (Number.isInteger(n) && n > 0), '-1 or a whole number above 0'],
  maxRetryDuration: [(n) => n >= 0, 'a duration'],
  minBackoff: [(n) => n >= 0, 'a duration'],
  maxBackoff: [(n) => n >= 0, 'a duration'],
  maxDoublings: [(n) => Number.isInteger(n) && n >= 0, 'a whole number'],
  maxConcurrentDispatches: [
    (n) => Number.isInteger(n) && n > 0 && n <= 5000,
    'a whole number from 1 to 5000',
  ],
  maxDispatchesPerSecond: [(n) => n > 0 && n <= 500, 'a number above 0, at most 500'],
}

const DURATIONS: readonly string[] = ['maxRetryDuration', 'minBackoff', 'maxBackoff']

/** Returns the base settings with the changes; throws `CloudTasksServerError` for a value out of its range. */
export function mergeSettings(base: Settings, changes: QueueSettings): Settings {
  const merged: Record<keyof Settings, number> = { ...base }
  for (const name of Object.keys(RULES) as (keyof Settings)[]) {
    const value: unknown = changes[name]
    if (value === undefined) continue
    const parsed = DURATIONS.includes(name) ? parseDuration(value) : value
    const [holds, rule] = RULES[name]
    if (typeof parsed !== 'number' || !holds(parsed)) {
      throw new CloudTasksServerError(
        `cloudTasksServer: ${name} must be ${rule}, but is ${show(value)}`,
      )
    }
    merged[name] = parsed
  }
  if (merged.minBackoff > merged.maxBackoff) {
    throw new CloudTasksServerError('cloudTasksServer: minBackoff must not be above maxBackoff')
  }
  return merged
}

/**
 * Returns the wait after this many tries, in milliseconds. It doubles `maxDoublings` times, then grows by the same step
 * each time, up to `maxBackoff` (`max_doublings` in `queue.proto`).
 */
export function backoff(tries: number, settings: Settings): number {
  const { minBackoff, maxBackoff, maxDoublings } = settings
  const step = minBackoff * 2 ** Math.min(tries - 1, maxDoublings)
  return Math.min(maxBackoff, step * Math.max(1, tries - maxDoublings))
}
