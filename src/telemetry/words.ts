import type { Attributes } from '@opentelemetry/api'
import type { StoreCall } from '../store/store-calls.ts'
import { ATTRIBUTES } from './names.ts'

/** The names of stores in the semantic conventions. Other stores keep their own names. */
const SYSTEMS: Readonly<Record<string, string>> = { datastore: 'gcp.datastore', sqlite: 'sqlite' }

/** The names of the gRPC codes, which the conventions use for errors. */
const CODES = [
  'OK',
  'CANCELLED',
  'UNKNOWN',
  'INVALID_ARGUMENT',
  'DEADLINE_EXCEEDED',
  'NOT_FOUND',
  'ALREADY_EXISTS',
  'PERMISSION_DENIED',
  'RESOURCE_EXHAUSTED',
  'FAILED_PRECONDITION',
  'ABORTED',
  'OUT_OF_RANGE',
  'UNIMPLEMENTED',
  'INTERNAL',
  'UNAVAILABLE',
  'DATA_LOSS',
  'UNAUTHENTICATED',
]

/** Returns the attributes of a call, for its measurement and its span, each with few values. */
export function attributesOf(call: StoreCall): Attributes {
  const { store, method, code } = call
  return {
    [ATTRIBUTES.system]: SYSTEMS[store] ?? store,
    [ATTRIBUTES.operation]: method,
    ...(code !== null && { [ATTRIBUTES.statusCode]: CODES[code] ?? String(code) }),
    ...(call.outcome === 'failed' && { [ATTRIBUTES.error]: typeOfError(call.error, code) }),
  }
}

/**
 * Returns a short type for an error: its code, or the name of its class. Never its message, which can contain anything.
 */
export function typeOfError(error: unknown, grpcCode: number | null = null): string {
  if (grpcCode !== null) return CODES[grpcCode] ?? String(grpcCode)
  const { code, name } = Object(error) as { code?: unknown; name?: unknown }
  if (typeof code === 'string' && /^[A-Z][A-Z0-9_]{0,63}$/.test(code)) return code
  return typeof name === 'string' && /^[A-Za-z][A-Za-z0-9]{0,63}$/.test(name) ? name : '_OTHER'
}
