import { randomInt } from 'node:crypto'
import type { SessionLogger } from '../base/logger.ts'
import type { SessionKey } from '../record/id.ts'
import type { KeyOutcome } from './look-up.ts'
import type { SessionEnd, SessionWatch } from './watch.ts'

/** How many sessions are looked at in the same tick: the store makes one lookup of them, and others get theirs too. */
const AT_A_TIME = 100

/** The least share of the time between two rounds that lies between them, whatever else the process does. */
const LEAST_PAUSE = 0.1

/** What is needed to look at sessions. */
export interface WatchParts {
  outcomeOf(key: SessionKey): Promise<KeyOutcome>
  readonly logger: SessionLogger
  /** Calls this in so many milliseconds; gives what takes it back. Default: a timer that keeps no process alive. */
  readonly plan?: Plan
  /** A whole number below 256. Default: by chance, and by no source of the app, which is for secrets and may fail. */
  readonly chance?: () => number
}

export type Plan = (call: () => void, time: number) => () => void

const planned: Plan = (call, time) => {
  const timer = setTimeout(call, time)
  // Who serves the socket keeps the process alive, and not who looks after it.
  timer.unref()
  return () => clearTimeout(timer)
}

/**
 * Looks at the sessions of all watches of a process, in rounds: one for each time between two looks. A session that
 * many watch is asked for once in a round.
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

/** The rounds over the sessions that are looked at equally often. */
class Rounds {
  readonly #parts: WatchParts
  readonly #every: number
  /** Called when nobody watches any more. */
  readonly #emptied: () => void
  readonly #watches = new Map<SessionKey, Set<SessionWatch>>()
  /** Those that could not be looked at in the last round: the log has heard of them. */
  #failed: ReadonlySet<SessionKey> = new Set()
  /** Takes back the next round; `null` while none is planned. */
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

  /** `took`: how long the round before it has taken, in milliseconds. */
  #schedule(took: number): void {
    // Processes that were started together must not ask together for ever.
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
      // A store that answers at once would keep everybody else waiting.
      await new Promise((resolve) => setImmediate(resolve))
    }
    this.#isLooking = false
    this.#logNew(failures)
    if (this.#watches.size > 0) this.#schedule(performance.now() - began)
    else this.#emptied()
  }

  async #lookAt(key: SessionKey, failures: Map<SessionKey, unknown>): Promise<void> {
    // All of them may have gone while others were looked at.
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
      // What the one before it has done may have stopped it.
      if (watch.isOver) continue
      watch.stop()
      this.#run('onEnd', () => watch.onEnd(end))
    }
  }

  /** What the app does then harms nobody else. */
  #run(name: string, call: () => unknown): void {
    const failed = (error: unknown): void => {
      this.#parts.logger.warn(`${name} of watchSession() failed`, {
        error: error instanceof Error ? error.message : 'threw a value that is not an Error',
      })
    }
    try {
      Promise.resolve(call()).catch(failed)
    } catch (error) {
      failed(error)
    }
  }

  /** One line for all that begins to fail in one round. */
  #logNew(failures: ReadonlyMap<SessionKey, unknown>): void {
    const fresh = [...failures].filter(([key]) => !this.#failed.has(key))
    this.#failed = new Set(failures.keys())
    const [first] = fresh
    if (first === undefined) return
    const [, error] = first
    this.#parts.logger.warn(
      'sessions that are watched could not be looked at; their watch goes on, and no end is told before the store answers',
      { sessions: fresh.length, error: error instanceof Error ? error.message : 'no Error' },
    )
  }
}
