import { type Duration, positiveDuration } from '../base/duration.ts'
import { SessionConfigError } from '../base/errors.ts'
import { checkOptions, namesOf, type OptionHints, wrongOption } from '../base/option-checks.ts'
import type { ReadCacheSettings } from './remembering-store.ts'

/** The option `readCache`. */
export interface ReadCacheOptions {
  /**
   * How old what a GET or HEAD reads can be: for that long a logout or a change in another process may go unnoticed there.
   * At most one minute.
   */
  readonly maxAge: Duration
  /**
   * How many sessions this process keeps at the most, those that were used last, and of them no more than 32 MiB. 1 to
   * 1,000,000. Default 10,000.
   */
  readonly maxSessions?: number
}

const OPTIONS = namesOf<ReadCacheOptions>({ maxAge: true, maxSessions: true })

const HINTS: OptionHints = {
  max: 'use "maxSessions"',
  maxSize: 'use "maxSessions": of its bytes it takes no more than 32 MiB',
  ttl: 'use "maxAge"',
}

const MINUTE = 60_000
const MAX_SESSIONS = 1_000_000

/** Checks the option. Throws `SessionConfigError`. */
export function readCacheFrom(options: ReadCacheOptions): ReadCacheSettings {
  checkOptions('readCache', options, OPTIONS, HINTS)
  const { maxSessions = 10_000 } = options
  const maxAge = positiveDuration('readCache.maxAge', options.maxAge)
  if (maxAge > MINUTE) {
    throw new SessionConfigError(
      `readCache.maxAge must not be above one minute, since a logout in another process goes unnoticed for that long, but is ${maxAge} ms`,
    )
  }
  if (!Number.isInteger(maxSessions) || maxSessions < 1 || maxSessions > MAX_SESSIONS) {
    throw wrongOption(
      'readCache.maxSessions',
      'must be a whole number from 1 to 1,000,000',
      maxSessions,
    )
  }
  return { maxAge, maxSessions }
}
