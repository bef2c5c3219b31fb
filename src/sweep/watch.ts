import { type Duration, positiveDuration } from '../base/duration.ts'
import { SessionConfigError } from '../base/errors.ts'
import { checkOptions, functionOption, namesOf, wrongOption } from '../base/option-checks.ts'
import { asSessionKey, type SessionKey } from '../record/id.ts'
import type { KeyOutcome } from './look-up.ts'

/** Why a session is no longer alive. */
export type SessionEnd = Exclude<KeyOutcome, 'live'>

/** Runs once, when a session is no longer alive. */
export type EndListener = (end: SessionEnd) => void | Promise<void>

/** Options of `sessions.watchSession()`. */
export interface WatchOptions {
  /**
   * The longest time between two checks of the session. Its end is noticed within this time plus the time of one
   * lookup. From a second to a day. Default `'30s'`.
   */
  readonly every?: Duration
  /**
   * Runs for each check that failed, with the error of the store. It is unknown then whether the session is alive, and
   * the session is checked again. Default: none. The first failure in a row is logged in any case.
   */
  readonly onError?: (error: unknown) => void
  /** Ends the watch when it is aborted, like the function that `watchSession()` returns. */
  readonly signal?: AbortSignal
}

const OPTIONS = namesOf<WatchOptions>({ every: true, onError: true, signal: true })

const SECOND = 1000

const DAY = 24 * 60 * 60 * SECOND

/** A watch for the end of one session. */
export class SessionWatch {
  readonly key: SessionKey
  /** Milliseconds. */
  readonly every: number
  readonly onEnd: EndListener
  readonly onError: ((error: unknown) => void) | null
  readonly #signal: AbortSignal | null
  #isOver = false
  readonly #over: (() => void)[] = []

  /** Throws `SessionConfigError` for invalid arguments. */
  constructor(key: SessionKey, onEnd: EndListener, options: WatchOptions) {
    checkOptions('watchSession()', options, OPTIONS)
    const checked = asSessionKey(key)
    if (checked === null) {
      // The message does not contain the argument, which may be an id.
      throw new SessionConfigError(
        'watchSession() takes the key of a session, such as session.key; a visitor without a stored session has no key, and no session that could end',
      )
    }
    if (typeof onEnd !== 'function') {
      throw new SessionConfigError('watchSession() takes a function that it calls at the end')
    }
    this.key = checked
    this.onEnd = onEnd
    this.every = everyFrom(options.every)
    this.onError = functionOption('onError', options.onError) ?? null
    this.#signal = signalFrom(options.signal)
    if (this.#signal?.aborted === true) this.stop()
    else this.#signal?.addEventListener('abort', this.stop, { once: true })
  }

  /** Whether the watch has been stopped. */
  get isOver(): boolean {
    return this.#isOver
  }

  /** Registers a function to call when the watch stops. */
  whenOver(then: () => void): void {
    this.#over.push(then)
  }

  /** Stops the watch. It can be called again, and without its object. */
  readonly stop = (): void => {
    if (this.#isOver) return
    this.#isOver = true
    this.#signal?.removeEventListener('abort', this.stop)
    for (const then of this.#over) then()
  }
}

function everyFrom(value: Duration = '30s'): number {
  const every = positiveDuration('every', value)
  if (every >= SECOND && every <= DAY) return every
  throw new SessionConfigError(
    `every must be from one second to one day, but is ${every} ms: each check of a session is a lookup in the store`,
  )
}

function signalFrom(value: AbortSignal | undefined): AbortSignal | null {
  if (value === undefined) return null
  if (typeof value?.aborted === 'boolean' && typeof value.addEventListener === 'function') {
    return value
  }
  throw wrongOption('signal', 'must be an AbortSignal', value)
}
