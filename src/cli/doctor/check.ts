/** The result of one check. */
export interface Check {
  /** The checked subject, in one or two words. */
  readonly name: string
  readonly state: 'ok' | 'warning' | 'failure'
  /** The finding. */
  readonly says: string
  /** The remedy: a command, or an option of the app. */
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

/** Makes a check of an error: its message, and separately the first command that the message names. */
export function ofError(name: string, error: unknown): Check {
  const message = error instanceof Error ? error.message : String(error)
  const [, command] = /"((?:gcloud|npm|npx|eval|curl) [^\n]*?)"(?=[\s,;.)]|$)/.exec(message) ?? []
  return failure(name, message, command)
}
