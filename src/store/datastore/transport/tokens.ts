/** The headers of a call that say who asks. */
export type CallHeaders = Readonly<Record<string, string>>

/** What is sent with calls until it expires, in milliseconds since the epoch. */
export interface Token {
  readonly headers: CallHeaders
  readonly expires: number
}

/**
 * How long before it expires a token is renewed, in milliseconds. The metadata server and google-auth-library give the old one
 * again until five minutes before.
 */
const AHEAD = 270_000

/** The least that a token must have left to be sent, in milliseconds. */
const LEAST = 10_000

/** The least time between two tries to renew a token that can still be sent, in milliseconds. */
const AGAIN_AFTER = 10_000

/** When a try that has not ended is given up for another, in milliseconds. */
const HANGS_AFTER = 30_000

/** `setTimeout` takes no more. */
const LONGEST_TIMER = 2 ** 31 - 1

/**
 * Keeps one token, and renews it ahead of time, beside the calls: none waits for another token while there is a valid one.
 * An idle process renews it too, so that its next visitor need not wait.
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

  /** The headers of a call now; a promise only where there are no valid ones. */
  headers(): CallHeaders | Promise<CallHeaders> {
    const now = this.#now()
    const token = this.#token
    if (token === null || now >= token.expires - LEAST) return this.#renew()
    if (now >= this.#renewFrom) this.#renewBeside()
    return token.headers
  }

  /** A client uses them. */
  enter(): void {
    this.#users += 1
  }

  /** A client uses them no more. Once none does, nothing is renewed by itself. */
  leave(): void {
    this.#users -= 1
    if (this.#users <= 0 && this.#timer !== null) clearTimeout(this.#timer)
  }

  #renewBeside(): void {
    // The old one is still good, and whoever comes after it has expired hears what is wrong.
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
