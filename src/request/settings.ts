import type { Clock } from '../base/clock.ts'
import type { ValueCodec } from '../record/codec.ts'
import type { SessionLogger } from '../base/logger.ts'
import type { Troubles } from '../record/diagnostics.ts'
import type { ExpiryPolicy } from '../record/expiry.ts'
import type { RandomBytes } from '../record/id.ts'
import type { Keep } from '../record/payload.ts'
import type { PropertiesOf } from '../record/with-properties.ts'
import type { SessionStore } from '../store/store.ts'
import type { RetrySettings } from '../write/retry.ts'

/** What the session of a request needs to know of the deployment. */
export interface RequestSettings extends RetrySettings {
  readonly store: SessionStore
  readonly policy: ExpiryPolicy
  /** Whether the cookie is gone when the browser closes. */
  readonly sessionCookie: boolean
  readonly keepOnLogin: Keep
  readonly keepOnLogout: Keep
  /** What the data is checked with when it is loaded; `null`: with nothing. */
  readonly validate: StandardSchema | null
  /** Turns values into texts and back, those of the app's types among them. */
  readonly codec: ValueCodec
  /** By what the app wants its sessions to be found; `null`: by nothing of its own. */
  readonly properties: PropertiesOf | null
  readonly now: Clock
  readonly randomBytes: RandomBytes
  readonly logger: SessionLogger
  /** Whether requests that only read may be answered from memory. Absent: no. */
  readonly remembers?: boolean
  /** Warns of each thing once. */
  readonly warnOnce: (about: string, message: string) => void
  readonly troubles: Troubles
}

/** What of Standard Schema v1 (standardschema.dev) is used here; zod, valibot and arktype schemas fit. */
export interface StandardSchema {
  /** Version, vendor and the function that validates. */
  readonly '~standard': {
    readonly version: 1
    readonly vendor: string
    readonly validate: (value: unknown) => SchemaResult | Promise<SchemaResult>
  }
}

/** The value as the schema gives it, or what is wrong with it. */
export type SchemaResult =
  | { readonly value: unknown; readonly issues?: undefined }
  | { readonly issues: readonly { readonly message: string }[] }
