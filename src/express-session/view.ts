import type { Budget } from '../store/budget.ts'
import type { Delta } from '../write/change.ts'
import type { Loaded } from '../write/source.ts'
import { type ExpirySetting, GUEST_USER, type SessionRecord } from '../record/record.ts'
import { plainValues } from '../record/codec.ts'
import type { SessionKey } from '../record/id.ts'
import { Payload, type Unit, type UnitChanges, unitPrefix } from '../record/payload.ts'
import { SessionData } from '../request/tracked-data.ts'
import { COOKIE_UNIT, type CookieReading } from './cookie.ts'

/** The state of a session object at one moment, prepared for storing. */
export interface Wanted extends CookieReading {
  /** Each key of the session except `cookie`, encoded. */
  readonly units: ReadonlyMap<Unit, string>
  /** The user of the session; `null` when the app did not set the option `userOf`. */
  readonly user: string | null
}

/** The origin of a session object, which decides how it is stored for the first time. */
export type Origin =
  /** The middleware generated it, so its id is new. */
  | 'generated'
  /** Made by other code, so its id may already exist. */
  | 'unknown'

/** Limits on how often a use is stored. */
export interface TouchLimits {
  /** Minimum time between two stored uses, in milliseconds. */
  readonly touchEvery: number
  /** Whether the app set `touchEvery`. */
  readonly isOwn: boolean
  /** The idle limit of sessions whose cookie has no expiry, in milliseconds. */
  readonly lifetime: number
}

/** Sessions that live no longer than this are renewed at every use, since their last seconds matter. */
const SHORT_LIFE = 60_000

/** How far a test's clock may seem to run backwards, in milliseconds, since the clock of the process does not stop. */
const CLOCK_SLACK = 1000

/**
 * The state of the record that a session object shows. express-session's contract does not tell a new session from an
 * ended one, nor a change from an old value; this state does.
 */
export class View {
  readonly key: SessionKey
  readonly origin: Origin
  /** The total time for which the request of this object waits for the store. */
  readonly budget: Budget
  /** The user of the session when this object first showed it. */
  readonly userAtFirst: string
  /** Whether the session was found to have ended. */
  isGone = false
  #found: Loaded | null = null
  #isStored = false
  /** The data of this object, compared with the data that was last loaded or stored. */
  #data = new SessionData(Payload.empty, plainValues)
  #expiry: ExpirySetting = null
  #lastSeen = 0
  #user: string = GUEST_USER
  #turn: Promise<unknown> | null = null

  private constructor(key: SessionKey, origin: Origin, user: string, budget: Budget) {
    this.key = key
    this.budget = budget
    this.origin = origin
    this.userAtFirst = user
  }

  /** Makes the view of an object that does not come from this store. */
  static ofOther(key: SessionKey, origin: Origin, budget: Budget): View {
    return new View(key, origin, GUEST_USER, budget)
  }

  /** Makes the view of an object that shows a stored session. */
  static ofStored(found: Loaded, payload: Payload, budget: Budget): View {
    const view = new View(found.record.key, 'unknown', found.record.user, budget)
    view.showStored(found, payload)
    return view
  }

  /** Makes a copy for another object, since the two objects change independently. */
  copy(): View {
    const view = new View(this.key, this.origin, this.userAtFirst, this.budget)
    view.#found = this.#found
    view.isGone = this.isGone
    view.#data = new SessionData(this.#data.base, plainValues)
    view.#expiry = this.#expiry
    view.#lastSeen = this.#lastSeen
    view.#user = this.#user
    return view
  }

  /** The user of the session, as this object last showed it. */
  get user(): string {
    return this.#user
  }

  /** The record as last read or written; `null` while none is known. */
  get found(): Loaded | null {
    return this.#found
  }

  /** Takes over the complete stored record. */
  showStored(found: Loaded, payload: Payload): void {
    this.#found = found
    this.#data = new SessionData(payload, plainValues)
    this.#expiry = found.record.expiry
    this.#lastSeen = found.record.lastSeen
    this.#user = found.record.user
  }

  /** Notes that this was stored. Changes that others stored meanwhile are not part of what this object shows. */
  settle(found: Loaded, wanted: Wanted, expiry: ExpirySetting | undefined): void {
    this.#show(wanted)
    this.#settle(found, wanted, this.#data.changes(), expiry)
    this.#isStored = true
    if (wanted.user !== null) this.#user = wanted.user
  }

  /** Notes that only the cookie was stored. `expiry`: the stored setting, `undefined` when the old one stayed. */
  settleCookie(found: Loaded, wanted: CookieReading, expiry: ExpirySetting | undefined): void {
    this.#settle(found, wanted, this.#cookieChange(wanted), expiry)
  }

