/** Where calls go, and who said so: what a message needs in order to name what is wrong. */
export interface CallTarget {
  /** `host:port`, or what the client says of its endpoint. */
  readonly address: string
  /** Whether `DATASTORE_EMULATOR_HOST` names the address. */
  readonly isEmulator: boolean
  readonly projectId: string
  /** What named the project: a variable, an option, or the credentials. */
  readonly projectFrom: string
  /** `''` for the default database. */
  readonly databaseId: string
  /** Whether another client can take the place of this one where its connection has died. Default true. */
  readonly isReplaceable?: boolean
}

const targets = new WeakMap<object, CallTarget>()

/** Notes where the call went that failed of this error. */
export function markTarget(error: unknown, target: CallTarget): void {
  if (typeof error === 'object' && error !== null) targets.set(error, target)
}

/** Where the call went that failed of this error; `null` where nobody noted it. */
export function targetOf(error: unknown): CallTarget | null {
  return typeof error === 'object' && error !== null ? (targets.get(error) ?? null) : null
}
