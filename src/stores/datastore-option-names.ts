import type { DatastoreStoreOptions } from './datastore.ts'

/** Every option of `datastoreStore()`, which other stores take too and pass on. */
export const DATASTORE_OPTIONS: readonly (keyof DatastoreStoreOptions)[] = [
  'projectId',
  'databaseId',
  'namespace',
  'kind',
  'shards',
  'bucket',
  'sharedWrites',
  'sweepRate',
  'client',
  'deadline',
]
