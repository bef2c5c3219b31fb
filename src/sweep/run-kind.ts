import type { Ender } from '../end/ender.ts'
import type { MassKill } from '../end/mass-kill.ts'
import type { SessionEntries } from './entry.ts'
import type { Pages } from './page-loop.ts'
import type { RunState } from './run.ts'
import type { SweepSettings } from './settings.ts'
import type { AllWatermarks } from './watermarks.ts'

/** What kinds of runs work with. */
export interface RunParts<Data extends object> {
  readonly settings: SweepSettings
  readonly ender: Ender<Data>
  readonly entries: SessionEntries<Data>
  readonly massKill: MassKill<Data>
  readonly watermarks: AllWatermarks
}

/** A kind of run: which page work its steps give to the engine. */
export interface RunKind {
  /** What such runs are called in their records. */
  readonly name: string
  /** The queue that carries its tasks; empty: the default one. */
  readonly queueName: string
  /** Whether the run is of this kind. */
  owns(state: RunState): boolean
  /** Throws where this process cannot do the work: another one perhaps can, during a rollout for example. Default: it can. */
  requireAble?(): Promise<void>
  /** Goes over pages until all is done, or the time (milliseconds) is up, and counts in the state. Gives whether all is done. */
  work(state: RunState, pages: Pages, deadline: number): Promise<boolean>
}
