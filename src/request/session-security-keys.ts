import { SessionError } from '../base/errors.ts'
import type { SessionKey } from '../record/id.ts'
import { FOR_NOT_SECURE } from './insecure.ts'
import { hintAtUnit, isStillborn } from './lifetime.ts'
import {
  checkPlan,
  isKeyOf,
  type MintPlan,
  mintPlan,
  type SecurityKeyCheck,
  type SecurityKeyOptions,
} from './security-keys.ts'
import type { SessionHost } from './session-host.ts'
import type { RequestState } from './state.ts'

type KeyHost = Pick<SessionHost<object>, 'securityKeys' | 'load'>

/** The security keys of the session of one request, both bound to it and unbound. */
export class SessionKeys {
  readonly #state: RequestState
  readonly #host: KeyHost
  readonly #save: () => Promise<void>

  /** `save`: stores the session. A key can be bound only to a stored session. */
  constructor(state: RequestState, host: KeyHost, save: () => Promise<void>) {
    this.#state = state
    this.#host = host
    this.#save = save
  }

  /** Checks the options, and returns a function that makes the keys. */
  minting(count: number, options: SecurityKeyOptions): () => Promise<string[]> {
    const { settings } = this.#state
    const plan = mintPlan(count, options, settings)
    hintAtUnit(settings, 'getSecurityKey()', options.duration)
    return () => this.#mint(plan)
  }

  /** Checks the options, and returns a function that uses up a key. */
  using(key: unknown, options: SecurityKeyCheck): () => Promise<object | boolean> {
    const { bound, purpose } = checkPlan(options)
    return () => (bound ? this.#useBound(key, purpose) : this.#useFree(key, purpose))
  }

  /** Returns the static security key of the login of this request once. Throws `SessionError` at any other time. */
  showStatic(): string {
    return this.#host.securityKeys.show(this.#state.wishes.takeStaticKey())
  }

  /** Whether this is the static security key of the session. Never throws for a bad key. */
  isStatic(key: unknown): boolean {
    if (isKeyOf(key, this.#state.owner.staticKey ?? null)) return true
    return this.#host.securityKeys.refuse(this.#state.key, 'static')
  }

  /** Uses an unbound key. The session need not be loaded for it. */
  async #useFree(key: unknown, purpose: string): Promise<object | boolean> {
    this.#state.noteUse()
    return await this.#host.securityKeys.use(key, null, purpose, this.#state.budget)
  }

  async #useBound(key: unknown, purpose: string): Promise<object | boolean> {
    await this.#whenLoaded('validateSecurityKey()', true)
    const session = this.#state.key
    return session === null
      ? this.#host.securityKeys.refuse(null, 'no-session')
      : await this.#host.securityKeys.use(key, session, purpose, this.#state.budget)
  }

  async #mint(plan: MintPlan): Promise<string[]> {
    const session = plan.bound ? await this.#storedKey() : null
    return await this.#host.securityKeys.mint(plan, session, this.#state.budget)
  }

  /**
   * Returns the key of the stored session. Stores the session first where it is not stored, or where a new id waits.
   */
  async #storedKey(): Promise<SessionKey> {
    await this.#whenLoaded('getSecurityKey()')
    if (this.#state.key === null) {
      this.#state.response.requireOpen('getSecurityKey()')
      this.#state.wishes.force()
      await this.#save()
    }
    const { key } = this.#state
    if (key !== null) return key
    if (isStillborn(this.#state)) {
      throw new SessionError(
        'there is no session to bind a security key to, since setExpiry() gave it a date in the past: none is stored',
      )
    }
    throw new SessionError(
      `there is no session to bind a security key to, since none is stored ${FOR_NOT_SECURE}`,
    )
  }

  async #whenLoaded(what: string, fresh = false): Promise<void> {
    await this.#state.response.begun.turn()
    const { loaded, isRemembered } = this.#state
    if (!loaded || (fresh && isRemembered)) await this.#host.load(this.#state, fresh)
    this.#state.use(what)
  }
}
