import type { ValueCodec } from '../record/codec.ts'
import type { SessionLogger } from '../base/logger.ts'
import type { Keep } from '../record/payload.ts'
import type { WriterSettings } from '../write/writer.ts'

/** The settings of the deployment that the session of a request needs. */
export interface RequestSettings extends WriterSettings {
  /** Whether the browser drops the cookie when it closes. */
  readonly sessionCookie: boolean
  readonly keepOnLogin: Keep
  readonly keepOnLogout: Keep
  /** The schema that checks the data when it is loaded; `null`: there is none. */
  readonly validate: StandardSchema | null
  /** Encodes and decodes values, including those of the app's own types. */
  readonly codec: ValueCodec
  readonly logger: SessionLogger
  /** Whether requests that only read may be answered from memory. Absent: no. */
  readonly remembers?: boolean
  /** Warns of each thing once. */
  readonly warnOnce: (about: string, message: string) => void
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
