import { randomInt } from 'node:crypto'
import type { SessionLogger } from '../base/logger.ts'
import { sayingOf } from '../end/problems.ts'
import type { SessionKey } from '../record/id.ts'
import type { KeyOutcome } from './look-up.ts'
import type { SessionEnd, SessionWatch } from './watch.ts'

/**
 * The number of sessions that are checked in one tick: the store combines them into one lookup, and other work gets its
 * turn in between.
 */
const AT_A_TIME = 100

/** The smallest pause between two rounds, as a share of the time between their starts. */
const LEAST_PAUSE = 0.1

/** The parts that the rounds need. */
export interface WatchParts {
  outcomeOf(key: SessionKey): Promise<KeyOutcome>
  readonly logger: SessionLogger
  /**
   * Calls a function after so many milliseconds, and returns a function that cancels that. Default: a timer that keeps
   * no process alive.
   */
  readonly plan?: Plan
  /**
   * Returns a whole number below 256. Default: a random one. The app's source of randomness is not used, since it is
   * for secrets and may fail.
   */
  readonly chance?: () => number
}

export type Plan = (call: () => void, time: number) => () => void

const planned: Plan = (call, time) => {
  const timer = setTimeout(call, time)
  // The server of the socket keeps the process alive, and not its watch.
  timer.unref()
  return () => clearTimeout(timer)
}

/**
 * Checks the sessions of all watches of a process in rounds. Watches with the same interval share a round, and each
 * session is read once in a round.
 */
export class WatchRounds {
  readonly #parts: WatchParts
  readonly #rounds = new Map<number, Rounds>()

  constructor(parts: WatchParts) {
    this.#parts = parts
  }

  add(watch: SessionWatch): void {
    const { every } = watch
    let rounds = this.#rounds.get(every)
    if (rounds === undefined) {
      rounds = new Rounds(this.#parts, every, () => this.#rounds.delete(every))
      this.#rounds.set(every, rounds)
    }
    rounds.add(watch)
  }
}

/** The rounds over the sessions with one interval. */
class Rounds {
  readonly #parts: WatchParts
  readonly #every: number
  /** Called when no watch is left. */
  readonly #emptied: () => void
  readonly #watches = new Map<SessionKey, Set<SessionWatch>>()
  /** The sessions that could not be checked in the last round: these are logged already. */
  #failed: ReadonlySet<SessionKey> = new Set()
  /** Cancels the next round; `null` while none is planned. */
  #takeBack: (() => void) | null = null
  #isLooking = false

  constructor(parts: WatchParts, every: number, emptied: () => void) {
    this.#parts = parts
    this.#every = every
    this.#emptied = emptied
  }

  add(watch: SessionWatch): void {
    const { key } = watch
    const others = this.#watches.get(key)
    if (others === undefined) this.#watches.set(key, new Set([watch]))
    else others.add(watch)
    watch.whenOver(() => this.#remove(watch))
    if (!this.#isLooking && this.#takeBack === null) this.#schedule(0)
  }

  #remove(watch: SessionWatch): void {
    const { key } = watch
    const watches = this.#watches.get(key)
    watches?.delete(watch)
    if (watches?.size === 0) this.#watches.delete(key)
    if (this.#watches.size > 0 || this.#isLooking) return
    this.#takeBack?.()
    this.#takeBack = null
    this.#emptied()
  }

  /** Plans the next round. `took`: how long the previous round has taken, in milliseconds. */
  #schedule(took: number): void {
    // Processes that were started together must not stay in step.
    const { plan = planned, chance = () => randomInt(256) } = this.#parts
    const wait = this.#every * (1 - chance() / 1024)
    this.#takeBack = plan(
      () => {
        this.#takeBack = null
        void this.#look()
      },
      Math.max(wait - took, wait * LEAST_PAUSE),
    )
  }

  /** One round. Never rejects. */
  async #look(): Promise<void> {
    const began = performance.now()
    const failures = new Map<SessionKey, unknown>()
    this.#isLooking = true
    const keys = [...this.#watches.keys()]
    for (let at = 0; at < keys.length; at += AT_A_TIME) {
      await Promise.all(keys.slice(at, at + AT_A_TIME).map((key) => this.#lookAt(key, failures)))
      // A store that answers at once would block all other work.
      await new Promise((resolve) => setImmediate(resolve))
    }
    this.#isLooking = false
    this.#logNew(failures)
    if (this.#watches.size > 0) this.#schedule(performance.now() - began)
    else this.#emptied()
  }

  async #lookAt(key: SessionKey, failures: Map<SessionKey, unknown>): Promise<void> {
    // All watches of the session may have stopped while other sessions were checked.
    if (!this.#watches.has(key)) return
    try {
      const outcome = await this.#parts.outcomeOf(key)
      if (outcome !== 'live') this.#tellEnd(key, outcome)
    } catch (error) {
      if (!this.#watches.has(key)) return
      failures.set(key, error)
      for (const { onError } of this.#watches.get(key) ?? []) {
        if (onError !== null) this.#run('onError', () => onError(error))
      }
    }
  }

  #tellEnd(key: SessionKey, end: SessionEnd): void {
    for (const watch of [...(this.#watches.get(key) ?? [])]) {
      // The listener of an earlier watch may have stopped this one.
      if (watch.isOver) continue
      watch.stop()
      this.#run('onEnd', () => watch.onEnd(end))
    }
  }

  /** Calls a listener of the app. An error in it must not affect the other watches. */
  #run(name: string, call: () => unknown): void {
    const failed = (error: unknown): void => {
      this.#parts.logger.warn(`${name} of watchSession() failed`, {
        error: sayingOf(error),
      })
    }
    try {
      Promise.resolve(call()).catch(failed)
    } catch (error) {
      failed(error)
    }
  }

  /** Logs one line for all sessions that begin to fail in one round. */
  #logNew(failures: ReadonlyMap<SessionKey, unknown>): void {
    const fresh = [...failures].filter(([key]) => !this.#failed.has(key))
    this.#failed = new Set(failures.keys())
    const [first] = fresh
    if (first === undefined) return
    const [, error] = first
    this.#parts.logger.warn(
      'watched sessions could not be checked; the watch continues, but it reports no end until the store answers',
      { sessions: fresh.length, error: error instanceof Error ? error.message : 'no Error' },
    )
  }
}
