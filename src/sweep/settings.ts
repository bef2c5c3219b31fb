import type { Clock } from '../base/clock.ts'
import type { ValueCodec } from '../record/codec.ts'
import type { SessionLogger } from '../base/logger.ts'
import type { ExpiryPolicy } from '../record/expiry.ts'
import type { RandomBytes } from '../record/id.ts'
import type { SessionStore } from '../store/store.ts'
import type { IteratorClass, SweepClass } from './query-iter.ts'
import type { TaskQueue } from './task-queue.ts'

/** The settings of the deployment that long work over sessions needs. */
export interface SweepSettings {
  readonly store: SessionStore
  readonly policy: ExpiryPolicy
  readonly events: boolean
  /** Whether session ids come from outside, so that a new session can use the key of one that has ended. */
  readonly outsideIds: boolean
  readonly tasks: TaskQueue
  /** How long one step works until it adds the next task, in milliseconds. */
  readonly taskBudget: number
  readonly iterators: readonly IteratorClass[]
  readonly sweep: SweepClass
  /** Decodes the data of entries. */
  readonly codec: ValueCodec
  readonly now: Clock
  readonly sleep: (duration: number) => Promise<void>
  readonly randomBytes: RandomBytes
  readonly logger: SessionLogger
  /** Warns of each thing once. */
  readonly warnOnce: (about: string, message: string) => void
}
