import { namesOf } from '../../base/option-checks.ts'
import type { DatastoreStoreOptions } from './index.ts'

/** Every option of `datastoreStore()`, which other stores take too and pass on. */
export const DATASTORE_OPTIONS: readonly (keyof DatastoreStoreOptions)[] =
  namesOf<DatastoreStoreOptions>({
    projectId: true,
    databaseId: true,
    namespace: true,
    kind: true,
    shards: true,
    bucket: true,
    sharedWrites: true,
    sweepRate: true,
    client: true,
    deadline: true,
  })
