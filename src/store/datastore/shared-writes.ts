import type { Connection } from './connection.ts'
import type { EntityLayout } from './entity-codec.ts'
import { probeSharedWrites } from './shared-writes-probe.ts'

/** Whether writes of different requests share calls. */
export type Sharing =
  /** Not tested yet: each write has its own call. */
  | 'untested'
  /** A probe is running: each write has its own call. */
  | 'probing'
  | 'on'
  /** Switched off, or not possible on this server. */
  | 'off'

/** The pause before another probe if one could not be finished, in milliseconds. */
const PROBE_AGAIN_AFTER = 60_000

/** Finds out whether this server allows shared writes, and remembers the result. */
export class SharedWrites {
  readonly #connection: Connection
  readonly #layout: EntityLayout
  #state: Sharing
  #probeFrom = Number.NEGATIVE_INFINITY

  constructor(connection: Connection, layout: EntityLayout, wanted: 'auto' | 'off') {
    this.#connection = connection
    this.#layout = layout
    this.#state = wanted === 'auto' ? 'untested' : 'off'
  }

  get state(): Sharing {
    return this.#state
  }

  /**
   * Starts a probe in the background, unless the result is known. Until it has finished, each write has its own call.
   */
  find(): void {
    if (this.#state !== 'untested' || performance.now() < this.#probeFrom) return
    this.#state = 'probing'
    probeSharedWrites(this.#connection, this.#layout).then(
      (passed) => {
        this.#state = passed ? 'on' : 'off'
      },
      () => {
        // The server could not be reached, so that the result is still unknown.
        this.#state = 'untested'
        this.#probeFrom = performance.now() + PROBE_AGAIN_AFTER
      },
    )
  }
}
