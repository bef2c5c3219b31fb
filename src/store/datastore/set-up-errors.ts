import {
  DEADLINE_EXCEEDED,
  FAILED_PRECONDITION,
  INVALID_ARGUMENT,
  NOT_FOUND,
  PERMISSION_DENIED,
  UNAUTHENTICATED,
  UNAVAILABLE,
  UNIMPLEMENTED,
} from '../../google/grpc-errors.ts'
import type { CallTarget } from './call-target.ts'

/** The words for an unknown target. */
const NOWHERE: CallTarget = {
  address: 'the endpoint of the client',
  isEmulator: false,
  projectId: '',
  projectFrom: 'GOOGLE_CLOUD_PROJECT or projectId of datastoreStore()',
  databaseId: '',
}

/** The origin of a project that only the credentials name. */
export const CREDENTIALS = 'the credentials'

/**
 * Returns the fault of the set-up that caused a failure, and the command that repairs it; `null` if the failure has
 * another reason. `said`: all texts of the failure from the server or the driver.
 */
export function setUpProblem(code: number, said: string, target: CallTarget | null): string | null {
  if (target?.isEmulator === true) return emulatorProblem(code, said, target)
  return (
    accountProblem(code, said, target ?? NOWHERE) ?? databaseProblem(code, said, target ?? NOWHERE)
  )
}

/** Returns the advice for a call that was not answered in time. */
export function silenceProblem(target: CallTarget): string {
  const { isReplaceable = true } = target
  return isReplaceable ? silentServer(target) : `${silentServer(target)}; ${NO_OTHER}`
}

/** The advice if the connection may be at fault, and not the server behind it. */
const NO_OTHER =
  'if its connection has died, the store cannot make another one, since "client" of datastoreStore() is neither a Datastore nor an unmodified v1.DatastoreClient: give one of these, or restart the process'

function silentServer(target: CallTarget): string {
  if (!target.isEmulator) return unreachable(target)
  return `the server at ${emulatorAt(target)}, does not answer: look at its log, stop it and ${startIt(target)}, or unset the variable`
}

/** Returns the advice if Google Cloud cannot be reached. */
export function unreachable({ address }: CallTarget): string {
  return `${address} does not answer: check that this machine may reach it ("curl -sS https://${hostOf(address)}"; firewall, VPC, https_proxy), look at the status of Google Cloud, or raise deadline of datastoreStore()`
}

function emulatorAt({ address }: CallTarget): string {
  return `${address}, where DATASTORE_EMULATOR_HOST says that the emulator is`
}

function emulatorProblem(code: number, said: string, target: CallTarget): string | null {
  const where = emulatorAt(target)
  if (/name resolution failed|ENOTFOUND|EAI_AGAIN/i.test(said)) {
    return `the host name of ${where}, cannot be resolved: correct the variable, or unset it`
  }
  // A server without gRPC answers with plain HTTP, for which the driver returns one of several codes.
  if (/HTTP status code|Protocol error|ERR_HTTP2|Parse Error|Expected HTTP\/2/i.test(said)) {
    return `the server at ${where}, is not a Datastore emulator: correct the variable, or ${startIt(target)}`
  }
  if (code === UNIMPLEMENTED) {
    return `the server at ${where}, does not know the calls of Datastore: start a Firestore emulator with --database-mode=datastore-mode, or ${startIt(target)}`
  }
  if (code === UNAVAILABLE) {
    return `nothing answers at ${where}: ${startIt(target)}, or unset the variable`
  }
  if (code === DEADLINE_EXCEEDED) return silenceProblem(target)
  if (code === UNAUTHENTICATED || code === PERMISSION_DENIED) {
    return `the server at ${where}, asks for credentials, which no emulator does: correct the variable, or ${startIt(target)}`
  }
  return null
}

/** Returns how to start an emulator at the address. Our own one listens only on 127.0.0.1. */
function startIt({ address }: CallTarget): string {
  const port = address.slice(address.lastIndexOf(':') + 1)
  const gcloud = `"gcloud beta emulators datastore start --use-firestore-in-datastore-mode --host-port=${address}"`
  if (!/^(?:localhost|127\.0\.0\.1):/.test(address)) return `start it there by ${gcloud}`
  return `start it by eval "$(npx viur-session emulator start --port ${port})", or by ${gcloud}`
}

