import { SessionConfigError, SessionNotLoadedError } from '../base/errors.ts'
import type { SessionId, SessionKey } from '../record/id.ts'
import { type Keep, Payload, type UnitChanges } from '../record/payload.ts'
import type { ExpirySetting, Found, SessionRecord } from '../record/record.ts'
import { payloadOf } from '../record/usable.ts'
import { type Budget, budgetFor } from '../store/budget.ts'
import { type Committer, hasNewId, type Loaded, type Search, type Source } from '../write/source.ts'
import type { Presented } from './cookie.ts'
import type { CookieForm } from './cookie-names.ts'
import { type Identity, type IdentityChange, NOBODY } from './identity.ts'
import { type LiveResult, type LoadResult, LoadState } from './load-state.ts'
import { ResponseSide } from './response-state.ts'
import type { RequestSettings } from './settings.ts'
import { SessionData } from './tracked-data.ts'
import { Wishes } from './wishes.ts'

/** Known facts about the client of a request. */
export interface RequestClient {
  readonly method?: string | undefined
  readonly userAgent?: string | undefined
  readonly ip?: string | undefined
}

/** Also the first save begins in a microtask of its own, so that it includes all that its caller sets right after it. */
const READY: Promise<void> = Promise.resolve()

/** The user of a session, and the proof of the login. */
type Owner = Pick<SessionRecord, 'user' | 'authenticated' | 'staticKey'>

/**
 * The session of one request, as a small state machine. It holds the standing of the session, the changes that the
 * request asked for ({@link Wishes}) and the state of the response ({@link ResponseSide}). Other modules read and write
 * the store. They report the result here, by named transitions. {@link LoadState} has those of the first load.
 *
 * | Standing    | Meaning                                      | Transitions                                    |
 * | ----------- | -------------------------------------------- | ---------------------------------------------- |
 * | `anonymous` | no session is stored, for any reason, or the | `load()`, `adopt()`: `stored`;                 |
 * |             | load has not succeeded                       | `settleEnded()`: `ended`                       |
 * | `stored`    | there is a record, as it was read or written | `settle()`, `refresh()`, `reread()`: the same; |
 * |             |                                              | `reload()`: the same, `anonymous`, or `gone`   |
 * |             |                                              | if there were changes;                         |
 * |             |                                              | `adopt()`: another record;                     |
 * |             |                                              | `settleGone()`, `refuseLogin()`: `gone`;       |
 * |             |                                              | `settleEnded()`: `ended`                       |
 * | `gone`      | it ended elsewhere; its changes are dropped  | `adopt()` after `login()`: `stored`;           |
 * |             |                                              | `settleEnded()`: `ended`                       |
 * | `ended`     | this request ended it, without a new one     | `adopt()`: `stored`;                           |
 * |             |                                              | `settleEnded()`: the same                      |
 */
export class RequestState extends LoadState {
  readonly settings: RequestSettings
  readonly form: CookieForm
  /** Whether the cookie may travel with this request. */
  readonly allowed: boolean
  readonly presented: Presented
  /** Whether the client has no cookies, and gets the id itself. */
  readonly byId: boolean
  /** Looks for the session at its source (option `legacy`); `null`: every session comes from our own store. */
  readonly search: Search | null
  readonly client: RequestClient
  /** The total time for which this request waits for the store. */
  readonly budget: Budget
  readonly wishes: Wishes
  readonly response: ResponseSide
  /** Commits the saves of this request together with its lease; `null`: the request holds no lease. */
  lease: Committer | null = null
  /** The session that this request marked as ended and whose observers have not run yet; `null`: there is none. */
  marked: Found | null = null

  #standing: 'anonymous' | 'stored' | 'gone' | 'ended' = 'anonymous'
  #reloading: Promise<void> | null = null
  #saving: Promise<unknown> | null = null
  #saveFailed = false
  #stored: Loaded | null = null
  #source: Source | null = null
  #id: SessionId | null = null

  constructor(
    settings: RequestSettings,
    request: Pick<RequestState, 'form' | 'allowed' | 'presented' | 'byId' | 'client' | 'search'>,
  ) {
    super()
    this.settings = settings
    this.wishes = new Wishes(settings.codec)
    this.form = request.form
    this.allowed = request.allowed
    this.presented = request.presented
    this.byId = request.byId
    this.client = request.client
    this.search = request.search
    this.budget = budgetFor(settings.store)
    this.response = new ResponseSide(settings.logger, this.budget)
  }

  // --- Facts ---

  /** The record that this request uses, with the version at which it was read or written. */
  get stored(): Loaded | null {
    return this.#stored
  }

  /** Whether the session may be read from memory: only a request that changes nothing may do so. */
  get mayRemember(): boolean {
    if (this.settings.remembers !== true) return false
    const { method } = this.client
    return method === 'GET' || method === 'HEAD'
  }

  /** Whether the record was read from memory, so that the store may hold a newer record, or none, by now. */
  get isRemembered(): boolean {
    return this.#stored?.isRemembered === true
  }

  /** The same as `use()`, for facts that must come from the store and not from memory. */
  useStored(what: string): void {
    this.use(what)
    if (this.isRemembered) throw new SessionNotLoadedError(what, 'from memory')
  }

  /** The source of the session that the request has now, or had last. */
  get source(): Source | null {
    return this.#source
  }

  /** The id of the stored session; `null` where there is none, or where only another request knows it. */
  get id(): SessionId | null {
    return this.#id
  }

