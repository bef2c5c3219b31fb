import { type Duration, parseDuration, show } from '../base/duration.ts'
import { SessionValueError } from '../base/errors.ts'
import {
  expiresAtBrowserClose,
  expiresIfUsed,
  expiresOf,
  expirySettingFrom,
  expiryValueOf,
  hintAtUnit,
  timeOf,
} from './lifetime.ts'
import { lockMembers } from './refuse-assignments.ts'
import type { RequestState } from './state.ts'
import { nameOf, SessionView } from './view.ts'

/** The times of a session: creation, last use and end, and the settings that decide about its end. */
export class SessionTimes<Data extends object> extends SessionView<Data> {
  readonly #state: RequestState

  static {
    lockMembers(SessionTimes.prototype, nameOf)
  }

  protected constructor(state: RequestState) {
    super(state, null)
    this.#state = state
  }

  /** When the session was created; `null` for a session that is not stored. */
  get created(): Date | null {
    return this.#date('created')
  }

  /** When the session was last used, as far as that is stored: up to `touchEvery` behind. */
  get lastSeen(): Date | null {
    return this.#date('lastSeen')
  }

  /** When the stored session ends unless it is used before; `null` for a session that is not stored. */
  get expires(): Date | null {
    return this.#date('expires')
  }

  /** When the user logged in; `null` for a guest. */
  get authenticated(): Date | null {
    this.#state.use('session.authenticated')
    const { authenticated } = this.#state.owner
    return authenticated === null ? null : new Date(authenticated)
  }

  /**
   * Whether the user logged in within this duration, for actions that need a recent login. For a session that was read
   * from memory (`readCache`) it throws `SessionNotLoadedError`: `await session.load({ fresh: true })` first.
   */
  isFresh(within: Duration): boolean {
    const limit = parseDuration(within)
    if (limit === null)
      throw new SessionValueError(`isFresh() needs a duration, not ${show(within)}`)
    hintAtUnit(this.#state.settings, 'isFresh()', within)
    this.#state.useStored('isFresh()')
    const { owner, settings } = this.#state
    const { authenticated } = owner
    return authenticated !== null && settings.now() - authenticated <= limit
  }

  /**
   * Sets when this session expires. A duration is its own idle limit, a `Date` is a fixed end, `0` lasts until the
   * browser closes, and `null` restores the general rule. `absoluteLifetime` applies in any case.
   */
  setExpiry(value: Duration | Date | 0 | null): void {
    this.#state.forWriting('setExpiry()')
    const setting = expirySettingFrom(value)
    hintAtUnit(this.#state.settings, 'setExpiry()', value)
    this.#state.wishes.expireBy(setting)
  }

  /**
   * The value that was given to `setExpiry()`, in this request or before: milliseconds, a `Date`, `0`, or `null` for
   * the general rule.
   */
  get expiry(): number | Date | null {
    this.#state.forReading('session.expiry')
    return expiryValueOf(this.#state)
  }

  /**
   * Returns the milliseconds until the session ends if it is not used after this request; below 0 when it has ended.
   * `at`: counts from this date, as if the last use were then. Throws `SessionValueError` for an invalid date.
   */
  expiryAge(at?: Date): number {
    const from = at === undefined ? this.#state.settings.now() : timeOf('expiryAge()', at)
    return this.expiryDate(at).getTime() - from
  }

  /**
   * Returns when the session ends if it is not used after this request. `at`: assumes that the last use is at this
   * date. Throws `SessionValueError` for an invalid date.
   */
  expiryDate(at?: Date): Date {
    this.#state.forReading('expiryDate()')
    return new Date(
      at === undefined
        ? expiresOf(this.#state)
        : expiresIfUsed(this.#state, timeOf('expiryDate()', at)),
    )
  }

  /**
   * Stores at the end of this request that the session was used now, although `touchEvery` has not passed. This costs a
   * write, and gives the session its whole lifetime again. It has no effect where no session is stored. A failure at
   * the end of the request is only logged, as for any other touch; `save()` treats it like a change.
   */
  touch(): void {
    this.#state.forWriting('touch()')
    this.#state.wishes.touch()
  }

  /** Whether the browser drops the cookie when it closes. */
  expireAtBrowserClose(): boolean {
    this.#state.forReading('expireAtBrowserClose()')
    return expiresAtBrowserClose(this.#state)
  }

  #date(time: 'created' | 'lastSeen' | 'expires'): Date | null {
    this.#state.use(`session.${time}`)
    const { stored, wishes } = this.#state
    const { swap } = wishes
    return stored === null || (swap !== null && swap.identity !== null)
      ? null
      : new Date(stored.record[time])
  }
}
