/**
 * How long the next lookup of an entity waits for the one under way, in milliseconds: more than a lookup takes as a
 * rule, and too little for a visitor to notice when one takes longer.
 */
const MOST = 25

/**
 * Which entities are being looked up. The requests of one page load arrive within some ten milliseconds, all of one
 * session, and none may have the answer to a lookup that was sent before it came. Without waiting for each other they
 * would make one lookup for each turn of the event loop in which some arrive, and each lookup is billed.
 */
export class EntitiesInFlight {
  /** When the newest lookup of each was sent, on the monotonic clock. */
  readonly #sent = new Map<string, number>()
  #timer: NodeJS.Timeout | null = null
  readonly #wake: () => void

  /** `wake`: called when something that was held may go, though what it waited for is not over. */
  constructor(wake: () => void) {
    this.#wake = wake
  }

  /** Notes that these go out; gives the function to be called when they are answered. */
  begin(ids: Iterable<string>, now: number): () => void {
    const begun = [...ids]
    for (const id of begun) this.#sent.set(id, now)
    return () => {
      // A newer one, sent because this one took too long, is none of its business.
      for (const id of begun) if (this.#sent.get(id) === now) this.#sent.delete(id)
    }
  }

  /** Whether the next lookup of this one has to wait. */
  holds(id: string, now: number): boolean {
    const sent = this.#sent.get(id)
    if (sent === undefined || now - sent >= MOST) return false
    this.#timer ??= setTimeout(() => {
      this.#timer = null
      this.#wake()
    }, MOST)
    return true
  }

  /** Wakes nobody any more. */
  close(): void {
    if (this.#timer !== null) clearTimeout(this.#timer)
    this.#timer = null
  }
}
