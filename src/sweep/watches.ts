import { onDemand } from '../base/on-demand.ts'
import type { SessionWatch } from './watch.ts'
import type { WatchParts } from './watch-rounds.ts'

/** The watches of an app. The code of the rounds is loaded with the first watch, since most apps have none. */
export class SessionWatches {
  readonly #open = new Set<SessionWatch>()
  readonly #parts: WatchParts
  readonly #rounds

  constructor(parts: WatchParts) {
    this.#parts = parts
    this.#rounds = onDemand(async () => {
      // Not destructured: Rollup would drop calls of the function as if they had no effect.
      const part = await import('./watch-rounds.ts')
      return new part.WatchRounds(parts)
    })
  }

  /** Adds a watch, and returns a function that stops it. */
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

  /** Stops all watches. */
  stop(): void {
    for (const watch of [...this.#open]) watch.stop()
  }
}
