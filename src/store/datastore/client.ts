import { passingTrouble, storeRefusal } from '../../base/store-errors.ts'
import { loadFailure } from '../../base/optional-import.ts'
import { show } from '../../base/duration.ts'
import { SessionConfigError, SessionStoreError } from '../../base/errors.ts'
import { googleCloudSign } from '../../google/platform.ts'
import { CREDENTIALS } from './set-up.ts'

/** Where the driver is installed from, and what messages call it. */
const DRIVER = '@google-cloud/datastore'

/** The project of an emulator that nobody named one for; any name does, if all processes use the same. */
const EMULATOR_PROJECT = 'viur-session-local'

/**
 * The generated client, `v1.DatastoreClient` of `@google-cloud/datastore` 9 to 11, or anything that passes
 * these three calls on to one. The handwritten client offers no versions (nodejs-datastore issue 2095).
 */
export interface DatastoreV1Client {
  lookup(request: object, options?: object): Promise<unknown>
  commit(request: object, options?: object): Promise<unknown>
  runQuery(request: object, options?: object): Promise<unknown>
  /** Called before the first call, when it is there. */
  initialize?(): Promise<unknown>
  /** Asked for the project when nothing else names it. */
  getProjectId?(): Promise<unknown>
  /** Called on `close()` of the store, only where the store made the client. */
  close?(): Promise<unknown>
}

/** A `Datastore` of `@google-cloud/datastore`: its options and credentials serve for a client of our own. */
export interface DatastoreInstance {
  readonly options: object
  readonly auth: object
  readonly namespace?: string | undefined
}

/** Where an emulator listens. */
export interface EmulatorAddress {
  readonly host: string
  readonly port: number
}

/** A client that is ready, and whose it is. */
export interface OpenClient {
  readonly client: DatastoreV1Client
  readonly projectId: string
  /** What named the project: a variable, an option, or the credentials. */
  readonly projectFrom: string
  /** Where calls go, as messages name it. */
  readonly address: string
  /** True when the store made it, and has to close it. */
  readonly owned: boolean
}

/** What decides which client is used. */
export interface ClientSettings {
  readonly projectId: string | null
  readonly client: DatastoreV1Client | DatastoreInstance | null
  readonly emulator: EmulatorAddress | null
  readonly environment: Readonly<Record<string, string | undefined>>
}

/** Whether it takes the three calls itself. */
export function isV1Client(client: unknown): client is DatastoreV1Client {
  return (
    typeof client === 'object' &&
    client !== null &&
    ['lookup', 'commit', 'runQuery'].every(
      (method) => typeof (client as Record<string, unknown>)[method] === 'function',
    )
  )
}

/** Whether it is a handwritten `Datastore`. */
export function isDatastore(client: unknown): client is DatastoreInstance {
  if (typeof client !== 'object' || client === null) return false
  const { options, auth } = client as Record<string, unknown>
  return (
    typeof options === 'object' && options !== null && typeof auth === 'object' && auth !== null
  )
}

/**
 * The address in `DATASTORE_EMULATOR_HOST`: `host:port`, `[::1]:port`, also `::1:port` as gcloud prints it, with
 * or without `http://`. The driver's own reading of IPv6 is wrong, so it is never asked.
 */
export function parseEmulatorHost(text: string): EmulatorAddress {
  const match =
    /^(?:https?:\/\/)?(?<host>\[[0-9a-f:.]+\]|[0-9a-f:.]*:[0-9a-f:.]*|[^\s:/@[\]]+):(?<port>\d{1,5})\/?$/i.exec(
      text.trim(),
    )
  const { host = '', port = '' } = match?.groups ?? {}
  if (match === null || Number(port) < 1 || Number(port) > 65535) {
    throw new SessionConfigError(
      `DATASTORE_EMULATOR_HOST must be host:port, such as 127.0.0.1:8081 or [::1]:8081, but is ${show(text)}`,
    )
  }
  return {
    host: host.includes(':') && !host.startsWith('[') ? `[${host}]` : host,
    port: Number(port),
  }
}

