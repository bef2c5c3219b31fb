import { type Duration, parseDuration, show } from '../base/duration.ts'
import { SessionError, SessionGoneError, SessionValueError } from '../base/errors.ts'
import { checkOptions, namesOf } from '../base/option-checks.ts'
import { lockMembers } from './assignment.ts'
import { checkScope } from '../record/codec.ts'
import { clientHints } from '../record/client-hints.ts'
import { type DataValues, encodedValues } from '../record/data-values.ts'
import type { Fence, Fences } from '../end/fences.ts'
import { mintSecret, type SessionKey } from '../record/id.ts'
import { NOTHING } from '../record/payload.ts'
import { printsAs } from './printing.ts'
import { type LoadOutcome, NOBODY, type RequestState } from './state.ts'
import { type ClientHints, GUEST_USER } from '../record/record.ts'
import {
  checkPlan,
  hashOfKey,
  isKeyOf,
  type MintPlan,
  mintPlan,
  type SecurityKeyCheck,
  type SecurityKeyOptions,
  type SecurityKeys,
} from './security-keys.ts'
import { keysOf, nameOf, ScopedSession, SessionView } from './view.ts'
import { userProblem } from '../record/limits.ts'
import type { DefaultData } from '../base/types.ts'

/** The I/O that a session asks its manager for. */
export interface SessionHost {
  load(state: RequestState): Promise<void>
  /** `'gone'` when the session ended elsewhere. */
  save(state: RequestState): Promise<'done' | 'gone'>
  readonly securityKeys: SecurityKeys
  readonly fences: Fences
}

export interface LoginOptions<Data extends object> {
  /** What the new session holds beside the persistent fields, in any form that `update()` takes. */
  readonly data?: DataValues<Data>
  /**
   * What a list of devices is to show of this login: `true`: agent and shortened address as the request told them,
   * an object: these. Default: nothing is kept. The address loses its last part, 8 bits of IPv4 or 80 of IPv6.
   */
  readonly client?: true | ClientHints
}

const LOGIN_OPTIONS = namesOf<LoginOptions<object>>({ data: true, client: true })

const CLIENT_HINTS = namesOf<ClientHints>({ agent: true, address: true })

let stateOf: <Data extends object>(session: Session<Data>) => RequestState

/**
 * One request's session: the data of `SessionView`, and the identity and lifetime of the session. What it is told
 * is stored when the response leaves, or by `save()`. Can not be extended: `session.views = 1` throws.
 */
export class Session<Data extends object = DefaultData> extends SessionView<Data> {
  readonly #state: RequestState
  readonly #host: SessionHost

