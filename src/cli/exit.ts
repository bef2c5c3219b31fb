/** The exit codes of a command. */
export const EXIT = { done: 0, failed: 1, usage: 2 } as const

export type ExitCode = (typeof EXIT)[keyof typeof EXIT]

/** The command line is wrong. The message says how to correct it. */
export class UsageError extends Error {
  override name = 'UsageError'
}
