/** How a command ends, for whoever started it. */
export const EXIT: { readonly done: 0; readonly failed: 1; readonly usage: 2 } = {
  done: 0,
  failed: 1,
  usage: 2,
}

export type ExitCode = (typeof EXIT)[keyof typeof EXIT]

/** The command cannot be followed as it was written. The message says how to write it. */
export class UsageError extends Error {
  override name = 'UsageError'
}
