import { namesOf } from '../../base/option-checks.ts'
import type { Duration } from '../../base/duration.ts'
import type { TransportChoice } from './transport/choose.ts'
import type { DatastoreInstance, DatastoreV1Client } from './given-client.ts'

/** Options of `datastoreStore()`. */
export interface DatastoreStoreOptions {
  /**
   * The Google Cloud project. Default `DATASTORE_PROJECT_ID`, `GOOGLE_CLOUD_PROJECT` or `GCLOUD_PROJECT` of the
   * environment, on an emulator `viur-session-local`, else what the credentials say.
   */
  readonly projectId?: string
  /** The database. Default: that of a `Datastore` given as `client`, else the default database. */
  readonly databaseId?: string
  /** The namespace. Default: that of a `Datastore` given as `client`, else the default namespace. */
  readonly namespace?: string
  /** The kind of the entities. Default `viur-session`. */
  readonly kind?: string
  /** Over how many shards the expiry index is spread: a power of two, 1 to 256. Default 16. */
  readonly shards?: number
  /** How long a bucket of the expiry index is: whole minutes, at most 30 days. Default one hour. */
  readonly bucket?: Duration
  /**
   * `'auto'` (default): writes of requests that run at the same time share calls, once a probe has seen that
   * this server keeps them apart. `'off'`: each write is a call of its own.
   */
  readonly sharedWrites?: 'auto' | 'off'
  /**
   * At how many sessions per second a sweep begins; while it uses that, it grows by a half every five minutes, as
   * Datastore asks ("Best Practices": 500/50/5), and the next sweep within a day goes on from there. `Infinity`: as
   * fast as it can. At least 10. Default 500; on an emulator `Infinity`.
   */
  readonly sweepRate?: number
  /**
   * A client that the app already has: a `v1.DatastoreClient`, which is used as it is and never closed, or a
   * `Datastore` of `@google-cloud/datastore`, whose options and credentials are used. Default: one is made. Where the
   * connection of a `v1.DatastoreClient` goes silent, the store goes on with one of its own, made of the same options and
   * credentials. Of a subclass, of one whose methods were replaced, and of anything else that takes these calls it can make
   * none: there a dead connection lasts until the client itself finds out.
   */
  readonly client?: DatastoreV1Client | DatastoreInstance
  /**
   * By what the store speaks to Datastore. `'grpc'`: by `@grpc/grpc-js`, with credentials of `google-auth-library`; not
   * beside `client`. `'client'`: by `client`, else by `@google-cloud/datastore`. `'auto'` (default): by `client` where one is
   * given, else by `@grpc/grpc-js` where both packages are installed and no variable asks for a client certificate, else by
   * `@google-cloud/datastore`. Loaded at the first call, or by `sessions.ready()`.
   */
  readonly transport?: TransportChoice
  /** The most that one call may take, at most 10 minutes. Default 5 seconds. */
  readonly deadline?: Duration
}

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
    transport: true,
    deadline: true,
  })