/** The emulator that the environment names, or `null`; one in production is a mistake that would lose all sessions. */
export function emulatorFrom(
  environment: Readonly<Record<string, string | undefined>>,
): EmulatorAddress | null {
  const text = environment['DATASTORE_EMULATOR_HOST']
  if (text === undefined || text.trim() === '') return null
  const sign = googleCloudSign(environment)
  if (sign !== null) {
    throw new SessionConfigError(
      `DATASTORE_EMULATOR_HOST is set to ${show(text)} while ${sign} says that this is Google Cloud: unset it, or sessions go nowhere`,
    )
  }
  return parseEmulatorHost(text)
}

/** The parts of the driver that are used. */
interface Driver {
  readonly Datastore: new (options: object) => DatastoreInstance
  readonly v1: { readonly DatastoreClient: new (options: object) => DatastoreV1Client }
}

/** Loads the driver on first use: it takes some 300 ms, and an app on another store need not have it. */
async function loadDriver(load: (() => Promise<unknown>) | null): Promise<Driver> {
  let loaded: unknown
  try {
    // Written out and inside the try, so that a bundler finds it, and does without it where it is not installed.
    loaded = load === null ? await import('@google-cloud/datastore') : await load()
  } catch (cause) {
    throw storeRefusal(loadFailure(DRIVER, 'datastoreStore()', cause), cause)
  }
  // CommonJS: the named exports are not all found by Node, the default always is.
  const driver = (loaded as { default?: Driver }).default ?? (loaded as Driver)
  if (typeof driver.v1?.DatastoreClient !== 'function') {
    throw storeRefusal(`this ${DRIVER} has no v1.DatastoreClient: install version 9, 10 or 11`)
  }
  return driver
}

/**
 * Makes the client ready: loads the driver unless the app gave a client, checks credentials, finds the project.
 * Every failure is a `SessionStoreError` without effect.
 */
export async function openClient(
  settings: ClientSettings,
  load: (() => Promise<unknown>) | null = null,
): Promise<OpenClient> {
  const { client: given } = settings
  const owned = !isV1Client(given)
  const client = isV1Client(given) ? given : makeClient(settings, await loadDriver(load))
  try {
    // Otherwise the generated client does so inside the first call, where a failure, such as missing
    // credentials, is thrown into the void and ends the process.
    await client.initialize?.()
    return { client, ...(await projectOf(settings, client)), address: addressOf(client), owned }
  } catch (cause) {
    if (owned) await client.close?.().catch(() => undefined)
    if (cause instanceof SessionStoreError) throw cause
    throw passingTrouble(credentialsProblem(settings, cause), cause)
  }
}

function credentialsProblem({ environment }: ClientSettings, cause: unknown): string {
  const file = environment['GOOGLE_APPLICATION_CREDENTIALS']
  const [reason = ''] = (cause instanceof Error ? cause.message : '').split('\n')
  if (file) {
    return `the Datastore client has no credentials or no project: GOOGLE_APPLICATION_CREDENTIALS names ${file}, and "${reason}": correct or unset the variable, and set GOOGLE_CLOUD_PROJECT`
  }
  return 'the Datastore client has no credentials or no project: run "gcloud auth application-default login" and set GOOGLE_CLOUD_PROJECT, or set DATASTORE_EMULATOR_HOST for local work'
}

/**
 * How the channel of a client that the store makes behaves in an outage; options of @grpc/grpc-js. Each client gets
 * connections of its own, since a new one is made where the old one has gone silent. And the wait before another try
 * to connect stays short: by default it grows to two minutes, in which a server that is back is not noticed.
 */
const CHANNEL = {
  'grpc.use_local_subchannel_pool': 1,
  'grpc.max_reconnect_backoff_ms': 2000,
  'grpc.initial_reconnect_backoff_ms': 100,
}

/** What the environment says of proxies (`http_proxy`, `grpc_proxy`) is not meant for an emulator. */
const DIRECT = { 'grpc.enable_http_proxy': 0 }

/**
 * Finds a connection that died while nothing was under way, before the next visitor does. Not for emulators: a server for
 * development takes pings without calls for an attack, and they do not die silently on the same machine.
 */
