import type { SessionStore } from './store.ts'

/** The location of the sessions of a Datastore store, for messages to operators. */
export interface StorePlace {
  readonly projectId: string
  /** The origin of the project id: a variable, an option, or the credentials. */
  readonly projectFrom: string
  /** `''` for the default database. */
  readonly databaseId: string
  /** `''` for the default namespace. */
  readonly namespace: string
  readonly kind: string
  /** The address to which calls are sent. */
  readonly address: string
  readonly isEmulator: boolean
  /** The transport of calls, with its version if it is known. */
  readonly transport: string
}

/** Functions of a Datastore store for operators' commands. Apps do not use them. */
export interface StoreOperations {
  /** Returns the location. Without credentials or a project it throws the same error as the first call would. */
  place(): Promise<StorePlace>
  /**
   * Whether this server applies writes in one call independently. Tested with one entity, which is deleted afterwards.
   */
  keepsWritesApart(): Promise<boolean>
  /** Makes a store with the same options in another namespace. */
  beside(namespace: string): SessionStore
}

/** Returns the store's functions for operators; `null` for a store other than Datastore. */
export function operationsOf(store: SessionStore): StoreOperations | null {
  const { operations } = store as { operations?: Partial<StoreOperations> }
  return typeof operations?.place === 'function' ? (operations as StoreOperations) : null
}
