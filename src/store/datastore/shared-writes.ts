import type { Connection } from './connection.ts'
import type { EntityLayout } from './entity-codec.ts'
import { probeSharedWrites } from './shared-writes-probe.ts'

/** Whether writes of different requests go out together. */
export type Sharing =
  /** Not known yet: writes go singly. */
  | 'untested'
  /** A probe is under way: writes go singly. */
  | 'probing'
  | 'on'
  /** Not wanted, or this server cannot do it. */
  | 'off'

/** How long after a probe that could not be finished another may start, in milliseconds. */
const PROBE_AGAIN_AFTER = 60_000

/** What is known of this server's ways with shared writes. */
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

  /** Finds out whether this server honours the conditions of shared writes, in the background: what waits goes out singly meanwhile. */
  find(): void {
    if (this.#state !== 'untested' || performance.now() < this.#probeFrom) return
    this.#state = 'probing'
    probeSharedWrites(this.#connection, this.#layout).then(
      (passed) => {
        this.#state = passed ? 'on' : 'off'
      },
      () => {
        // It says nothing about the server's ways that it could not be asked.
        this.#state = 'untested'
        this.#probeFrom = performance.now() + PROBE_AGAIN_AFTER
      },
    )
  }
}
