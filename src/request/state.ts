import { SessionConfigError, SessionError, SessionNotLoadedError } from '../base/errors.ts'
import type { SessionId, SessionKey } from '../record/id.ts'
import { type Keep, Payload, type UnitChanges } from '../record/payload.ts'
import type { ExpirySetting, Found, SessionRecord } from '../record/record.ts'
import { payloadOf } from '../record/usable.ts'
import { type Budget, budgetFor } from '../store/budget.ts'
import { asStoreError } from '../write/retry.ts'
import { type Committer, hasNewId, type Loaded, type Search, type Source } from '../write/source.ts'
import type { Presented } from './cookie.ts'
import type { CookieForm } from './cookie-names.ts'
import { type Identity, type IdentityChange, NOBODY } from './identity.ts'
import { ResponseSide } from './response-state.ts'
import type { RequestSettings } from './settings.ts'
import { SessionData } from './tracked-data.ts'
import type { DataAccess } from './view.ts'
import { Wishes } from './wishes.ts'

/** Why `load()` found what it found. */
export type LoadOutcome =
  | 'live'
  | 'none'
  | 'malformed'
  | 'unknown'
  | 'expired'
  | 'ended'
  | 'unreadable'

/** What a load came to. `id`: `null` where the request does not know it. */
export type LoadResult =
  | { readonly outcome: Exclude<LoadOutcome, 'live'> }
  | {
      readonly outcome: 'live'
      readonly id: SessionId | null
      readonly found: Loaded
      readonly data: SessionData
    }

/** What is known of the client of a request. */
export interface RequestClient {
  readonly method?: string | undefined
  readonly userAgent?: string | undefined
  readonly ip?: string | undefined
}

/** Where the session of a request stands. See {@link RequestState}. */
type Standing = 'not loaded' | 'loading' | 'failed' | 'anonymous' | 'stored' | 'gone' | 'ended'

/** Whose session it is. */
type Owner = Pick<SessionRecord, 'user' | 'authenticated' | 'staticKey'>

/**
 * One request's session, as a small machine: where it stands, and what the request wants of it ({@link Wishes}), beside
 * what it knows of its response ({@link ResponseSide}). Reading and writing the store is done elsewhere; what came of
 * that is told here, by transitions that have names.
 *
 * | Standing     | What it means                                           | What moves it on                            |
 * | ------------ | ------------------------------------------------------- | ------------------------------------------- |
 * | `not loaded` | nobody has asked for it yet; nothing can be read        | `load()`: `loading`                         |
 * | `loading`    | one try is under way, for all who ask                   | `stored`, `anonymous` or `failed`           |
 * | `failed`     | the store was down; whoever reads gets that error       | `load()`: `loading`                         |
 * | `anonymous`  | nothing is stored, for whatever reason                  | `adopt()`: `stored`; `settleEnded()`: `ended` |
 * | `stored`     | there is a record, at the version read or written       | `settle()`, `reread()`, `settleTouch()`:    |
 * |              |                                                         | still `stored`; `reload()`: the same, or    |
 * |              |                                                         | `anonymous`, or `gone` with changes;        |
 * |              |                                                         | `adopt()`: another record;                  |
 * |              |                                                         | `settleGone()`, `refuseLogin()`: `gone`;    |
 * |              |                                                         | `settleEnded()`: `ended`                    |
 * | `gone`       | it ended elsewhere; changes are dropped, not stored     | `adopt()` after `login()`: `stored`;        |
 * |              |                                                         | `settleEnded()`: `ended`                    |
 * | `ended`      | this request ended it, and none took its place          | `adopt()`: `stored`; `settleEnded()`: the same |
 */
export class RequestState implements DataAccess {
  readonly settings: RequestSettings
  readonly form: CookieForm
  /** Whether the cookie may travel with this request. */
  readonly allowed: boolean
  readonly presented: Presented
  /** Whether the client has no cookies, and is handed the id itself. */
  readonly byId: boolean
  /** Looks for the session where it may come from; `null` where all are ours. */
  readonly search: Search | null
  readonly client: RequestClient
  /** How long this request waits for the store, all in all. */
  readonly budget: Budget
  readonly wishes: Wishes
  readonly response: ResponseSide

  #standing: Standing = 'not loaded'
  #outcome: LoadOutcome | null = null
  #failure: SessionError | null = null
  #loading: Promise<void> | null = null
  #reloading: Promise<void> | null = null
  #saving: Promise<unknown> | null = null
  #saveFailed = false
  #lease: Committer | null = null
  #stored: Loaded | null = null
  #source: Source | null = null
  #id: SessionId | null = null
  #marked: Found | null = null
  #accessed = false

  constructor(
    settings: RequestSettings,
    request: {
      form: CookieForm
      allowed: boolean
      presented: Presented
      byId?: boolean
      client: RequestClient
      search?: Search | null
    },
  ) {
    this.settings = settings
    this.wishes = new Wishes(settings.codec)
    this.form = request.form
    this.allowed = request.allowed
    this.presented = request.presented
    this.byId = request.byId === true
    this.client = request.client
    this.search = request.search ?? null
    this.budget = budgetFor(settings.store)
    this.response = new ResponseSide(settings.logger, this.budget)
  }

