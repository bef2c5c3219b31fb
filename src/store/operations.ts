import type { SessionStore } from './store.ts'

/** Where the sessions of a Datastore store are, for people. */
export interface StorePlace {
  readonly projectId: string
  /** What named the project: a variable, an option, or the credentials. */
  readonly projectFrom: string
  /** `''` for the default database. */
  readonly databaseId: string
  /** `''` for the default namespace. */
  readonly namespace: string
  readonly kind: string
  /** Where calls go. */
  readonly address: string
  readonly isEmulator: boolean
  /** By what calls go out, with its version where that is known. */
  readonly transport: string
}

/** What operators ask a Datastore store for, and apps never do. */
export interface StoreOperations {
  /** Throws what the first call would have met where there are no credentials or no project. */
  place(): Promise<StorePlace>
  /** Whether this server keeps writes apart that share a call. Tried on one entity, which is gone afterwards. */
  keepsWritesApart(): Promise<boolean>
  /** A store of the same options in another namespace. */
  beside(namespace: string): SessionStore
}

/** What the store has for operators; `null` for one that is not Datastore. */
export function operationsOf(store: SessionStore): StoreOperations | null {
  const { operations } = store as { operations?: Partial<StoreOperations> }
  return typeof operations?.place === 'function' ? (operations as StoreOperations) : null
}
