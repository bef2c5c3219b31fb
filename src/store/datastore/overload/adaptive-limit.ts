/**
 * Limits the number of concurrent calls by their duration. An overloaded server gets slower with each further call,
 * until all answers come after their deadline and are useless. So slow calls halve the limit, and quick calls raise it
 * slowly.
 */
export class AdaptiveLimit {
  readonly #most: number
  readonly #deadline: number
  #current: number

  /** `deadline`: that of a call, in milliseconds. A call is slow above half of it, and quick below a quarter of it. */
  constructor(most: number, deadline: number) {
    this.#most = most
    this.#deadline = deadline
    this.#current = most
  }

  /** The current limit: a whole number, at least 1. */
  get current(): number {
    return Math.floor(this.#current)
  }

  /** Adapts the limit to the duration of a call, in milliseconds. A quick failure does not raise the limit. */
  took(time: number, isAnswered: boolean): void {
    if (time > this.#deadline / 2) this.#current = Math.max(1, this.#current / 2)
    else if (isAnswered && time < this.#deadline / 4) {
      this.#current = Math.min(this.#most, this.#current + 1 / this.#current)
    }
  }
}