  static {
    stateOf = (session) => session.#state
    printsAs(Session.prototype, 'Session', (session) => (#state in session ? session.#facts() : {}))
    lockMembers(Session.prototype, nameOf)
  }

  /** Sessions are made by `sessions.open()`. */
  constructor(state: RequestState, host: SessionHost) {
    super(state, null)
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
    return this.#state.user
  }

  /** Whether nobody is logged in. To be asked instead of `user`, which is a text for a guest too. */
  get isGuest(): boolean {
    this.#state.use('session.isGuest')
    return this.#state.user === GUEST_USER
  }

  /** Whether `load()` has finished. */
  get loaded(): boolean {
    return this.#state.loaded
  }

  /** Whether this request has used its session. */
  get accessed(): boolean {
    return this.#state.accessed
  }

  /** Whether there is anything to store. Throws `SessionValueError` for a value that can not be kept. */
  get changed(): boolean {
    return this.#state.changed
  }

  /** Whether nothing is stored yet for the session, or for the new id that it waits for. */
  get isNew(): boolean {
    this.#state.use('session.isNew')
    const { stored, swap } = this.#state
    return stored === null || swap !== null
  }

  /** True when the session has ended, by this request or elsewhere, and no other took its place. */
  get ended(): boolean {
    const { gone, finished, swap, outcome } = this.#state
    if (swap !== null) return swap.last === 'logout'
    return gone || finished || (outcome === 'ended' && this.#state.stored === null)
  }

  /** When the session was created; `null` for one that is not stored. */
  get created(): Date | null {
    return this.#date('created')
  }

  /** When the session was last used, as noted down; up to `touchEvery` behind. */
  get lastSeen(): Date | null {
    return this.#date('lastSeen')
  }

  /** When the stored session ends unless it is used before; `null` for one that is not stored. */
  get expires(): Date | null {
    return this.#date('expires')
  }

  /** When the user logged in; `null` for a guest. */
  get authenticated(): Date | null {
    this.#state.use('session.authenticated')
    const { authenticated } = this.#state
    return authenticated === null ? null : new Date(authenticated)
  }

  /** Why `load()` found what it found; `null` before. After a load that failed, its error is thrown. */
  get loadOutcome(): LoadOutcome | null {
    this.#state.accessed = true
    if (this.#state.failure !== null) throw this.#state.failure
    return this.#state.outcome
  }

  /**
   * Finds the session of the request: one lookup, none without a well-formed cookie. A bad, unknown or expired
   * cookie gives an empty session. Throws `SessionStoreError` when the store fails, and `SessionError` when the app's
   * schema throws.
   */
  load(): Promise<this> {
    const loading = this.#load()
    // Where nobody awaits it, whoever uses the session hears of a failure.
    if (!this.#state.loaded) loading.catch(() => {})
    return loading
  }

  async #load(): Promise<this> {
    await this.#host.load(this.#state)
    return this
  }

  /**
   * Stores everything now. Throws `SessionGoneError` when the session ended elsewhere; its changes are dropped then. Where
   * there is no response to carry a cookie, as for a WebSocket, nothing else stores anything, and a visitor without a
   * stored session gets a `SessionError`.
   */
  save(): Promise<void>
  save(...unexpected: unknown[]): Promise<void> {
    // Whoever gives a callback waits for it: without a word the request would hang.
    if (typeof unexpected[0] === 'function') {
      throw new SessionError(
        'save() takes no callback and gives a promise: for Passport mount passportBridge() before it',
      )
    }
    return this.#state.begun.inTurn('save()', 'save', () => this.#save())
  }

  async #save(): Promise<void> {
    this.#state.requireOpen('save()')
    if (!this.#state.loaded) await this.#ready('save()')
    this.#state.use('save()')
    // At once: a response that leaves right after a save that nobody awaits has to find it under way.
    if ((await this.#host.save(this.#state)) === 'gone') throw new SessionGoneError()
  }

  /** Writes at the end of the request even if nothing differs. */
  markChanged(): void {
    this.#state.forWriting('markChanged()')
    this.#state.forced = true
  }

  /** Takes back every change of data and expiry since the session was loaded or saved. */
  revert(): void {
    this.#state.forWriting('revert()')
    this.#state.dropChanges()
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
    const problem =
      user === GUEST_USER ? `"${GUEST_USER}" is nobody: call logout()` : userProblem(user)
    if (problem !== null) throw new SessionValueError(problem)
    checkOptions('login()', options, LOGIN_OPTIONS)
    // Before anything is done: a login that was refused must not take effect.
    const data =
      options.data === undefined
        ? []
        : [...encodedValues(options.data, 'the option data of login()')].map(
            ({ key, value }) => [key, value] as const,
          )
    const client = this.#clientOf(options.client)
    const { settings } = this.#state
    // Read now: what a kill does from here on, this login does not outlive.
    const reading =
      this.#state.allowed && !this.#state.closed
        ? this.#host.fences.read(user, this.#state.budget)
        : Promise.resolve(null)
    reading.catch(() => {})
    const then = (fence: Fence | null): void => {
      this.#state.requireResponse('login()')
      const staticKey = mintSecret(settings.randomBytes)
      const { user: before } = this.#state
      // What one user left behind is none of another's business.
      const keep = before === GUEST_USER || before === user ? settings.keepOnLogin : NOTHING
      this.#state.changeIdentity('login', keep, {
        user,
        authenticated: settings.now(),
        staticKey: hashOfKey(staticKey),
        client,
        fence,
      })
      this.#state.staticKey = staticKey
      if (data.length > 0) this.update(data as DataValues<Data>)
    }
    return this.#state.begun.inTurn('login()', 'login', async () => {
      await this.#ready('login()')
      const fence = await reading
      await this.#ready('login()', () => then(fence))
    })
  }

  /** Ends the session, without a response at once. With `persistentFieldsOnLogout` or `persistentScopesOnLogout`, a new guest session holds those that are set. */
  logout(): Promise<void> {
    return this.#state.begun.inTurn('logout()', 'end', () => this.#logout())
  }

  async #logout(): Promise<void> {
    const { settings } = this.#state
    await this.#ready('logout()', () =>
      this.#state.changeIdentity('logout', settings.keepOnLogout, NOBODY),
    )
    // No commit follows that would end it.
    if (this.#state.detached) await this.#host.save(this.#state)
  }

  /** Ends the session and starts an empty one for nobody, under a new id. */
  reset(): Promise<void> {
    return this.#change('reset()', 'end', () =>
      this.#state.changeIdentity('reset', NOTHING, NOBODY),
    )
  }

