import type { Budget } from '../store/budget.ts'
import type { Delta } from '../write/change.ts'
import type { Loaded } from '../write/source.ts'
import { type ExpirySetting, GUEST_USER, type SessionRecord } from '../record/record.ts'
import { plainValues } from '../record/codec.ts'
import type { SessionKey } from '../record/id.ts'
import { Payload, type Unit, type UnitChanges, unitPrefix } from '../record/payload.ts'
import { SessionData } from '../request/tracked-data.ts'
import { COOKIE_UNIT, type CookieReading } from './cookie.ts'

/** What a session object looks like at one moment, taken apart for storing. */
export interface Wanted extends CookieReading {
  /** Each key of the session but `cookie`, encoded. */
  readonly units: ReadonlyMap<Unit, string>
  /** Whose session it is; `null` where the app has not said how to tell. */
  readonly user: string | null
}

/** How a session object came to be; it decides what storing it for the first time means. */
export type Origin =
  /** The middleware generated it, so its id is new. */
  | 'generated'
  /** Somebody made it up, and whether its id is new nobody knows. */
  | 'unknown'

/** How often renewed use is noted down. */
export interface TouchLimits {
  /** At the most, in milliseconds. */
  readonly touchEvery: number
  /** Whether the app has set that by itself. */
  readonly isOwn: boolean
  /** The idle limit of sessions whose cookie has no expiry, in milliseconds. */
  readonly lifetime: number
}

/** Sessions that live no longer than this are renewed at every use: their last seconds count. */
const SHORT_LIFE = 60_000

/** How far the clock of a test may seem to go back, in milliseconds, since that of the process does not stand still. */
const CLOCK_SLACK = 1000

/**
 * What the store remembers of one session object: which state of which record it shows. This is what lets it tell,
 * within the contract of express-session, a new session from one that has ended, and a change from an old value.
 */
export class View {
  readonly key: SessionKey
  readonly origin: Origin
  /** How long the request of this object waits for the store, all in all. */
  readonly budget: Budget
  /** Whose session it was when this object first showed it. */
  readonly userAtFirst: string
  #found: Loaded | null = null
  #isGone = false
  #isStored = false
  /** What this object holds, held against what it held when it was last loaded or stored. */
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

  /** Of an object that does not come from this store. */
  static ofOther(key: SessionKey, origin: Origin, budget: Budget): View {
    return new View(key, origin, GUEST_USER, budget)
  }

  /** Of an object that shows a stored session. */
  static ofStored(found: Loaded, payload: Payload, budget: Budget): View {
    const view = new View(found.record.key, 'unknown', found.record.user, budget)
    view.showStored(found, payload)
    return view
  }

  /** The same for another object: two objects change apart from each other. */
  copy(): View {
    const view = new View(this.key, this.origin, this.userAtFirst, this.budget)
    view.#found = this.#found
    view.#isGone = this.#isGone
    view.#data = new SessionData(this.#data.base, plainValues)
    view.#expiry = this.#expiry
    view.#lastSeen = this.#lastSeen
    view.#user = this.#user
    return view
  }

  /** Whose session it is, as this object last showed it. */
  get user(): string {
    return this.#user
  }

  /** The record as last read or written; `null` while there is none, as far as is known. */
  get found(): Loaded | null {
    return this.#found
  }

  /** Whether the session was found to have ended. */
  get isGone(): boolean {
    return this.#isGone
  }

  settleGone(): void {
    this.#isGone = true
  }

  /** Takes over all of what is stored. */
  showStored(found: Loaded, payload: Payload): void {
    this.#found = found
    this.#data = new SessionData(payload, plainValues)
    this.#expiry = found.record.expiry
    this.#lastSeen = found.record.lastSeen
    this.#user = found.record.user
  }

  /** Notes that this was stored. What others stored meanwhile is not part of what this object shows. */
  settle(found: Loaded, wanted: Wanted, expiry: ExpirySetting | undefined): void {
    this.#show(wanted)
    this.#settle(found, wanted, this.#data.changes(), expiry)
    this.#isStored = true
    if (wanted.user !== null) this.#user = wanted.user
  }

  /** The same for a cookie alone. `expiry`: what was stored of it, `undefined` when the old one stayed. */
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
   * Runs tasks of this object one after the other, so that each sees what the one before has stored. The first begins
   * at once: an end of the session that is asked for after it must not overtake it.
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
   * What the cookie says, in the light of what is known: use only moves forward, unless somebody has set an earlier
   * date by hand. The middleware never does; what seems so is another clock.
   */
  understood<Reading extends CookieReading>(wanted: Reading, isByHand: boolean): Reading {
    const isBack = isByHand && this.#lastSeen - wanted.seen > CLOCK_SLACK
    return isBack && wanted.dated !== undefined ? { ...wanted, ...wanted.dated() } : wanted
  }

  /** What has to be written so that the record shows this; `null` when it does. */
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

  /** The same for a cookie alone; `isRenewal`: all that it does is to prolong the session. */
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

  /** Everything that the object holds now, and nothing else of the root. */
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

  /** What has changed about the cookie, whatever else has. */
  #cookieChange(wanted: CookieReading): UnitChanges {
    this.#showCookie(wanted)
    const text = this.#data.changes().get(COOKIE_UNIT)
    return new Map(text === undefined ? [] : [[COOKIE_UNIT, text]])
  }

  /** The new setting, or `undefined` where it is as good as the old one. */
  #expiryTo({ expiry, seen }: CookieReading, limits: TouchLimits): ExpirySetting | undefined {
    const before = this.#expiry
    const threshold = this.#threshold(expiry, seen, limits)
    if (expiry?.kind === 'idle' && before?.kind === 'idle') {
      // An app that sets maxAge in each request ends up a millisecond beside it now and then.
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
    // Nobody uses what the app has just set to be over.
    if (expiry?.kind === 'fixed' && expiry.at <= seen) return false
    return seen - record.lastSeen >= this.#threshold(expiry, seen, limits)
  }

  /** From how many milliseconds on a difference in time is worth a write. */
  #threshold(expiry: ExpirySetting, seen: number, limits: TouchLimits): number {
    const life =
      expiry?.kind === 'idle'
        ? expiry.duration
        : expiry?.kind === 'fixed'
          ? Math.max(expiry.at - seen, 0)
          : limits.lifetime
    // Within one request the end comes shortly after a save(), and has nothing new to say.
    if (life <= SHORT_LIFE && !limits.isOwn && !this.#isStored) return 1
    return Math.max(1, Math.min(limits.touchEvery, life / 10))
  }
}
