import type { EndSettings } from '../end/settings.ts'
import type { IteratorClass, SweepClass } from './query-iter.ts'
import type { TaskQueue } from './task-queue.ts'

/** The settings of the deployment that long work over sessions needs. */
export interface SweepSettings extends EndSettings {
  /** Whether session ids come from outside, so that a new session can use the key of one that has ended. */
  readonly outsideIds: boolean
  readonly tasks: TaskQueue
  /** How long one step works until it adds the next task, in milliseconds. */
  readonly taskBudget: number
  readonly iterators: readonly IteratorClass[]
  readonly sweep: SweepClass
  /** Warns of each thing once. */
  readonly warnOnce: (about: string, message: string) => void
}
