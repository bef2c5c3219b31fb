import type { Clock } from '../base/clock.ts'
import type { ValueCodec } from '../record/codec.ts'
import type { SessionLogger } from '../base/logger.ts'
import type { ExpiryPolicy } from '../record/expiry.ts'
import type { RandomBytes } from '../record/id.ts'
import type { SessionStore } from '../store/store.ts'
import type { IteratorClass, SweepClass } from './query-iter.ts'
import type { TaskQueue } from './task-queue.ts'

/** What long work over sessions needs to know of the deployment. */
export interface SweepSettings {
  readonly store: SessionStore
  readonly policy: ExpiryPolicy
  readonly events: boolean
  /** Whether ids of sessions come from outside, so that one can live again under a key that has ended. */
  readonly outsideIds: boolean
  readonly tasks: TaskQueue
  /** How long one step works before it hands on, in milliseconds. */
  readonly taskBudget: number
  readonly iterators: readonly IteratorClass[]
  readonly sweep: SweepClass
  /** What the data of entries is decoded with. */
  readonly codec: ValueCodec
  readonly now: Clock
  readonly sleep: (duration: number) => Promise<void>
  readonly randomBytes: RandomBytes
  readonly logger: SessionLogger
  /** Warns of each thing once. */
  readonly warnOnce: (about: string, message: string) => void
}
