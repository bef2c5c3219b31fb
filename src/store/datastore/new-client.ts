import { loadFailure } from '../../base/optional-import.ts'
import { type EmulatorAddress, isLoopback, readAddress } from './emulator-address.ts'
import { storeRefusal } from '../../base/store-errors.ts'
import { CHANNEL, DIRECT, KEEPALIVE, OWN } from './transport/channel-options.ts'
import { versionOf } from './transport/packages.ts'
import { type DatastoreInstance, type DatastoreV1Client, textIn } from './given-client.ts'

/** The package name of the driver, also for messages. */
export const DRIVER = '@google-cloud/datastore'

/** The default project of an emulator. Any name works if all processes use the same one. */
export const EMULATOR_PROJECT = 'viur-session-local'

/** Settings for making a client. */
export interface NewClientSettings {
  readonly projectId: string | null
  /** A `Datastore` whose options and credentials are used; `null` for none. */
  readonly datastore: DatastoreInstance | null
  readonly emulator: EmulatorAddress | null
}

/** The parts of the driver that are used. */
interface Driver {
  readonly Datastore: new (options: object) => DatastoreInstance
  readonly v1: { readonly DatastoreClient: new (options: object) => DatastoreV1Client }
}

/** Loads the driver on first use: this takes about 300 ms, and apps with another store do not need it. */
async function loadDriver(load: (() => Promise<unknown>) | null): Promise<Driver> {
  let loaded: unknown
  try {
    // A literal `import()` inside the `try`: bundlers find it, and accept that the package may not be installed.
    loaded = load === null ? await import('@google-cloud/datastore') : await load()
  } catch (cause) {
    throw storeRefusal(loadFailure(DRIVER, 'datastoreStore()', cause), cause)
  }
  // CommonJS: Node does not find all named exports, but always the default export.
  const driver = (loaded as { default?: Driver }).default ?? (loaded as Driver)
  if (typeof driver.v1?.DatastoreClient !== 'function') {
    throw storeRefusal(`this ${DRIVER} has no v1.DatastoreClient: install version 9, 10 or 11`)
  }
  return driver
}

/** Loads the driver and returns a function that makes Google's clients, each with its own connections. */
export async function driverMaker(
  settings: NewClientSettings,
  load: (() => Promise<unknown>) | null,
): Promise<{ readonly version: string | null; make(): DatastoreV1Client }> {
  const driver = await loadDriver(load)
  return {
    version: versionOf(DRIVER),
    make: () => {
      try {
        return new driver.v1.DatastoreClient(optionsFor(settings, driver))
      } catch (cause) {
        throw storeRefusal('the Datastore client could not be made: look at the cause', cause)
      }
    },
  }
}

function optionsFor({ datastore, emulator, projectId }: NewClientSettings, driver: Driver): object {
  if (datastore !== null) return optionsLike(datastore, emulator, driver)
  if (emulator !== null)
    return local(emulator, { projectId: projectId ?? EMULATOR_PROJECT }, driver)
  const project = projectId === null ? {} : { projectId }
  return { ...CHANNEL, ...KEEPALIVE, ...project, fallback: false, ...OWN }
}

/** Returns the options that the app's `Datastore` would use itself, corrected for emulators. */
function optionsLike(
  { options: given, auth }: DatastoreInstance,
  emulator: EmulatorAddress | null,
  driver: Driver,
): object {
  const options: Record<string, unknown> = { ...given }
  const named = textIn(options, 'apiEndpoint')
  const address = named === null ? emulator : readAddress(named)
  if (address !== null && (emulator !== null || isLoopback(address.host))) {
    return local(address, options, driver)
  }
  const { sslCreds = null } = options
  // Given channel credentials need no others. Others would only cause a search for the universe on the metadata server.
  if (sslCreds !== null) {
    const way = isPlain(sslCreds) ? DIRECT : KEEPALIVE
    return { ...CHANNEL, ...way, ...options, ...withoutLookingForCredentials(options), ...OWN }
  }
  // Calls go to Google Cloud, perhaps through a company's proxy, which the environment names.
  return { ...CHANNEL, ...KEEPALIVE, ...options, auth, ...OWN }
}

/** Returns options for a plain connection to this address without credentials. */
function local({ host, port }: EmulatorAddress, options: object, driver: Driver): object {
  // The driver does not export gRPC's channel credentials, but makes plain ones for a local endpoint. The endpoint here
  // is a dummy, so that the driver's parser of addresses does not matter.
  const { options: made } = new driver.Datastore({
    projectId: 'p',
    apiEndpoint: 'http://localhost:1',
  })
  const { sslCreds } = made as { sslCreds?: unknown }
  return {
    ...CHANNEL,
    ...DIRECT,
    sslCreds,
    fallback: false,
    ...options,
    ...withoutLookingForCredentials(options),
    servicePath: host,
    port,
    ...OWN,
  }
}

/** Whether channel credentials are for an unencrypted connection, which only emulators use. */
function isPlain(credentials: unknown): boolean {
  const { _isSecure: isSecure } = credentials as { _isSecure?: unknown }
  return typeof isSecure === 'function' && isSecure.call(credentials) === false
}

/** Sets the universe. Otherwise google-auth-library searches it on a metadata server, and warns if there is none. */
function withoutLookingForCredentials(options: object): object {
  const universeDomain = textIn(options, 'universeDomain') ?? 'googleapis.com'
  return { universeDomain, clientOptions: { universeDomain } }
}

/** The parts of a generated client that are needed to make a similar one. */
interface Generated {
  readonly constructor: (new (options: object) => DatastoreV1Client) & { readonly port?: unknown }
  /** The options of the client. */
  readonly _opts: Readonly<Record<string, unknown>>
  readonly auth: object
}

/** The methods that an app may have replaced on the client. */
const CALLS = ['lookup', 'commit', 'runQuery', 'initialize']

/**
 * Returns a function that makes a similar client with its own connections. Returns `null` for anything but an
 * unmodified generated client, and for a client that uses HTTP/1.
 */
export function twinMaker(client: DatastoreV1Client): (() => DatastoreV1Client) | null {
  if (!isGenerated(client)) return null
  const { constructor: Client, _opts: options, auth } = client
  return () => new Client({ ...CHANNEL, ...options, auth, ...OWN })
}

function isGenerated(client: object): client is Generated {
  const { _opts: options, auth } = client as Partial<Generated>
  const methods: unknown = Object.getPrototypeOf(client)
  return (
    typeof options === 'object' &&
    options !== null &&
    !options['fallback'] &&
    typeof auth === 'object' &&
    typeof methods === 'object' &&
    methods !== null &&
    Object.hasOwn(methods.constructor, 'servicePath') &&
    CALLS.every((name) => Object.hasOwn(methods, name) && !Object.hasOwn(client, name))
  )
}
