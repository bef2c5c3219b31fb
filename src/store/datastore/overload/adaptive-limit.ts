/**
 * How many calls may be under way at once, by how long they take: a server that is slow because it has too much to do
 * gets slower with each further call, until answers come after their deadline and all work is in vain. So slow calls
 * halve the number, and quick ones raise it again, one by one.
 */
export class AdaptiveLimit {
  readonly #most: number
  readonly #deadline: number
  #current: number

  /** `deadline` of a call, in milliseconds: above a half of it a call is slow, below a quarter quick. */
  constructor(most: number, deadline: number) {
    this.#most = most
    this.#deadline = deadline
    this.#current = most
  }

  /** A whole number, at least 1. */
  get current(): number {
    return Math.floor(this.#current)
  }

  /** A call was over after so many milliseconds. A quick failure says nothing of how quick answers would be. */
  took(time: number, isAnswered: boolean): void {
    if (time > this.#deadline / 2) this.#current = Math.max(1, this.#current / 2)
    else if (isAnswered && time < this.#deadline / 4) {
      this.#current = Math.min(this.#most, this.#current + 1 / this.#current)
    }
  }
}
