import { googleCloudSign, isAppEngineStandard, isCloudRunService } from '../google/platform.ts'

/** The kind of store that keeps the sessions. */
export type StoreName = 'memory' | 'sqlite' | 'emulator' | 'datastore'

/** Callers that the routes under /_sessions accept; `none`: the routes are not mounted. */
export type SweepCaller =
  | { readonly kind: 'app-engine' | 'local' | 'none' }
  | {
      readonly kind: 'oidc'
      readonly audience: string
      readonly serviceAccounts: readonly string[]
    }

/** People who may open the console; `none`: the console is closed. */
export type ConsoleAccess =
  | { readonly kind: 'local' | 'none' }
  | { readonly kind: 'iap'; readonly audience: string; readonly users: readonly string[] }

/** The queue for the steps of a sweep; `process`: no queue, the sweep runs inside the call. */
export type SweepQueue =
  | { readonly kind: 'process' | 'app-engine' }
  /** A local Cloud Tasks server, at this address. */
  | { readonly kind: 'server'; readonly host: string }
  | {
      readonly kind: 'http'
      readonly url: string
      readonly serviceAccountEmail: string
      readonly audience: string
    }

/** The configuration of this process, from its environment. */
export interface AppConfig {
  readonly port: number
  /** The address to listen on; `undefined` is all of them. */
  readonly host: string | undefined
  readonly storeName: StoreName
  /** The SQLite file of the sessions; `null` with another store. */
  readonly sqliteFile: string | null
  /** Secrets that sign the session cookie, newest first. An empty list leaves the cookie unsigned. */
  readonly secrets: readonly string[]
  /** Whether a front end of Google ends TLS and sets X-Forwarded-Proto. */
  readonly behindProxy: boolean
  readonly caller: SweepCaller
  readonly queue: SweepQueue
  readonly access: ConsoleAccess
}

type Environment = Readonly<Record<string, string | undefined>>

/** A variable has a value that cannot work. The message names the variable and the values that it takes. */
export class EnvironmentError extends Error {
  override name = 'EnvironmentError'
}

/** Reads the configuration. Throws `EnvironmentError` for a value that cannot work. */
export function configFrom(environment: Environment): AppConfig {
  const onGoogle = googleCloudSign(environment) !== null
  // Only these two have a front end of Google. Other signs, such as FUNCTION_TARGET, may be set on a developer's machine.
  const isServed = isAppEngineStandard(environment) || isCloudRunService(environment)
  const caller = callerFrom(environment, onGoogle)
  const storeName = storeFrom(environment, onGoogle)
  return {
    port: portFrom(environment['PORT']),
    // On a developer's machine, the app must not be open to the network.
    host: isServed ? undefined : '127.0.0.1',
    storeName,
    sqliteFile: sqliteFileFrom(environment, storeName),
    secrets: secretsFrom(environment['SESSION_COOKIE_SECRETS']),
    behindProxy: isServed,
    caller,
    queue: queueFrom(environment, caller),
    access: accessFrom(environment, onGoogle),
  }
}

function callerFrom(environment: Environment, onGoogle: boolean): SweepCaller {
  const audience = environment['SWEEP_AUDIENCE'] || null
  const serviceAccounts = listFrom(environment['SWEEP_SERVICE_ACCOUNTS'])
  if (environment['GAE_ENV']) {
    if (audience === null && serviceAccounts.length === 0) return { kind: 'app-engine' }
    throw new EnvironmentError(
      'SWEEP_AUDIENCE and SWEEP_SERVICE_ACCOUNTS are for Cloud Run: unset them, App Engine knows its cron and queues by their headers',
    )
  }
  if (audience !== null && serviceAccounts.length > 0)
    return { kind: 'oidc', audience, serviceAccounts }
  if (audience !== null || serviceAccounts.length > 0) {
    throw new EnvironmentError(
      `${audience === null ? 'SWEEP_AUDIENCE' : 'SWEEP_SERVICE_ACCOUNTS'} is missing: set it as well, or neither it nor ${audience === null ? 'SWEEP_SERVICE_ACCOUNTS' : 'SWEEP_AUDIENCE'}; the one is the audience of the ID tokens, the other the e-mail addresses of those who may call, separated by commas`,
    )
  }
  return { kind: onGoogle ? 'none' : 'local' }
}

/** Identity-Aware Proxy where it is set up; else a developer at this machine, and nobody in production. */
function accessFrom(environment: Environment, onGoogle: boolean): ConsoleAccess {
  const audience = environment['CONSOLE_AUDIENCE'] || null
  const users = listFrom(environment['CONSOLE_USERS'])
  if (audience === null && users.length === 0) {
    const isProduction = onGoogle || environment['NODE_ENV'] === 'production'
    return { kind: isProduction ? 'none' : 'local' }
  }
  if (!audience?.startsWith('/projects/')) {
    throw new EnvironmentError(
      'CONSOLE_AUDIENCE must be the audience of Identity-Aware Proxy, such as /projects/123456789/apps/my-project, with CONSOLE_USERS',
    )
  }
  if (users.length === 0 || !users.every((user) => user.includes('@'))) {
    throw new EnvironmentError(
      'CONSOLE_USERS must be the e-mail addresses of the operators, separated by commas, with CONSOLE_AUDIENCE',
    )
  }
  return { kind: 'iap', audience, users }
}

