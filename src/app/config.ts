/** Where the sessions are. */
export type StoreName = 'memory' | 'emulator' | 'datastore'

/** What the environment says about this process. */
export interface AppConfig {
  readonly port: number
  /** The address to listen on; `undefined` is all of them. */
  readonly host: string | undefined
  readonly storeName: StoreName
  /** What the session cookie is signed with, newest first; none leaves it unsigned. */
  readonly secrets: readonly string[]
  /** Whether a front end of Google ends TLS before us and tells so in X-Forwarded-Proto. */
  readonly behindProxy: boolean
}

type Environment = Readonly<Record<string, string | undefined>>

/** A variable that can not work; the message says which, and what it takes. */
export class EnvironmentError extends Error {
  override name = 'EnvironmentError'
}

/** Reads the configuration. Throws `EnvironmentError` rather than guess. */
export function configFrom(environment: Environment): AppConfig {
  const onGoogle = Boolean(environment['GAE_ENV'] || environment['K_SERVICE'])
  return {
    port: portFrom(environment['PORT']),
    // What works on a desk must not be open to the network the desk stands in.
    host: onGoogle ? undefined : '127.0.0.1',
    storeName: storeFrom(environment, onGoogle),
    secrets: secretsFrom(environment['SESSION_COOKIE_SECRETS']),
    behindProxy: onGoogle,
  }
}

function secretsFrom(text: string | undefined): readonly string[] {
  const secrets = (text ?? '')
    .split(',')
    .map((secret) => secret.trim())
    .filter((secret) => secret !== '')
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
  if (wanted !== undefined && wanted !== 'memory' && wanted !== 'datastore') {
    throw new EnvironmentError(`SESSION_STORE must be "memory" or "datastore", but is "${wanted}"`)
  }
  if (wanted === 'memory' || !(wanted || emulated || onGoogle)) return 'memory'
  return emulated ? 'emulator' : 'datastore'
}
