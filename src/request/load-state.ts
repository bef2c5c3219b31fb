import { SessionError, SessionNotLoadedError } from '../base/errors.ts'
import type { SessionId } from '../record/id.ts'
import { asStoreError } from '../write/retry.ts'
import type { Loaded } from '../write/source.ts'
import type { SessionData } from './tracked-data.ts'

/** Outcome of `load()`: why there is a session, or why there is none. */
export type LoadOutcome =
  | 'live'
  | 'none'
  | 'malformed'
  | 'unknown'
  | 'expired'
  | 'ended'
  | 'unreadable'

/** Result of a load that has found a session. `id`: `null` where the request does not know it. */
export interface LiveResult {
  readonly outcome: 'live'
  readonly id: SessionId | null
  readonly found: Loaded
  readonly data: SessionData
}

/** Result of a load. */
export type LoadResult = LiveResult | { readonly outcome: Exclude<LoadOutcome, 'live'> }

/**
 * Whether the session of a request is loaded, and whether the request has used it. All callers share one load. Before
 * it has succeeded, nothing can be read.
 *
 * | Standing     | Meaning                                         | Transitions                              |
 * | ------------ | ----------------------------------------------- | ---------------------------------------- |
 * | `not loaded` | no load was asked for yet                       | `load()`: `loading`                      |
 * | `loading`    | one load is under way                           | the result: `loaded`; an error: `failed` |
 * | `failed`     | the store was down; every use throws that error | `load()`: `loading`                      |
 * | `loaded`     | the outcome is known                            | `changeOutcome()`: the same              |
 */
export abstract class LoadState {
  #outcome: LoadOutcome | null = null
  #failure: SessionError | null = null
  #isLoading = false
  #loading: Promise<void> | null = null
  #accessed = false

  get loaded(): boolean {
    return this.#outcome !== null
  }

  /** Outcome of `load()`; `null` before the load has finished. */
  get outcome(): LoadOutcome | null {
    return this.#outcome
  }

  /** The error of the last load; `null` where no load has failed, or a later one has succeeded. */
  get failure(): SessionError | null {
    return this.#failure
  }

  /** Whether the request has used its session. */
  get accessed(): boolean {
    return this.#accessed
  }

  /** Records that the request used its session, loaded or not. */
  noteUse(): void {
    this.#accessed = true
  }

  /**
   * The same for facts that need a loaded session. A session that is not loaded, or could not be loaded, must never
   * look like "nobody is logged in". `what`: the use, for the error.
   */
  use(what: string): void {
    this.#accessed = true
    if (this.#outcome !== null) return
    throw this.#failure ?? new SessionNotLoadedError(what)
  }

  /**
   * Loads once for all callers; after a failure, the next caller tries again. Where `find` returns a result
   * synchronously, the session is loaded when this method returns.
   */
  load(find: () => LoadResult | Promise<LoadResult>): Promise<void> {
    if (this.#loading !== null) return this.#loading
    const loading = this.#loadBy(find)
    if (this.#isLoading) this.#loading = loading
    return loading
  }

  async #loadBy(find: () => LoadResult | Promise<LoadResult>): Promise<void> {
    if (this.loaded) return
    this.#isLoading = true
    try {
      const found = find()
      const result = found instanceof Promise ? await found : found
      this.#failure = null
      this.#outcome = result.outcome
      if (result.outcome === 'live') this.startFrom(result)
    } catch (error) {
      this.#failure = error instanceof SessionError ? error : asStoreError(error)
      throw this.#failure
    } finally {
      this.#isLoading = false
      this.#loading = null
    }
  }

  /** Takes over the session that was found. */
  protected abstract startFrom(found: LiveResult): void

  /** Records that the session, which was read from memory, is no longer stored. */
  protected changeOutcome(outcome: Exclude<LoadOutcome, 'live'>): void {
    this.#outcome = outcome
  }
}
