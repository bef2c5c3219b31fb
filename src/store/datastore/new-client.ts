import { loadFailure } from '../../base/optional-import.ts'
import { type EmulatorAddress, isLoopback, readAddress } from './emulator-address.ts'
import { storeRefusal } from '../../base/store-errors.ts'
import { CHANNEL, DIRECT, KEEPALIVE, OWN } from './transport/channel-options.ts'
import { versionOf } from './transport/packages.ts'
import { type DatastoreInstance, type DatastoreV1Client, textIn } from './given-client.ts'

/** Where the driver is installed from, and what messages call it. */
export const DRIVER = '@google-cloud/datastore'

/** The project of an emulator that nobody named one for; any name does, if all processes use the same. */
export const EMULATOR_PROJECT = 'viur-session-local'

/** What decides what client is made. */
export interface NewClientSettings {
  readonly projectId: string | null
  /** A `Datastore` whose options and credentials serve for it. */
  readonly datastore: DatastoreInstance | null
  readonly emulator: EmulatorAddress | null
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

/** Makes clients of Google, each with connections of its own. Loads the driver. */
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

/** What a `Datastore` of the app would use itself, where it would come through. */
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
  // Channel credentials that are ready need no others: those would only be asked for a universe, on the metadata server.
  if (sslCreds !== null) {
    const way = isPlain(sslCreds) ? DIRECT : KEEPALIVE
    return { ...CHANNEL, ...way, ...options, ...withoutLookingForCredentials(options), ...OWN }
  }
  // To Google Cloud, perhaps by the proxy of a company: there the environment has its say.
  return { ...CHANNEL, ...KEEPALIVE, ...options, auth, ...OWN }
}

/** A plain connection to this address without credentials, whatever the driver reads in it. */
function local({ host, port }: EmulatorAddress, options: object, driver: Driver): object {
  // The channel credentials of grpc are not among the driver's exports, but it makes them for a local endpoint. This one
  // is not our endpoint, so that the driver's reading of addresses does not matter.
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

/** Whether channel credentials say that the connection is not encrypted, as only emulators have it. */
function isPlain(credentials: unknown): boolean {
  const { _isSecure: isSecure } = credentials as { _isSecure?: unknown }
  return typeof isSecure === 'function' && isSecure.call(credentials) === false
}

/** Names the universe, because google-auth-library looks for it on a metadata server, and warns when there is none. */
function withoutLookingForCredentials(options: object): object {
  const universeDomain = textIn(options, 'universeDomain') ?? 'googleapis.com'
  return { universeDomain, clientOptions: { universeDomain } }
}

/** A generated client, as far as another one like it can be made. */
interface Generated {
  readonly constructor: (new (options: object) => DatastoreV1Client) & { readonly port?: unknown }
  /** What it was made with. */
  readonly _opts: Readonly<Record<string, unknown>>
  readonly auth: object
}

/** The calls that somebody may have put something of their own before. */
const CALLS = ['lookup', 'commit', 'runQuery', 'initialize']

/**
 * Makes another client like this one, with connections of its own; `null` where nobody can know what it would take: for
 * anything but a generated client as it comes, and for one that speaks HTTP/1.
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