  #settle(
    found: Loaded,
    { seen }: CookieReading,
    units: UnitChanges,
    expiry: ExpirySetting | undefined,
  ): void {
    this.#found = found
    this.#data.rebase(this.#data.base.with(units), units)
    this.#lastSeen = seen
    if (expiry !== undefined) this.#expiry = expiry
  }

  /**
   * Runs tasks of this object one after the other, so that each sees what the previous one stored. The first task
   * starts immediately, so that a later end of the session cannot overtake it.
   */
  inTurn<Result>(task: () => Promise<Result>): Promise<Result> {
    const result = this.#turn === null ? task() : this.#turn.then(task)
    const turn = result
      .catch(() => {})
      .then(() => {
        if (this.#turn === turn) this.#turn = null
      })
    this.#turn = turn
    return result
  }

  /**
   * Interprets the cookie. The time of use only moves forward, except when the app set an earlier date by hand. The
   * middleware never does that; a difference there comes from another clock.
   */
  understood<Reading extends CookieReading>(wanted: Reading, isByHand: boolean): Reading {
    const isBack = isByHand && this.#lastSeen - wanted.seen > CLOCK_SLACK
    return isBack && wanted.dated !== undefined ? { ...wanted, ...wanted.dated() } : wanted
  }

  /** Returns the changes that the record needs to show this state; `null` when there are none. */
  changesTo(record: SessionRecord, wanted: Wanted, limits: TouchLimits): Delta | null {
    this.#show(wanted)
    const units = this.#data.changes()
    const expiry = this.#expiryTo(wanted, limits)
    const isOthers = wanted.user !== null && wanted.user !== this.#user
    const isDue = this.#isRenewalDue(record, wanted, limits)
    if (units.size === 0 && expiry === undefined && !isOthers && !isDue) return null
    const user = isOthers ? { user: wanted.user as string } : {}
    return { units, expiry, seen: wanted.seen, force: false, ...user }
  }

  /** Returns the same for the cookie alone. `isRenewal`: the change only prolongs the session. */
  renewalTo(
    record: SessionRecord,
    wanted: CookieReading,
    limits: TouchLimits,
  ): { readonly delta: Delta; readonly isRenewal: boolean } | null {
    const units = this.#cookieChange(wanted)
    const expiry = this.#expiryTo(wanted, limits)
    if (units.size === 0 && expiry === undefined && !this.#isRenewalDue(record, wanted, limits))
      return null
    const isMoved = expiry?.kind === 'fixed' && this.#expiry?.kind === 'fixed'
    return {
      delta: { units, expiry, seen: wanted.seen, force: false },
      isRenewal: units.size === 0 && (expiry === undefined || isMoved),
    }
  }

  /** Shows everything that the object holds now, and removes all other keys of the root. */
  #show(wanted: Wanted): void {
    for (const unit of this.#data.units(unitPrefix(null))) {
      if (!wanted.units.has(unit)) this.#data.remove(unit)
    }
    for (const [unit, text] of wanted.units) this.#data.writeText(unit, text)
    this.#showCookie(wanted)
  }

  #showCookie({ text }: CookieReading): void {
    if (text === null) this.#data.remove(COOKIE_UNIT)
    else this.#data.writeText(COOKIE_UNIT, text)
  }

  /** Returns only the change of the cookie. */
  #cookieChange(wanted: CookieReading): UnitChanges {
    this.#showCookie(wanted)
    const text = this.#data.changes().get(COOKIE_UNIT)
    return new Map(text === undefined ? [] : [[COOKIE_UNIT, text]])
  }

  /** Returns the new setting, or `undefined` when it is practically the same as the old one. */
  #expiryTo({ expiry, seen }: CookieReading, limits: TouchLimits): ExpirySetting | undefined {
    const before = this.#expiry
    const threshold = this.#threshold(expiry, seen, limits)
    if (expiry?.kind === 'idle' && before?.kind === 'idle') {
      // An app that sets maxAge in each request sometimes differs by a millisecond.
      const slack = Math.min(threshold, 1000)
      return Math.abs(expiry.duration - before.duration) >= slack ? expiry : undefined
    }
    if (expiry?.kind === 'fixed' && before?.kind === 'fixed') {
      return Math.abs(expiry.at - before.at) >= threshold ? expiry : undefined
    }
    return expiry?.kind === before?.kind ? undefined : expiry
  }

  #isRenewalDue(
    record: SessionRecord,
    { expiry, seen }: CookieReading,
    limits: TouchLimits,
  ): boolean {
    // The app has just let the session expire, so this is no use of it.
    if (expiry?.kind === 'fixed' && expiry.at <= seen) return false
    return seen - record.lastSeen >= this.#threshold(expiry, seen, limits)
  }

  /** Returns the difference in milliseconds from which a new time is worth a write. */
  #threshold(expiry: ExpirySetting, seen: number, limits: TouchLimits): number {
    const life =
      expiry?.kind === 'idle'
        ? expiry.duration
        : expiry?.kind === 'fixed'
          ? Math.max(expiry.at - seen, 0)
          : limits.lifetime
    // The end of a request follows shortly after its save(), and would only store the same use again.
    if (life <= SHORT_LIFE && !limits.isOwn && !this.#isStored) return 1
    return Math.max(1, Math.min(limits.touchEvery, life / 10))
  }
}
