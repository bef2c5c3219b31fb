import { isNotInstalled } from '../../../base/optional-import.ts'
import { SessionStoreError } from '../../../base/errors.ts'
import { storeRefusal } from '../../../base/store-errors.ts'
import type { DatastoreV1Client } from '../given-client.ts'
import { DRIVER, driverMaker, type NewClientSettings } from '../new-client.ts'
import { certificateVariable, GRPC, type GrpcLoaders, grpcMaker } from './make-grpc-client.ts'

/** By what the store speaks to Datastore; see the option `transport` of `datastoreStore()`. */
export type TransportChoice = 'auto' | 'grpc' | 'client'

/** By what the store speaks to Datastore, as found. */
export interface TransportInUse {
  /** The package, or `client` for a client of the app that is used as it is. */
  readonly name: string
  /** The version of the package; `null` where it is not to be found, as in an app that is one file. */
  readonly version: string | null
}

export interface TransportSettings extends NewClientSettings {
  readonly transport: TransportChoice
  readonly environment: Readonly<Record<string, string | undefined>>
}

/** What loads a package in place of its import; for tests. */
export interface Loaders extends GrpcLoaders {
  readonly driver?: () => Promise<unknown>
}

/** Makes clients that each have connections of their own. */
export interface ClientMaker {
  readonly used: TransportInUse
  make(): DatastoreV1Client
}

/**
 * Loads what the calls go out by. Where nothing else is asked for, that is @grpc/grpc-js, and Google's client where that is
 * not to be had, or where only it can do what is asked of it.
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
    // What is there and broken is of more interest than what is not there.
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