function queueFrom(environment: Environment, caller: SweepCaller): SweepQueue {
  const host = environment['CLOUD_TASKS_EMULATOR_HOST'] || null
  const target = environment['CLOUD_TASKS_TARGET'] || null
  const account = environment['CLOUD_TASKS_SERVICE_ACCOUNT'] || null
  const located = LOCATIONS.some((name) => environment[name])
  if (caller.kind === 'app-engine') {
    requireLocation(located)
    return { kind: 'app-engine' }
  }
  if (host !== null) {
    requireLocation(located)
    return { kind: 'server', host }
  }
  if (target === null && account === null) return { kind: 'process' }
  if (target === null || account === null) {
    throw new EnvironmentError(
      `${target === null ? 'CLOUD_TASKS_TARGET' : 'CLOUD_TASKS_SERVICE_ACCOUNT'} is missing: Cloud Tasks needs the base URL of this app, such as https://web.example.com, and the e-mail address of the service account whose ID token it sends`,
    )
  }
  if (caller.kind !== 'oidc' || !caller.serviceAccounts.includes(account)) {
    throw new EnvironmentError(
      'CLOUD_TASKS_SERVICE_ACCOUNT must be one of SWEEP_SERVICE_ACCOUNTS, with SWEEP_AUDIENCE set, or the tasks that come back would be refused',
    )
  }
  requireLocation(located)
  const { audience } = caller
  return { kind: 'http', url: taskUrl(target), serviceAccountEmail: account, audience }
}

/** Each of them can name the region of the queue. `cloudTasks()` reads them itself. */
const LOCATIONS = ['CLOUD_TASKS_LOCATION', 'GOOGLE_CLOUD_LOCATION', 'GOOGLE_CLOUD_REGION'] as const

function requireLocation(located: boolean): void {
  if (located) return
  throw new EnvironmentError(
    'CLOUD_TASKS_LOCATION is missing: set it to the region of the queue session-sweep, such as europe-west1',
  )
}

function taskUrl(base: string): string {
  const url = URL.canParse(base) ? new URL(base) : null
  if (url?.protocol === 'https:' && url.href === `${url.origin}/`)
    return `${url.origin}/_sessions/task`
  throw new EnvironmentError(
    `CLOUD_TASKS_TARGET must be the base URL of this app, such as https://web.example.com, but is "${base}"`,
  )
}

function listFrom(text: string | undefined): readonly string[] {
  return (text ?? '')
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '')
}

function secretsFrom(text: string | undefined): readonly string[] {
  const secrets = listFrom(text)
  if (secrets.every((secret) => Buffer.byteLength(secret) >= 32)) return secrets
  throw new EnvironmentError(
    'SESSION_COOKIE_SECRETS must be texts of at least 32 bytes, separated by commas: "openssl rand -base64 48" makes one',
  )
}

function portFrom(text: string | undefined): number {
  if (text === undefined || text === '') return 8080
  const port = /^\d{1,5}$/.test(text) ? Number(text) : Number.NaN
  if (port <= 65_535) return port
  throw new EnvironmentError(`PORT must be a number from 0 to 65535, but is "${text}"`)
}

function storeFrom(environment: Environment, onGoogle: boolean): StoreName {
  const wanted = environment['SESSION_STORE'] || undefined
  const emulated = Boolean(environment['DATASTORE_EMULATOR_HOST'])
  if (wanted !== undefined && !['memory', 'sqlite', 'datastore'].includes(wanted)) {
    throw new EnvironmentError(
      `SESSION_STORE must be "memory", "sqlite" or "datastore", but is "${wanted}"`,
    )
  }
  if (wanted === 'sqlite') {
    if (!onGoogle) return 'sqlite'
    throw new EnvironmentError(
      'SESSION_STORE=sqlite is for one machine: what an instance writes on Google Cloud is its own, and gone with it; unset SESSION_STORE',
    )
  }
  if (wanted === 'memory' || !(wanted || emulated || onGoogle)) return 'memory'
  return emulated ? 'emulator' : 'datastore'
}

/** The default of SESSION_FILE. */
const SQLITE_FILE = 'sessions.db'

function sqliteFileFrom(environment: Environment, storeName: StoreName): string | null {
  const file = environment['SESSION_FILE'] || null
  if (storeName === 'sqlite') return file ?? SQLITE_FILE
  if (file === null) return null
  throw new EnvironmentError('SESSION_FILE is for SESSION_STORE=sqlite: set both, or none')
}
