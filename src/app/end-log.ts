import type { EndReason, SessionDeleteEvent } from '../index.ts'

/** What is kept of the end of one session: who, why and when, and nothing of what was in it. */
export interface EndEntry {
  readonly reason: EndReason
  readonly user: string
  readonly key: string
  readonly ended: Date
  /** When this process heard of it. */
  readonly heard: Date
}

export type EndCounts = Readonly<Record<EndReason, number>>

/** How many ends are shown. */
const KEPT = 50

/** How many ends are remembered, so that one that is told again is not counted again. */
const REMEMBERED = 10_000

/** The ends of sessions that this process heard of, in its memory. */
export class EndLog {
  readonly #now: () => number
  readonly #known = new Set<string>()
  readonly #counts: Record<EndReason, number> = {
    expired: 0,
    logout: 0,
    login: 0,
    reset: 0,
    killed: 0,
  }
  #entries: readonly EndEntry[] = []

  constructor(now: () => number) {
    this.#now = now
  }

  /** Notes an end. It may be told more than once; its id is the same each time. */
  note({ id, reason, user, key, ended }: Omit<SessionDeleteEvent<object>, 'data' | 'scope'>): void {
    if (this.#known.has(id)) return
    this.#known.add(id)
    if (this.#known.size > REMEMBERED) {
      for (const oldest of this.#known) {
        this.#known.delete(oldest)
        break
      }
    }
    this.#counts[reason] += 1
    const entry: EndEntry = { reason, user, key, ended, heard: new Date(this.#now()) }
    this.#entries = [entry, ...this.#entries].slice(0, KEPT)
  }

  /** The latest, newest first. */
  get entries(): readonly EndEntry[] {
    return this.#entries
  }

  get counts(): EndCounts {
    return { ...this.#counts }
  }
}
