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

/** What a call was for; decides which of the server's refusals are an ordinary conflict. */
export type CallForm =
  /** A lookup or a query. */
  | 'read'
  /** One insert. */
  | 'insert'
  /** One update or delete of a version that was read. */
  | 'change'
  /** Several writes that stand or fall together. */
  | 'together'

/** gRPC codes that say that a condition of the write did not hold (Datastore: "Errors and Error Handling"). */
const CONFLICTS: Readonly<Record<CallForm, readonly number[]>> = {
  read: [],
  insert: [ALREADY_EXISTS, ABORTED],
  change: [FAILED_PRECONDITION, NOT_FOUND, ALREADY_EXISTS, ABORTED],
  together: [FAILED_PRECONDITION, NOT_FOUND, ALREADY_EXISTS, ABORTED],
}

/** The refusals that no retry cures, and what to do where nothing in the set-up is found to be wrong. */
const REFUSALS: Readonly<Record<number, string>> = {
  [INVALID_ARGUMENT]:
    'the server refused the call as invalid: check projectId, databaseId, namespace and kind of datastoreStore()',
  [NOT_FOUND]:
    'there is no such database: create it, or correct projectId and databaseId of datastoreStore()',
  [PERMISSION_DENIED]: 'permission denied',
  [FAILED_PRECONDITION]:
    'the server refused the call: check that the database is there, and is in Datastore mode',
  [OUT_OF_RANGE]: 'the server refused a value as out of range',
  [UNIMPLEMENTED]:
    'this server does not know the call: check that the endpoint is that of Datastore, and update it if it is an emulator',
  [UNAUTHENTICATED]: 'no valid credentials',
}

/**
 * Whether the driver's error says that the condition of this write did not hold, and nothing was written. A version
 * above that of the record, as after a restore from a backup, is called an invalid argument by the emulators.
 */
export function isConflict(error: unknown, form: CallForm): boolean {
  const code = codeOf(error)
  if (code === null) return false
  if (CONFLICTS[form].includes(code)) return true
  return form !== 'read' && code === INVALID_ARGUMENT && /base version/i.test(String(error))
}

/**
 * The driver's error as a `SessionStoreError`: what the server surely refused has no effect, and what may have
 * got lost on its way has an unknown one. One that is a `SessionStoreError` already is given back as it is.
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

/** What there is to do where nothing is heard of the server. */
function awayProblem(code: number | null, target: CallTarget): string | null {
  if (code === UNAVAILABLE) return unreachable(target)
  return code === DEADLINE_EXCEEDED ? silenceProblem(target) : null
}

/** All that the server or the driver says of a failure, also by the reason in its details, which drivers decode or not. */
function saidBy(error: unknown): string {
  if (typeof error !== 'object' || error === null) return String(error)
  const { message, details, reason, metadata } = error as Record<string, unknown>
  return [message, details, reason, ...detailsIn(metadata)].filter((text) => text).join('\n')
}

/** The details that travel as bytes (`google.rpc.Status`). The words in them stand there as they are. */
function detailsIn(metadata: unknown): string[] {
  const { get } = (metadata ?? {}) as { get?: unknown }
  if (typeof get !== 'function') return []
  const found: unknown = get.call(metadata, 'grpc-status-details-bin')
  return Array.isArray(found)
    ? found.filter((part) => Buffer.isBuffer(part)).map((part) => part.toString('latin1'))
    : []
}

/** gRPC codes by which the server, or the way to it, says nothing of the call itself: away, too slow or too busy. */
const OUTAGES: readonly number[] = [
  CANCELLED,
  UNKNOWN,
  DEADLINE_EXCEEDED,
  RESOURCE_EXHAUSTED,
  INTERNAL,
  UNAVAILABLE,
]

