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

/** A store that has what leases need. */
export type LeaseStore = SessionStore & Required<Pick<SessionStore, 'writeWithNote'>>

export interface LeaseSettings extends RetrySettings {
  readonly now: Clock
  readonly randomBytes: RandomBytes
}

/** How often whoever waits looks whether the lease is free, in milliseconds: at first, and in the end. */
const POLLS = { first: 50, last: 500 }

/** After so many polls the pauses that were asked for count, though no clock has moved: that of a test may stand still. */
const MANY_POLLS = 1000

/** How long a call for a lease may take where the store does not say so, in milliseconds. */
const CALL = 5000

/** What keeps all but one from saving a session: a note beside it, with an end of its own, so that a crash frees it. */
export class Lease implements Committer {
  readonly #store: LeaseStore
  readonly #name: string
  readonly #value: LeaseNote
  readonly #limit: Limit
  readonly #settings: LeaseSettings
  #version: Version
  /** Whether the last write may have changed the note. */
  #isUnsure = false
  #isLast = false
  #isReleased = false

  private constructor(taking: Taking, version: Version) {
    this.#store = taking.store
    this.#name = taking.name
    this.#value = taking.value
    this.#limit = taking.limit
    this.#settings = taking.settings
    this.#version = version
  }

  /** Takes the lease of a session as soon as it is free. Throws `SessionContentionError` when that is not so in time. */
  static async take(
    store: LeaseStore,
    settings: LeaseSettings,
    key: SessionKey,
    times: { readonly wait: number; readonly lease: number },
  ): Promise<Lease> {
    const taking = new Taking(store, settings, key, times.lease)
    return new Lease(taking, await taking.take(times.wait))
  }

  /** What to tell whoever worked on while others had it. */
  lost(): SessionContentionError {
    return lostError()
  }

  /** From now on the next write is the last one under the lease, and lets it go. */
  letGo(): void {
    this.#isLast = true
  }

  /** Writes of sessions, with the note at the version that was taken. Throws `SessionContentionError` once it is not ours. */
  async writeTogether(
    mutations: readonly Mutation[],
    options?: CallOptions,
  ): Promise<WriteTogetherResult> {
    if (this.#isReleased) throw lostError()
    if (this.#isUnsure && !(await this.#isOurs(options))) throw lostError()
    this.#isUnsure = true
    const value = this.#isLast ? undefined : this.#value
    const note = { name: this.#name, value, version: this.#version }
    const result = await this.#store.writeWithNote(mutations, note, options)
    if (result.outcome !== 'applied') return result
    this.#isUnsure = false
    this.#version = result.note
    this.#isReleased = this.#isLast
    return result
  }

  /**
   * Lets go of the lease, unless a write has. `'lost'`: somebody else had taken it since the last write under it. What the
   * store has to say against it is no matter: then it runs out.
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
    const note = await retried(
      this.#settings,
      (deadline) => this.#store.notes.get(this.#name, { deadline, ...options }),
      this.#limit,
    )
    if (note === null || holderIn(note) !== this.#value.holder) return false
    this.#version = note.version
    return true
  }
}

/** One try to get a lease. */
class Taking {
  readonly store: LeaseStore
  readonly settings: LeaseSettings
  readonly name: string
  readonly limit: Limit
  readonly #lease: number
  readonly #holder: string
  #value: LeaseNote
  #troubles = 0

  constructor(store: LeaseStore, settings: LeaseSettings, key: SessionKey, lease: number) {
    this.store = store
    this.settings = settings
    this.name = leaseName(key)
    this.limit = perCall(store.deadline ?? CALL)
    this.#lease = lease
    this.#holder = mintRev(settings.randomBytes)
    this.#value = this.#valueNow()
  }

  get value(): LeaseNote {
    return this.#value
  }

  /** `wait`: how long, in milliseconds. Gives the version of the note. */
  async take(wait: number): Promise<Version> {
    const { now, sleep } = this.settings
    const begun = now()
    let paused = 0
    // Most likely there is none.
    let version = await this.#put(null)
    for (let polls = 0; version === null; polls++) {
      const left = wait - (polls < MANY_POLLS ? now() - begun : Math.max(paused, now() - begun))
      if (left <= 0) throw takenError(wait)
      const pause = Math.min(left, pauseAfter(polls))
      await sleep(pause)
      paused += pause
      // Where a test does not really pause, those who hold it have their turn all the same.
      await new Promise((resolve) => setImmediate(resolve))
      version = await this.#try()
    }
    return version
  }

  async #try(): Promise<Version | null> {
    const note = await retried(
      this.settings,
      (deadline) => this.store.notes.get(this.name, { deadline }),
      this.limit,
    )
    // Of a put whose answer was lost.
    if (note !== null && holderIn(note) === this.#holder) return note.version
    return note === null || hasRunOut(note, this.settings.now()) ? await this.#put(note) : null
  }

  async #put(before: Note | null): Promise<Version | null> {
    this.#value = this.#valueNow()
    try {
      const result = await this.limit.wait(
        (deadline) =>
          this.store.notes.put(this.name, this.#value, before?.version ?? null, { deadline }),
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

  #valueNow(): LeaseNote {
    return { v: 1, holder: this.#holder, until: this.settings.now() + this.#lease }
  }
}

/** Milliseconds until the next poll: growing, and drawn at random, so that those who wait do not march in step. */
function pauseAfter(polls: number): number {
  const most = Math.min(POLLS.last, POLLS.first * 1.5 ** Math.min(polls, 20))
  return Math.max(POLLS.first, randomInt(Math.floor(most / 2), Math.ceil(most) + 1))
}

function lostError(): SessionContentionError {
  return new SessionContentionError(
    1,
    'exclusive() took longer than its lease, and another request has taken it over: what was not saved before that is dropped; watch the signal, or give it a longer lease',
  )
}

/** What to tell whoever has waited in vain. */
export function takenError(wait: number): SessionContentionError {
  return new SessionContentionError(
    1,
    `exclusive() waited ${wait} ms for other requests of the session that hold it: try again`,
  )
}
