import { show } from '../base/duration.ts'
import { SessionError, SessionGoneError, SessionValueError } from '../base/errors.ts'
import { checkFlag, checkOptions, namesOf } from '../base/option-checks.ts'
import { lockMembers } from './refuse-assignments.ts'
import { checkScope } from '../record/codec.ts'
import type { DataValues } from '../record/data-values.ts'
import type { DataChange } from '../record/root-data.ts'
import type { SessionKey } from '../record/id.ts'
import { NOTHING } from '../record/payload.ts'
import { openDoors, refuseSession, StateDoor } from './adapter-door.ts'
import type { Begun } from './pending-operations.ts'
import { printsAs } from './printing.ts'
import { NOBODY } from './identity.ts'
import type { LoadOutcome } from './load-state.ts'
import type { RequestState } from './state.ts'
import { GUEST_USER } from '../record/record.ts'
import { type LoginOptions, loginPlan, wishForLogin } from './login.ts'
import type { SecurityKeyCheck, SecurityKeyOptions } from './security-keys.ts'
import { SessionKeys } from './session-security-keys.ts'
import type { ExclusiveOptions } from './exclusive.ts'
import type { SessionHost } from './session-host.ts'
import { SessionAsides } from './session-asides.ts'
import { keysOf, nameOf, ScopedSession } from './view.ts'
import type { DefaultData } from '../base/types.ts'

/** Options of `session.load()`. */
export interface LoadOptions {
  /**
   * `true`: reads a session from the store again if it came from memory (`readCache`); changes of this request stay on
   * top. A session that this request has read from the store is not read again. Default `false`.
   */
  readonly fresh?: boolean
}

const LOAD_OPTIONS = namesOf<LoadOptions>({ fresh: true })

let stateOf: <Data extends object>(session: Session<Data>) => RequestState

/**
 * The session of one request: the data of `SessionView`, the times of `SessionTimes`, the extra data of
 * `SessionAsides`, and its identity. Changes are stored when the response leaves, or by `save()`. Cannot be extended:
 * `session.views = 1` throws.
 */
export class Session<Data extends object = DefaultData> extends SessionAsides<Data> {
  readonly #state: RequestState
  readonly #host: SessionHost<Data>

