/**
 * The longest wait of a lookup for a running lookup of the same entity, in milliseconds. It is longer than most lookups
 * take, and so short that a visitor does not notice it.
 */
const MOST = 25

/**
 * Remembers which entities are being looked up. The requests of one page load arrive within about ten milliseconds and
 * have the same session. None may use the answer to a lookup that was sent before the request arrived. Without waiting
 * they would cause one lookup for each turn of the event loop, and each lookup is billed.
 */
export class EntitiesInFlight {
  /** When the newest lookup of each entity was sent, on the monotonic clock. */
  readonly #sent = new Map<string, number>()
  #timer: NodeJS.Timeout | null = null
  readonly #wake: () => void

  /** `wake`: called when a waiting lookup may be sent, although the running one has not ended. */
  constructor(wake: () => void) {
    this.#wake = wake
  }

  /** Registers lookups that are sent now. Returns a function to call when they were answered. */
  begin(ids: Iterable<string>, now: number): () => void {
    const begun = [...ids]
    for (const id of begun) this.#sent.set(id, now)
    return () => {
      // Keeps the entry of a newer lookup, which was sent because this one took too long.
      for (const id of begun) if (this.#sent.get(id) === now) this.#sent.delete(id)
    }
  }

  /** Whether a lookup of this entity must wait. */
  holds(id: string, now: number): boolean {
    const sent = this.#sent.get(id)
    if (sent === undefined || now - sent >= MOST) return false
    this.#timer ??= setTimeout(() => {
      this.#timer = null
      this.#wake()
    }, MOST)
    return true
  }

  /** Stops the timer. */
  close(): void {
    if (this.#timer !== null) clearTimeout(this.#timer)
    this.#timer = null
  }
}
