import { checkKey } from '../record/codec.ts'
import { FLASH_SCOPE, type Unit, unitOf } from '../record/payload.ts'
import { lockMembers } from './refuse-assignments.ts'
import { SessionTimes } from './session-times.ts'
import type { RequestState } from './state.ts'
import { nameOf } from './view.ts'

/** The mark by which a later request can tell whether the browser takes cookies. */
const TEST_COOKIE: Unit = unitOf('viur-session:test-cookie', 'set')

/** Where a value is kept until it is read once. Throws `SessionValueError` for a key that cannot be kept. */
function flashUnit(key: string): Unit {
  checkKey(key)
  return unitOf(FLASH_SCOPE, key)
}

/** What a session keeps beside the data of the app, in scopes that are ours. */
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
   * Keeps a value, such as a message for the next page, until `flashed()` reads it. Beside the data: no other method
   * sees it, but `isEmpty` does. A second value under the key takes the place of the first; what ends the session, or
   * gives it to another user, drops it.
   */
  flash(key: string, value: unknown): void {
    const data = this.#state.forWriting('flash()')
    const unit = flashUnit(key)
    if (value === undefined) data.remove(unit)
    else data.write(unit, value)
  }

  /**
   * Gives what `flash()` kept under the key, once: it is gone with the end of the request; `undefined`: nothing was. What
   * another request has flashed meanwhile stays for the next one.
   */
  flashed<Value = unknown>(key: string): Value | undefined {
    const data = this.#state.forWriting('flashed()')
    return data.take(flashUnit(key)) as Value | undefined
  }

  /** Stores a mark by which a later request can tell whether the browser takes cookies, by `testCookieWorked()`. */
  setTestCookie(): void {
    this.#state.forWriting('setTestCookie()').write(TEST_COOKIE, true)
  }

  /** Whether the browser has brought the cookie back since `setTestCookie()`: false in the request that called it first. */
  testCookieWorked(): boolean {
    const data = this.#state.forReading('testCookieWorked()')
    return this.#state.outcome === 'live' && data.has(TEST_COOKIE)
  }

  /** Removes the mark. */
  deleteTestCookie(): void {
    this.#state.forWriting('deleteTestCookie()').remove(TEST_COOKIE)
  }
}
