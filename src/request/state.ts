import {
  SessionConfigError,
  SessionError,
  SessionLateChangeError,
  SessionNotLoadedError,
} from '../base/errors.ts'
import type { RequestSettings } from './settings.ts'
import {
  type ClientHints,
  type EndReason,
  type ExpirySetting,
  type Found,
  GUEST_USER,
  type SessionRecord,
} from '../record/record.ts'
import { Begun, type Failure } from './begun.ts'
import { type Budget, budgetFor } from '../store/budget.ts'
import { decodeValue } from '../record/codec.ts'
import type { CookieForm, Presented } from './cookie.ts'
import { expiresAt, isTouchDue } from '../record/expiry.ts'
import type { Fence } from '../end/fences.ts'
import type { SessionId, SessionKey } from '../record/id.ts'
import { hasNewId, type Loaded, type Search, type Source } from '../write/source.ts'
import { type Keep, NOTHING, Payload, type UnitChanges } from '../record/payload.ts'
import { SessionData } from './tracked-data.ts'
import type { DataAccess } from './view.ts'

/** Why `load()` found what it found. */
export type LoadOutcome =
  | 'live'
  | 'none'
  | 'malformed'
  | 'unknown'
  | 'expired'
  | 'ended'
  | 'unreadable'

/** What an identity method was asked for. */
export type IdentityChange = 'login' | 'logout' | 'reset' | 'cycleKey'

/** What becomes of the old data when an identity method takes effect: this request's changes to it, then a selection. */
interface CarryStep {
  readonly units: UnitChanges
  readonly keep: Keep
}

/** The wish of this request to go on under a new id, or under none. It takes effect with the next save. */
export interface Swap {
  /** The last identity method called; it decides whether there is a new record. */
  last: IdentityChange
  /** Why the old session ends: the first reason given. `null` while only its key is cycled. */
  reason: EndReason | null
  /** Whether the end holds even if the response is a server error. */
  stands: boolean
  /** Set once the response turned out to be a server error: the old session ends, nothing takes its place. */
  endOnly: boolean
  readonly carry: CarryStep[]
  /** Who the new session belongs to; `null`: whoever the old one belonged to. */
  identity: Identity | null
}

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

/** What is known of the client of a request. */
export interface RequestClient {
  readonly userAgent?: string | undefined
  readonly ip?: string | undefined
}

/** What is to be done about the cookie, as far as this request knows by now. */
export type CookieDecision = 'keep' | 'set' | 'remove'

/** Without a cookie nobody could reach the session that this asks for. */
function noResponseError(what: string): SessionError {
  return new SessionError(
    `${what} needs a new session id, and there is no response to carry its cookie, as for a WebSocket: log in, or start the session, by an ordinary request`,
  )
}

/**
 * One request's view of its session: what came in, what was found, what the request did and wants. All
 * decisions on it are made here or by pure functions; reading and writing the store is done elsewhere.
 */
export class RequestState implements DataAccess {
  readonly settings: RequestSettings
  readonly form: CookieForm
  /** Whether the cookie may travel with this request. */
  readonly allowed: boolean
  readonly presented: Presented
  /** Looks for the session where it may come from; `null` where all are ours. */
  readonly search: Search | null
  readonly client: RequestClient
  /** How long this request waits for the store, all in all. */
  readonly budget: Budget

  outcome: LoadOutcome | null = null
  /** Why the last try to load failed; `null` where none failed, or one has succeeded since. */
  failure: SessionError | null = null
  id: SessionId | null = null
  data: SessionData = new SessionData(Payload.empty)
  accessed = false
  forced = false
  expiry: ExpirySetting | undefined = undefined
  /** What this request said of the expiry and has saved; what it says goes with a login that comes after. */
  savedExpiry: ExpirySetting | undefined = undefined
  swap: Swap | null = null
  /** True once the commit has started. */
  closed = false
  /** True where no response can carry a cookie, so that nothing but `save()` stores. See `detach()`. */
  detached = false
  /** True when the session was found to have ended elsewhere. */
  gone = false
  /** True when this request ended its session, and no other took its place. */
  finished = false
  cookie: CookieDecision = 'keep'
  /** The static security key of the login of this request, until it has been shown. */
  staticKey: string | null = null
  /** A session that this request marked as ended, while its observers have not been told. */
  marked: Found | null = null
  #stored: Loaded | null = null
  #source: Source | null = null
  #begun: Begun | null = null
  /** The save under way, so that two of one request never run side by side and store two sessions. */
  saving: Promise<unknown> | null = null

