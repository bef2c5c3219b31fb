/** The target of calls and the origin of its settings, for error messages. */
export interface CallTarget {
  /** `host:port`, or the endpoint as the client names it. */
  readonly address: string
  /** Whether `DATASTORE_EMULATOR_HOST` names the address. */
  readonly isEmulator: boolean
  readonly projectId: string
  /** The origin of the project id: a variable, an option, or the credentials. */
  readonly projectFrom: string
  /** `''` for the default database. */
  readonly databaseId: string
  /** Whether another client can replace this one after its connection has died. Default true. */
  readonly isReplaceable?: boolean
}

const targets = new WeakMap<object, CallTarget>()

/** Stores the target of the call that failed with this error. */
export function markTarget(error: unknown, target: CallTarget): void {
  if (typeof error === 'object' && error !== null) targets.set(error, target)
}

/** Returns the target of the call that failed with this error; `null` if it is unknown. */
export function targetOf(error: unknown): CallTarget | null {
  return typeof error === 'object' && error !== null ? (targets.get(error) ?? null) : null
}
