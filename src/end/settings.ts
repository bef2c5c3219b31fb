import type { Clock } from '../base/clock.ts'
import type { ValueCodec } from '../record/codec.ts'
import type { SessionLogger } from '../base/logger.ts'
import type { ExpiryPolicy } from '../record/expiry.ts'
import type { RandomBytes } from '../record/id.ts'
import type { SessionStore } from '../store/store.ts'
import type { RetrySettings } from '../write/retry.ts'

/** What the ends of sessions need to know of the deployment. */
export interface EndSettings extends RetrySettings {
  readonly store: SessionStore
  readonly policy: ExpiryPolicy
  /** Whether ends are told: those of this process. */
  readonly events: boolean
  /** `null`: no limit. */
  readonly maxSessionsPerUser: number | null
  /** What the data of events is decoded with. */
  readonly codec: ValueCodec
  readonly now: Clock
  readonly randomBytes: RandomBytes
  readonly logger: SessionLogger
}
