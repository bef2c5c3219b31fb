import { sideBySide } from '../base/parallel.ts'
import type { Pace } from './pace.ts'
import type { PageWork, Part } from './page-work/page-work.ts'

/** What going over pages notes and asks: the state of a run is one. */
export interface PagesState {
  /** Whether a part had more than one page, so that parts are worked on side by side. */
  large: boolean
  /** Why it has to stop; `null`: it goes on. */
  readonly error: string | null
}

/** How long pages are begun. */
export interface PagesLimits {
  readonly now: () => number
  /** From when on nothing more is begun, in milliseconds since the epoch. */
  readonly deadline: number
}

/**
 * Goes over pages in one call, of one work or of several, until they are done or the time is up. All long work is given
 * to it, and has no loop of its own.
 */
export class Pages {
  readonly #state: PagesState
  readonly #limits: PagesLimits
  /** Those that had something on a page. */
  readonly #met = new Set<Part>()
  #pages = 0
  #failed = false

  constructor(state: PagesState, limits: PagesLimits) {
    this.#state = state
    this.#limits = limits
  }

  /**
   * One part after the other, which is cheap where there is little to do, as there mostly is; side by side as soon as
   * one of them has filled a page, or had a second one: servers end a page where they like. At least one page in all,
   * so that every call gets on. Gives whether all is done.
   * `pace`: how fast pages begin; `null`: at once.
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
