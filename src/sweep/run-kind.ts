import type { MassKill } from '../end/mass-kill.ts'
import type { Pages } from './page-loop.ts'
import type { PageParts } from './page-work/page-work.ts'
import type { RunState } from './run.ts'
import type { AllWatermarks } from './watermarks.ts'

/** The parts that the kinds of runs need. */
export interface RunParts<Data extends object> extends PageParts<Data> {
  readonly massKill: MassKill<Data>
  readonly watermarks: AllWatermarks
}

/** A kind of run. It decides which page work its steps do. */
export interface RunKind {
  /** The name of such runs in their records. */
  readonly name: string
  /** The queue for its tasks; empty: the default one. */
  readonly queueName: string
  /** Whether the run is of this kind. */
  owns(state: RunState): boolean
  /**
   * Throws where this process cannot do the work; another process may be able to, for example during a rollout. Absent:
   * every process can do it.
   */
  requireAble?(): Promise<void>
  /**
   * Goes over pages until everything is done or the time (milliseconds) has run out, and counts in the state. Returns
   * whether everything is done.
   */
  work(state: RunState, pages: Pages, deadline: number): Promise<boolean>
}