  // --- What it is ---

  get loaded(): boolean {
    return this.#outcome !== null
  }

  /** Why `load()` found what it found; `null` before. */
  get outcome(): LoadOutcome | null {
    return this.#outcome
  }

  /** Why the last try to load failed; `null` where none failed, or one has succeeded since. */
  get failure(): SessionError | null {
    return this.#failure
  }

  /** Whether the request has used its session. */
  get accessed(): boolean {
    return this.#accessed
  }

  /** The record this request goes by, with the version it was read or written at. */
  get stored(): Loaded | null {
    return this.#stored
  }

  /** Whether the session may be read from memory: that of a request that is to change nothing. */
  get mayRemember(): boolean {
    if (this.settings.remembers !== true) return false
    const { method } = this.client
    return method === 'GET' || method === 'HEAD'
  }

  /** Whether the record was read from memory, so that there may be a newer one, or none, by now. */
  get isRemembered(): boolean {
    return this.#stored?.isRemembered === true
  }

  /** The same as `use()` for what must not go by memory. */
  useStored(what: string): void {
    this.use(what)
    if (this.isRemembered) throw new SessionNotLoadedError(what, 'from memory')
  }

  /** Where the session comes from that the request has, or had last. */
  get source(): Source | null {
    return this.#source
  }

  /** The id of the stored session; `null` where there is none, or another request has it. */
  get id(): SessionId | null {
    return this.#id
  }

  /** Whether the session was found to have ended elsewhere. */
  get isGone(): boolean {
    return this.#standing === 'gone'
  }

  /** Whether the session has ended, by this request or elsewhere, and no other took its place. */
  get hasEnded(): boolean {
    const { swap } = this.wishes
    if (swap !== null) return swap.last === 'logout'
    if (this.#standing === 'anonymous') return this.#outcome === 'ended'
    return this.#standing === 'gone' || this.#standing === 'ended'
  }

  /** Whether nothing is stored yet for the session, or for the new id that it waits for. */
  get isNew(): boolean {
    return this.#stored === null || this.wishes.swap !== null
  }

  /** Whose session it is as this request sees it: after `login()` the new user, before it is stored. */
  get owner(): Owner {
    return this.wishes.swap?.identity ?? this.#stored?.record ?? NOBODY
  }

  /** The key of the session as it stands in the store; `null` while there is none, or a new id waits to be stored. */
  get key(): SessionKey | null {
    const stored = this.#stored
    if (this.wishes.swap !== null || stored === null) return null
    return hasNewId(stored) ? null : stored.record.key
  }

  /** Whether the request has anything to store. Throws for a value that cannot be kept. */
  get changed(): boolean {
    return this.isChangedBy(this.wishes.data.changes())
  }

  /** The same, for whoever knows the changes of the data already: to find them costs encoding them. */
  isChangedBy(units: UnitChanges): boolean {
    const { swap, isForced, expiry } = this.wishes
    if (swap !== null || isForced || units.size > 0) return true
    return this.#stored !== null && expiry !== undefined
  }

  /** Guards against a session of one `createSessions()` given to another, whose cookie would not fit. */
  requireOf(settings: RequestSettings): void {
    if (this.settings !== settings) {
      throw new SessionConfigError('this session was opened by another createSessions()')
    }
  }

  // --- Use ---

  /** Notes that the request used its session, loaded or not. */
  noteUse(): void {
    this.#accessed = true
  }

  /**
   * The same for what has to be loaded: a session that nobody has loaded, or that could not be loaded, must never read as
   * "nobody is logged in". `what`: the use, for the error.
   */
  use(what: string): void {
    this.#accessed = true
    if (this.#outcome !== null) return
    throw this.#failure ?? new SessionNotLoadedError(what)
  }

  forReading(what: string): SessionData {
    this.use(what)
    return this.wishes.data
  }

  /** The data for whoever only prints it, which is no use and no reason to fail; `null` where none is loaded. */
  forPrinting(): SessionData | null {
    return this.loaded ? this.wishes.data : null
  }

  forWriting(what: string): SessionData {
    this.response.requireOpen(what)
    return this.forReading(what)
  }

  /** See `Wishes.changeIdentity()`. */
  changeIdentity(
    change: IdentityChange,
    keep: Keep | 'all',
    identity: Identity | null,
    staticKey: string | null = null,
  ): void {
    if (change === 'cycleKey' && this.isNew) return
    this.wishes.changeIdentity(change, keep, identity, staticKey, this.isGone)
  }

  /** See `Wishes.resetInsteadOfLogin()`. */
  resetInsteadOfLogin(): void {
    this.wishes.resetInsteadOfLogin(this.isGone)
  }

  // --- Transitions by loading ---

  /**
   * Loads once, however many ask; after a failure, whoever needs the session next tries again. `find` answers at once where
   * it can, and then the session is loaded when this returns.
   */
  load(find: () => LoadResult | Promise<LoadResult>): Promise<void> {
    if (this.#loading !== null) return this.#loading
    const loading = this.#loadBy(find)
    if (this.#standing === 'loading') this.#loading = loading
    return loading
  }

  async #loadBy(find: () => LoadResult | Promise<LoadResult>): Promise<void> {
    if (this.loaded) return
    this.#standing = 'loading'
    try {
      const result = find()
      this.#settleLoaded(result instanceof Promise ? await result : result)
    } catch (error) {
      this.#standing = 'failed'
      this.#failure = error instanceof SessionError ? error : asStoreError(error)
      throw this.#failure
    } finally {
      this.#loading = null
    }
  }

  #settleLoaded(result: LoadResult): void {
    this.#failure = null
    this.#outcome = result.outcome
    if (result.outcome !== 'live') {
      this.#standing = 'anonymous'
      return
    }
    this.reread(result.found)
    this.#id = result.id
    this.wishes.startFrom(result.data)
  }

  /** Takes what is stored in the place of what was read from memory; what this request has changed stays on top. */
  reload(find: () => Promise<LoadResult>): Promise<void> {
    this.#reloading ??= this.#reloadBy(find).finally(() => {
      this.#reloading = null
    })
    return this.#reloading
  }