  /** Whether this request found that the session had ended elsewhere. */
  get isGone(): boolean {
    return this.#standing === 'gone'
  }

  /** Whether the session has ended, by this request or elsewhere, and no other session took its place. */
  get hasEnded(): boolean {
    const { swap } = this.wishes
    if (swap !== null) return swap.last === 'logout'
    if (this.#standing === 'anonymous') return this.outcome === 'ended'
    return this.#standing === 'gone' || this.#standing === 'ended'
  }

  /** Whether nothing is stored yet for the session, or for the new id that it will get. */
  get isNew(): boolean {
    return this.#stored === null || this.wishes.swap !== null
  }

  /** The owner of the session from the view of this request: after `login()` the new user, before that is stored. */
  get owner(): Owner {
    return this.wishes.swap?.identity ?? this.#stored?.record ?? NOBODY
  }

  /** The key of the stored session; `null` while none is stored, or while a new id waits to be stored. */
  get key(): SessionKey | null {
    const stored = this.#stored
    if (this.wishes.swap !== null || stored === null) return null
    return hasNewId(stored) ? null : stored.record.key
  }

  /** Whether the request has anything to store. Throws for a value that cannot be stored. */
  get changed(): boolean {
    return this.isChangedBy(this.wishes.data.changes())
  }

  /**
   * The same as `changed`, for callers that have the changes of the data already: computing them means encoding them.
   */
  isChangedBy(units: UnitChanges): boolean {
    const { swap, isForced, expiry } = this.wishes
    if (swap !== null || isForced || units.size > 0) return true
    return this.#stored !== null && expiry !== undefined
  }

  /** Refuses a session of another `createSessions()`, because its cookie would not fit. */
  requireOf(settings: RequestSettings): void {
    if (this.settings !== settings) {
      throw new SessionConfigError('this session was opened by another createSessions()')
    }
  }

  // --- Use ---

  /** The data of the loaded session; reading it counts as use. `what`: the use, for the error. */
  forReading(what: string): SessionData {
    this.use(what)
    return this.wishes.data
  }

  /** The data for printing, which neither counts as use nor throws; `null` where none is loaded. */
  forPrinting(): SessionData | null {
    return this.loaded ? this.wishes.data : null
  }

  /** The same, where it is not too late for changes. */
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

  protected override startFrom({ found, id, data }: LiveResult): void {
    this.reread(found)
    this.#id = id
    this.wishes.startFrom(data)
  }

  /** Replaces the session that was read from memory by the stored one. Changes of this request stay on top. */
  reload(find: () => Promise<LoadResult>): Promise<void> {
    this.#reloading ??= this.#reloadBy(find).finally(() => {
      this.#reloading = null
    })
    return this.#reloading
  }

  async #reloadBy(find: () => Promise<LoadResult>): Promise<void> {
    const result = await find()
    // A save in between has brought the stored record already.
    if (!this.isRemembered) return
    if (result.outcome === 'live') {
      this.reread(result.found)
      this.#id = result.id
      this.wishes.goOnFrom(result.data)
      return
    }
    // Changes of this request are dropped and reported, as for every session that ends during its request.
    const hadWork = this.#hasWork
    this.changeOutcome(result.outcome)
    this.#leave(hadWork ? 'gone' : 'anonymous')
    this.wishes.goOnFrom(new SessionData(Payload.empty, this.settings.codec))
  }

  /** A value that cannot be stored counts as work too. */
  get #hasWork(): boolean {
    try {
      return this.changed
    } catch {
      return true
    }
  }

  // --- Transitions by storing ---

  /** The save that is under way, or `null`. */
  get saving(): Promise<unknown> | null {
    return this.#saving
  }

  /** Whether the last save failed. */
  get saveFailed(): boolean {
    return this.#saveFailed
  }

  /** Runs one save after the other: two parallel saves of one request could store two sessions. */
  async saveInTurn<Result>(save: () => Promise<Result>): Promise<Result> {
    const before = this.#saving
    const saving = before === null ? READY.then(save) : before.catch(() => {}).then(save)
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

  /** Takes over the record that is stored now, before any change of this request goes in. */
  reread(found: Loaded): void {
    this.#standing = 'stored'
    this.#stored = found
    this.#source = found.source ?? null
  }

  /**
   * Takes over the record that others have stored, and keeps the changes of this request as changes. Throws
   * `SessionStoreError` for a record that this process cannot read.
   */
  refresh(found: Loaded): void {
    const payload = payloadOf(found.record)
    this.reread(found)
    this.wishes.data.rebase(payload, new Map())
  }

  /** Takes over the stored record, after `saved` and `expiry` of this request went into it. */
  settle(stored: Loaded, saved: UnitChanges, expiry: ExpirySetting | undefined): void {
    this.reread(stored)
    this.wishes.settle(payloadOf(stored.record), saved, expiry)
  }

  /** The same for a session that is now stored under this new id. */
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

  /** Records that another request has stored the session under its new id, and that its response carries this id. */
  leaveIdToOther(): void {
    this.#id = null
  }

  /** Records that the session ended elsewhere, and drops the changes of this request. */
  settleGone(): void {
    this.#leave('gone')
    this.wishes.dropAll()
  }

  /** Records that the login just stored was refused and has been ended. */
  refuseLogin(): void {
    this.settleGone()
    this.wishes.takeStaticKey()
  }

  /** Records that this request ended its session, and that no other session took its place. */
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
}
