import { isNotedAs, noteAs } from './shared-copies.ts'

/** Every `code` of the errors of this package, for an exhaustive `switch`. */
export type SessionErrorCode =
  | 'ERR_SESSION'
  | 'ERR_SESSION_CONFIG'
  | 'ERR_SESSION_NOT_LOADED'
  | 'ERR_SESSION_GONE'
  | 'ERR_SESSION_VALUE'
  | 'ERR_SESSION_TOO_LARGE'
  | 'ERR_SESSION_LATE_CHANGE'
  | 'ERR_SESSION_CONTENTION'
  | 'ERR_SESSION_STORE'
  | 'ERR_CALLER_REFUSED'
  | 'ERR_REQUEST_REFUSED'

/** The base class of all errors of this package. Messages say what to do and contain no secret. */
export class SessionError extends Error {
  /** The name of the error's class. */
  override name = 'SessionError'
  /** Stable across releases, unlike the message. */
  readonly code: SessionErrorCode = 'ERR_SESSION'
  /** The HTTP status for the response to the request in which the error occurred. Express uses it. */
  readonly status: number = 500
  /** For error handlers that follow http-errors: `false` means that the message must not be sent to the client. */
  readonly expose: boolean = false
}

/**
 * An option, or a combination of options, cannot work. Thrown at construction, and by `load()` if the schema in the
 * option `validate` does not accept its own result.
 */
export class SessionConfigError extends SessionError {
  override name = 'SessionConfigError'
  override readonly code = 'ERR_SESSION_CONFIG'
}

/**
 * A data method was called before `load()` had finished. With `readCache`, also: a method that must not use a
 * remembered session was called before `load({ fresh: true })` had finished.
 */
export class SessionNotLoadedError extends SessionError {
  override name = 'SessionNotLoadedError'
  override readonly code = 'ERR_SESSION_NOT_LOADED'

  constructor(what: string, why: 'not loaded' | 'from memory' = 'not loaded') {
    super(
      why === 'not loaded'
        ? `${what} needs a loaded session: call "await session.load()" first`
        : `${what} needs the session as it is stored now, but this one was read from memory (readCache): call "await session.load({ fresh: true })" first`,
    )
  }
}

/**
 * The session was logged out, killed, swept or replaced elsewhere before this save; nothing was stored. Also thrown
 * when a kill of the user, or `maxSessionsPerUser`, ended a new login before its response was sent.
 */
export class SessionGoneError extends SessionError {
  override name = 'SessionGoneError'
  override readonly code = 'ERR_SESSION_GONE'
  override readonly status = 409

  constructor(
    message = 'this session ended elsewhere before it was saved; its changes were dropped',
  ) {
    super(message)
  }
}

/** A session cannot hold this value, key, user or duration. The message names the path. */
export class SessionValueError extends SessionError {
  override name = 'SessionValueError'
  override readonly code = 'ERR_SESSION_VALUE'
}

/** The encoded session is larger than the limit (900 KiB), or the data of a security key is larger than 64 KiB. */
export class SessionTooLargeError extends SessionError {
  override name = 'SessionTooLargeError'
  override readonly code = 'ERR_SESSION_TOO_LARGE'
  /** Encoded size in bytes. If encoding was stopped early, the size that it had reached. */
  readonly size: number
  /** The largest size allowed, in bytes. */
  readonly limit: number

  constructor(size: number, limit: number, what: string = 'the session', isStopped = false) {
    super(
      `${what} would take ${isStopped ? 'more than ' : ''}${size} bytes, and ${limit} is the limit${isStopped ? '' : ` (${size - limit} too many)`}: keep large data elsewhere and its key in the session`,
    )
    this.size = size
    this.limit = limit
  }
}

/** A change was made after the response had started, when it could no longer be stored. */
export class SessionLateChangeError extends SessionError {
  override name = 'SessionLateChangeError'
  override readonly code = 'ERR_SESSION_LATE_CHANGE'

  constructor(what: string) {
    super(
      `${what} came after the response had started: change the session before you send the response`,
    )
  }
}

/** The header `Retry-After` in seconds, from milliseconds; one second if no time is known. */
function retryHeaders(retryAfter: number | null): Readonly<Record<string, string>> {
  return { 'Retry-After': String(Math.max(1, Math.ceil((retryAfter ?? 1000) / 1000))) }
}

/**
 * Other requests kept changing this session until the retries were used up; nothing of this request was stored. From
 * `exclusive()`: others held the session for too long, or this call took longer than its lease and another took over.
 */
export class SessionContentionError extends SessionError {
  override name = 'SessionContentionError'
  override readonly code = 'ERR_SESSION_CONTENTION'
  override readonly status = 503
  /** Headers for the response, `Retry-After` in whole seconds. Express sends them. */
  readonly headers: Readonly<Record<string, string>> = retryHeaders(null)

