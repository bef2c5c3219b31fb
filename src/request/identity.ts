import type { Fence } from '../end/fences.ts'
import type { Keep, UnitChanges } from '../record/payload.ts'
import { type ClientHints, type EndReason, GUEST_USER } from '../record/record.ts'
import type { Guarded } from '../write/change.ts'

/** What an identity method was asked for. */
export type IdentityChange = 'login' | 'logout' | 'reset' | 'cycleKey'

/** Who a session belongs to, and since when. */
export interface Identity {
  readonly user: string
  /** `null` for nobody. */
  readonly authenticated: number | null
  /** The hash of the static security key. */
  readonly staticKey: string | null
  readonly client: ClientHints | null
  /** The numbers that the login found; `null` for nobody. */
  readonly fence: Fence | null
}

/** Whose session it is when nobody is logged in. */
export const NOBODY: Identity = {
  user: GUEST_USER,
  authenticated: null,
  staticKey: null,
  client: null,
  fence: null,
}

/** What becomes of the old data when an identity method takes effect: this request's changes to it, then a selection. */
interface CarryStep {
  readonly units: UnitChanges
  /** What of it goes in below `units`, each on its condition. */
  readonly guarded?: readonly Guarded[]
  readonly keep: Keep
}

/** The wish of a request to go on under a new id, or under none. It takes effect with the next save. */
export interface Swap {
  /** The last identity method called; it decides whether there is a new record. */
  readonly last: IdentityChange
  /** Why the old session ends: the first reason given. `null` while only its key is cycled. */
  readonly reason: EndReason | null
  /** Whether the end holds even if the response is a server error. */
  readonly stands: boolean
  /** Whether the old session ends and nothing takes its place. */
  readonly endsOnly: boolean
  readonly carry: readonly CarryStep[]
  /** Who the new session belongs to; `null`: whoever the old one belonged to. */
  readonly identity: Identity | null
}

/** The wish after an identity method was called. `step`: what of the data goes on; `null`: all. `identity`: as before. */
export function askFor(
  change: IdentityChange,
  step: CarryStep | null,
  identity: Identity | null,
  before: Swap | null,
): Swap {
  const carry = before?.carry ?? []
  return {
    last: change,
    reason: before?.reason ?? (change === 'cycleKey' ? null : change),
    stands: before?.stands === true || change === 'logout' || change === 'reset',
    endsOnly: before?.endsOnly ?? false,
    carry: step === null ? carry : [...carry, step],
    identity: identity ?? before?.identity ?? null,
  }
}