  static {
    stateOf = (session) =>
      Object(session) === session && #state in session ? session.#state : refuseSession(session)
    openDoors(Session.prototype, (session) =>
      #state in session
        ? new StateDoor(session.#state, () => session.#host.load(session.#state))
        : null,
    )
    printsAs(Session.prototype, 'Session', (session) => (#state in session ? session.#facts() : {}))
    lockMembers(Session.prototype, nameOf)
  }

  /** Sessions are made by `sessions.open()`. */
  constructor(state: RequestState, host: SessionHost<Data>) {
    super(state)
    this.#state = state
    this.#host = host
    Object.preventExtensions(this)
  }

  /** SHA-256 of the session id, safe to show; `null` while there is no stored session. */
  get key(): SessionKey | null {
    this.#state.use('session.key')
    return this.#state.key
  }

  /** The user who is logged in; `__guest__` where nobody is. */
  get user(): string {
    this.#state.use('session.user')
    return this.#state.owner.user
  }

  /** Whether nobody is logged in. Check this instead of `user`, which is a non-empty text for a guest too. */
  get isGuest(): boolean {
    this.#state.use('session.isGuest')
    return this.#state.owner.user === GUEST_USER
  }

  /** Whether `load()` has finished. */
  get loaded(): boolean {
    return this.#state.loaded
  }

  /** Whether this request has used its session. */
  get accessed(): boolean {
    return this.#state.accessed
  }

  /** Whether there is anything to store. Throws `SessionValueError` for a value that cannot be stored. */
  get changed(): boolean {
    return this.#state.changed
  }

  /** Whether nothing is stored yet for the session, or for the new id that it will get. */
  get isNew(): boolean {
    this.#state.use('session.isNew')
    return this.#state.isNew
  }

  /** Whether the session has ended, by this request or elsewhere, and no other session took its place. */
  get ended(): boolean {
    return this.#state.hasEnded
  }

  /**
   * Outcome of `load()`: why there is a session, or why there is none. `null` before `load()` has finished. After a
   * load that failed, reading this property throws its error.
   */
  get loadOutcome(): LoadOutcome | null {
    this.#state.noteUse()
    if (this.#state.failure !== null) throw this.#state.failure
    return this.#state.outcome
  }

  /**
   * Loads the session of the request: one lookup, or none without a well-formed cookie. A bad, unknown or expired
   * cookie gives an empty session. With `readCache`, a GET may be answered from memory; use `fresh` where it must not
   * be. Throws `SessionStoreError` when the store fails, and `SessionError` when the app's schema throws.
   */
  load(options?: LoadOptions): Promise<this>
  load(...given: unknown[]): Promise<this> {
    refuseCallback('load()', given)
    const fresh = isFreshWanted(given[0])
    // A load that nobody awaits does not fail the request: the next use of the session throws the error.
    const { done } = this.#begun.call('load()', 'other', false)
    const loading = this.#load(fresh)
    loading.then(done, done)
    return loading
  }

  async #load(fresh: boolean): Promise<this> {
    await this.#host.load(this.#state, fresh)
    return this
  }

  /**
   * Stores everything now. Throws `SessionGoneError` when the session ended elsewhere; its changes are dropped then.
   * Without a response that could carry a cookie, as for a WebSocket, only `save()` stores anything. There, a visitor
   * without a stored session gets a `SessionError`.
   */
  save(): Promise<void>
  save(...unexpected: unknown[]): Promise<void> {
    refuseCallback('save()', unexpected)
    return this.#begun.inTurn('save()', 'save', async () => {
      this.#state.response.requireOpen('save()')
      if (!this.#state.loaded) await this.#ready('save()')
      this.#state.use('save()')
      // Not deferred: a response that leaves right after a save that nobody awaits has to find this save under way.
      if ((await this.#host.save(this.#state)) === 'gone') throw new SessionGoneError()
    })
  }

  /**
   * Changes the stored data in one step, for changes that depend on the old value, such as a counter. The function gets
   * the data of the root, and by `scope(name)` that of a scope, including the changes of this request so far, and
   * changes it in place. If another write came in between, the function runs again on the newer data. So it must have
   * no other effect, and it must not be async. Afterwards the session shows the stored data. A session that is not
   * stored yet is stored as by `save()`.
   *
   * Throws the error of the function; `SessionGoneError` when the session ended elsewhere; `SessionContentionError`
   * when others kept changing the session, and then nothing was stored; `SessionStoreError`, with the effect
   * `'unknown'` where the answer of the store was lost, so that the change may or may not be stored.
   */
  change(fn: DataChange<Data>): Promise<void> {
    if (typeof fn !== 'function') {
      throw new SessionValueError(
        `change() takes a function that changes the data, not ${show(fn)}`,
      )
    }
    return this.#begun.inTurn('change()', 'other', async () => {
      await this.#ready('change()')
      if ((await this.#host.change(this.#state, fn)) === 'gone') throw new SessionGoneError()
    })
  }

  /**
   * Runs the function while no other `exclusive()` of the session runs, in any process. Changes that this request made
   * before are saved first; then the data that others have saved is loaded. Changes that the function leaves are saved
   * before the next `exclusive()` has its turn. Returns the result of the function. The signal fires when the lease
   * runs out: from then on another process may take over, and once it has, nothing of this one is saved any more.
   *
   * Throws the error of the function, and then drops the changes that the function left unsaved;
   * `SessionContentionError` when others hold the session for longer than `wait`, or have taken it over;
   * `SessionGoneError`; `SessionStoreError`; `SessionError` within another `exclusive()` of the session.
   */
  exclusive<Result>(
    fn: (signal: AbortSignal) => Result | Promise<Result>,
    options: ExclusiveOptions = {},
  ): Promise<Result> {
    if (typeof fn !== 'function') {
      throw new SessionValueError(`exclusive() takes a function, not ${show(fn)}`)
    }
    return this.#begun.begin('exclusive()', 'other', async () => {
      await this.#ready('exclusive()')
      return await this.#host.exclusive(this.#state, fn, options)
    })
  }

  /** Makes the end of the request write the session even if nothing has changed. */
  markChanged(): void {
    this.#state.forWriting('markChanged()')
    this.#state.wishes.force()
  }

  /** Drops every change of data and expiry since the session was loaded or saved. */
  revert(): void {
    this.#state.forWriting('revert()')
    this.#state.wishes.dropChanges()
  }

  /**
   * The same data methods for a scope, a separate namespace of this session. A login drops the scopes that
   * `persistentScopesOnLogin` does not name.
   */
  scope<ScopeData extends object = Record<string, unknown>>(
    name: string,
  ): ScopedSession<ScopeData> {
    checkScope(name)
    return new ScopedSession<ScopeData>(this.#state, name)
  }

  /** The names of the scopes that hold data, oldest first. */
  scopes(): string[] {
    return this.#state.forReading('scopes()').scopes()
  }

  /**
   * Logs a user in: with the next save the session continues under a new id, and the old session ends in the same
   * commit. Only the data of `persistentFieldsOnLogin` and `persistentScopesOnLogin` survives, and only from a guest or
   * the same user. An expiry that this request has set by `setExpiry()` applies to the new session. `user` is a text of
   * 1 to 1,500 bytes. Like `reset()` and `cycleKey()`, throws `SessionError` where there is no response to carry the
   * new cookie. The save that follows throws `SessionGoneError` when a kill of the user began after this call.
   */
  login(user: string, options: LoginOptions<Data> = {}): Promise<void> {
    const plan = loginPlan(user, options, this.#state, this.#host)
    const { allowed, budget, response } = this.#state
    // Read now: a kill that begins from here on also ends this login.
    const reading =
      allowed && !response.isClosed ? this.#host.fences.read(user, budget) : Promise.resolve(null)
    reading.catch(() => {})
    return this.#begun.inTurn('login()', 'login', async () => {
      await this.#ready('login()')
      const fence = await reading
      await this.#ready('login()', () => {
        wishForLogin(this.#state, user, plan, fence)
        if (plan.data.length > 0) this.update(plan.data as DataValues<Data>)
      })
    })
  }

  /**
   * Ends the session when the response leaves, or at once where there is no response. With `persistentFieldsOnLogout`
   * or `persistentScopesOnLogout`, a new guest session keeps that data if there is any.
   */
  logout(): Promise<void>
  logout(...unexpected: unknown[]): Promise<void> {
    refuseCallback('logout()', unexpected)
    return this.#begun.inTurn('logout()', 'end', async () => {
      const { settings, response } = this.#state
      await this.#ready('logout()', () =>
        this.#state.changeIdentity('logout', settings.keepOnLogout, NOBODY),
      )
      // No commit follows, so the session has to be ended here.
      if (response.isDetached) await this.#host.save(this.#state)
    })
  }

  /** Ends the session and starts an empty one for nobody, under a new id. */
  reset(): Promise<void>
  reset(...unexpected: unknown[]): Promise<void> {
    refuseCallback('reset()', unexpected)
    return this.#change('reset()', 'end', () =>
      this.#state.changeIdentity('reset', NOTHING, NOBODY),
    )
  }

  /** Gives the session a new id and keeps everything else. The old id stops working when the new one is stored. */
  cycleKey(): Promise<void>
  cycleKey(...unexpected: unknown[]): Promise<void> {
    refuseCallback('cycleKey()', unexpected)
    return this.#change('cycleKey()', 'login', () =>
      this.#state.changeIdentity('cycleKey', 'all', null),
    )
  }

  /**
   * Returns a new one-time security key: 256 random bits, stored as a hash. It serves forms of this session, which is
   * stored if it was not, and with `sessionBound: false` links in mails. Throws `SessionValueError` for options that
   * cannot work, `SessionGoneError` when the session ended elsewhere, and `SessionStoreError`.
   */
  getSecurityKey(options: SecurityKeyOptions = {}): Promise<string> {
    const mint = this.#keys.minting(1, options)
    return this.#begun.begin('getSecurityKey()', 'other', async () => (await mint())[0] as string)
  }

  /** Returns several one-time security keys, 1 to 100, made in one commit. */
  getSecurityKeys(count: number, options: SecurityKeyOptions = {}): Promise<string[]> {
    return this.#begun.begin('getSecurityKeys()', 'other', this.#keys.minting(count, options))
  }

  /**
   * Uses up a one-time key and returns its data, or `true` where it has none. Returns `false` for a key that is not
   * valid, for any reason. Of ten parallel tries, exactly one succeeds. A key of another session, or of another
   * purpose, is refused and not used up. Throws `SessionStoreError` when the store is down, but never for a bad key.
   */
  validateSecurityKey(key: unknown, options: SecurityKeyCheck = {}): Promise<object | boolean> {
    return this.#begun.begin('validateSecurityKey()', 'other', this.#keys.using(key, options))
  }

  /**
   * Returns the key that native clients send with every request of this login, in the header
   * `Sec-X-ViUR-StaticSessionKey`, which no script of a page can set. The key is shown once, right after `login()`;
   * only its hash is stored. Throws `SessionError` at any other time.
   */
  staticSecurityKey(): string {
    this.#state.use('staticSecurityKey()')
    return this.#keys.showStatic()
  }

  /**
   * Whether `key` is the static security key of this session. Never throws for a bad key. For a session that was read
   * from memory (`readCache`) it throws `SessionNotLoadedError`: `await session.load({ fresh: true })` first.
   */
  validateStaticSecurityKey(key: unknown): boolean {
    this.#state.useStored('validateStaticSecurityKey()')
    return this.#keys.isStatic(key)
  }

  /** The facts that the console shows: user, state and names of keys; never an id or a value. */
  #facts(): Readonly<Record<string, unknown>> {
    const { failure, outcome } = this.#state
    const data = this.#state.forPrinting()
    if (data === null) {
      return failure === null ? { loaded: false } : { loaded: false, error: failure.code }
    }
    return {
      user: this.#state.owner.user,
      key: this.#state.key,
      outcome,
      ...(this.ended && { ended: true }),
      keys: keysOf(data, null),
      scopes: data.scopes(),
    }
  }

  get #begun(): Begun {
    return this.#state.response.begun
  }

  get #keys(): SessionKeys {
    return new SessionKeys(this.#state, this.#host, () => this.save())
  }

  /** Changes the identity, after the operations that were asked for before. */
  #change(what: string, kind: 'login' | 'end', then: () => void): Promise<void> {
    return this.#begun.inTurn(what, kind, () =>
      this.#ready(what, () => {
        this.#state.response.require(what)
        then()
      }),
    )
  }

  /** Loads the session where it is not loaded yet, and refuses calls that come too late. */
  async #ready(what: string, then: () => void = () => {}): Promise<void> {
    this.#state.response.requireOpen(what)
    // Operations that depend on the owner or the data of the session never rely on memory.
    if (!this.#state.loaded || this.#state.isRemembered) await this.#host.load(this.#state, true)
    while (this.#state.saving !== null) await this.#state.saving.catch(() => {})
    this.#state.response.requireOpen(what)
    this.#state.use(what)
    then()
  }
}

function isFreshWanted(options: unknown): boolean {
  if (options === undefined) return false
  checkOptions('load()', options, LOAD_OPTIONS)
  const { fresh = false } = options as LoadOptions
  checkFlag('load(): fresh', fresh)
  return fresh
}

/** An app that gives a callback waits for it: if it were ignored, the request would hang without an error. */
function refuseCallback(what: string, given: readonly unknown[]): void {
  if (typeof given[0] !== 'function') return
  throw new SessionError(
    `${what} takes no callback and returns a promise: for Passport mount passportBridge() before it`,
  )
}

export { stateOf }
