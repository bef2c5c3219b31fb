/** The headers of a call that authenticate it. */
export type CallHeaders = Readonly<Record<string, string>>

/** Headers for calls, and their expiry in milliseconds since the epoch. */
export interface Token {
  readonly headers: CallHeaders
  readonly expires: number
}

/**
 * How long before its expiry a token is renewed, in milliseconds. Until five minutes before the expiry, the metadata
 * server and google-auth-library return the old token again.
 */
const AHEAD = 270_000

/** The shortest remaining time with which a token is still sent, in milliseconds. */
const LEAST = 10_000

/** The shortest time between two tries to renew a token that can still be sent, in milliseconds. */
const AGAIN_AFTER = 10_000

/** The time after which an unfinished try is abandoned for another one, in milliseconds. */
const HANGS_AFTER = 30_000

/** The largest delay that `setTimeout` accepts. */
const LONGEST_TIMER = 2 ** 31 - 1

/**
 * Keeps one token, and renews it in the background before it expires. No call waits for a new token while the old one
 * is valid. An idle process renews its token too, so that its next visitor does not wait.
 */
export class Tokens {
  readonly #fetch: () => Promise<Token>
  readonly #now: () => number
  #token: Token | null = null
  #renewal: { readonly since: number; readonly token: Promise<CallHeaders> } | null = null
  #renewFrom = 0
  #timer: NodeJS.Timeout | null = null
  #users = 0

  constructor(fetch: () => Promise<Token>, now: () => number = Date.now) {
    this.#fetch = fetch
    this.#now = now
  }

  /** Returns the headers of a call; a promise only if there is no valid token. */
  headers(): CallHeaders | Promise<CallHeaders> {
    const now = this.#now()
    const token = this.#token
    if (token === null || now >= token.expires - LEAST) return this.#renew()
    if (now >= this.#renewFrom) this.#renewBeside()
    return token.headers
  }

  /** Registers a client that uses the token. */
  enter(): void {
    this.#users += 1
  }

  /** Removes a client. Without clients the token is no longer renewed in the background. */
  leave(): void {
    this.#users -= 1
    if (this.#users <= 0 && this.#timer !== null) clearTimeout(this.#timer)
  }

  #renewBeside(): void {
    // The old token is still valid. A call after its expiry gets the error.
    this.#renew().catch(() => undefined)
  }

  #renew(): Promise<CallHeaders> {
    const since = this.#now()
    if (this.#renewal !== null && since - this.#renewal.since < HANGS_AFTER) {
      return this.#renewal.token
    }
    this.#renewFrom = since + AGAIN_AFTER
    const renewal = { since, token: this.#fetchOne() }
    this.#renewal = renewal
    const end = (): void => {
      if (this.#renewal === renewal) this.#renewal = null
      this.#wait()
    }
    renewal.token.then(end, () => {
      this.#renewFrom = this.#now() + AGAIN_AFTER
      end()
    })
    return renewal.token
  }

  async #fetchOne(): Promise<CallHeaders> {
    const token = await this.#fetch()
    this.#token = token
    this.#renewFrom = Math.max(token.expires - AHEAD, this.#now() + AGAIN_AFTER)
    return token.headers
  }

  #wait(): void {
    if (this.#timer !== null) clearTimeout(this.#timer)
    if (this.#users <= 0 || this.#token === null) return
    const wait = Math.min(Math.max(this.#renewFrom - this.#now(), AGAIN_AFTER), LONGEST_TIMER)
    this.#timer = setTimeout(() => this.#renewBeside(), wait)
    this.#timer.unref()
  }
}
