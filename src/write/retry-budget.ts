import type { SessionStoreError } from '../base/errors.ts'
import { type Incident, incidentOf } from '../base/incident.ts'

/** How many calls have to work to earn a retry. */
const PRICE = 10

/** How many retries there can be in a row, over all requests of a process, while nothing succeeds. */
const MOST = 20

/**
 * Bounds what retries add to the load of a store in trouble. One request alone may try again; when all of them fail,
 * each trying three times would triple the load of a store that has too much already, just when it is to recover.
 */
export class RetryBudget {
  /** Calls that worked and were not spent. */
  #earned = MOST * PRICE
  readonly #paid = new WeakSet<Incident>()

  /** Whether this failure may be tried again now; takes a retry from the budget if so. */
  take(error: SessionStoreError): boolean {
    // The store has said when: not within a request.
    if (!error.retryable || error.retryAfter !== null) return false
    const incident = incidentOf(error)
    // All that failed of one event, such as the loss of a connection, have one price: each is tried again.
    if (incident !== null && this.#paid.has(incident)) return true
    if (this.#earned < PRICE) return false
    this.#earned -= PRICE
    if (incident !== null) this.#paid.add(incident)
    return true
  }

  /** A call has succeeded. */
  earn(): void {
    this.#earned = Math.min(MOST * PRICE, this.#earned + 1)
  }
}
