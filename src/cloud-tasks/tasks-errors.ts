import { SessionStoreError } from '../base/errors.ts'
import { passingTrouble, storeRefusal } from '../base/store-errors.ts'
import { withoutQuotes } from '../google/quoting-errors.ts'
import {
  codeOf,
  DEADLINE_EXCEEDED,
  FAILED_PRECONDITION,
  INVALID_ARGUMENT,
  NOT_FOUND,
  OUT_OF_RANGE,
  PERMISSION_DENIED,
  RESOURCE_EXHAUSTED,
  UNAUTHENTICATED,
  UNAVAILABLE,
  UNIMPLEMENTED,
} from '../google/grpc-errors.ts'

/** The advice for refusals that a retry does not resolve. */
const REFUSALS: Readonly<Record<number, string>> = {
  [INVALID_ARGUMENT]:
    'it refused the task as invalid: check queue, location, target and dispatchDeadline of cloudTasks()',
  [NOT_FOUND]:
    'there is no such queue: deploy queue.yaml or run "gcloud tasks queues create", and check projectId, location and queue of cloudTasks()',
  [FAILED_PRECONDITION]:
    'it refused the task: check that the queue is not disabled, and that the project has an App Engine app if that is the target',
  [OUT_OF_RANGE]: 'it refused a value of the task as out of range',
  [UNIMPLEMENTED]:
    'this server does not know the call: check that the endpoint is that of Cloud Tasks',
  [UNAUTHENTICATED]:
    'no valid credentials: run "gcloud auth application-default login", or give this process a service account',
}

const PERMISSION: Readonly<Record<'app-engine' | 'http', string>> = {
  'app-engine':
    'permission denied: give the account of this process the role roles/cloudtasks.enqueuer',
  http: 'permission denied: give the account of this process the role roles/cloudtasks.enqueuer, and roles/iam.serviceAccountUser on the account of target.serviceAccountEmail',
}

/** Whether the same call may succeed a moment later; this includes a call that was never answered. */
export function isWorthAnotherTry(error: unknown): boolean {
  if (error instanceof SessionStoreError) return error.retryable && error.effect === 'unknown'
  const code = codeOf(error)
  return code === UNAVAILABLE || code === DEADLINE_EXCEEDED
}

/**
 * Converts the client's error to a `SessionStoreError`. An error of a call that Cloud Tasks surely refused has no
 * effect; otherwise its effect is unknown. A `SessionStoreError` is returned unchanged.
 */
export function asTasksError(failure: unknown, target: 'app-engine' | 'http'): SessionStoreError {
  if (failure instanceof SessionStoreError) return failure
  const error = withoutQuotes(failure)
  const code = codeOf(error)
  const refusal =
    code === null ? undefined : code === PERMISSION_DENIED ? PERMISSION[target] : REFUSALS[code]
  if (refusal !== undefined) {
    return storeRefusal(`Cloud Tasks took no task (code ${code}): ${refusal}`, error)
  }
  if (code === RESOURCE_EXHAUSTED) {
    return passingTrouble(
      `Cloud Tasks took no task (code ${code}): a quota is used up: try again later, and look at the quotas of the project`,
      error,
    )
  }
  return new SessionStoreError(
    `Cloud Tasks may not have taken a task (${code === null ? 'without a code' : `code ${code}`}): try again; if it stays, look at the cause and at the status of Google Cloud`,
    { cause: error, effect: 'unknown', retryable: true },
  )
}
