import { randomInt } from 'node:crypto'
import { SessionContentionError, SessionStoreError } from '../base/errors.ts'
import type { Clock } from '../base/clock.ts'
import { mintRev, type RandomBytes, type SessionKey } from '../record/id.ts'
import type { Version } from '../record/record.ts'
import { type Limit, perCall } from '../store/budget.ts'
import type {
  CallOptions,
  Mutation,
  Note,
  SessionStore,
  WriteTogetherResult,
} from '../store/store.ts'
import { hasRunOut, holderIn, type LeaseNote, leaseName } from './lease-note.ts'
import { asStoreError, MAX_TROUBLE_TRIES, type RetrySettings, retried } from './retry.ts'
import type { Committer } from './source.ts'

/** A store with the methods that leases need. */
export type LeaseStore = SessionStore & Required<Pick<SessionStore, 'writeWithNote'>>

export interface LeaseSettings extends RetrySettings {
  readonly now: Clock
  readonly randomBytes: RandomBytes
}

/** The shortest and the longest pause between two checks whether the lease is free, in milliseconds. */
const POLLS = { first: 50, last: 500 }

/** After this many polls the sum of the pauses counts as time, because a test's clock may stand still. */
const MANY_POLLS = 1000

/** Stands for the version of the note of a lease that is not taken yet. */
const NOT_TAKEN: Version = ''

/** The deadline of calls for a lease if the store has none, in milliseconds. */
const CALL = 5000

/**
 * A lease lets only its holder save a session. It is a note beside the session. It expires by itself, so that a crashed
 * holder does not block the session.
 */
export class Lease implements Committer {
  readonly #store: LeaseStore
  readonly #settings: LeaseSettings
  readonly #name: string
  readonly #limit: Limit
  readonly #duration: number
  #note: LeaseNote
  #version: Version = NOT_TAKEN
  /** How many tries to take the lease have failed. */
  #troubles = 0
  /** Whether the last write may have changed the note. */
  #isUnsure = false
  #isLast = false
  #isReleased = false

  private constructor(
    store: LeaseStore,
    settings: LeaseSettings,
    key: SessionKey,
    duration: number,
  ) {
    this.#store = store
    this.#settings = settings
    this.#name = leaseName(key)
    this.#limit = perCall(store.deadline ?? CALL)
    this.#duration = duration
    this.#note = this.#noteNow(mintRev(settings.randomBytes))
  }

  /**
   * Takes the lease of a session as soon as it is free. Throws `SessionContentionError` if it does not become free in
   * time.
   */
  static async take(
    store: LeaseStore,
    settings: LeaseSettings,
    key: SessionKey,
    times: { readonly wait: number; readonly lease: number },
  ): Promise<Lease> {
    const lease = new Lease(store, settings, key, times.lease)
    lease.#version = await lease.#take(times.wait)
    return lease
  }

  /** Makes the next write the last one under the lease. That write also releases the lease. */
  letGo(): void {
    this.#isLast = true
  }

  /**
   * Writes sessions together with the note at its known version. Throws `SessionContentionError` if the lease was lost.
   */
  async writeTogether(
    mutations: readonly Mutation[],
    options?: CallOptions,
  ): Promise<WriteTogetherResult> {
    if (this.#isReleased) throw lostError()
    if (this.#isUnsure && !(await this.#isOurs(options))) throw lostError()
    this.#isUnsure = true
    const value = this.#isLast ? undefined : this.#note
    const note = { name: this.#name, value, version: this.#version }
    const result = await this.#store.writeWithNote(mutations, note, options)
    if (result.outcome !== 'applied') return result
    this.#isUnsure = false
    this.#version = result.note
    this.#isReleased = this.#isLast
    return result
  }

  /**
   * Releases the lease, unless a write already did. Returns `'lost'` if another caller has taken it since the last
   * write under it. Errors of the store are ignored: the lease then expires by itself.
   */
  async release(): Promise<'released' | 'lost'> {
    if (this.#isReleased) return 'released'
    const isSure = !this.#isUnsure
    try {
      if (!isSure && !(await this.#isOurs())) return 'released'
      const { outcome } = await this.#limit.wait(
        (deadline) => this.#store.notes.delete(this.#name, this.#version, { deadline }),
        'unknown',
      )
      return outcome === 'conflict' && isSure ? 'lost' : 'released'
    } catch (error) {
      if (error instanceof SessionStoreError) return 'released'
      throw error
    } finally {
      this.#isReleased = true
    }
  }

  async #isOurs(options?: CallOptions): Promise<boolean> {
    const note = await this.#read(options)
    if (note === null || !this.#holds(note)) return false
    this.#version = note.version
    return true
  }

  /** Takes the lease and returns the version of its note. `wait`: the longest wait, in milliseconds. */
  async #take(wait: number): Promise<Version> {
    const { now, sleep } = this.#settings
    const begun = now()
    let paused = 0
    // Tries an insert first, since most likely there is no lease.
    let version = await this.#put(null)
    for (let polls = 0; version === null; polls++) {
      const left = wait - (polls < MANY_POLLS ? now() - begun : Math.max(paused, now() - begun))
      if (left <= 0) throw takenError(wait)
      const pause = Math.min(left, pauseAfter(polls))
      await sleep(pause)
      paused += pause
      // Lets the holder continue even if a test replaces `sleep` by a function that does not wait.
      await new Promise((resolve) => setImmediate(resolve))
      version = await this.#try()
    }
    return version
  }

  async #try(): Promise<Version | null> {
    const note = await this.#read()
    // The put of this lease, whose answer was lost.
    if (note !== null && this.#holds(note)) return note.version
    return note === null || hasRunOut(note, this.#settings.now()) ? await this.#put(note) : null
  }

  async #put(before: Note | null): Promise<Version | null> {
    this.#note = this.#noteNow(this.#note.holder)
    try {
      const result = await this.#limit.wait(
        (deadline) =>
          this.#store.notes.put(this.#name, this.#note, before?.version ?? null, { deadline }),
        'unknown',
      )
      return result.outcome === 'applied' ? result.version : null
    } catch (cause) {
      const error = asStoreError(cause)
      this.#troubles += 1
      if (!error.retryable || this.#troubles >= MAX_TROUBLE_TRIES) throw error
      return null
    }
  }

  async #read(options?: CallOptions): Promise<Note | null> {
    return await retried(
      this.#settings,
      (deadline) => this.#store.notes.get(this.#name, { deadline, ...options }),
      this.#limit,
    )
  }

  #holds(note: Note): boolean {
    return holderIn(note) === this.#note.holder
  }

  #noteNow(holder: string): LeaseNote {
    return { v: 1, holder, until: this.#settings.now() + this.#duration }
  }
}

/**
 * Returns the pause until the next poll, in milliseconds. It grows, and is random, so that waiting callers do not poll
 * together.
 */
function pauseAfter(polls: number): number {
  const most = Math.min(POLLS.last, POLLS.first * 1.5 ** Math.min(polls, 20))
  return Math.max(POLLS.first, randomInt(Math.floor(most / 2), Math.ceil(most) + 1))
}

/** Makes the error for a caller that continued to work after another one took over the lease. */
export function lostError(): SessionContentionError {
  return new SessionContentionError(
    1,
    'exclusive() took longer than its lease, and another request has taken it over: changes that were not saved before that are dropped; watch the signal, or give it a longer lease',
  )
}

/** Makes the error for a caller that has waited in vain. */
export function takenError(wait: number): SessionContentionError {
  return new SessionContentionError(
    1,
    `exclusive() waited ${wait} ms, but other requests still hold the session: try again`,
  )
}
