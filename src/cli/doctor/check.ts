/** What was found about one thing. */
export interface Check {
  /** What was looked at, in a word or two. */
  readonly name: string
  readonly state: 'ok' | 'warning' | 'failure'
  /** What is so. */
  readonly says: string
  /** What to do about it: a command, or an option of the app. */
  readonly cure?: string
}

export function ok(name: string, says: string): Check {
  return { name, state: 'ok', says }
}

export function warning(name: string, says: string, cure?: string): Check {
  return { name, state: 'warning', says, ...(cure !== undefined && { cure }) }
}

export function failure(name: string, says: string, cure?: string): Check {
  return { name, state: 'failure', says, ...(cure !== undefined && { cure }) }
}

/** What an error says, and apart from it the first command that its message names. */
export function ofError(name: string, error: unknown): Check {
  const message = error instanceof Error ? error.message : String(error)
  const [, command] = /"((?:gcloud|npm|npx|eval|curl) [^\n]*?)"(?=[\s,;.)]|$)/.exec(message) ?? []
  return failure(name, message, command)
}