/** Whether the error speaks of the server or the way to it; a refusal or a conflict is an answer. */
export function isOutage(error: unknown): boolean {
  const code = codeOf(error)
  if (code !== null) return OUTAGES.includes(code)
  return !(error instanceof SessionStoreError) || error.retryable
}

/** gRPC codes by which a connection takes a call with it. The server may give them too, of one call alone. */
const LOSSES: readonly (number | null)[] = [CANCELLED, UNKNOWN, INTERNAL, UNAVAILABLE]

/** Whether the call may have been lost with its connection. */
export function isLoss(error: unknown): boolean {
  return error instanceof LostError || LOSSES.includes(codeOf(error)) || isCalm(error)
}

/**
 * Whether there was no connection that the call could have been sent on, as gRPC says it: it has asked nothing of the server,
 * so that trying again adds nothing to its load.
 */
export function isUnconnected(error: unknown): boolean {
  return (
    codeOf(error) === UNAVAILABLE &&
    /No connection established|Name resolution failed/.test(saidBy(error))
  )
}

/** Whether the call was under way on a connection that was found dead, while another works. */
export function isReplaced(error: unknown): boolean {
  return error instanceof LostError
}

/**
 * Whether the driver says by "quota" that it was asked for calm (ENHANCE_YOUR_CALM), as by a load balancer that has seen too
 * many pings. That is said of the connection and not of the call, which may have been done.
 */
function isCalm(error: unknown): boolean {
  return (
    codeOf(error) === RESOURCE_EXHAUSTED &&
    /Bandwidth exhausted or memory limit/.test(saidBy(error))
  )
}

/** A call whose connection is dead. */
class LostError extends SessionStoreError {}

/** For what is under way on a connection that has gone silent, while a new one works. */
export function lostError(method: string): SessionStoreError {
  return new LostError(
    `the connection to Datastore died while a ${method} was under way, and a new one works: try again`,
    { effect: 'unknown', retryable: true },
  )
}

/** Whether nothing was heard in time: neither an answer nor that the server cannot be reached. */
export function isSilence(error: unknown): boolean {
  return error instanceof UnansweredError || codeOf(error) === DEADLINE_EXCEEDED
}

/** Whether the call was surely not sent, for want of a token, say: it says nothing of the server, nor of the way to it. */
export function isUnsent(error: unknown): boolean {
  return error instanceof SessionStoreError && error.effect === 'none'
}

/** For what still waits when a store is closed, or comes after it. */
export function closedError(): SessionStoreError {
  return storeRefusal('the Datastore store is closed: do not use it after close()')
}

/** For a call that waits for the token that it would be sent with. */
export function tokenlessError(): SessionStoreError {
  return passingTrouble(
    'no call to Datastore is sent: the token is slow to come: check that this machine may reach oauth2.googleapis.com, or on Google Cloud the metadata server (metadata.google.internal)',
  )
}

/** For what finds the queue full. */
export function fullError(most: number): SessionStoreError {
  return turnedAway(
    `${most} calls wait for Datastore already: it is slow or down, or this process has too much to do`,
    RETRY_AFTER,
  )
}

/** For what waited for its turn so long that its deadline leaves too little for the call itself. */
export function overdueError(): SessionStoreError {
  return turnedAway(
    'the call waited too long for its turn: Datastore is slow or down, or this process has too much to do',
    RETRY_AFTER,
  )
}

/** For what comes while no calls are made, because the last ones all failed. `wait`: milliseconds. */
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
 * A call that was not answered within its time, in milliseconds. `target`: where it was sent, so that it may have had an
 * effect; `null`: nowhere, since there was no client yet.
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

/** When to try again what the queue turned away, in milliseconds: what waits in it is gone by then. */
const RETRY_AFTER = 1000

function turnedAway(message: string, retryAfter: number, cause?: unknown): SessionStoreError {
  return new SessionStoreError(message, {
    ...(cause === undefined ? {} : { cause }),
    effect: 'none',
    retryable: true,
    retryAfter,
  })
}