  /** Gives the session a new id and keeps everything else. The old id is dead at once. */
  cycleKey(): Promise<void> {
    return this.#change('cycleKey()', 'login', () =>
      this.#state.changeIdentity('cycleKey', 'all', null),
    )
  }

  /** Whether the user logged in no longer ago than this, for actions that need a recent login. */
  isFresh(within: Duration): boolean {
    const limit = parseDuration(within)
    if (limit === null)
      throw new SessionValueError(`isFresh() needs a duration, not ${show(within)}`)
    this.#hintAtUnit('isFresh()', within)
    this.#state.use('isFresh()')
    const { authenticated, settings } = this.#state
    return authenticated !== null && settings.now() - authenticated <= limit
  }

  /**
   * Sets when this one session expires: a duration is an idle limit of its own, a `Date` is fixed, `0` lasts until
   * the browser closes, `null` is the general rule again. `absoluteLifetime` binds in any case.
   */
  setExpiry(value: Duration | Date | 0 | null): void {
    this.#state.forWriting('setExpiry()')
    if (value === null) this.#state.expiry = null
    else if (value instanceof Date) {
      const at = value.getTime()
      if (!(at >= 0 && at <= LAST_DATE)) {
        throw new SessionValueError('setExpiry() needs a valid date between 1970 and the year 9999')
      }
      this.#state.expiry = { kind: 'fixed', at }
    } else {
      const duration = parseDuration(value)
      // Less than a millisecond would round to "until the browser closes".
      if (duration === null || !Number.isSafeInteger(duration) || (duration === 0 && value !== 0)) {
        throw new SessionValueError(
          `setExpiry() needs a duration of whole milliseconds, a Date, 0 or null, not ${show(value)}`,
        )
      }
      this.#hintAtUnit('setExpiry()', value)
      this.#state.expiry = duration === 0 ? { kind: 'browser' } : { kind: 'idle', duration }
    }
  }

  /** Milliseconds from now until the session ends if it is not used after this request; below 0 when it has ended. */
  expiryAge(): number {
    return this.expiryDate().getTime() - this.#state.settings.now()
  }

  /** When the session ends if it is not used after this request. */
  expiryDate(): Date {
    this.#state.forReading('expiryDate()')
    return new Date(this.#state.expires())
  }

  /** Whether the cookie is gone when the browser closes. */
  expireAtBrowserClose(): boolean {
    this.#state.forReading('expireAtBrowserClose()')
    return this.#state.expiresAtBrowserClose
  }

  /**
   * A new one-time security key: 256 random bits, stored as a hash. For forms of this session, which is stored if it was
   * not, and with `sessionBound: false` for links in mails. Throws `SessionValueError` for options that cannot work,
   * `SessionGoneError` when the session ended elsewhere, and `SessionStoreError`.
   */
  getSecurityKey(options: SecurityKeyOptions = {}): Promise<string> {
    const plan = this.#mintPlan(1, options)
    return this.#state.begun.begin('getSecurityKey()', 'other', async () => {
      const [key] = await this.#mint(plan)
      return key as string
    })
  }

  /** Several of them in one commit, 1 to 100. */
  getSecurityKeys(count: number, options: SecurityKeyOptions = {}): Promise<string[]> {
    const plan = this.#mintPlan(count, options)
    return this.#state.begun.begin('getSecurityKeys()', 'other', () => this.#mint(plan))
  }

  /**
   * Uses a one-time key up, and gives its data, else `true`; `false` when it is not valid, for whatever reason. Of ten
   * that try at once, one alone gets it. A key of another session, or of another purpose, is refused and not used up.
   * Throws `SessionStoreError` when the store is down; never for a bad key.
   */
  validateSecurityKey(key: unknown, options: SecurityKeyCheck = {}): Promise<object | boolean> {
    const { bound, purpose } = checkPlan(options)
    return this.#state.begun.begin('validateSecurityKey()', 'other', () =>
      this.#useKey(key, bound, purpose),
    )
  }

  async #useKey(key: unknown, bound: boolean, purpose: string): Promise<object | boolean> {
    if (!bound) {
      // Such a key has nothing to do with the session, which need not even be loaded.
      this.#state.accessed = true
      return await this.#host.securityKeys.use(key, null, purpose, this.#state.budget)
    }
    await this.#state.begun.turn()
    if (!this.#state.loaded) await this.#host.load(this.#state)
    this.#state.use('validateSecurityKey()')
    const session = this.#state.key
    return session === null
      ? this.#host.securityKeys.refuse(null, 'no-session')
      : await this.#host.securityKeys.use(key, session, purpose, this.#state.budget)
  }

  /**
   * The key that native clients send with every request of this login, in the header `Sec-X-ViUR-StaticSessionKey`,
   * which no script of a page can set. Shown once, right after `login()`; what is stored is its hash. Throws
   * `SessionError` at any other time.
   */
  staticSecurityKey(): string {
    this.#state.use('staticSecurityKey()')
    const key = this.#state.staticKey
    if (key === null) {
      throw new SessionError(
        'the static security key is shown once, right after login(): a client that lost it has to log in again',
      )
    }
    this.#state.staticKey = null
    return key
  }

  /** Whether this is the static security key of this session. Never throws for a bad key. */
  validateStaticSecurityKey(key: unknown): boolean {
    this.#state.use('validateStaticSecurityKey()')
    if (isKeyOf(key, this.#state.staticKeyHash)) return true
    return this.#host.securityKeys.refuse(this.#state.key, 'static')
  }

  /** What the console shows: who and what it is, and names of keys; never an id or a value. */
  #facts(): Readonly<Record<string, unknown>> {
    const { failure, outcome } = this.#state
    const data = this.#state.forPrinting()
    if (data === null) {
      return failure === null ? { loaded: false } : { loaded: false, error: failure.code }
    }
    return {
      user: this.#state.user,
      key: this.#state.key,
      outcome,
      ...(this.ended && { ended: true }),
      keys: keysOf(data, null),
      scopes: data.scopes(),
    }
  }

  #mintPlan(count: number, options: SecurityKeyOptions): MintPlan {
    const plan = mintPlan(count, options, this.#state.settings.policy.lifetime)
    this.#hintAtUnit('getSecurityKey()', options.duration)
    return plan
  }

  async #mint(plan: MintPlan): Promise<string[]> {
    const session = plan.bound ? await this.#storedKey() : null
    return await this.#host.securityKeys.mint(plan, session, this.#state.budget)
  }

  /** The key that is stored for this session; stores it first where there is none, or a new id waits. */
  async #storedKey(): Promise<SessionKey> {
    await this.#state.begun.turn()
    if (!this.#state.loaded) await this.#host.load(this.#state)
    this.#state.use('getSecurityKey()')
    if (this.#state.key === null) {
      this.#state.requireOpen('getSecurityKey()')
      this.#state.forced = true
      await this.save()
    }
    const { key } = this.#state
    if (key !== null) return key
    if (this.#state.isStillborn) {
      throw new SessionError(
        'there is no session to bind a security key to, since setExpiry() gave it a date in the past: none is stored',
      )
    }
    throw new SessionError(
      'there is no session to bind a security key to, since none is stored for a request that is not secure: serve over https, and behind a proxy set "trust proxy" in Express; for local work over http set cookie.secure to false or connect over loopback',
    )
  }

  #clientOf(wanted: true | ClientHints | undefined): ClientHints | null {
    if (wanted === undefined) return null
    const { client } = this.#state
    if (wanted === true) return clientHints(client.userAgent, client.ip)
    if (typeof wanted === 'object' && wanted !== null) {
      checkOptions('the option client of login()', wanted, CLIENT_HINTS)
      return clientHints(wanted.agent, wanted.address)
    }
    throw new SessionValueError(
      `the option client of login() must be true or an object with agent and address, not ${show(wanted)}`,
    )
  }

  #date(time: 'created' | 'lastSeen' | 'expires'): Date | null {
    this.#state.use(`session.${time}`)
    const { stored, swap } = this.#state
    return stored === null || (swap !== null && swap.identity !== null)
      ? null
      : new Date(stored.record[time])
  }

  /** Other systems count in seconds: a number below a minute is one that somebody took over from there. */
  #hintAtUnit(what: string, value: unknown): void {
    if (typeof value !== 'number' || value <= 0 || value >= 60_000) return
    this.#state.settings.warnOnce(
      what,
      `${what} was given the number ${value}: durations are milliseconds; write text with a unit, such as '${value}s' or '${value}ms'`,
    )
  }

  /** Changes the identity, after what else was asked for before. */
  #change(what: string, kind: 'login' | 'end', then: () => void): Promise<void> {
    return this.#state.begun.inTurn(what, kind, () =>
      this.#ready(what, () => {
        this.#state.requireResponse(what)
        then()
      }),
    )
  }

  /** Loads the session if nobody did, and refuses what comes too late. */
  async #ready(what: string, then: () => void = () => {}): Promise<void> {
    this.#state.requireOpen(what)
    if (!this.#state.loaded) await this.#host.load(this.#state)
    while (this.#state.saving !== null) await this.#state.saving.catch(() => {})
    this.#state.requireOpen(what)
    this.#state.use(what)
    then()
  }
}

const LAST_DATE = Date.UTC(9999, 11, 31)

export { stateOf }
