import type { Fence } from '../end/fences.ts'
import type { Keep, UnitChanges } from '../record/payload.ts'
import { type ClientHints, type EndReason, GUEST_USER } from '../record/record.ts'
import type { Guarded } from '../write/change.ts'

/** The methods that change the identity of a session. */
export type IdentityChange = 'login' | 'logout' | 'reset' | 'cycleKey'

/** The user of a session, and the time of the login. */
export interface Identity {
  readonly user: string
  /** `null` for nobody. */
  readonly authenticated: number | null
  /** The hash of the static security key. */
  readonly staticKey: string | null
  readonly client: ClientHints | null
  /** The numbers of the fences when the login began; `null` for nobody. */
  readonly fence: Fence | null
}

/** The identity of a session where nobody is logged in. */
export const NOBODY: Identity = {
  user: GUEST_USER,
  authenticated: null,
  staticKey: null,
  client: null,
  fence: null,
}

/** One selection of the old data for the new session: the changes of this request go in first, then `keep` selects. */
interface CarryStep {
  readonly units: UnitChanges
  /** Changes that go in before `units`, each on its condition. */
  readonly guarded?: readonly Guarded[]
  readonly keep: Keep
}

/** The request for a new id, or for the end of the session. It takes effect with the next save. */
export interface Swap {
  /** The last identity method called; it decides whether there is a new record. */
  readonly last: IdentityChange
  /** Why the old session ends: the first reason given. `null` while only its key is cycled. */
  readonly reason: EndReason | null
  /** Whether the end holds even if the response is a server error. */
  readonly stands: boolean
  /** Whether the old session ends without a new one. */
  readonly endsOnly: boolean
  readonly carry: readonly CarryStep[]
  /** The identity of the new session; `null`: that of the old one. */
  readonly identity: Identity | null
}

/**
 * Returns the swap after an identity method was called. `step`: the data that continues; `null`: all. `identity`:
 * `null` keeps it.
 */
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