  constructor(
    settings: RequestSettings,
    request: {
      form: CookieForm
      allowed: boolean
      presented: Presented
      client: RequestClient
      search?: Search | null
    },
  ) {
    this.settings = settings
    this.form = request.form
    this.allowed = request.allowed
    this.presented = request.presented
    this.client = request.client
    this.search = request.search ?? null
    this.budget = budgetFor(settings.store)
  }

  /** The record this request goes by, with the version it was read or written at. */
  get stored(): Loaded | null {
    return this.#stored
  }

  set stored(found: Loaded | null) {
    this.#stored = found
    if (found !== null) this.#source = found.source ?? null
  }

  /** Where the session comes from that the request has, or had last. */
  get source(): Source | null {
    return this.#source
  }

  get loaded(): boolean {
    return this.outcome !== null
  }

  /** What the request has begun and may not have waited for. */
  get begun(): Begun {
    if (this.#begun === null) {
      this.#begun = new Begun(this.settings.logger)
      if (this.closed || this.detached) this.#begun.close()
    }
    return this.#begun
  }

  /** Waits for what was begun; `null` where there is nothing to wait for. See `Begun.drain()`. */
  drain(isError: boolean): Promise<Failure | null> | null {
    return this.#begun?.drain(isError, this.budget) ?? null
  }

  /** From now on nothing can be changed any more. */
  close(): void {
    this.closed = true
    this.#begun?.close()
  }

  /**
   * From now on there is no response to wait for: what `save()` stores is stored, as often as it is called, nothing else is,
   * and no cookie travels.
   */
  detach(): void {
    this.detached = true
    this.closed = false
    // Nobody drains it any more, so a failure is its caller's alone.
    this.#begun?.close()
  }

  /** Refuses what ends in an id that the browser would never get. `what`: what was asked for. */
  requireResponse(what: string): void {
    if (this.detached) throw noResponseError(what)
  }

  /**
   * Notes that the request used its session, which has to be loaded: one that nobody has loaded, or that could not be
   * loaded, must never read as "nobody is logged in". `what`: the use, for the error.
   */
  use(what: string): void {
    this.accessed = true
    if (this.outcome !== null) return
    throw this.failure ?? new SessionNotLoadedError(what)
  }

  forReading(what: string): SessionData {
    this.use(what)
    return this.data
  }

  /** The data for whoever only prints it, which is no use and no reason to fail; `null` where none is loaded. */
  forPrinting(): SessionData | null {
    return this.loaded ? this.data : null
  }

  forWriting(what: string): SessionData {
    if (this.closed) throw new SessionLateChangeError(what)
    return this.forReading(what)
  }

  /** The identity as this request sees it: after `login()` the new user, before it is stored. */
  get user(): string {
    return this.swap?.identity?.user ?? this.stored?.record.user ?? GUEST_USER
  }

  get authenticated(): number | null {
    const identity = this.swap?.identity
    return identity ? identity.authenticated : (this.stored?.record.authenticated ?? null)
  }

  /** The hash of the static security key that counts. */
  get staticKeyHash(): string | null {
    const identity = this.swap?.identity
    return identity ? identity.staticKey : (this.stored?.record.staticKey ?? null)
  }

  /** The key of the session as it stands in the store; `null` while there is none, or a new id waits to be stored. */
  get key(): SessionKey | null {
    const { stored } = this
    if (this.swap !== null || stored === null) return null
    return hasNewId(stored) ? null : stored.record.key
  }

  /** The record as it will be if the request ends now; for a new session, with the time since now. */
  times(): Pick<SessionRecord, 'created' | 'authenticated' | 'lastSeen' | 'expiry'> {
    const now = this.settings.now()
    const record = this.stored?.record ?? null
    const fresh = record === null || (this.swap !== null && this.swap.identity !== null)
    const expiry = this.expiry === undefined ? (fresh ? null : record.expiry) : this.expiry
    if (fresh) return { created: now, authenticated: this.authenticated, lastSeen: now, expiry }
    const renewed = this.swap !== null || this.isTouchDue(now)
    return {
      created: record.created,
      authenticated: record.authenticated,
      lastSeen: renewed ? Math.max(now, record.lastSeen) : record.lastSeen,
      expiry,
    }
  }

  /** When the session will end if it is not used again after this request. */
  expires(): number {
    const { stored } = this
    const unchanged =
      stored !== null &&
      this.swap === null &&
      this.expiry === undefined &&
      !this.isTouchDue(this.settings.now())
    return unchanged ? stored.record.expires : expiresAt(this.times(), this.settings.policy)
  }

  /** Whether the save of this request is to note down that the session is in use. */
  isTouchDue(now: number): boolean {
    if (this.stored === null) return false
    return this.expiry !== undefined || isTouchDue(this.stored.record, this.settings.policy, now)
  }

