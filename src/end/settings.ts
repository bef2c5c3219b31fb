import type { Clock } from '../base/clock.ts'
import type { ValueCodec } from '../record/codec.ts'
import type { SessionLogger } from '../base/logger.ts'
import type { ExpiryPolicy } from '../record/expiry.ts'
import type { RandomBytes } from '../record/id.ts'
import type { SessionStore } from '../store/store.ts'
import type { RetrySettings } from '../write/retry.ts'

/** The settings of the deployment that the ends of sessions need. */
export interface EndSettings extends RetrySettings {
  readonly store: SessionStore
  readonly policy: ExpiryPolicy
  /** Whether ends are events, as the option of this process says. */
  readonly events: boolean
  /** The limit of `maxSessionsPerUser`; `null`: no limit. */
  readonly maxSessionsPerUser: number | null
  /** Decodes the data of events. */
  readonly codec: ValueCodec
  readonly now: Clock
  readonly randomBytes: RandomBytes
  readonly logger: SessionLogger
}
