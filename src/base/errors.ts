import { isNotedAs, noteAs } from './shared-copies.ts'

/** Every `code` that an error of this package can carry, for an exhaustive `switch`. */
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

/** The base of all errors of this package. Messages say what to do, and hold no secret. */
export class SessionError extends Error {
  /** The name of its class. */
  override name = 'SessionError'
  /** Stable across releases, unlike the message. */
  readonly code: SessionErrorCode = 'ERR_SESSION'
  /** The HTTP status that fits a response to the request that met it; Express answers with it. */
  readonly status: number = 500
  /** For error handlers that go by it, as those of http-errors do: the message is not for the client. */
  readonly expose: boolean = false
}

/**
 * An option, or a combination of options, that cannot work. Thrown at construction; by `load()` for a schema in the
 * option `validate` that does not accept its own result.
 */
export class SessionConfigError extends SessionError {
  override name = 'SessionConfigError'
  override readonly code = 'ERR_SESSION_CONFIG'
}

/**
 * A data method was called before `load()` had finished; with `readCache`, a method that must not go by memory before
 * `load({ fresh: true })` had.
 */
export class SessionNotLoadedError extends SessionError {
  override name = 'SessionNotLoadedError'
  override readonly code = 'ERR_SESSION_NOT_LOADED'

  constructor(what: string, why: 'not loaded' | 'from memory' = 'not loaded') {
    super(
      why === 'not loaded'
        ? `${what} needs a loaded session: call "await session.load()" first`
        : `${what} needs what is stored now, and this session was read from memory (readCache): call "await session.load({ fresh: true })" first`,
    )
  }
}

/**
 * The session was logged out, killed, swept or replaced elsewhere before this save; nothing was stored. Also a login
 * that a kill of the user, or `maxSessionsPerUser`, ended before its response left.
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

/** A value, key, user or duration that a session cannot hold. The message names the path. */
export class SessionValueError extends SessionError {
  override name = 'SessionValueError'
  override readonly code = 'ERR_SESSION_VALUE'
}

/** The encoded session is larger than a Datastore entity may be, or the data of a security key than 64 KiB. */
export class SessionTooLargeError extends SessionError {
  override name = 'SessionTooLargeError'
  override readonly code = 'ERR_SESSION_TOO_LARGE'
  /** Encoded size in bytes; where encoding was stopped, what it had come to. */
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
    super(`${what} came after the response had started: change the session before you answer`)
  }
}

/** When to come back, from milliseconds: a second where nobody has said. */
function retryHeaders(retryAfter: number | null): Readonly<Record<string, string>> {
  return { 'Retry-After': String(Math.max(1, Math.ceil((retryAfter ?? 1000) / 1000))) }
}

/**
 * Others kept changing this session until the retries were used up; nothing of this request was stored. Of `exclusive()`:
 * others held it for too long, or took it over from one that took longer than its lease.
 */
export class SessionContentionError extends SessionError {
  override name = 'SessionContentionError'
  override readonly code = 'ERR_SESSION_CONTENTION'
  override readonly status = 503
  /** What the response is to say besides; Express sends them. */
  readonly headers: Readonly<Record<string, string>> = retryHeaders(null)

  constructor(
    tries: number,
    message = `the session was changed by others during each of ${tries} tries to save it: try again`,
  ) {
    super(message)
  }
}

/** What is known of a failed call of a store. */
export interface SessionStoreErrorOptions {
  /** The driver's own error. */
  readonly cause?: unknown
  /** `'none'`: surely nothing was written. `'unknown'` (the default): it may have been. */
  readonly effect?: 'none' | 'unknown'
  /** Whether the same call may succeed a moment later. Default `true`. */
  readonly retryable?: boolean
  /** See {@link SessionStoreError.retryAfter}. Default `null`. */
  readonly retryAfter?: number | null
}

/** The store failed or refused. Never means "no session". The driver's own error is the `cause`. */
export class SessionStoreError extends SessionError {
  override name = 'SessionStoreError'
  override readonly code = 'ERR_SESSION_STORE'
  override readonly status = 503
  /** What the response is to say besides, `Retry-After` in whole seconds; Express sends them. */
  readonly headers: Readonly<Record<string, string>>
  /** What is known of the failed call: `'none'` = surely not applied, `'unknown'` = perhaps applied. */
  readonly effect: 'none' | 'unknown'
  /** Whether trying again may help. */
  readonly retryable: boolean
  /**
   * In how many milliseconds trying again may help, where the store turned the call away to spare itself or the server
   * behind it. A request does not try again then; whoever answers it may pass this on as `Retry-After`. Else `null`.
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

/** Whoever called a cron or task route is not who may. The message names the check, for the log and not for the caller. */
export class CallerRefusedError extends SessionError {
  override name = 'CallerRefusedError'
  override readonly code = 'ERR_CALLER_REFUSED'
  override readonly status = 403
  /** For the log: the claim of the token that decided, what was expected of it and what came. Never the token. */
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
 * A request that a guard refused. 403: it changes something, and brought no proof that a page or a client of this app
 * sent it. 401: nobody is logged in, or not recently enough. Express answers with the status. The message is for the
 * log; it holds nothing that the request brought.
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

// What another copy of this package has thrown is an instance here too: a store of one serves sessions of the other.
// Inherited by all classes above; not among their members, since nobody has to know of it.
Object.defineProperty(SessionError, Symbol.hasInstance, {
  value(this: unknown, error: unknown): boolean {
    const code = codes.get(this)
    // A class that an app has made of one of these has instances of its own alone.
    return code === undefined
      ? Function.prototype[Symbol.hasInstance].call(this, error)
      : isNotedAs(code, error)
  },
})
