import { wrongOption } from '../base/option-checks.ts'
import { passingTrouble, storeRefusal } from '../base/store-errors.ts'
import { loadFailure } from '../base/optional-import.ts'
import { createRequire } from 'node:module'
import { show } from '../base/duration.ts'
import { SessionConfigError, SessionStoreError } from '../base/errors.ts'
import { withoutQuotes } from '../google/quoting-errors.ts'
import { googleCloudSign } from '../google/platform.ts'

/** Where the driver is installed from, and what messages call it. */
const DRIVER = '@google-cloud/tasks'

/** A `CloudTasksClient` of `@google-cloud/tasks` 6 or 7, or anything that passes `createTask` on to one. */
export interface CloudTasksClient {
  /** Adds a task to a queue. */
  createTask(request: object, options?: object): Promise<unknown>
  /** Called before the first call, when it is there. */
  initialize?(): Promise<unknown>
  /** Asked for the project when nothing else names it. */
  getProjectId?(): Promise<unknown>
  /** Called only on a client that was made here. */
  close?(): Promise<unknown>
}

/** Where a local server listens. */
export interface TasksEmulator {
  readonly host: string
  readonly port: number
}

/** A client that is ready, and whose it is. */
export interface OpenTasksClient {
  readonly client: CloudTasksClient
  readonly projectId: string
  /** True when it was made here, and has to be closed. */
  readonly owned: boolean
}

/** What decides which client is used. */
export interface TasksClientSettings {
  readonly client: CloudTasksClient | null
  readonly emulator: TasksEmulator | null
  readonly projectId: string | null
}

/** Whether it takes the one call that is made. */
export function isTasksClient(client: unknown): client is CloudTasksClient {
  return (
    typeof client === 'object' &&
    client !== null &&
    typeof (client as Record<string, unknown>)['createTask'] === 'function'
  )
}

/** The server that the environment names, or `null`; one in production is a mistake that would lose all tasks. */
export function tasksEmulatorFrom(
  environment: Readonly<Record<string, string | undefined>>,
): TasksEmulator | null {
  const text = environment['CLOUD_TASKS_EMULATOR_HOST']
  if (text === undefined || text.trim() === '') return null
  const sign = googleCloudSign(environment)
  if (sign !== null) {
    throw new SessionConfigError(
      `CLOUD_TASKS_EMULATOR_HOST is set to ${show(text)} while ${sign} says that this is Google Cloud: unset it, or tasks go nowhere`,
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

/** The parts of the driver that are used. */
interface Driver {
  readonly CloudTasksClient: new (options: object) => CloudTasksClient
}

/**
 * Makes the client ready: loads the driver unless the app gave a client, checks credentials, finds the project.
 * Every failure is a `SessionStoreError` without effect.
 */
export async function openTasksClient(
  settings: TasksClientSettings,
  load: (() => Promise<unknown>) | null = null,
): Promise<OpenTasksClient> {
  const { client: given, projectId } = settings
  const client = given ?? makeClient(settings, await loadDriver(load))
  try {
    // Otherwise the generated client does so inside the first call, where a failure, such as missing
    // credentials, is thrown into the void and ends the process.
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

/** Loads the driver on first use: it takes some 300 ms, and an app without Cloud Tasks need not have it. */
async function loadDriver(load: (() => Promise<unknown>) | null): Promise<Driver> {
  let loaded: unknown
  try {
    // Written out and inside the try, so that a bundler finds it, and does without it where it is not installed.
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

/** A plain connection without credentials. */
function localOptions({ host, port }: TasksEmulator): object {
  // The driver does not hand its grpc out, and refuses the credentials of another copy.
  // An app that was bundled as CommonJS has no address of its own here: there, from where it runs.
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
    // Named, because google-auth-library looks for it on a metadata server, and warns when there is none.
    universeDomain: 'googleapis.com',
    clientOptions: { universeDomain: 'googleapis.com' },
    // A proxy has no say in what is on this machine.
    'grpc.enable_http_proxy': 0,
  }
}

async function projectOf(client: CloudTasksClient): Promise<string> {
  const found = await client.getProjectId?.()
  if (typeof found === 'string' && found !== '') return found
  throw storeRefusal('no project is known: set projectId of cloudTasks(), or GOOGLE_CLOUD_PROJECT')
}
