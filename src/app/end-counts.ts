import type { EndReason, SessionDeleteEvent } from '../index.ts'

/** How many ends are remembered. */
const REMEMBERED = 10_000

/** Counts the ends of sessions by their reason, as far as this process hears of them. */
export class EndCounts {
  readonly #known = new Set<string>()
  readonly #counts: Record<EndReason, number> = {
    expired: 0,
    logout: 0,
    login: 0,
    reset: 0,
    killed: 0,
  }

  /** An end may be reported more than once. Its id is the same each time, so it is counted once. */
  note({ id, reason }: Pick<SessionDeleteEvent<object>, 'id' | 'reason'>): void {
    if (this.#known.has(id)) return
    this.#known.add(id)
    const [oldest] = this.#known
    if (this.#known.size > REMEMBERED && oldest !== undefined) this.#known.delete(oldest)
    this.#counts[reason] += 1
  }

  /** Pairs of reason and count. */
  entries(): [EndReason, number][] {
    return Object.entries(this.#counts) as [EndReason, number][]
  }
}