const KEEPALIVE = {
  'grpc.keepalive_time_ms': 60_000,
  'grpc.keepalive_timeout_ms': 5000,
  'grpc.keepalive_permit_without_calls': 1,
}

function makeClient(settings: ClientSettings, driver: Driver): DatastoreV1Client {
  const { client: given, emulator, projectId } = settings
  const { DatastoreClient } = driver.v1
  try {
    if (given !== null && isDatastore(given)) {
      const options: Record<string, unknown> = { ...given.options }
      // With ready channel credentials, its auth would only be asked for a universe, on the metadata server.
      return options['sslCreds'] === undefined || options['sslCreds'] === null
        ? new DatastoreClient({ ...CHANNEL, ...KEEPALIVE, ...options, auth: given.auth })
        : new DatastoreClient({
            ...CHANNEL,
            ...DIRECT,
            ...options,
            ...withoutLookingForCredentials(options),
          })
    }
    if (emulator !== null) {
      // The channel credentials of grpc are not among the driver's exports, but it makes them for a local
      // endpoint. This one is not our endpoint, so that the driver's reading of addresses does not matter.
      const local = new driver.Datastore({
        projectId: projectId ?? EMULATOR_PROJECT,
        apiEndpoint: 'http://localhost:1',
      })
      return new DatastoreClient({
        ...CHANNEL,
        ...DIRECT,
        ...withoutLookingForCredentials({}),
        projectId: projectId ?? EMULATOR_PROJECT,
        servicePath: emulator.host,
        port: emulator.port,
        sslCreds: (local.options as { sslCreds?: unknown }).sslCreds,
        fallback: false,
      })
    }
    return new DatastoreClient({
      ...CHANNEL,
      ...KEEPALIVE,
      ...(projectId === null ? {} : { projectId }),
      fallback: false,
    })
  } catch (cause) {
    throw storeRefusal('the Datastore client could not be made: look at the cause', cause)
  }
}

/** Names the universe, because google-auth-library looks for it on a metadata server, and warns when there is none. */
function withoutLookingForCredentials(options: Readonly<Record<string, unknown>>): object {
  const universeDomain = options['universeDomain'] ?? 'googleapis.com'
  return { universeDomain, clientOptions: { universeDomain } }
}

/** The variables that name a project, in the order in which they count. */
const PROJECT_VARIABLES = ['DATASTORE_PROJECT_ID', 'GOOGLE_CLOUD_PROJECT', 'GCLOUD_PROJECT']

async function projectOf(
  settings: ClientSettings,
  client: DatastoreV1Client,
): Promise<Pick<OpenClient, 'projectId' | 'projectFrom'>> {
  const { projectId, client: given, emulator, environment } = settings
  if (projectId !== null) return { projectId, projectFrom: 'projectId of datastoreStore()' }
  const own = given !== null && isDatastore(given) ? textIn(given.options, 'projectId') : null
  if (own !== null)
    return { projectId: own, projectFrom: 'projectId of the Datastore given as client' }
  for (const name of PROJECT_VARIABLES) {
    const named = environment[name]
    if (named) return { projectId: named, projectFrom: name }
  }
  if (emulator !== null) return { projectId: EMULATOR_PROJECT, projectFrom: 'the default' }
  const found = await client.getProjectId?.()
  if (typeof found === 'string' && found !== '') {
    return { projectId: found, projectFrom: CREDENTIALS }
  }
  throw storeRefusal(
    'no project is known: set projectId of datastoreStore(), or GOOGLE_CLOUD_PROJECT',
  )
}

/** The generated client keeps the options that it was made with; its own word for the endpoint leaves them out. */
function addressOf(client: DatastoreV1Client): string {
  const { _opts: options } = client as { _opts?: unknown }
  const given =
    typeof options === 'object' && options !== null
      ? (textIn(options, 'apiEndpoint') ?? textIn(options, 'servicePath'))
      : null
  return given ?? textIn(client, 'apiEndpoint') ?? 'the endpoint of the client'
}

/** A text among the options of a handwritten `Datastore` that is not empty, else `null`. */
export function textIn(options: object, name: string): string | null {
  const value = (options as Record<string, unknown>)[name]
  return typeof value === 'string' && value !== '' ? value : null
}
