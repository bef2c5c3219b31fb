import { SessionStoreError } from '../../base/errors.ts'
import { passingTrouble, storeRefusal } from '../../base/store-errors.ts'
import { isFileName, withoutQuotes } from '../../google/quoting-errors.ts'
import type { Environment } from '../../google/platform.ts'
import type { EmulatorAddress } from './emulator-address.ts'
import {
  type DatastoreInstance,
  type DatastoreV1Client,
  isDatastore,
  isV1Client,
  textIn,
} from './given-client.ts'
import { EMULATOR_PROJECT, twinMaker } from './new-client.ts'
import { CREDENTIALS } from './set-up-errors.ts'
import {
  chooseTransport,
  type Loaders,
  type TransportChoice,
  type TransportInUse,
} from './transport/choose.ts'

/** A client that is ready for calls. */
export interface OpenClient {
  readonly client: DatastoreV1Client
  readonly projectId: string
  /** The origin of the project id: a variable, an option, or the credentials. */
  readonly projectFrom: string
  /** The address of calls, for messages. */
  readonly address: string
  /** The transport of calls. */
  readonly transport: TransportInUse
  /** True if the store made the client and must close it. */
  readonly owned: boolean
  /** Makes a similar client with new connections; `null` if this client cannot be replaced. */
  readonly another: (() => Promise<OpenClient>) | null
}

/** Settings that decide which client is used. */
export interface ClientSettings {
  readonly projectId: string | null
  readonly client: DatastoreV1Client | DatastoreInstance | null
  readonly emulator: EmulatorAddress | null
  readonly environment: Environment
  /** Default `'auto'`. */
  readonly transport?: TransportChoice
}

/** The transport of a client that the app gave. */
const GIVEN: TransportInUse = { name: 'client', version: null }

/**
 * Makes the client ready: loads the driver unless the app gave a client, checks credentials, and finds the project.
 * Each failure is a `SessionStoreError` without effect.
 */
export async function openClient(
  settings: ClientSettings,
  loaders: Loaders = {},
): Promise<OpenClient> {
  const { client: given, transport = 'auto' } = settings
  if (isV1Client(given)) {
    const twin = twinMaker(given)
    const another = twin && (() => makeReady(settings, twin(), GIVEN, another))
    return await makeReady(settings, given, GIVEN, another, false)
  }
  // The search for credentials also searches the project, by gcloud and by the metadata server, unless it is given
  // here.
  const projectId = namedProject(settings)?.projectId ?? null
  const { make, used } = await chooseTransport(
    { ...settings, projectId, datastore: given, transport },
    loaders,
  )
  const another = (): Promise<OpenClient> => makeReady(settings, make(), used, another)
  return await another()
}

async function makeReady(
  settings: ClientSettings,
  client: DatastoreV1Client,
  transport: TransportInUse,
  another: OpenClient['another'],
  owned = true,
): Promise<OpenClient> {
  try {
    // Otherwise the generated client initializes itself inside the first call. A failure there, such as missing
    // credentials, is an unhandled rejection and ends the process.
    await client.initialize?.()
    const project = await projectOf(settings, client)
    return { client, ...project, address: addressOf(client), transport, owned, another }
  } catch (cause) {
    if (owned) await client.close?.().catch(() => undefined)
    if (cause instanceof SessionStoreError) throw cause
    const told = withoutQuotes(cause)
    throw passingTrouble(credentialsProblem(settings, told), told)
  }
}

function credentialsProblem({ environment }: ClientSettings, cause: unknown): string {
  const file = environment['GOOGLE_APPLICATION_CREDENTIALS']
  const [reason = ''] = (cause instanceof Error ? cause.message : '').split('\n')
  if (file && !isFileName(file)) {
    return 'the Datastore client has no credentials: GOOGLE_APPLICATION_CREDENTIALS does not name a file: set it to the path of a file, not to its content'
  }
  if (file) {
    return `the Datastore client has no credentials or no project: GOOGLE_APPLICATION_CREDENTIALS names ${file}, and "${reason}": correct or unset the variable, and set GOOGLE_CLOUD_PROJECT`
  }
  return 'the Datastore client has no credentials or no project: run "gcloud auth application-default login" and set GOOGLE_CLOUD_PROJECT, or set DATASTORE_EMULATOR_HOST for local work'
}

/** The variables that name a project, in order of precedence. */
const PROJECT_VARIABLES = ['DATASTORE_PROJECT_ID', 'GOOGLE_CLOUD_PROJECT', 'GCLOUD_PROJECT']

type NamedProject = Pick<OpenClient, 'projectId' | 'projectFrom'>

/** Returns the project that options or the environment name, or `null`. */
function namedProject({
  projectId,
  client: given,
  environment,
}: ClientSettings): NamedProject | null {
  if (projectId !== null) return { projectId, projectFrom: 'projectId of datastoreStore()' }
  const own = given !== null && isDatastore(given) ? textIn(given.options, 'projectId') : null
  if (own !== null) {
    return { projectId: own, projectFrom: 'projectId of the Datastore given as client' }
  }
  for (const name of PROJECT_VARIABLES) {
    const named = environment[name]
    if (named) return { projectId: named, projectFrom: name }
  }
  return null
}

async function projectOf(
  settings: ClientSettings,
  client: DatastoreV1Client,
): Promise<NamedProject> {
  const named = namedProject(settings)
  if (named !== null) return named
  if (settings.emulator !== null) {
    return { projectId: EMULATOR_PROJECT, projectFrom: 'the default' }
  }
  const found = await client.getProjectId?.()
  if (typeof found === 'string' && found !== '') {
    return { projectId: found, projectFrom: CREDENTIALS }
  }
  throw storeRefusal(
    'no project is known: set projectId of datastoreStore(), or GOOGLE_CLOUD_PROJECT',
  )
}

/**
 * Returns the address of the client. The generated client keeps its options, but its own `apiEndpoint` ignores them.
 */
function addressOf(client: DatastoreV1Client): string {
  const { _opts: options } = client as { _opts?: unknown }
  const given =
    typeof options === 'object' && options !== null
      ? (textIn(options, 'apiEndpoint') ?? textIn(options, 'servicePath'))
      : null
  return given ?? textIn(client, 'apiEndpoint') ?? 'the endpoint of the client'
}
