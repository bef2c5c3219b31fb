import { wrongOption } from '../base/option-checks.ts'
import { passingTrouble, storeRefusal } from '../base/store-errors.ts'
import { loadFailure } from '../base/optional-import.ts'
import { createRequire } from 'node:module'
import { show } from '../base/duration.ts'
import { SessionConfigError, SessionStoreError } from '../base/errors.ts'
import { withoutQuotes } from '../google/quoting-errors.ts'
import { googleCloudSign } from '../google/platform.ts'

/** The package of the driver, also used in messages. */
const DRIVER = '@google-cloud/tasks'

/** A `CloudTasksClient` of `@google-cloud/tasks` 6 or 7, or an object that passes `createTask` on to one. */
export interface CloudTasksClient {
  /** Adds a task to a queue. */
  createTask(request: object, options?: object): Promise<unknown>
  /** Called before the first call, when it exists. */
  initialize?(): Promise<unknown>
  /** Called for the project when no option and no variable names it. */
  getProjectId?(): Promise<unknown>
  /** Called only on a client that this package made. */
  close?(): Promise<unknown>
}

/** The address of a local server. */
export interface TasksEmulator {
  readonly host: string
  readonly port: number
}

/** A client that is ready, with its project. */
export interface OpenTasksClient {
  readonly client: CloudTasksClient
  readonly projectId: string
  /** True when this package made it and must close it. */
  readonly owned: boolean
}

/** The settings that choose the client. */
export interface TasksClientSettings {
  readonly client: CloudTasksClient | null
  readonly emulator: TasksEmulator | null
  readonly projectId: string | null
}

/** Whether it has the one method that is called. */
export function isTasksClient(client: unknown): client is CloudTasksClient {
  return (
    typeof client === 'object' &&
    client !== null &&
    typeof (client as Record<string, unknown>)['createTask'] === 'function'
  )
}

/**
 * Returns the server that the environment names, or `null`. Throws on Google Cloud, where such a server would lose all
 * tasks.
 */
export function tasksEmulatorFrom(
  environment: Readonly<Record<string, string | undefined>>,
): TasksEmulator | null {
  const text = environment['CLOUD_TASKS_EMULATOR_HOST']
  if (text === undefined || text.trim() === '') return null
  const sign = googleCloudSign(environment)
  if (sign !== null) {
    throw new SessionConfigError(
      `CLOUD_TASKS_EMULATOR_HOST is set to ${show(text)} while ${sign} says that this is Google Cloud: unset it, or tasks are lost`,
    )
  }
  const match = /^(?:http:\/\/)?(?<host>\[[0-9a-f:.]+\]|[^\s:/@[\]]+):(?<port>\d{1,5})\/?$/i.exec(
    text.trim(),
  )
  const { host = '', port = '' } = match?.groups ?? {}
  if (match === null || Number(port) < 1 || Number(port) > 65535) {
    throw wrongOption(
      'CLOUD_TASKS_EMULATOR_HOST',
      'must be host:port, such as 127.0.0.1:8123',
      text,
    )
  }
  return { host, port: Number(port) }
}

/** The parts of the driver that are used here. */
interface Driver {
  readonly CloudTasksClient: new (options: object) => CloudTasksClient
}

/**
 * Prepares the client: loads the driver unless the app gave a client, checks credentials, finds the project. Every
 * failure is a `SessionStoreError` without effect.
 */
export async function openTasksClient(
  settings: TasksClientSettings,
  load: (() => Promise<unknown>) | null = null,
): Promise<OpenTasksClient> {
  const { client: given, projectId } = settings
  const client = given ?? makeClient(settings, await loadDriver(load))
  try {
    // Otherwise the generated client does so inside the first call, where an error, such as missing credentials, is an
    // unhandled rejection and ends the process.
    await client.initialize?.()
    return { client, projectId: projectId ?? (await projectOf(client)), owned: given === null }
  } catch (cause) {
    if (given === null) await client.close?.().catch(() => undefined)
    if (cause instanceof SessionStoreError) throw cause
    const told = withoutQuotes(cause)
    const why = told === cause ? '' : ` (${(told as Error).message})`
    throw passingTrouble(
      `the Cloud Tasks client has no credentials or no project${why}: run "gcloud auth application-default login" and set GOOGLE_CLOUD_PROJECT, or set CLOUD_TASKS_EMULATOR_HOST for local work`,
      told,
    )
  }
}

/** Loads the driver on first use: it takes about 300 ms, and an app without Cloud Tasks does not need it. */
async function loadDriver(load: (() => Promise<unknown>) | null): Promise<Driver> {
  let loaded: unknown
  try {
    // A literal import inside the try, so that a bundler finds it, and tolerates that it is not installed.
    loaded = load === null ? await import('@google-cloud/tasks') : await load()
  } catch (cause) {
    throw storeRefusal(loadFailure(DRIVER, 'cloudTasks()', cause), cause)
  }
  const driver = (loaded as { default?: Driver }).default ?? (loaded as Driver)
  if (typeof driver.CloudTasksClient !== 'function') {
    throw storeRefusal(`this ${DRIVER} has no CloudTasksClient: install version 6 or 7`)
  }
  return driver
}

function makeClient(settings: TasksClientSettings, driver: Driver): CloudTasksClient {
  const { emulator, projectId } = settings
  try {
    return new driver.CloudTasksClient({
      ...(projectId === null ? {} : { projectId }),
      ...(emulator === null ? {} : localOptions(emulator)),
      fallback: false,
    })
  } catch (cause) {
    throw storeRefusal('the Cloud Tasks client could not be made: look at the cause', cause)
  }
}

/** Returns options for a plain connection without credentials. */
function localOptions({ host, port }: TasksEmulator): object {
  // The driver does not export its grpc, and refuses the credentials of another copy. In an app that was bundled as
  // CommonJS, this module has no URL of its own; then the working directory is used.
  const here: unknown = import.meta.url
  const from = createRequire(typeof here === 'string' ? here : `${process.cwd()}/app.cjs`)
  const driver = createRequire(from.resolve(DRIVER))
  const { grpc } = driver('google-gax') as {
    grpc: { credentials: { createInsecure(): unknown } }
  }
  return {
    apiEndpoint: host,
    port,
    sslCreds: grpc.credentials.createInsecure(),
    // Set, because google-auth-library would otherwise ask a metadata server, and warn when there is none.
    universeDomain: 'googleapis.com',
    clientOptions: { universeDomain: 'googleapis.com' },
    // A proxy is not used for connections to this machine.
    'grpc.enable_http_proxy': 0,
  }
}

async function projectOf(client: CloudTasksClient): Promise<string> {
  const found = await client.getProjectId?.()
  if (typeof found === 'string' && found !== '') return found
  throw storeRefusal('no project is known: set projectId of cloudTasks(), or GOOGLE_CLOUD_PROJECT')
}
