import { onDemand } from '../base/on-demand.ts'
import type { SessionWatch } from './watch.ts'
import type { WatchParts } from './watch-rounds.ts'

/** The watches of an app. What looks at the sessions is loaded with the first of them, since most apps have none. */
export class SessionWatches {
  readonly #open = new Set<SessionWatch>()
  readonly #parts: WatchParts
  readonly #rounds

  constructor(parts: WatchParts) {
    this.#parts = parts
    this.#rounds = onDemand(async () => {
      // Not taken apart: Rollup would drop calls of what it is given as if they had no effect.
      const part = await import('./watch-rounds.ts')
      return new part.WatchRounds(parts)
    })
  }

  /** Gives what stops it. */
  add(watch: SessionWatch): () => void {
    if (watch.isOver) return watch.stop
    this.#open.add(watch)
    watch.whenOver(() => this.#open.delete(watch))
    this.#rounds().then(
      (rounds) => {
        if (!watch.isOver) rounds.add(watch)
      },
      (error: unknown) => {
        const problem = error instanceof Error ? error.message : 'no Error'
        this.#parts.logger.warn('a session cannot be watched', { error: problem })
      },
    )
    return watch.stop
  }

  /** Nobody is told of anything any more. */
  stop(): void {
    for (const watch of [...this.#open]) watch.stop()
  }
}
