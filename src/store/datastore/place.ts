/** Where calls go, and who said so: what a message needs in order to name what is wrong. */
export interface Place {
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

const places = new WeakMap<object, Place>()

/** Notes where the call went that failed of this error. */
export function markPlace(error: unknown, place: Place): void {
  if (typeof error === 'object' && error !== null) places.set(error, place)
}

/** Where the call went that failed of this error; `null` where nobody noted it. */
export function placeOf(error: unknown): Place | null {
  return typeof error === 'object' && error !== null ? (places.get(error) ?? null) : null
}
