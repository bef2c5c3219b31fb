import { checkKey } from '../record/codec.ts'
import { FLASH_SCOPE, type Unit, unitOf } from '../record/payload.ts'
import { lockMembers } from './refuse-assignments.ts'
import { SessionTimes } from './session-times.ts'
import type { RequestState } from './state.ts'
import { nameOf } from './view.ts'

/** The mark that shows a later request whether the browser accepts cookies. */
const TEST_COOKIE: Unit = unitOf('viur-session:test-cookie', 'set')

/** The unit of a flashed value. Throws `SessionValueError` for an invalid key. */
function flashUnit(key: string): Unit {
  checkKey(key)
  return unitOf(FLASH_SCOPE, key)
}

/** A session with the values that it stores beside the data of the app, in scopes of this module. */
export class SessionAsides<Data extends object> extends SessionTimes<Data> {
  readonly #state: RequestState

  static {
    lockMembers(SessionAsides.prototype, nameOf)
  }

  protected constructor(state: RequestState) {
    super(state)
    this.#state = state
  }

  /**
   * Stores a value, such as a message for the next page, until `flashed()` reads it. The value is separate from the
   * data: no other method sees it, except `isEmpty`. A second value under the key replaces the first. The value is
   * dropped when the session ends or goes to another user.
   */
  flash(key: string, value: unknown): void {
    const data = this.#state.forWriting('flash()')
    const unit = flashUnit(key)
    if (value === undefined) data.remove(unit)
    else data.write(unit, value)
  }

  /**
   * Returns the value that `flash()` stored under the key, and removes it with the end of the request; `undefined`:
   * there is none. A value that another request has flashed meanwhile stays for the next read.
   */
  flashed<Value = unknown>(key: string): Value | undefined {
    const data = this.#state.forWriting('flashed()')
    return data.take(flashUnit(key)) as Value | undefined
  }

  /** Stores a mark by which `testCookieWorked()` tells in a later request whether the browser accepts cookies. */
  setTestCookie(): void {
    this.#state.forWriting('setTestCookie()').write(TEST_COOKIE, true)
  }

  /**
   * Whether the browser has sent the cookie back since `setTestCookie()`; `false` in the request that called it first.
   */
  testCookieWorked(): boolean {
    const data = this.#state.forReading('testCookieWorked()')
    return this.#state.outcome === 'live' && data.has(TEST_COOKIE)
  }

  /** Removes the mark. */
  deleteTestCookie(): void {
    this.#state.forWriting('deleteTestCookie()').remove(TEST_COOKIE)
  }
}
