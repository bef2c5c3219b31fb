import type { Fence } from '../end/fences.ts'
import type { Keep, UnitChanges } from '../record/payload.ts'
import { type ClientHints, type EndReason, GUEST_USER } from '../record/record.ts'

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
  readonly keep: Keep
}

/** The wish of a request to go on under a new id, or under none. It takes effect with the next save. */
export class Swap {
  #last: IdentityChange
  #reason: EndReason | null = null
  #stands = false
  #endsOnly = false
  #identity: Identity | null = null
  readonly #carry: CarryStep[] = []

  constructor(change: IdentityChange) {
    this.#last = change
    this.ask(change)
  }

  /** The last identity method called; it decides whether there is a new record. */
  get last(): IdentityChange {
    return this.#last
  }

  /** Why the old session ends: the first reason given. `null` while only its key is cycled. */
  get reason(): EndReason | null {
    return this.#reason
  }

  /** Whether the end holds even if the response is a server error. */
  get stands(): boolean {
    return this.#stands
  }

  /** Whether the old session ends and nothing takes its place. */
  get endsOnly(): boolean {
    return this.#endsOnly
  }

  /** Who the new session belongs to; `null`: whoever the old one belonged to. */
  get identity(): Identity | null {
    return this.#identity
  }

  get carry(): readonly CarryStep[] {
    return this.#carry
  }

  /** Another identity method was called after those before. */
  ask(change: IdentityChange): void {
    this.#last = change
    if (change !== 'cycleKey') this.#reason ??= change
    if (change === 'logout' || change === 'reset') this.#stands = true
  }

  /** From here on only this of the data goes on, after these changes of it. */
  carryOn(units: UnitChanges, keep: Keep): void {
    this.#carry.push({ units, keep })
  }

  belongTo(identity: Identity): void {
    this.#identity = identity
  }

  /** What was to be a login is none: another reason counts. */
  forgetLogin(): void {
    if (this.#reason === 'login') this.#reason = null
  }

  /** No response can carry a new id, or none may: the old session ends, and that is all. */
  onlyEnd(): void {
    this.#endsOnly = true
  }
}
