import { sideBySide } from '../base/parallel.ts'
import type { Pace } from './pace.ts'
import type { PageWork, Part } from './page-work/page-work.ts'

/** The state that the page loop reads and writes. The state of a run has these fields. */
export interface PagesState {
  /** Whether a part had more than one page, so that parts are worked on in parallel. */
  large: boolean
  /** Why the loop has to stop; `null`: it continues. */
  readonly error: string | null
}

/** The time limit of the page loop. */
export interface PagesLimits {
  readonly now: () => number
  /** No further page begins from this time on, in milliseconds since the epoch. */
  readonly deadline: number
}

/**
 * Goes over the pages of one or more works within one call, until they are done or the time has run out. All long work
 * uses this loop.
 */
export class Pages {
  readonly #state: PagesState
  readonly #limits: PagesLimits
  /** The parts that had a page with entries. */
  readonly #met = new Set<Part>()
  #pages = 0
  #failed = false

  constructor(state: PagesState, limits: PagesLimits) {
    this.#state = state
    this.#limits = limits
  }

  /**
   * Works on one part after the other, which is cheap in the usual case of little work. It works in parallel as soon as
   * one part has filled a page or had a second page. A second page also counts, because a server may return fewer
   * entries than asked for. It does at least one page, so that every call makes progress. Returns whether everything is
   * done. `pace`: delays the pages; `null`: no delay.
   */
  async goOver<P extends Part>(work: PageWork<P>, pace: Pace | null = null): Promise<boolean> {
    const parts = await work.parts()
    const isLarge = (): boolean => work.sideBySide > 1 && this.#state.large
    for (const part of parts) {
      while (!part.done && !isLarge() && this.#mayGoOn) await this.#page(work, part, pace)
    }
    const open = parts.filter(({ done }) => !done)
    if (isLarge()) {
      await sideBySide(open, work.sideBySide, async (part) => {
        while (!part.done && this.#mayGoOn) await this.#page(work, part, pace)
      })
    }
    for (const part of open) if (!part.done) await work.pause?.(part)
    return this.#state.error === null && parts.every(({ done }) => done)
  }

  get #mayGoOn(): boolean {
    const { now, deadline } = this.#limits
    const isInTime = this.#pages === 0 || now() < deadline
    return this.#state.error === null && !this.#failed && isInTime
  }

  async #page<P extends Part>(work: PageWork<P>, part: P, pace: Pace | null): Promise<void> {
    const deadline = this.#pages === 0 ? Number.POSITIVE_INFINITY : this.#limits.deadline
    this.#pages += 1
    if (pace !== null && !(await pace.turn(work.pageSize, deadline))) return
    try {
      const size = await work.page(part)
      pace?.spent(size, work.pageSize)
      if (size === 0) return
      const isMany = size === work.pageSize || this.#met.has(part)
      if (isMany && work.sideBySide > 1) this.#state.large = true
      this.#met.add(part)
    } catch (error) {
      this.#failed = true
      throw error
    }
  }
}
