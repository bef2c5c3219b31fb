import type { SessionStoreError } from '../../../base/errors.ts'
import { isHeard, tell } from '../../../record/happenings.ts'
import { isOutage, pausedError } from '../errors.ts'
import { STORE, tellTurnedAway } from './turned-away.ts'

/** How many calls in a row have to fail before no more are made. */
const FAILURES = 5

/** How long no call is made then, until one is tried, in milliseconds. */
const PAUSE = 1000

/** One call that was let through. */
export interface Passage {
  /**
   * Has to be called once, with what the call failed with, or `null`. `isNews`: false where it has failed of the same as
   * another one, whose failure was counted; default true.
   */
  end(error: unknown, isNews?: boolean): void
}

/**
 * Stops calls to a server that is away or hangs, so that requests fail at once instead of queueing up behind each other's
 * deadlines, and a server that comes back is not met by all that has piled up. Closed at first; open after a number of
 * failures in a row; a moment later one call is let through as a trial: its answer closes the breaker, its failure opens
 * it for another moment. Only outages count: a refusal or a conflict is an answer. Keeps no timer.
 */
export class Breaker {
  readonly #method: string
  readonly #now: () => number
  #failures = 0
  /** From when on a trial may be made; `null`: closed. */
  #openUntil: number | null = null
  #trial = false
  #cause: unknown = null

  /** `method`: what messages call it. `now`: a monotonic clock, in milliseconds. */
  constructor(method: string, now: () => number = () => performance.now()) {
    this.#method = method
    this.#now = now
  }

  /** Whether calls are turned away, or one of them is on trial. */
  get isOpen(): boolean {
    return this.#openUntil !== null
  }

  /** Lets a call through, or gives the error for it: retryable, without effect, never "there is none". */
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
          // Also the late answer to a call of before: it was given now.
          this.#failures = 0
          if (this.#openUntil !== null) this.#tell('closed')
          this.#openUntil = null
          this.#cause = null
          return
        }
        if (!isNews && !isTrial) return
        this.#failures += 1
        this.#cause = error
        // Failures of calls that were under way when it opened say nothing new.
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
