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
import { printsAs } from './printing.ts'
import { NOBODY } from './identity.ts'
import type { LoadOutcome, RequestState } from './state.ts'
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
   * `true`: what was read from memory (`readCache`) is read again from the store; what the request has changed stays on top.
   * What the request has read from the store is not asked for again. Default `false`.
   */
  readonly fresh?: boolean
}

const LOAD_OPTIONS = namesOf<LoadOptions>({ fresh: true })

let stateOf: <Data extends object>(session: Session<Data>) => RequestState

/**
 * One request's session: the data of `SessionView`, the times of `SessionTimes`, what `SessionAsides` keeps, and its
 * identity. What it is told is stored when the response leaves, or by `save()`. Cannot be extended:
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

  /** Who is logged in; `__guest__` for nobody. */
  get user(): string {
    this.#state.use('session.user')
    return this.#state.owner.user
  }

  /** Whether nobody is logged in. To be asked instead of `user`, which is a text for a guest too. */
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

  /** Whether there is anything to store. Throws `SessionValueError` for a value that cannot be kept. */
  get changed(): boolean {
    return this.#state.changed
  }

  /** Whether nothing is stored yet for the session, or for the new id that it waits for. */
  get isNew(): boolean {
    this.#state.use('session.isNew')
    return this.#state.isNew
  }

  /** True when the session has ended, by this request or elsewhere, and no other took its place. */
  get ended(): boolean {
    return this.#state.hasEnded
  }

  /** Why `load()` found what it found; `null` before. After a load that failed, its error is thrown. */
  get loadOutcome(): LoadOutcome | null {
    this.#state.noteUse()
    if (this.#state.failure !== null) throw this.#state.failure
    return this.#state.outcome
  }

  /**
   * Finds the session of the request: one lookup, none without a well-formed cookie. A bad, unknown or expired
   * cookie gives an empty session. With `readCache` a GET may be answered from memory, and `fresh` is for what must not
   * be. Throws `SessionStoreError` when the store fails, and `SessionError` when the app's schema throws.
   */
  load(options?: LoadOptions): Promise<this>
  load(...given: unknown[]): Promise<this> {
    refuseCallback('load()', given)
    const fresh = isFreshWanted(given[0])
    // Not one that fails the request: where nobody awaits it, whoever uses the session hears of a failure.
    const { done } = this.#state.response.begun.call('load()', 'other', false)
    const loading = this.#load(fresh)
    loading.then(done, done)
    return loading
  }

  async #load(fresh: boolean): Promise<this> {
    await this.#host.load(this.#state, fresh)
    return this
  }

  /**
   * Stores everything now. Throws `SessionGoneError` when the session ended elsewhere; its changes are dropped then. Where
   * there is no response to carry a cookie, as for a WebSocket, nothing else stores anything, and a visitor without a
   * stored session gets a `SessionError`.
   */
  save(): Promise<void>
  save(...unexpected: unknown[]): Promise<void> {
    refuseCallback('save()', unexpected)
    return this.#state.response.begun.inTurn('save()', 'save', () => this.#save())
  }

  async #save(): Promise<void> {
    this.#state.response.requireOpen('save()')
    if (!this.#state.loaded) await this.#ready('save()')
    this.#state.use('save()')
    // At once: a response that leaves right after a save that nobody awaits has to find it under way.
    if ((await this.#host.save(this.#state)) === 'gone') throw new SessionGoneError()
  }

  /**
   * Changes the data by what is stored, such as a counter, at once: the function gets the data of the root, and by
   * `scope(name)` that of a scope, with what this request has changed so far, and changes it in place. Where another write
   * came between it runs again on what is there then, so it must do nothing else, and must not be async. Afterwards the
   * session shows what is stored. A session that nothing is stored of is stored as by `save()`.
   *
   * Throws what the function throws; `SessionGoneError` when the session ended elsewhere, `SessionContentionError` when others
   * kept changing it, and then nothing was stored; `SessionStoreError`, with the effect `'unknown'` where the answer was lost
   * and nobody can tell whether it was stored.
   */
  change(fn: DataChange<Data>): Promise<void> {
    if (typeof fn !== 'function') {
      throw new SessionValueError(
        `change() takes a function that changes the data, not ${show(fn)}`,
      )
    }
    return this.#state.response.begun.inTurn('change()', 'other', async () => {
      await this.#ready('change()')
      if ((await this.#host.change(this.#state, fn)) === 'gone') throw new SessionGoneError()
    })
  }

  /**
   * Runs the function while no other `exclusive()` of the session does, in whichever process: what others saved before is
   * loaded first, and what the function leaves changed is saved before the next one has its turn. What this request changed
   * before is saved before that. Gives what the function gives. The signal fires when the lease runs out: from then on
   * another one may take over, and once it has, nothing of this one is saved any more.
   *
   * Throws what the function throws, and then what it left unsaved is dropped; `SessionContentionError` when others hold the
   * session for longer than `wait`, or have taken it over; `SessionGoneError`; `SessionStoreError`; `SessionError` within
   * another `exclusive()` of the session.
   */
  exclusive<Result>(
    fn: (signal: AbortSignal) => Result | Promise<Result>,
    options: ExclusiveOptions = {},
  ): Promise<Result> {
    if (typeof fn !== 'function') {
      throw new SessionValueError(`exclusive() takes a function, not ${show(fn)}`)
    }
    return this.#state.response.begun.begin('exclusive()', 'other', async () => {
      await this.#ready('exclusive()')
      return await this.#host.exclusive(this.#state, fn, options)
    })
  }

  /** Writes at the end of the request even if nothing differs. */
  markChanged(): void {
    this.#state.forWriting('markChanged()')
    this.#state.wishes.force()
  }

  /** Takes back every change of data and expiry since the session was loaded or saved. */
  revert(): void {
    this.#state.forWriting('revert()')
    this.#state.wishes.dropChanges()
  }

  /** The same data methods inside a sub-namespace of this session. A login drops those that `persistentScopesOnLogin` does not name. */
  scope<ScopeData extends object = Record<string, unknown>>(
    name: string,
  ): ScopedSession<ScopeData> {
    checkScope(name)
    return new ScopedSession<ScopeData>(this.#state, name)
  }

  /** The names of the scopes that hold something, in the order in which they came. */
  scopes(): string[] {
    return this.#state.forReading('scopes()').scopes()
  }

  /**
   * Logs a user in: with the next save the session goes on under a new id, and the old one ends in the same
   * commit. Of the data only `persistentFieldsOnLogin` and `persistentScopesOnLogin` survive, and those only from a guest
   * or the same user. What this request said by `setExpiry()` holds for the new session. `user` is a text of 1 to 1,500
   * bytes. Like `reset()` and `cycleKey()`, throws `SessionError` where there is no response to carry the new cookie.
   * The save that follows throws `SessionGoneError` when a kill of the user began after this call.
   */
  login(user: string, options: LoginOptions<Data> = {}): Promise<void> {
    const plan = loginPlan(user, options, this.#state, this.#host)
    const { allowed, budget, response } = this.#state
    // Read now: what a kill does from here on, this login does not outlive.
    const reading =
      allowed && !response.isClosed ? this.#host.fences.read(user, budget) : Promise.resolve(null)
    reading.catch(() => {})
    return response.begun.inTurn('login()', 'login', async () => {
      await this.#ready('login()')
      const fence = await reading
      await this.#ready('login()', () => {
        wishForLogin(this.#state, user, plan, fence)
        if (plan.data.length > 0) this.update(plan.data as DataValues<Data>)
      })
    })
  }

  /**
   * Ends the session, without a response at once. With `persistentFieldsOnLogout` or `persistentScopesOnLogout`, a new
   * guest session holds those that are set.
   */
  logout(): Promise<void>
  logout(...unexpected: unknown[]): Promise<void> {
    refuseCallback('logout()', unexpected)
    return this.#state.response.begun.inTurn('logout()', 'end', () => this.#logout())
  }

  async #logout(): Promise<void> {
    const { settings } = this.#state
    await this.#ready('logout()', () =>
      this.#state.changeIdentity('logout', settings.keepOnLogout, NOBODY),
    )
    // No commit follows that would end it.
    if (this.#state.response.isDetached) await this.#host.save(this.#state)
  }

  /** Ends the session and starts an empty one for nobody, under a new id. */
  reset(): Promise<void>
  reset(...unexpected: unknown[]): Promise<void> {
    refuseCallback('reset()', unexpected)
    return this.#change('reset()', 'end', () =>
      this.#state.changeIdentity('reset', NOTHING, NOBODY),
    )
  }

  /** Gives the session a new id and keeps everything else. The old id is dead at once. */
  cycleKey(): Promise<void>
  cycleKey(...unexpected: unknown[]): Promise<void> {
    refuseCallback('cycleKey()', unexpected)
    return this.#change('cycleKey()', 'login', () =>
      this.#state.changeIdentity('cycleKey', 'all', null),
    )
  }

  /**
   * A new one-time security key: 256 random bits, stored as a hash. For forms of this session, which is stored if it was
   * not, and with `sessionBound: false` for links in mails. Throws `SessionValueError` for options that cannot work,
   * `SessionGoneError` when the session ended elsewhere, and `SessionStoreError`.
   */
  getSecurityKey(options: SecurityKeyOptions = {}): Promise<string> {
    const mint = this.#keys.minting(1, options)
    return this.#state.response.begun.begin('getSecurityKey()', 'other', async () => {
      const [key] = await mint()
      return key as string
    })
  }

  /** Several of them in one commit, 1 to 100. */
  getSecurityKeys(count: number, options: SecurityKeyOptions = {}): Promise<string[]> {
    return this.#state.response.begun.begin(
      'getSecurityKeys()',
      'other',
      this.#keys.minting(count, options),
    )
  }

  /**
   * Uses a one-time key up, and gives its data, else `true`; `false` when it is not valid, for whatever reason. Of ten
   * that try at once, one alone gets it. A key of another session, or of another purpose, is refused and not used up.
   * Throws `SessionStoreError` when the store is down; never for a bad key.
   */
  validateSecurityKey(key: unknown, options: SecurityKeyCheck = {}): Promise<object | boolean> {
    return this.#state.response.begun.begin(
      'validateSecurityKey()',
      'other',
      this.#keys.using(key, options),
    )
  }

  /**
   * The key that native clients send with every request of this login, in the header `Sec-X-ViUR-StaticSessionKey`,
   * which no script of a page can set. Shown once, right after `login()`; what is stored is its hash. Throws
   * `SessionError` at any other time.
   */
  staticSecurityKey(): string {
    this.#state.use('staticSecurityKey()')
    return this.#keys.showStatic()
  }

  /**
   * Whether this is the static security key of this session. Never throws for a bad key; for a session that was read from
   * memory (`readCache`) it throws `SessionNotLoadedError`: `await session.load({ fresh: true })` first.
   */
  validateStaticSecurityKey(key: unknown): boolean {
    this.#state.useStored('validateStaticSecurityKey()')
    return this.#keys.isStatic(key)
  }

  /** What the console shows: who and what it is, and names of keys; never an id or a value. */
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

  get #keys(): SessionKeys {
    return new SessionKeys(this.#state, this.#host, () => this.save())
  }

  /** Changes the identity, after what else was asked for before. */
  #change(what: string, kind: 'login' | 'end', then: () => void): Promise<void> {
    return this.#state.response.begun.inTurn(what, kind, () =>
      this.#ready(what, () => {
        this.#state.response.require(what)
        then()
      }),
    )
  }

  /** Loads the session if nobody did, and refuses what comes too late. */
  async #ready(what: string, then: () => void = () => {}): Promise<void> {
    this.#state.response.requireOpen(what)
    // What depends on whose session it is, and what is in it, is never decided by memory.
    if (!this.#state.loaded || this.#state.isRemembered) await this.#host.load(this.#state, true)
    while (this.#state.saving !== null) await this.#state.saving.catch(() => {})
    this.#state.response.requireOpen(what)
    this.#state.use(what)
    then()
  }
}

function isFreshWanted(options: unknown): boolean {
  if (options === undefined) return false
  checkOptions('load()', options as LoadOptions, LOAD_OPTIONS)
  const { fresh = false } = options as LoadOptions
  checkFlag('load(): fresh', fresh)
  return fresh
}

/** Whoever gives a callback waits for it: without a word the request would hang. */
function refuseCallback(what: string, given: readonly unknown[]): void {
  if (typeof given[0] !== 'function') return
  throw new SessionError(
    `${what} takes no callback and gives a promise: for Passport mount passportBridge() before it`,
  )
}

export { stateOf }
