import { namesOf } from '../../base/option-checks.ts'
import type { Duration } from '../../base/duration.ts'
import type { TransportChoice } from './transport/choose.ts'
import type { DatastoreInstance, DatastoreV1Client } from './given-client.ts'

/** Options of `datastoreStore()`. */
export interface DatastoreStoreOptions {
  /**
   * The Google Cloud project. Default: `DATASTORE_PROJECT_ID`, `GOOGLE_CLOUD_PROJECT` or `GCLOUD_PROJECT` of the
   * environment; without them `viur-session-local` on an emulator, else the project of the credentials.
   */
  readonly projectId?: string
  /** The database. Default: that of a `Datastore` given as `client`, else the default database. */
  readonly databaseId?: string
  /** The namespace. Default: that of a `Datastore` given as `client`, else the default namespace. */
  readonly namespace?: string
  /** The kind of the entities. Default `viur-session`. */
  readonly kind?: string
  /** The number of shards of the expiry index: a power of two, 1 to 256. Default 16. */
  readonly shards?: number
  /** The length of a bucket of the expiry index: whole minutes, at most 30 days. Default one hour. */
  readonly bucket?: Duration
  /**
   * `'auto'` (default): writes of concurrent requests share calls, after a probe has shown that this server applies
   * them independently. `'off'`: each write has its own call.
   */
  readonly sharedWrites?: 'auto' | 'off'
  /**
   * The starting rate of a sweep, in sessions per second. A sweep that uses its full rate raises it by half every five
   * minutes, as Datastore recommends ("Best Practices": 500/50/5). The next sweep within a day continues at the last
   * rate. `Infinity`: as fast as possible. At least 10. Default 500; on an emulator `Infinity`.
   */
  readonly sweepRate?: number
  /**
   * A client that the app already has. A `v1.DatastoreClient` is used as it is and never closed. For a `Datastore` of
   * `@google-cloud/datastore`, the store uses its options and credentials. Default: the store makes a client.
   *
   * If the connection of a `v1.DatastoreClient` stops answering, the store continues with its own client, made with the
   * same options and credentials. It cannot do so for a subclass, for a client with replaced methods, and for other
   * objects with these calls: there a dead connection lasts until the client itself notices it.
   */
  readonly client?: DatastoreV1Client | DatastoreInstance
  /**
   * The transport of calls to Datastore. `'grpc'`: `@grpc/grpc-js`, with credentials of `google-auth-library`; not
   * together with `client`. `'client'`: the given `client`, else `@google-cloud/datastore`. `'auto'` (default): the
   * given `client`; else `@grpc/grpc-js` if both packages are installed and no variable requires a client certificate;
   * else `@google-cloud/datastore`. The packages are loaded at the first call, or by `sessions.ready()`.
   */
  readonly transport?: TransportChoice
  /** The longest time for one call, at most 10 minutes. Default 5 seconds. */
  readonly deadline?: Duration
}

/** All options of `datastoreStore()`. Other stores accept them too and pass them on. */
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
