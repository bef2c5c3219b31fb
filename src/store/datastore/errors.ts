import { SessionStoreError } from '../../base/errors.ts'
import { passingTrouble, storeRefusal } from '../../base/store-errors.ts'
import {
  ABORTED,
  ALREADY_EXISTS,
  CANCELLED,
  codeOf,
  DEADLINE_EXCEEDED,
  FAILED_PRECONDITION,
  INTERNAL,
  INVALID_ARGUMENT,
  NOT_FOUND,
  OUT_OF_RANGE,
  PERMISSION_DENIED,
  RESOURCE_EXHAUSTED,
  UNAUTHENTICATED,
  UNAVAILABLE,
  UNIMPLEMENTED,
  UNKNOWN,
} from '../../google/grpc-errors.ts'
import { type CallTarget, targetOf } from './call-target.ts'
import { setUpProblem, silenceProblem, unreachable } from './set-up-errors.ts'

/** The kind of a call, which decides which of the server's refusals are an ordinary conflict. */
export type CallForm =
  /** A lookup or a query. */
  | 'read'
  /** One insert. */
  | 'insert'
  /** One update or delete of a version that was read. */
  | 'change'
  /** Several atomic writes. */
  | 'together'

/** gRPC codes that mean that a condition of the write did not hold (Datastore: "Errors and Error Handling"). */
const CONFLICTS: Readonly<Record<CallForm, readonly number[]>> = {
  read: [],
  insert: [ALREADY_EXISTS, ABORTED],
  change: [FAILED_PRECONDITION, NOT_FOUND, ALREADY_EXISTS, ABORTED],
  together: [FAILED_PRECONDITION, NOT_FOUND, ALREADY_EXISTS, ABORTED],
}

/** Refusals that a retry cannot cure, with the advice if no fault of the set-up is found. */
const REFUSALS: Readonly<Record<number, string>> = {
  [INVALID_ARGUMENT]:
    'the server refused the call as invalid: check projectId, databaseId, namespace and kind of datastoreStore()',
  [NOT_FOUND]:
    'the database does not exist: create it, or correct projectId and databaseId of datastoreStore()',
  [PERMISSION_DENIED]: 'permission denied',
  [FAILED_PRECONDITION]:
    'the server refused the call: check that the database exists and is in Datastore mode',
  [OUT_OF_RANGE]: 'the server refused a value as out of range',
  [UNIMPLEMENTED]:
    'this server does not know the call: check that the endpoint is that of Datastore, and update it if it is an emulator',
  [UNAUTHENTICATED]: 'no valid credentials',
}

/**
 * Whether the driver's error means that the condition of this write did not hold, and nothing was written. The
 * emulators report `INVALID_ARGUMENT` for a version above that of the record, which occurs after a restore from a
 * backup.
 */
export function isConflict(error: unknown, form: CallForm): boolean {
  const code = codeOf(error)
  if (code === null) return false
  if (CONFLICTS[form].includes(code)) return true
  return form !== 'read' && code === INVALID_ARGUMENT && /base version/i.test(String(error))
}

/**
 * Converts the driver's error to a `SessionStoreError`. A call that the server refused has no effect; a call that may
 * have been lost has an unknown effect. A `SessionStoreError` is returned unchanged.
 */
export function asDatastoreError(error: unknown, what: string): SessionStoreError {
  if (error instanceof SessionStoreError) return error
  const code = codeOf(error)
  const target = targetOf(error)
  const problem = code === null ? null : setUpProblem(code, saidBy(error), target)
  const failed = `Datastore ${what} failed (${code === null ? 'without a code' : `code ${code}`})`
  if (code !== null && code in REFUSALS) {
    return storeRefusal(`${failed}: ${problem ?? REFUSALS[code]}`, error)
  }
  if (code === RESOURCE_EXHAUSTED && !isCalm(error)) {
    return passingTrouble(
      `${failed}: a quota is used up or traffic rose too fast: try again later, and look at the quotas of the project`,
      error,
    )
  }
  const away = target === null ? null : awayProblem(code, target)
  return new SessionStoreError(
    `${failed}: ${problem ?? away ?? 'try again; if it stays, look at the cause and at the status of Google Cloud'}`,
    { cause: error, effect: 'unknown', retryable: true },
  )
}

/** Returns the advice for a server that does not answer. */
function awayProblem(code: number | null, target: CallTarget): string | null {
  if (code === UNAVAILABLE) return unreachable(target)
  return code === DEADLINE_EXCEEDED ? silenceProblem(target) : null
}

/**
 * Returns all texts of a failure from the server or the driver, including its details, whether the driver decodes them
 * or not.
 */
function saidBy(error: unknown): string {
  if (typeof error !== 'object' || error === null) return String(error)
  const { message, details, reason, metadata } = error as Record<string, unknown>
  return [message, details, reason, ...detailsIn(metadata)].filter((text) => text).join('\n')
}

/** Returns the details that are sent as bytes (`google.rpc.Status`). They contain their texts unencoded. */
function detailsIn(metadata: unknown): string[] {
  const { get } = (metadata ?? {}) as { get?: unknown }
  if (typeof get !== 'function') return []
  const found: unknown = get.call(metadata, 'grpc-status-details-bin')
  return Array.isArray(found)
    ? found.filter((part) => Buffer.isBuffer(part)).map((part) => part.toString('latin1'))
    : []
}

