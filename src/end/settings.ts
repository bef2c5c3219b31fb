import type { ValueCodec } from '../record/codec.ts'
import type { SessionLogger } from '../base/logger.ts'
import type { WriterSettings } from '../write/writer.ts'

/** The settings of the deployment that the ends of sessions need. */
export interface EndSettings extends Omit<WriterSettings, 'troubles' | 'properties'> {
  /** Whether ends are events, as the option of this process says. */
  readonly events: boolean
  /** The limit of `maxSessionsPerUser`; `null`: no limit. */
  readonly maxSessionsPerUser: number | null
  /** Decodes the data of events and entries. */
  readonly codec: ValueCodec
  readonly logger: SessionLogger
}