/** Returns a fault of the project or the account, and its cure; `null` if there is none. */
function accountProblem(code: number, said: string, target: CallTarget): string | null {
  const { projectId } = target
  const project = projectIn(target)
  const cure = cureOf(target)
  const id = projectId || 'PROJECT'
  if (
    /metadata from plugin failed|invalid_grant|default credentials|refresh access token/i.test(said)
  ) {
    return tokenProblem(said)
  }
  if (code === PERMISSION_DENIED || code === INVALID_ARGUMENT || code === NOT_FOUND) {
    if (/SERVICE_DISABLED|has not been used in project|API.* is disabled/i.test(said)) {
      return `the Datastore API is off in ${project}: run "gcloud services enable datastore.googleapis.com --project=${id}", or ${cure}`
    }
    if (/BILLING_DISABLED|requires billing/i.test(said)) {
      return `billing is off for ${project}: run "gcloud billing projects link ${id} --billing-account=ACCOUNT", or ${cure}`
    }
    if (/USER_PROJECT_DENIED|permission to use project/i.test(said)) {
      return `the account may not use the quota of ${project}: give it roles/serviceusage.serviceUsageConsumer, or run "gcloud auth application-default set-quota-project PROJECT"`
    }
    if (
      /CONSUMER_INVALID|RESOURCE_PROJECT_INVALID|CONSUMER_SUSPENDED|denied on resource project|project\W.{0,120}(?:not found|deleted|does not exist(?!.*\bdatabase))|invalid project/i.test(
        said,
      )
    ) {
      return `this account has no access to ${project}, or the project does not exist: run "gcloud projects list" to see its projects, and ${cure}`
    }
    if (/SCOPE_INSUFFICIENT|insufficient authentication scopes/i.test(said)) {
      return 'the credentials lack a scope: give the virtual machine "--scopes=cloud-platform" (gcloud compute instances set-service-account), or on a desk run "gcloud auth application-default login"'
    }
    if (/SECURITY_POLICY_VIOLATED|prohibited by organization/i.test(said)) {
      return `VPC Service Controls of the organization refuse the call: ask the administrator of the perimeter to admit this process to ${project}`
    }
  }
  if (code === PERMISSION_DENIED) {
    return `permission denied in ${project}: give the account of this process its role by "gcloud projects add-iam-policy-binding ${id} --member=serviceAccount:ACCOUNT --role=roles/datastore.user", or ${cure}`
  }
  if (code === UNAUTHENTICATED) return `no valid credentials: ${SIGN_IN}`
  return null
}

/** Returns the advice for a call without a token. */
export function tokenProblem(said: string): string {
  return /ECONN|ENOTFOUND|EAI_AGAIN|ETIMEDOUT|socket hang up|network/i.test(said)
    ? 'no token could be fetched for the call: check that this machine may reach oauth2.googleapis.com, or on Google Cloud the metadata server (metadata.google.internal)'
    : `no valid credentials: ${SIGN_IN}`
}

const SIGN_IN =
  'on a desk run "gcloud auth application-default login"; elsewhere give this process a service account, or correct GOOGLE_APPLICATION_CREDENTIALS'

/** Returns a fault of the database, and its cure; `null` if there is none. */
function databaseProblem(code: number, said: string, target: CallTarget): string | null {
  const { projectId, databaseId } = target
  const project = projectIn(target)
  const option = projectId === '' ? '' : ` --project=${projectId}`
  const create = (name: string): string =>
    `"gcloud firestore databases create --type=datastore-mode${name === '' ? '' : ` --database=${name}`} --location=PLACE${option}"`
  const name = databaseId === '' ? '(default)' : databaseId
  if (isNative(code, said)) {
    return `the database ${name} of ${project} is in Firestore native mode, which has no Datastore API: make another one by ${create('NAME')}, and set databaseId of datastoreStore()`
  }
  if (code === NOT_FOUND) {
    return `there is no database ${name} in ${project}: run ${create(databaseId)}, or ${cureOf(target)}, or databaseId of datastoreStore() ("gcloud firestore databases list${option}" shows all databases)`
  }
  return null
}

function isNative(code: number, said: string): boolean {
  return (
    (code === FAILED_PRECONDITION || code === INVALID_ARGUMENT) &&
    /native mode|for Cloud Firestore projects|not available for (?:Cloud )?Firestore/i.test(said)
  )
}

/** Returns the host of an address, without its port. */
function hostOf(address: string): string {
  return address.replace(/:\d+$/, '')
}

function projectIn({ projectId, projectFrom }: CallTarget): string {
  return projectId === '' ? 'this project' : `the project ${projectId} (from ${projectFrom})`
}

function cureOf({ projectFrom }: CallTarget): string {
  return projectFrom === CREDENTIALS ? 'set GOOGLE_CLOUD_PROJECT' : `correct ${projectFrom}`
}
