import { isThenable } from './refuse-promise.ts'

/** What this package needs of a logger; `console` is one. Details never hold an id, a key or a secret of a user. */
export interface SessionLogger {
  /** What is only of interest, such as the totals of a sweep. */
  info?(message: string, details?: Readonly<Record<string, unknown>>): void
  /** What somebody should look at. */
  warn(message: string, details?: Readonly<Record<string, unknown>>): void
  /** What failed. */
  error?(message: string, details?: Readonly<Record<string, unknown>>): void
}

/** Warnings and errors go to the console; what is only of interest does not. */
export const consoleLogger: SessionLogger = {
  warn: (message, details) => console.warn(...line(message, details)),
  error: (message, details) => console.error(...line(message, details)),
}

const LEVELS = ['info', 'warn', 'error'] as const

/**
 * The logger of the app, whose own failure, at once or by a promise, does no harm to what is logged: the console tells of
 * the first one, and nobody waits for it. Methods that it lacks stay away.
 */
export function harmless(logger: SessionLogger): SessionLogger {
  let hasFailed = false
  const failed = (error: unknown): void => {
    if (hasFailed) return
    hasFailed = true
    const problem = error instanceof Error ? error.message : 'it gave no error'
    consoleLogger.error?.('the logger of the app failed; this is said once', {
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

/** Warns of each thing once, however often it happens: what an app does wrong, it does at every request. */
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
