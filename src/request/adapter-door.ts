import { show } from '../base/duration.ts'
import { SessionConfigError, type SessionError } from '../base/errors.ts'
import { noteAs, shared } from '../base/shared-copies.ts'
import type { Troubles } from '../record/diagnostics.ts'
import type { SessionKey } from '../record/id.ts'
import type { Keep } from '../record/payload.ts'
import type { SessionStore } from '../store/store.ts'
import type { Begun } from './pending-operations.ts'
import type { RequestState } from './state.ts'

/**
 * The one door to a session for the adapters of this package. For an adapter `open()`, `commit()` and `responseHeaders()`
 * are enough; what is here serves those who stand in for other middleware, which tell a session less, or later, than
 * its own methods want to know. Copies of one major use it of each other, so that within a major it only grows.
 */
export interface SessionDoor {
  /** The name of the cookie in the form that it has in this request. */
  readonly cookieName: string
  /** The same as `session.key`, but no use of the session. */
  readonly key: SessionKey | null
  /** Why the last try to load failed; `null` where none failed, or one has succeeded since. */
  readonly failure: SessionError | null
  readonly settings: DoorSettings
  /** For calls that answer otherwise than by the promise of a method: the commit waits for them as well. */
  readonly begun: Begun
  /** Whether the last save failed, so that what it was to store still waits. Absent in older copies. */
  readonly saveFailed?: boolean
  /** There is no response that could carry a cookie, or no longer: from now on `save()` alone stores. */
  detach(): void
  /** There is a response after all: the session was mounted too early to see it. */
  attach(): void
  /**
   * Whose the session is to be under the new id that it asks for: an object of its own for each login, logout and reset;
   * `null`: whose it was. `undefined`: it asks for none.
   */
  readonly wantedIdentity: object | null | undefined
  /** Makes a login that waits a reset: nobody logs in, and the new session holds what it was given since, and no more. */
  resetInsteadOfLogin(): void
  /**
   * Like `session.load()`, for an adapter that lets nobody else at the session before it is done: no commit waits for it.
   * Missing in copies from before it was added.
   */
  load?(): Promise<void>
  /** Whether the session was read from memory, so that a guard has to load it anew. Absent in older copies. */
  readonly isRemembered?: boolean
  /** Takes back all but an end that was asked for, as a response with a server error does. */
  withdraw(): void
}

/** What an adapter may know of the deployment. */
export interface DoorSettings {
  readonly store: SessionStore
  readonly keepOnLogin: Keep
  readonly keepOnLogout: Keep
  readonly warnOnce: (about: string, message: string) => void
  readonly troubles: Troubles
}

/** Gives the door of a session of one class; `null` for what is no session, though it has that prototype. */
type Opener = (session: object) => SessionDoor | null

/** By the prototype of their class: each copy of this package has a class of its own. */
const openers = shared('doors of sessions', () => new WeakMap<object, Opener>())

/** Lets adapters reach the sessions with this prototype. */
export function openDoors(prototype: object, opener: Opener): void {
  noteAs('session', prototype)
  openers.set(prototype, opener)
}

/** The door of a session, whichever copy of this package has made it; `null` for anything else. */
export function doorOf(session: unknown): SessionDoor | null {
  if (typeof session !== 'object' || session === null) return null
  return openers.get(Object.getPrototypeOf(session))?.(session) ?? null
}

/** Throws `SessionConfigError` for what `open()` of this copy of the package did not give. */
export function refuseSession(session: unknown): never {
  throw new SessionConfigError(
    `commit() takes a session that open() of the same createSessions() gave, not ${show(session)}`,
  )
}

/** The door to one state. */
export class StateDoor implements SessionDoor {
  readonly #state: RequestState
  readonly load: () => Promise<void>

  constructor(state: RequestState, load: () => Promise<void>) {
    this.#state = state
    this.load = load
  }

  get cookieName(): string {
    return this.#state.form.name
  }

  get key(): SessionKey | null {
    return this.#state.key
  }

  get failure(): SessionError | null {
    return this.#state.failure
  }

  get settings(): DoorSettings {
    return this.#state.settings
  }

  get begun(): Begun {
    return this.#state.response.begun
  }

  get saveFailed(): boolean {
    return this.#state.saveFailed
  }

  detach(): void {
    this.#state.response.detach()
  }

  attach(): void {
    this.#state.response.attach()
  }

  get wantedIdentity(): object | null | undefined {
    return this.#state.wishes.swap?.identity
  }

  resetInsteadOfLogin(): void {
    this.#state.resetInsteadOfLogin()
  }

  get isRemembered(): boolean {
    return this.#state.isRemembered
  }

  withdraw(): void {
    this.#state.wishes.withdraw()
  }
}
