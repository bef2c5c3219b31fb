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
 * Internal access to a session for the adapters of this package. Most adapters need only `open()`, `commit()` and
 * `responseHeaders()`. These members serve adapters that replace other middleware: such adapters give a session less
 * information, or later, than its own methods need. Copies of this package of one major version use the members of each
 * other, so within a major version the interface may only grow.
 */
export interface SessionDoor {
  /** The name that the cookie has in this request. */
  readonly cookieName: string
  /** The same as `session.key`, but reading it does not count as a use of the session. */
  readonly key: SessionKey | null
  /** The error of the last load; `null` where no load has failed, or a later one has succeeded. */
  readonly failure: SessionError | null
  readonly settings: DoorSettings
  /** For operations that report their result by a callback: the commit waits for them as well. */
  readonly begun: Begun
  /** Whether the last save failed, so that its changes still wait to be stored. Absent in older copies. */
  readonly saveFailed?: boolean
  /**
   * Records that there is no response, or no longer one, that could carry a cookie: from now on only `save()` stores.
   */
  detach(): void
  /** Records that there is a response after all, which the early mount of the session could not see. */
  attach(): void
  /**
   * The identity for the new id that the session asks for: a separate object for each login, logout and reset; `null`:
   * the identity stays the same. `undefined`: the session asks for no new id.
   */
  readonly wantedIdentity: object | null | undefined
  /** Turns a pending login into a reset: nobody logs in, and the new session holds only the data that was set since. */
  resetInsteadOfLogin(): void
  /**
   * Like `session.load()`, for an adapter that gives access to the session only when this is done: no commit waits for
   * it. Absent in older copies.
   */
  load?(): Promise<void>
  /** Whether the session was read from memory, so that a guard has to load it again. Absent in older copies. */
  readonly isRemembered?: boolean
  /** Drops everything except an end that was asked for, as a response with a server error does. */
  withdraw(): void
}

/** The settings of the deployment that an adapter may use. */
export interface DoorSettings {
  readonly store: SessionStore
  readonly keepOnLogin: Keep
  readonly keepOnLogout: Keep
  readonly warnOnce: (about: string, message: string) => void
  readonly troubles: Troubles
}

/** Returns the door of a session of one class; `null` for an object with that prototype that is no session. */
type Opener = (session: object) => SessionDoor | null

/** The openers by the prototype of the class: each copy of this package has its own class. */
const openers = shared('doors of sessions', () => new WeakMap<object, Opener>())

/** Gives adapters access to the sessions with this prototype. */
export function openDoors(prototype: object, opener: Opener): void {
  noteAs('session', prototype)
  openers.set(prototype, opener)
}

/** Returns the door of a session, which any copy of this package may have made; `null` for anything else. */
export function doorOf(session: unknown): SessionDoor | null {
  if (typeof session !== 'object' || session === null) return null
  return openers.get(Object.getPrototypeOf(session))?.(session) ?? null
}

/** Throws `SessionConfigError` for an object that `open()` of this copy of the package did not return. */
export function refuseSession(session: unknown): never {
  throw new SessionConfigError(
    `commit() takes a session that open() of the same createSessions() returned, not ${show(session)}`,
  )
}

/** The door of the session with one state. */
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
