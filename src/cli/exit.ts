/** The exit codes of a command. */
export const EXIT: { readonly done: 0; readonly failed: 1; readonly usage: 2 } = {
  done: 0,
  failed: 1,
  usage: 2,
}

export type ExitCode = (typeof EXIT)[keyof typeof EXIT]

/** The command line is wrong. The message says how to correct it. */
export class UsageError extends Error {
  override name = 'UsageError'
}
