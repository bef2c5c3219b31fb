import { isThenable } from './refuse-promise.ts'

/**
 * The logger that this package needs; `console` is one. Details never contain a session id, a security key or a user's
 * secret.
 */
export interface SessionLogger {
  /** Logs information, such as the totals of a sweep. */
  info?(message: string, details?: Readonly<Record<string, unknown>>): void
  /** Logs a problem that an operator should look at. */
  warn(message: string, details?: Readonly<Record<string, unknown>>): void
  /** Logs a failure. */
  error?(message: string, details?: Readonly<Record<string, unknown>>): void
}

/** Logs warnings and errors to the console, and drops information. */
export const consoleLogger: SessionLogger = {
  warn: (message, details) => console.warn(...line(message, details)),
  error: (message, details) => console.error(...line(message, details)),
}

const LEVELS = ['info', 'warn', 'error'] as const

/**
 * Wraps the app's logger, so that a logger that throws or rejects does not disturb the code that logs. The first
 * failure is logged to the console. Promises are not awaited. A method that the logger lacks is a no-op (`warn`) or
 * absent.
 */
export function harmless(logger: SessionLogger): SessionLogger {
  let hasFailed = false
  const failed = (error: unknown): void => {
    if (hasFailed) return
    hasFailed = true
    const problem = error instanceof Error ? error.message : 'it gave no error'
    consoleLogger.error?.('the logger of the app failed; further failures are not logged', {
      problem,
    })
  }
  const safe: { -readonly [Level in keyof SessionLogger]: SessionLogger[Level] } = {
    warn: () => {},
  }
  for (const level of LEVELS) {
    if (typeof logger[level] !== 'function') continue
    safe[level] = (...said) => {
      try {
        const given: unknown = logger[level]?.(...said)
        if (isThenable(given)) Promise.resolve(given).catch(failed)
      } catch (error) {
        failed(error)
      }
    }
  }
  return safe
}

/** Logs each kind of warning once: an app makes the same mistake in every request. */
export function warningOnce(logger: SessionLogger): (about: string, message: string) => void {
  const told = new Set<string>()
  return (about, message) => {
    if (told.has(about)) return
    told.add(about)
    logger.warn(message)
  }
}

function line(message: string, details?: Readonly<Record<string, unknown>>): unknown[] {
  return details === undefined
    ? [`viur-session: ${message}`]
    : [`viur-session: ${message}`, details]
}
