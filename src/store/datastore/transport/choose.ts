import type { Environment } from '../../../google/platform.ts'
import { isNotInstalled } from '../../../base/optional-import.ts'
import { SessionStoreError } from '../../../base/errors.ts'
import { storeRefusal } from '../../../base/store-errors.ts'
import type { DatastoreV1Client } from '../given-client.ts'
import { DRIVER, driverMaker, type NewClientSettings } from '../new-client.ts'
import { certificateVariable, GRPC, type GrpcLoaders, grpcMaker } from './make-grpc-client.ts'

/** The transport of calls to Datastore; see the option `transport` of `datastoreStore()`. */
export type TransportChoice = 'auto' | 'grpc' | 'client'

/** The transport that the store uses for calls to Datastore. */
export interface TransportInUse {
  /** The name of the package, or `client` for a client that the app gave. */
  readonly name: string
  /** The version of the package; `null` if it cannot be found, for example in an app that is bundled into one file. */
  readonly version: string | null
}

export interface TransportSettings extends NewClientSettings {
  readonly transport: TransportChoice
  readonly environment: Environment
}

/** Functions that replace the import of a package; for tests. */
export interface Loaders extends GrpcLoaders {
  readonly driver?: () => Promise<unknown>
}

/** Makes clients, each with its own connections. */
export interface ClientMaker {
  readonly used: TransportInUse
  make(): DatastoreV1Client
}

/**
 * Loads the transport. By default this is @grpc/grpc-js. Google's client is used if that package is not installed, or
 * if only Google's client supports the given settings.
 */
export async function chooseTransport(
  settings: TransportSettings,
  loaders: Loaders,
): Promise<ClientMaker> {
  const { transport, datastore } = settings
  const certificate = certificateVariable(settings)
  if (transport === 'grpc') {
    if (certificate === null) return await overGrpc(settings, loaders)
    throw storeRefusal(
      `${certificate} asks for a client certificate, which transport: 'grpc' of datastoreStore() does not have: unset it, or set transport to 'auto' and run "npm install ${DRIVER}"`,
    )
  }
  if (transport === 'client' || datastore !== null || certificate !== null) {
    return await byDriver(settings, loaders)
  }
  let problem: unknown
  try {
    return await overGrpc(settings, loaders)
  } catch (cause) {
    problem = cause
  }
  try {
    return await byDriver(settings, loaders)
  } catch (cause) {
    if (isMissing(problem) && isMissing(cause)) {
      throw storeRefusal(
        `datastoreStore() needs ${GRPC} and google-auth-library, or ${DRIVER}: run "npm install ${GRPC} google-auth-library"`,
        problem,
      )
    }
    // The error of a broken package is more useful than that of a missing one.
    throw isMissing(problem) ? cause : problem
  }
}

async function overGrpc(settings: TransportSettings, loaders: Loaders): Promise<ClientMaker> {
  const { version, make } = await grpcMaker(settings, loaders)
  return { used: { name: GRPC, version }, make }
}

async function byDriver(settings: TransportSettings, { driver }: Loaders): Promise<ClientMaker> {
  const { version, make } = await driverMaker(settings, driver ?? null)
  return { used: { name: DRIVER, version }, make }
}

function isMissing(problem: unknown): boolean {
  return problem instanceof SessionStoreError && isNotInstalled(problem.cause)
}
