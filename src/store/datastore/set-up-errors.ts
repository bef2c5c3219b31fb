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

/** What to call the things of a target of which nothing is known. */
const NOWHERE: CallTarget = {
  address: 'the endpoint of the client',
  isEmulator: false,
  projectId: '',
  projectFrom: 'GOOGLE_CLOUD_PROJECT or projectId of datastoreStore()',
  databaseId: '',
}

/** What a project is called that was named by nothing but the credentials. */
export const CREDENTIALS = 'the credentials'

/**
 * What is not set up, and the command that mends it; `null` where the failure has another reason. `said`: all that the
 * server or the driver said of it.
 */
export function setUpProblem(code: number, said: string, target: CallTarget | null): string | null {
  if (target?.isEmulator === true) return emulatorProblem(code, said, target)
  return (
    accountProblem(code, said, target ?? NOWHERE) ?? databaseProblem(code, said, target ?? NOWHERE)
  )
}

/** What there is to do about a call that was not answered in time. */
export function silenceProblem(target: CallTarget): string {
  const { isReplaceable = true } = target
  return isReplaceable ? silentServer(target) : `${silentServer(target)}; ${NO_OTHER}`
}

/** Where the connection may be at fault, and not what is behind it. */
const NO_OTHER =
  'if its connection has died, no other can be made, since "client" of datastoreStore() is neither a Datastore nor a v1.DatastoreClient as it comes: give one of these, or restart the process'

function silentServer(target: CallTarget): string {
  if (!target.isEmulator) return unreachable(target)
  return `what is at ${target.address}, where DATASTORE_EMULATOR_HOST says that the emulator is, says nothing: look at its log, stop it and ${startIt(target)}, or unset the variable`
}

/** What there is to do where Google Cloud cannot be reached. */
export function unreachable({ address }: CallTarget): string {
  return `${address} does not answer: check that this machine may reach it ("curl -sS https://${hostOf(address)}"; firewall, VPC, https_proxy), look at the status of Google Cloud, or raise deadline of datastoreStore()`
}

function emulatorProblem(code: number, said: string, target: CallTarget): string | null {
  const where = `${target.address}, where DATASTORE_EMULATOR_HOST says that the emulator is`
  if (/name resolution failed|ENOTFOUND|EAI_AGAIN/i.test(said)) {
    return `nobody knows the host of ${where}: correct the variable, or unset it`
  }
  // What is no gRPC server answers in HTTP of its own, which the driver takes for one of several codes.
  if (/HTTP status code|Protocol error|ERR_HTTP2|Parse Error|Expected HTTP\/2/i.test(said)) {
    return `what answers at ${where}, is no Datastore emulator: correct the variable, or ${startIt(target)}`
  }
  if (code === UNIMPLEMENTED) {
    return `what answers at ${where}, does not know the calls of Datastore: a Firestore emulator needs --database-mode=datastore-mode; or ${startIt(target)}`
  }
  if (code === UNAVAILABLE) {
    return `nothing answers at ${where}: ${startIt(target)}, or unset the variable`
  }
  if (code === DEADLINE_EXCEEDED) return silenceProblem(target)
  if (code === UNAUTHENTICATED || code === PERMISSION_DENIED) {
    return `what answers at ${where}, asks for credentials, as no emulator does: correct the variable, or ${startIt(target)}`
  }
  return null
}

/** How to start an emulator at the address. Ours listens on 127.0.0.1 alone. */
function startIt({ address }: CallTarget): string {
  const port = address.slice(address.lastIndexOf(':') + 1)
  const gcloud = `"gcloud beta emulators datastore start --use-firestore-in-datastore-mode --host-port=${address}"`
  if (!/^(?:localhost|127\.0\.0\.1):/.test(address)) return `start it there by ${gcloud}`
  return `start it by eval "$(npx viur-session emulator start --port ${port})", or by ${gcloud}`
}

/** What is wrong with the project, or with who asks. */
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
      return `this account can see nothing of ${project}, if it is there at all: run "gcloud projects list" to see its projects, and ${cure}`
    }
    if (/SCOPE_INSUFFICIENT|insufficient authentication scopes/i.test(said)) {
      return 'the credentials lack a scope: give the virtual machine "--scopes=cloud-platform" (gcloud compute instances set-service-account), or on a desk run "gcloud auth application-default login"'
    }
    if (/SECURITY_POLICY_VIOLATED|prohibited by organization/i.test(said)) {
      return `VPC Service Controls of the organization refuse the call: let whoever looks after the perimeter admit this process to ${project}`
    }
  }
  if (code === PERMISSION_DENIED) {
    return `permission denied in ${project}: give the account of this process its role by "gcloud projects add-iam-policy-binding ${id} --member=serviceAccount:ACCOUNT --role=roles/datastore.user", or ${cure}`
  }
  if (code === UNAUTHENTICATED) return `no valid credentials: ${SIGN_IN}`
  return null
}

/** What there is to do where there is no token for a call. */
export function tokenProblem(said: string): string {
  return /ECONN|ENOTFOUND|EAI_AGAIN|ETIMEDOUT|socket hang up|network/i.test(said)
    ? 'no token could be fetched for the call: check that this machine may reach oauth2.googleapis.com, or on Google Cloud the metadata server (metadata.google.internal)'
    : `no valid credentials: ${SIGN_IN}`
}

const SIGN_IN =
  'on a desk run "gcloud auth application-default login"; elsewhere give this process a service account, or correct GOOGLE_APPLICATION_CREDENTIALS'

/** What is wrong with the database, or the way to it. */
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
    return `there is no database ${name} in ${project}: run ${create(databaseId)}, or ${cureOf(target)}, or databaseId of datastoreStore() ("gcloud firestore databases list${option}" shows what there is)`
  }
  return null
}

function isNative(code: number, said: string): boolean {
  return (
    (code === FAILED_PRECONDITION || code === INVALID_ARGUMENT) &&
    /native mode|for Cloud Firestore projects|not available for (?:Cloud )?Firestore/i.test(said)
  )
}

/** The name of the host, without its port. */
function hostOf(address: string): string {
  return address.replace(/:\d+$/, '')
}

function projectIn({ projectId, projectFrom }: CallTarget): string {
  return projectId === '' ? 'this project' : `the project ${projectId} (from ${projectFrom})`
}

function cureOf({ projectFrom }: CallTarget): string {
  return projectFrom === CREDENTIALS ? 'set GOOGLE_CLOUD_PROJECT' : `correct ${projectFrom}`
}
