import { type Duration, positiveDuration } from '../base/duration.ts'
import { SessionConfigError } from '../base/errors.ts'
import { checkOptions, namesOf, type OptionHints, wrongOption } from '../base/option-checks.ts'
import type { ReadCacheSettings } from './remembering-store.ts'

/** The option `readCache`. */
export interface ReadCacheOptions {
  /**
   * The largest age of a session that GET and HEAD requests read. For this time they may not notice a logout or a
   * change in another process. At most one minute.
   */
  readonly maxAge: Duration
  /**
   * The largest number of sessions that this process keeps, from 1 to 1,000,000. It keeps the most recently used ones,
   * and never more than 32 MiB. Default 10,000.
   */
  readonly maxSessions?: number
}

const OPTIONS = namesOf<ReadCacheOptions>({ maxAge: true, maxSessions: true })

const HINTS: OptionHints = {
  max: 'use "maxSessions"',
  maxSize: 'use "maxSessions"; the size is always limited to 32 MiB',
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
      `readCache.maxAge must be at most one minute, but is ${maxAge} ms: a logout in another process may go unnoticed for that long`,
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
