import { type Duration, positiveDuration } from '../../base/duration.ts'
import { SessionConfigError } from '../../base/errors.ts'
import { DATASTORE_HINTS } from '../../base/option-hints.ts'
import { checkOptions, wrongOption } from '../../base/option-checks.ts'
import { BUCKET, DEFAULT_SHARDS } from '../../record/buckets.ts'
import { openClient } from './client.ts'
import { emulatorFrom } from './emulator-address.ts'
import { isDatastore, isV1Client, textIn } from './given-client.ts'
import { Connection } from './connection.ts'
import { DATASTORE_OPTIONS, type DatastoreStoreOptions } from './options.ts'
import { DatastoreStore } from './store.ts'
import type { SessionStore } from '../store.ts'
import { isShardCount } from '../store-check.ts'
import type { TransportInUse } from './transport/choose.ts'

export type { DatastoreInstance, DatastoreV1Client } from './given-client.ts'
export type { DatastoreStoreOptions } from './options.ts'
export type { TransportChoice, TransportInUse } from './transport/choose.ts'

/** A session store in Cloud Datastore. */
export interface DatastoreSessions extends SessionStore {
  /** The transport of calls to Datastore, with its version; `null` before the first call or `sessions.ready()`. */
  readonly transport: TransportInUse | null
}

const DAY = 24 * 60 * 60 * 1000

/** Default starting rate of a sweep, in sessions per second. */
const SWEEP_RATE = 500

/**
 * Makes a store that keeps sessions in Cloud Datastore (Firestore in Datastore mode), or in its emulator if
 * `DATASTORE_EMULATOR_HOST` is set. It makes no call and loads no package of Google before the first use. Throws
 * `SessionConfigError` for options that cannot work.
 */
export function datastoreStore(options: DatastoreStoreOptions = {}): DatastoreSessions {
  checkOptions('datastoreStore()', options, DATASTORE_OPTIONS, DATASTORE_HINTS)
  const { client = null, sharedWrites = 'auto', shards = DEFAULT_SHARDS } = options
  if (client !== null && !isV1Client(client) && !isDatastore(client)) {
    throw wrongOption(
      'datastoreStore: client',
      'must be a v1.DatastoreClient or a Datastore of @google-cloud/datastore',
      client,
    )
  }
  const { transport = 'auto' } = options
  if (!['auto', 'grpc', 'client'].includes(transport)) {
    throw wrongOption('datastoreStore: transport', "must be 'auto', 'grpc' or 'client'", transport)
  }
  if (transport === 'grpc' && client !== null) {
    throw new SessionConfigError(
      "datastoreStore: transport: 'grpc' makes a client of its own: leave out client, or set transport to 'client'",
    )
  }
  if (sharedWrites !== 'auto' && sharedWrites !== 'off') {
    throw wrongOption('datastoreStore: sharedWrites', "must be 'auto' or 'off'", sharedWrites)
  }
  if (!isShardCount(shards)) {
    throw wrongOption('datastoreStore: shards', 'must be a power of two from 1 to 256', shards)
  }
  const { sweepRate } = options
  if (sweepRate !== undefined && !(typeof sweepRate === 'number' && sweepRate >= 10)) {
    throw wrongOption(
      'datastoreStore: sweepRate',
      'must be a number of sessions per second from 10',
      sweepRate,
    )
  }
  const deadline = duration('deadline', options.deadline ?? 5000, DAY / 144, 'at most 10 minutes')
  const bucket = duration('bucket', options.bucket ?? BUCKET, 30 * DAY, 'at most 30 days')
  if (bucket % 60_000 !== 0)
    throw wrongOption('datastoreStore: bucket', 'must be whole minutes', options.bucket)
  const inherited = client !== null && !isV1Client(client) ? client : null
  const projectId = options.projectId ?? null
  if (projectId !== null) check('projectId', projectId, PROJECT, 'a project id')
  const databaseId =
    options.databaseId ??
    (inherited === null ? null : textIn(inherited.options, 'databaseId')) ??
    ''
  const namespace = options.namespace ?? inherited?.namespace ?? ''
  const kind = options.kind ?? 'viur-session'
  check('databaseId', databaseId, DATABASE, '4 to 63 lowercase letters, digits and hyphens')
  check('namespace', namespace, NAMESPACE, 'up to 100 letters, digits, dots, hyphens, underscores')
  check('kind', kind, KIND, '1 to 1500 letters, digits, dots, hyphens, underscores')
  const environment = { ...process.env }
  // A v1 client has its own endpoint. All other clients follow the environment.
  const emulator = isV1Client(client) ? null : emulatorFrom(environment)
  const connection = new Connection({
    open: () => openClient({ projectId, client, emulator, environment, transport }),
    databaseId: databaseId === '(default)' ? '' : databaseId,
    namespace,
    deadline,
    emulator: emulator === null ? null : `${emulator.host}:${emulator.port}`,
  })
  return new DatastoreStore(
    connection,
    { kind, shards, bucket },
    sharedWrites,
    sweepRate ?? (emulator === null ? SWEEP_RATE : Number.POSITIVE_INFINITY),
    (namespace) => datastoreStore({ ...options, namespace }),
  )
}

/** Project ids, also those of legacy domains (`example.com:name`). */
const PROJECT = /^[A-Za-z0-9][A-Za-z0-9.:_-]{0,99}$/

/** The names of databases (Datastore: "Manage databases"). The console shows `(default)` for the one without a name. */
const DATABASE = /^(?:|\(default\)|[a-z][a-z0-9-]{2,61}[a-z0-9])$/

/** The names of namespaces (Datastore: "Multitenancy"). */
const NAMESPACE = /^[A-Za-z0-9._-]{0,100}$/

const KIND = /^[A-Za-z0-9._-]{1,1500}$/

function check(option: string, value: unknown, pattern: RegExp, rule: string): void {
  if (typeof value !== 'string' || !pattern.test(value)) {
    throw wrongOption(`datastoreStore: ${option}`, `must be ${rule}`, value)
  }
  // Datastore reserves these names.
  if (/^__.*__$/.test(value))
    throw wrongOption(`datastoreStore: ${option}`, 'must not match __.*__', value)
}

function duration(option: string, value: Duration, most: number, rule: string): number {
  const parsed = positiveDuration(`datastoreStore: ${option}`, value)
  if (parsed > most) throw wrongOption(`datastoreStore: ${option}`, `must be ${rule}`, value)
  return parsed
}
