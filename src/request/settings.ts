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

/** The settings of the deployment that the session of a request needs. */
export interface RequestSettings extends RetrySettings {
  readonly store: SessionStore
  readonly policy: ExpiryPolicy
  /** Whether the browser drops the cookie when it closes. */
  readonly sessionCookie: boolean
  readonly keepOnLogin: Keep
  readonly keepOnLogout: Keep
  /** The schema that checks the data when it is loaded; `null`: there is none. */
  readonly validate: StandardSchema | null
  /** Encodes and decodes values, including those of the app's own types. */
  readonly codec: ValueCodec
  /** The properties by which the app wants to find its sessions; `null`: there are none. */
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

/** The part of Standard Schema v1 (standardschema.dev) that is used here; zod, valibot and arktype schemas fit. */
export interface StandardSchema {
  /** Version, vendor and the function that validates. */
  readonly '~standard': {
    readonly version: 1
    readonly vendor: string
    readonly validate: (value: unknown) => SchemaResult | Promise<SchemaResult>
  }
}

/** The value that the schema returns, or the issues that it found. */
export type SchemaResult =
  | { readonly value: unknown; readonly issues?: undefined }
  | { readonly issues: readonly { readonly message: string }[] }