/** gRPC codes that say nothing about the call itself: the server is unreachable, too slow or overloaded. */
const OUTAGES: readonly number[] = [
  CANCELLED,
  UNKNOWN,
  DEADLINE_EXCEEDED,
  RESOURCE_EXHAUSTED,
  INTERNAL,
  UNAVAILABLE,
]

/** Whether the error is a fault of the server or the network. A refusal or a conflict is an answer. */
export function isOutage(error: unknown): boolean {
  const code = codeOf(error)
  if (code !== null) return OUTAGES.includes(code)
  return !(error instanceof SessionStoreError) || error.retryable
}

/** gRPC codes of calls that were lost with their connection. The server may also return them for a single call. */
const LOSSES: readonly (number | null)[] = [CANCELLED, UNKNOWN, INTERNAL, UNAVAILABLE]

/** Whether the call may have been lost with its connection. */
export function isLoss(error: unknown): boolean {
  return error instanceof LostError || LOSSES.includes(codeOf(error)) || isCalm(error)
}

/**
 * Whether gRPC had no connection on which the call could have been sent. The server got nothing, so that a new try adds
 * no load.
 */
export function isUnconnected(error: unknown): boolean {
  return (
    codeOf(error) === UNAVAILABLE &&
    /No connection established|Name resolution failed/.test(saidBy(error))
  )
}

/** Whether the connection was reset, and not refused: there is a server, or something before it. */
export function isReset(error: unknown): boolean {
  return saidBy(error).includes('ECONNRESET')
}

/** Whether the call ran on a connection that was found dead and was replaced by a working one. */
export function isReplaced(error: unknown): boolean {
  return error instanceof LostError
}

/**
 * Whether the driver's "quota" error is ENHANCE_YOUR_CALM of HTTP/2, for example from a load balancer that received too
 * many pings. It concerns the connection and not the call, which may have been applied.
 */
function isCalm(error: unknown): boolean {
  return (
    codeOf(error) === RESOURCE_EXHAUSTED &&
    /Bandwidth exhausted or memory limit/.test(saidBy(error))
  )
}

/** A call was lost because its connection is dead. */
class LostError extends SessionStoreError {}

/** Makes the error for a call on a dead connection that was replaced by a working one. */
export function lostError(method: string): SessionStoreError {
  return new LostError(
    `the connection to Datastore died during a ${method}, and a new one works: try again`,
    { effect: 'unknown', retryable: true },
  )
}

/** Whether there was neither an answer nor a network error in time. */
export function isSilence(error: unknown): boolean {
  return error instanceof UnansweredError || codeOf(error) === DEADLINE_EXCEEDED
}

/**
 * Whether the call was never sent, for example without a token. Such an error says nothing about the server or the
 * network.
 */
export function isUnsent(error: unknown): boolean {
  return error instanceof SessionStoreError && error.effect === 'none'
}

/** Makes the error for calls that wait when a store is closed, and for later calls. */
export function closedError(): SessionStoreError {
  return storeRefusal('the Datastore store is closed: do not use it after close()')
}

/** Makes the error for a call that did not get its token in time. */
export function tokenlessError(): SessionStoreError {
  return passingTrouble(
    'no call to Datastore is sent: the token is slow to come: check that this machine may reach oauth2.googleapis.com, or on Google Cloud the metadata server (metadata.google.internal)',
  )
}

/** Makes the error for a call that finds the queue full. */
export function fullError(most: number): SessionStoreError {
  return turnedAway(
    `${most} calls wait for Datastore already: it is slow or down, or this process has too much to do`,
    RETRY_AFTER,
  )
}

/** Makes the error for a call that waited so long in the queue that too little of its deadline is left. */
export function overdueError(): SessionStoreError {
  return turnedAway(
    'the call waited too long for its turn: Datastore is slow or down, or this process has too much to do',
    RETRY_AFTER,
  )
}

/** Makes the error for a call while the breaker is open. `wait`: time until the next trial, in milliseconds. */
export function pausedError(
  method: string,
  failures: number,
  wait: number,
  cause: unknown,
): SessionStoreError {
  return turnedAway(
    `no ${method} is sent to Datastore for a moment, since the last ${failures} failed: ${asDatastoreError(cause, method).message}`,
    wait,
    cause,
  )
}

/**
 * A call was not answered within its time, in milliseconds. `target`: the server to which it was sent, so that it may
 * have had an effect; `null`: the call was not sent, since there was no client yet.
 */
export class UnansweredError extends SessionStoreError {
  constructor(method: string, time: number, target: CallTarget | null) {
    super(
      target === null
        ? `no ${method} could be sent within ${Math.round(time)} ms, since the client of Datastore was not ready: the driver is slow to load, or credentials are slow to come; call "await sessions.ready()" at the start`
        : `Datastore did not answer a ${method} within ${Math.round(time)} ms: ${silenceProblem(target)}`,
      { effect: target === null ? 'none' : 'unknown', retryable: true },
    )
  }
}

/** `retryAfter` of a call that the queue refused, in milliseconds: by then the queue has been worked off. */
const RETRY_AFTER = 1000

function turnedAway(message: string, retryAfter: number, cause?: unknown): SessionStoreError {
  return new SessionStoreError(message, {
    ...(cause === undefined ? {} : { cause }),
    effect: 'none',
    retryable: true,
    retryAfter,
  })
}
