import { loadFailure } from '../../../base/optional-import.ts'
import { storeRefusal } from '../../../base/store-errors.ts'
import type { Environment } from '../../../google/platform.ts'
import type { EmulatorAddress } from '../emulator-address.ts'
import { ANY_SIZE, CHANNEL, DIRECT, KEEPALIVE, OWN } from './channel-options.ts'
import { type GoogleCredentials, googleCredentials } from './google-credentials.ts'
import { type Grpc, GrpcClient } from './grpc-client.ts'
import { versionOf } from './packages.ts'

/** The package name of the gRPC library, also for messages. */
export const GRPC = '@grpc/grpc-js'

/** The first version whose channels behave as the store needs. */
const FIRST = [1, 12] as const

export interface GrpcMakerSettings {
  /** The project; `null`: the credentials name it. */
  readonly projectId: string | null
  readonly emulator: EmulatorAddress | null
  readonly environment: Environment
}

/** Functions that replace the import of a package; for tests. */
export interface GrpcLoaders {
  readonly grpc?: () => Promise<unknown>
  readonly auth?: () => Promise<unknown>
}

/** Makes clients, each with its own connections and with shared credentials. */
export interface GrpcMaker {
  readonly version: string | null
  make(): GrpcClient
}

/** Loads the packages for gRPC. Throws a `SessionStoreError` that names the packages to install. */
export async function grpcMaker(
  { projectId, emulator, environment }: GrpcMakerSettings,
  { grpc: load = null, auth = null }: Partial<Nullable<GrpcLoaders>>,
): Promise<GrpcMaker> {
  const grpc = await loadGrpc(load)
  const version = versionOf(GRPC)
  checkVersion(version)
  const universe = environment['GOOGLE_CLOUD_UNIVERSE_DOMAIN'] || 'googleapis.com'
  let credentials: GoogleCredentials | null = null
  if (emulator === null) credentials = await googleCredentials({ universe, projectId }, auth)
  const own = versionOf('viur-session') ?? '0'
  const common = {
    grpc,
    credentials,
    headers: {
      'x-goog-api-client': `gl-node/${process.versions.node} grpc/${version ?? '0'} gccl/${own}`,
    },
  }
  const options = {
    ...ANY_SIZE,
    ...CHANNEL,
    ...OWN,
    'grpc.primary_user_agent': `viur-session/${own}`,
  }
  return {
    version,
    make: () =>
      emulator === null
        ? new GrpcClient({
            ...common,
            address: `datastore.${universe}:443`,
            channelCredentials: grpc.credentials.createSsl(),
            channelOptions: { ...options, ...KEEPALIVE },
          })
        : new GrpcClient({
            ...common,
            address: `${emulator.host}:${emulator.port}`,
            channelCredentials: grpc.credentials.createInsecure(),
            channelOptions: { ...options, ...DIRECT },
          }),
  }
}

/**
 * Returns the variable that requires a client certificate, or `null`. Google's client gets the certificate from a
 * program of the company; the store has no code for this and uses Google's client then.
 */
export function certificateVariable({
  environment,
}: Pick<GrpcMakerSettings, 'environment'>): string | null {
  if (environment['GOOGLE_API_USE_CLIENT_CERTIFICATE'] === 'true') {
    return 'GOOGLE_API_USE_CLIENT_CERTIFICATE'
  }
  return environment['GOOGLE_API_USE_MTLS_ENDPOINT'] === 'always'
    ? 'GOOGLE_API_USE_MTLS_ENDPOINT'
    : null
}

type Nullable<Type> = { readonly [Name in keyof Type]: Type[Name] | null }

async function loadGrpc(load: (() => Promise<unknown>) | null): Promise<Grpc> {
  let loaded: unknown
  try {
    // A literal `import()` inside the `try`: bundlers find it, and accept that the package may not be installed.
    loaded = load === null ? await import('@grpc/grpc-js') : await load()
  } catch (cause) {
    throw storeRefusal(loadFailure(GRPC, 'datastoreStore()', cause), cause)
  }
  return (loaded as { default?: Grpc }).default ?? (loaded as Grpc)
}

function checkVersion(version: string | null): void {
  const [major = 0, minor = 0] = (version ?? '').split('.').map(Number)
  if (version === null || major > FIRST[0] || (major === FIRST[0] && minor >= FIRST[1])) return
  throw storeRefusal(
    `${GRPC} has version ${version}, but datastoreStore() needs ${FIRST.join('.')} or newer: run "npm install ${GRPC}"`,
  )
}