  async #reloadBy(find: () => Promise<LoadResult>): Promise<void> {
    const result = await find()
    // A save that came in between has told what is stored.
    if (!this.isRemembered) return
    if (result.outcome === 'live') {
      this.reread(result.found)
      this.#id = result.id
      this.wishes.goOnFrom(result.data)
      return
    }
    // What was changed is dropped, and told of, by the rule for sessions that end meanwhile.
    const hadWork = this.#hasWork
    this.#outcome = result.outcome
    this.#leave(hadWork ? 'gone' : 'anonymous')
    this.wishes.goOnFrom(new SessionData(Payload.empty, this.settings.codec))
  }

  /** A value that cannot be kept is work as well. */
  get #hasWork(): boolean {
    try {
      return this.changed
    } catch {
      return true
    }
  }

  // --- Transitions by storing ---

  /** The save under way; `null`: none is. */
  get saving(): Promise<unknown> | null {
    return this.#saving
  }

  /** Whether the last save failed. */
  get saveFailed(): boolean {
    return this.#saveFailed
  }

  /** Runs one save after the other, so that two of one request never run side by side and store two sessions. */
  async saveInTurn<Result>(save: () => Promise<Result>): Promise<Result> {
    const before = this.#saving ?? Promise.resolve()
    const saving = before.catch(() => {}).then(save)
    this.#saving = saving
    try {
      const result = await saving
      this.#saveFailed = false
      return result
    } catch (error) {
      this.#saveFailed = true
      throw error
    } finally {
      if (this.#saving === saving) this.#saving = null
    }
  }

  /** This is what is stored by now, before anything of this request goes in. */
  reread(found: Loaded): void {
    this.#standing = 'stored'
    this.#stored = found
    this.#source = found.source ?? null
  }

  /**
   * This is what others have stored by now; what this request has changed stays a change. Throws `SessionStoreError` for what
   * this process cannot read.
   */
  refresh(found: Loaded): void {
    const payload = payloadOf(found.record)
    this.reread(found)
    this.wishes.data.rebase(payload, new Map())
  }

  /** What the saves of this request stand or fall with; `null`: nothing. */
  get lease(): Committer | null {
    return this.#lease
  }

  holdLease(lease: Committer | null): void {
    this.#lease = lease
  }

  /** Takes over what was stored, after `saved` and `expiry` of this request went into it. */
  settle(stored: Loaded, saved: UnitChanges, expiry: ExpirySetting | undefined): void {
    this.reread(stored)
    this.wishes.settle(payloadOf(stored.record), saved, expiry)
  }

  /** The same for a session that now stands under this new id. */
  adopt(
    id: SessionId,
    stored: Loaded,
    saved: UnitChanges,
    expiry: ExpirySetting | undefined,
  ): void {
    this.#id = id
    this.response.sendCookie()
    this.settle(stored, saved, expiry)
  }

  /** Another request has stored the session under its new id, and its response carries that. */
  leaveIdToOther(): void {
    this.#id = null
  }

  /** The session ended elsewhere; what this request did to it is dropped. */
  settleGone(): void {
    this.#leave('gone')
    this.wishes.dropAll()
  }

  /** The login that was just stored may not stand, and has been ended. */
  refuseLogin(): void {
    this.settleGone()
    this.wishes.takeStaticKey()
  }

  /** This request ended its session and left none. */
  settleEnded(): void {
    this.#leave('ended')
    this.response.removeCookie()
    this.wishes.settleEnded()
  }

  #leave(standing: 'gone' | 'ended' | 'anonymous'): void {
    this.#standing = standing
    this.#stored = null
    this.#id = null
  }

  /** A session that this request marked as ended, whose observers have not been told; `null`: there is none. */
  noteMarked(marked: Found | null): void {
    this.#marked = marked
  }

  get hasMarked(): boolean {
    return this.#marked !== null
  }

  /** The same, for whoever tells them. */
  takeMarked(): Found | null {
    const marked = this.#marked
    this.#marked = null
    return marked
  }
}