  constructor(
    tries: number,
    message = `the session was changed by others during each of ${tries} tries to save it: try again`,
  ) {
    super(message)
  }
}

/** Options of {@link SessionStoreError}: the known facts about a failed call of a store. */
export interface SessionStoreErrorOptions {
  /** The driver's own error. */
  readonly cause?: unknown
  /** `'none'`: nothing was written for certain. `'unknown'` (the default): the call may have written. */
  readonly effect?: 'none' | 'unknown'
  /** Whether the same call may succeed a moment later. Default `true`. */
  readonly retryable?: boolean
  /** See {@link SessionStoreError.retryAfter}. Default `null`. */
  readonly retryAfter?: number | null
}

/** The store failed or refused a call. It never means "no session". The driver's own error is the `cause`. */
export class SessionStoreError extends SessionError {
  override name = 'SessionStoreError'
  override readonly code = 'ERR_SESSION_STORE'
  override readonly status = 503
  /** Headers for the response, `Retry-After` in whole seconds. Express sends them. */
  readonly headers: Readonly<Record<string, string>>
  /** Whether the failed call was applied: `'none'` = certainly not, `'unknown'` = perhaps. */
  readonly effect: 'none' | 'unknown'
  /** Whether the same call may succeed a moment later. */
  readonly retryable: boolean
  /**
   * Milliseconds after which a new try may succeed. Set if the store refused the call to protect itself or the server
   * behind it from overload, else `null`. A request does not retry such a call; the app may send this as `Retry-After`.
   */
  readonly retryAfter: number | null

  constructor(message: string, options: SessionStoreErrorOptions = {}) {
    super(message, 'cause' in options ? { cause: options.cause } : undefined)
    this.effect = options.effect ?? 'unknown'
    this.retryable = options.retryable ?? true
    this.retryAfter = options.retryAfter ?? null
    this.headers = retryHeaders(this.retryAfter)
  }
}

/**
 * The caller of a cron or task route is not allowed to call it. The message names the check; it is for the log only.
 */
export class CallerRefusedError extends SessionError {
  override name = 'CallerRefusedError'
  override readonly code = 'ERR_CALLER_REFUSED'
  override readonly status = 403
  /** For the log: the token's claim that decided, its expected value and its actual value. Never the token itself. */
  readonly details: {
    readonly claim: string
    readonly expected: string
    readonly came: string
  } | null

  constructor(message: string, details: CallerRefusedError['details'] = null) {
    super(message)
    this.details = details
  }
}

/**
 * A guard refused the request. 403: the request changes something, and does not prove that a page or a client of this
 * app sent it. 401: no user is logged in, or the login is not recent enough. Express answers with the status. The
 * message is for the log and contains nothing from the request.
 */
export class RequestRefusedError extends SessionError {
  override name = 'RequestRefusedError'
  override readonly code = 'ERR_REQUEST_REFUSED'
  override readonly status: 401 | 403
  /** The same as `status`, for frameworks that look for this name. */
  readonly statusCode: 401 | 403

  constructor(message: string, status: 401 | 403 = 403) {
    super(message)
    this.status = status
    this.statusCode = status
  }
}

const CLASSES: Readonly<Record<SessionErrorCode, { readonly prototype: object }>> = {
  ERR_SESSION: SessionError,
  ERR_SESSION_CONFIG: SessionConfigError,
  ERR_SESSION_NOT_LOADED: SessionNotLoadedError,
  ERR_SESSION_GONE: SessionGoneError,
  ERR_SESSION_VALUE: SessionValueError,
  ERR_SESSION_TOO_LARGE: SessionTooLargeError,
  ERR_SESSION_LATE_CHANGE: SessionLateChangeError,
  ERR_SESSION_CONTENTION: SessionContentionError,
  ERR_SESSION_STORE: SessionStoreError,
  ERR_CALLER_REFUSED: CallerRefusedError,
  ERR_REQUEST_REFUSED: RequestRefusedError,
}

const codes = new Map<unknown, string>()

for (const [code, errorClass] of Object.entries(CLASSES)) {
  codes.set(errorClass, code)
  noteAs(code, errorClass.prototype)
}

// Errors of another copy of this package are instances of these classes too: a store of one copy serves sessions of the
// other. All classes above inherit this. It is defined here so that it does not appear among their public members.
Object.defineProperty(SessionError, Symbol.hasInstance, {
  value(this: unknown, error: unknown): boolean {
    const code = codes.get(this)
    // A class that an app derives from one of these classes accepts only its own instances.
    return code === undefined
      ? Function.prototype[Symbol.hasInstance].call(this, error)
      : isNotedAs(code, error)
  },
})
