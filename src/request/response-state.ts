import { SessionError, SessionLateChangeError } from '../base/errors.ts'
import type { SessionLogger } from '../base/logger.ts'
import type { Limit } from '../store/budget.ts'
import { Begun, type Failure } from './pending-operations.ts'

/** What is to be done about the cookie, as far as the request knows by now. */
type CookieDecision = 'keep' | 'set' | 'remove'

/**
 * What one request knows of its response. It can carry a cookie until `close()`, when the commit starts: from then on
 * nothing can be changed. Or there is none, from `detach()` on: then nothing but `save()` stores.
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

  /** What the request has begun and may not have waited for. */
  get begun(): Begun {
    if (this.#begun === null) {
      this.#begun = new Begun(this.#logger)
      if (this.#isClosed || this.#isDetached) this.#begun.close()
    }
    return this.#begun
  }

  /** Waits for what was begun; `null` where there is nothing to wait for. See `Begun.drain()`. */
  drain(isError: boolean): Promise<Failure | null> | null {
    return this.#begun?.drain(isError, this.#budget) ?? null
  }

  /** From now on nothing can be changed any more. */
  close(): void {
    this.#isClosed = true
    this.#begun?.close()
  }

  /**
   * From now on there is no response to wait for: what `save()` stores is stored, as often as it is called, nothing else is,
   * and no cookie travels.
   */
  detach(): void {
    this.#isDetached = true
    this.#isClosed = false
    // Nobody drains it any more, so a failure is its caller's alone.
    this.#begun?.close()
  }

  /** Undoes {@link detach} for a request that has a response after all: it was mounted too early to see it. */
  attach(): void {
    this.#isDetached = false
    // What was begun until now is its caller's alone.
    this.#begun = null
  }

  sendCookie(): void {
    this.#cookie = 'set'
  }

  removeCookie(): void {
    this.#cookie = 'remove'
  }

  /** Refuses what comes too late. `what`: what was asked for. */
  requireOpen(what: string): void {
    if (this.#isClosed) throw new SessionLateChangeError(what)
  }

  /** Refuses what ends in an id that the browser would never get. */
  require(what: string): void {
    if (!this.#isDetached) return
    throw new SessionError(
      `${what} needs a new session id, and there is no response to carry its cookie, as for a WebSocket: log in, or start the session, by an ordinary request`,
    )
  }
}
