/** What this package needs of a logger; `console` is one. Details never hold an id, a key or a secret of a user. */
export interface SessionLogger {
  info?(message: string, details?: Readonly<Record<string, unknown>>): void
  warn(message: string, details?: Readonly<Record<string, unknown>>): void
  error?(message: string, details?: Readonly<Record<string, unknown>>): void
}

/** Warnings and errors go to the console; what is only of interest does not. */
export const consoleLogger: SessionLogger = {
  warn: (message, details) => console.warn(...line(message, details)),
  error: (message, details) => console.error(...line(message, details)),
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
