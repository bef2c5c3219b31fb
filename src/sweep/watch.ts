import { type Duration, positiveDuration } from '../base/duration.ts'
import { SessionConfigError } from '../base/errors.ts'
import { checkOptions, functionOption, namesOf, wrongOption } from '../base/option-checks.ts'
import { asSessionKey, type SessionKey } from '../record/id.ts'
import type { KeyOutcome } from './look-up.ts'

/** What is left of a session that is no longer alive. */
export type SessionEnd = Exclude<KeyOutcome, 'live'>

/** Hears, once, that a session is no longer alive. */
export type EndListener = (end: SessionEnd) => void | Promise<void>

/** Options of `sessions.watchSession()`. */
export interface WatchOptions {
  /**
   * How often the session is looked at, at the least: its end is heard of within that time, and the time of one lookup. From
   * a second to a day. Default `'30s'`.
   */
  readonly every?: Duration
  /**
   * Hears of each look that failed, with the error of the store. Nobody knows then whether the session is alive, and it is
   * looked at again. Default: nobody does; the logger is told in any case, when it begins.
   */
  readonly onError?: (error: unknown) => void
  /** Ends the watch when it is aborted, as the function does that `watchSession()` gives. */
  readonly signal?: AbortSignal
}

const OPTIONS = namesOf<WatchOptions>({ every: true, onError: true, signal: true })

const SECOND = 1000

const DAY = 24 * 60 * 60 * SECOND

/** Somebody who wants to hear of the end of one session. */
export class SessionWatch {
  readonly key: SessionKey
  /** Milliseconds. */
  readonly every: number
  readonly onEnd: EndListener
  readonly onError: ((error: unknown) => void) | null
  readonly #signal: AbortSignal | null
  #isOver = false
  readonly #over: (() => void)[] = []

  /** Throws `SessionConfigError` for what cannot be watched. */
  constructor(key: SessionKey, onEnd: EndListener, options: WatchOptions) {
    checkOptions('watchSession()', options, OPTIONS)
    const checked = asSessionKey(key)
    if (checked === null) {
      // Without what was given: it may be an id.
      throw new SessionConfigError(
        'watchSession() takes the key of a session, such as session.key; a visitor without a stored session has none, and nothing that could end',
      )
    }
    if (typeof onEnd !== 'function') {
      throw new SessionConfigError('watchSession() takes a function that hears of the end')
    }
    this.key = checked
    this.onEnd = onEnd
    this.every = everyFrom(options.every)
    this.onError = functionOption('onError', options.onError) ?? null
    this.#signal = signalFrom(options.signal)
    if (this.#signal?.aborted === true) this.stop()
    else this.#signal?.addEventListener('abort', this.stop, { once: true })
  }

  /** Whether nobody wants to hear any more. */
  get isOver(): boolean {
    return this.#isOver
  }

  /** Calls this when it is over. */
  whenOver(then: () => void): void {
    this.#over.push(then)
  }

  /** Can be called again, and without its object. */
  readonly stop = (): void => {
    if (this.#isOver) return
    this.#isOver = true
    this.#signal?.removeEventListener('abort', this.stop)
    for (const then of this.#over) then()
  }
}

function everyFrom(value: Duration | undefined): number {
  const every = positiveDuration('every', value === undefined ? '30s' : value)
  if (every >= SECOND && every <= DAY) return every
  throw new SessionConfigError(
    `every must be from one second to one day, but is ${every} ms: each look at a session is a lookup in the store`,
  )
}

function signalFrom(value: AbortSignal | undefined): AbortSignal | null {
  if (value === undefined) return null
  if (typeof value?.aborted === 'boolean' && typeof value.addEventListener === 'function') {
    return value
  }
  throw wrongOption('signal', 'must be an AbortSignal', value)
}
