import { SessionError, SessionLateChangeError } from '../base/errors.ts'
import type { SessionLogger } from '../base/logger.ts'
import type { Limit } from '../store/budget.ts'
import { Begun, type Failure } from './pending-operations.ts'

/** The action for the cookie of the response, as the request knows it so far. */
type CookieDecision = 'keep' | 'set' | 'remove'

/**
 * State of the response of one request. The response can carry a cookie until `close()`, when the commit starts; from
 * then on nothing can be changed. After `detach()` there is no response, and only `save()` stores anything.
 */
export class ResponseSide {
  readonly #logger: SessionLogger
  readonly #budget: Limit
  #isClosed = false
  #isDetached = false
  #cookie: CookieDecision = 'keep'
  #begun: Begun | null = null

  constructor(logger: SessionLogger, budget: Limit) {
    this.#logger = logger
    this.#budget = budget
  }

  /** Whether no response can carry a cookie. See `detach()`. */
  get isDetached(): boolean {
    return this.#isDetached
  }

  /** Whether the commit has started. */
  get isClosed(): boolean {
    return this.#isClosed
  }

  get cookie(): CookieDecision {
    return this.#cookie
  }

  /** The operations that the request has begun, awaited or not. */
  get begun(): Begun {
    if (this.#begun === null) {
      this.#begun = new Begun(this.#logger)
      if (this.#isClosed || this.#isDetached) this.#begun.close()
    }
    return this.#begun
  }

  /** Waits for the operations under way; `null` where there are none. See `Begun.drain()`. */
  drain(isError: boolean): Promise<Failure | null> | null {
    return this.#begun?.drain(isError, this.#budget) ?? null
  }

  /** Closes the session for changes. */
  close(): void {
    this.#isClosed = true
    this.#begun?.close()
  }

  /**
   * Detaches the session from its response, for a connection that lives on. Each `save()` stores, nothing else does,
   * and no cookie travels.
   */
  detach(): void {
    this.#isDetached = true
    this.#isClosed = false
    // No commit waits for the operations any more, so only their callers see a failure.
    this.#begun?.close()
  }

  /** Undoes {@link detach} for a request that has a response after all, which its early mount could not see. */
  attach(): void {
    this.#isDetached = false
    // Only the callers of operations begun until now see their failures.
    this.#begun = null
  }

  sendCookie(): void {
    this.#cookie = 'set'
  }

  removeCookie(): void {
    this.#cookie = 'remove'
  }

  /** Refuses a call that comes too late. `what`: the call, for the error. */
  requireOpen(what: string): void {
    if (this.#isClosed) throw new SessionLateChangeError(what)
  }

  /** Refuses a call that would create an id that the browser never gets. */
  require(what: string): void {
    if (!this.#isDetached) return
    throw new SessionError(
      `${what} needs a new session id, and there is no response to carry its cookie, as for a WebSocket: log in, or start the session, by an ordinary request`,
    )
  }
}
