import type { SessionStoreError } from '../../../base/errors.ts'
import { isHeard, tell } from '../../../record/happenings.ts'
import { isOutage, pausedError } from '../errors.ts'
import { STORE, tellTurnedAway } from './turned-away.ts'

/** The number of failures in a row after which the breaker opens. */
const FAILURES = 5

/** The time for which the breaker stays open before a trial, in milliseconds. */
const PAUSE = 1000

/** One call that the breaker has admitted. */
export interface Passage {
  /**
   * Must be called once when the call has ended, with its error or `null`. `isNews`: false if another call has failed
   * for the same reason and was already counted; default true.
   */
  end(error: unknown, isNews?: boolean): void
}

/**
 * A circuit breaker. It stops calls to a server that is unreachable or hangs, so that requests fail at once instead of
 * waiting for their deadlines, and a server that comes back is not flooded by waiting calls. It is closed at first, and
 * opens after a number of failures in a row. After a pause one call is admitted as a trial: its answer closes the
 * breaker, its failure opens it for another pause. Only outages count: a refusal or a conflict is an answer. It uses no
 * timer.
 */
export class Breaker {
  readonly #method: string
  readonly #now: () => number
  #failures = 0
  /** The time from which a trial may be made; `null`: the breaker is closed. */
  #openUntil: number | null = null
  #trial = false
  #cause: unknown = null

  /** `method`: the name of the method, for messages. `now`: a monotonic clock, in milliseconds. */
  constructor(method: string, now: () => number = () => performance.now()) {
    this.#method = method
    this.#now = now
  }

  /** Whether calls are refused, or a trial is running. */
  get isOpen(): boolean {
    return this.#openUntil !== null
  }

  /** Admits a call, or returns its error, which is retryable and without effect. */
  enter(): Passage | SessionStoreError {
    if (this.#openUntil === null) return this.#passage(false)
    const wait = this.#openUntil - this.#now()
    if (wait > 0 || this.#trial) {
      tellTurnedAway('breaker')
      return pausedError(this.#method, this.#failures, Math.ceil(Math.max(wait, 1)), this.#cause)
    }
    this.#trial = true
    return this.#passage(true)
  }

  #passage(isTrial: boolean): Passage {
    return {
      end: (error, isNews = true) => {
        if (isTrial) this.#trial = false
        if (error === null || !isOutage(error)) {
          // A late answer to an earlier call counts too, because the server has answered now.
          this.#failures = 0
          if (this.#openUntil !== null) this.#tell('closed')
          this.#openUntil = null
          this.#cause = null
          return
        }
        if (!isNews && !isTrial) return
        this.#failures += 1
        this.#cause = error
        // Failures of calls that were already running when the breaker opened do not count.
        const counts = isTrial || this.#openUntil === null
        if (!counts || this.#failures < FAILURES) return
        if (this.#openUntil === null) this.#tell('open')
        this.#openUntil = this.#now() + PAUSE
      },
    }
  }

  #tell(state: 'open' | 'closed'): void {
    if (isHeard('breaker')) tell({ kind: 'breaker', store: STORE, method: this.#method, state })
  }
}
