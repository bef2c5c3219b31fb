import type { KeyRefusal } from '../../record/diagnostics.ts'
import type { AnyRequest } from '../request/session-request.ts'
import { headerValues } from '../request/sent.ts'

/** In place of a one-time key: the static key in its header is meant. */
const STATIC_MARKER = 'STATIC_SESSION_KEY'

/** Everything that a request brought as security keys. */
export interface SentKeys {
  /** The field of the parsed body, whatever it is; `undefined` where there is none. */
  readonly field: unknown
  /** The values of X-Security-Key, one for each time that it was sent. */
  readonly headers: readonly string[]
  /** The values of Sec-X-ViUR-StaticSessionKey, likewise. */
  readonly statics: readonly string[]
}

/** The key that counts, or why none does. */
export type ChosenKey =
  | { readonly kind: 'one-time' | 'static'; readonly key: string }
  | { readonly kind: 'refused'; readonly why: KeyRefusal }

export function sentKeysOf(req: AnyRequest & { readonly body?: unknown }): SentKeys {
  return {
    field: fieldOf(req.body),
    headers: headerValues(req, 'x-security-key'),
    statics: headerValues(req, 'sec-x-viur-staticsessionkey'),
  }
}

function fieldOf(body: unknown): unknown {
  return typeof body === 'object' && body !== null && Object.hasOwn(body, 'skey')
    ? (body as { readonly skey: unknown }).skey
    : undefined
}

/** Which key of those that were sent is to be validated. What is ambiguous is refused and not guessed. */
export function chooseKey({ field, headers, statics }: SentKeys): ChosenKey {
  if (headers.length > 1 || statics.length > 1) return { kind: 'refused', why: 'malformed' }
  if (field !== undefined && typeof field !== 'string') return { kind: 'refused', why: 'malformed' }
  const [header] = headers
  if (field !== undefined && header !== undefined && field !== header)
    return { kind: 'refused', why: 'malformed' }
  const oneTime = field ?? header
  if (oneTime !== undefined && oneTime !== STATIC_MARKER) return { kind: 'one-time', key: oneTime }
  const [key] = statics
  if (key !== undefined) return { kind: 'static', key }
  return { kind: 'refused', why: oneTime === undefined ? 'missing' : 'static' }
}