  /** Whether a session that is not stored yet would have ended already, so that there is nothing to store. */
  get isStillborn(): boolean {
    const { expiry } = this
    return expiry?.kind === 'fixed' && expiry.at <= this.settings.now()
  }

  /** Whether the cookie is to vanish with the browser. */
  get expiresAtBrowserClose(): boolean {
    const { expiry } = this.times()
    return expiry === null ? this.settings.sessionCookie : expiry.kind === 'browser'
  }

  /** Whether the request has anything to store. Throws for a value that can not be kept. */
  get changed(): boolean {
    return this.isChangedBy(this.data.changes())
  }

  /** The same, for whoever knows the changes of the data already: to find them costs encoding them. */
  isChangedBy(units: UnitChanges): boolean {
    if (this.swap !== null || this.forced || units.size > 0) return true
    return this.stored !== null && this.expiry !== undefined
  }

  /**
   * Wishes for a new id, or for none. `keep`: what of the data goes on; `'all'` leaves data and identity. What this
   * request said of the expiry is meant for the session that goes on, whichever of the two came first.
   */
  changeIdentity(last: IdentityChange, keep: Keep | 'all', identity: Swap['identity']): void {
    if (last === 'cycleKey' && (this.swap !== null || this.stored === null)) return
    const reason = last === 'cycleKey' ? null : last
    const swap: Swap = this.swap ?? {
      last,
      reason,
      stands: false,
      endOnly: false,
      carry: [],
      identity: null,
    }
    swap.last = last
    swap.reason ??= reason
    swap.stands ||= last === 'logout' || last === 'reset'
    if (keep !== 'all') {
      swap.carry.push({ units: this.gone ? new Map() : this.data.changes(), keep })
      this.data = new SessionData(this.gone ? Payload.empty : this.data.payload().pick(keep))
      this.forced = false
      if (this.expiry === undefined) this.expiry = this.savedExpiry
    }
    if (identity !== null) {
      swap.identity = identity
      this.staticKey = null
    }
    this.swap = swap
    this.finished = false
  }

  /** Makes a login that waits a reset: nobody logs in, and the new session holds what it was given since, and no more. */
  resetInsteadOfLogin(): void {
    const { forced } = this
    const units = this.data.changes()
    if (this.swap?.reason === 'login') this.swap.reason = null
    this.changeIdentity('reset', NOTHING, NOBODY)
    for (const [unit, text] of units) if (text !== null) this.data.write(unit, decodeValue(text))
    this.forced = forced
  }

  /** What a response with a server error leaves of the wishes: nothing but an end that was asked for. */
  dropForServerError(): void {
    this.dropChanges()
    if (this.swap === null) return
    // With the identity goes its key; that of a login which was saved before a mere cycleKey() stands.
    if (this.swap.identity !== null) this.staticKey = null
    if (this.swap.stands) this.swap.endOnly = true
    else this.swap = null
  }

  /** Forgets all changes of data and expiry. */
  dropChanges(): void {
    this.data.revert()
    this.forced = false
    this.expiry = undefined
  }

  /**
   * Takes over what was stored, after `saved` and `expiry` of this request went into it. What the app said
   * while the save was under way is for the next one.
   */
  settle(stored: Loaded, saved: UnitChanges, expiry: ExpirySetting | undefined): void {
    this.stored = stored
    if (this.expiry === expiry) this.expiry = undefined
    if (expiry !== undefined) this.savedExpiry = expiry
    this.swap = null
    this.finished = false
    // Last: it throws when a value went bad meanwhile, and that must not undo what was stored.
    this.data.rebase(Payload.decode(stored.record.data, stored.record.key), saved)
  }

  /** Notes that the session ended elsewhere; what this request did to it is dropped. */
  settleGone(): void {
    this.gone = true
    this.stored = null
    this.id = null
    this.swap = null
    this.dropChanges()
  }

  /** Notes that this request ended its session and left none. */
  settleEnded(): void {
    this.stored = null
    this.id = null
    this.swap = null
    this.staticKey = null
    this.forced = false
    if (this.expiry !== undefined) this.savedExpiry = this.expiry
    this.expiry = undefined
    this.finished = true
    this.gone = false
    this.data = new SessionData(Payload.empty)
  }

  requireOpen(what: string): void {
    if (this.closed) throw new SessionLateChangeError(what)
  }

  /** Guards against a session of one manager given to another, whose cookie would not fit. */
  requireOf(settings: RequestSettings): void {
    if (this.settings !== settings) {
      throw new SessionConfigError('this session was opened by another createSessions()')
    }
  }
}
