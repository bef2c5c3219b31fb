import { SessionContentionError, SessionError, SessionStoreError } from '../base/errors.ts'
import { unreadableSession } from '../base/store-errors.ts'
import type { Clock } from '../base/clock.ts'
import type { Troubles } from '../record/diagnostics.ts'
import type { ExpiryPolicy } from '../record/expiry.ts'
import { isHeard, tell } from '../record/happenings.ts'
import type { Mutation, SessionStore } from '../store/store.ts'
import type { ReadOptions } from '../store/remembering-store.ts'
import type { Found, SessionRecord, Unreadable } from '../record/record.ts'
import { type Limit, longestOf } from '../store/budget.ts'
import { Chains, type DeltaJob, type Latest } from './chains.ts'
import { applyDelta, combine, type Delta } from './change.ts'
import { isAmongLast, stamped } from '../record/revs.ts'
import { mintRev, type RandomBytes, type SessionKey } from '../record/id.ts'
import { type Committer, isFoundSavable, type Loaded, storedFrom, storing } from './source.ts'
import { PayloadError } from '../record/payload.ts'
import { unreadable } from '../record/usable.ts'
import { type PropertiesOf, withProperties } from '../record/with-properties.ts'
import {
  afterUnknown,
  asStoreError,
  contentionDelay,
  LONG_WORK,
  MAX_CONTENTION_TRIES,
  MAX_TROUBLE_TRIES,
  pauseBefore,
  type RetrySettings,
  retried,
  troubleDelay,
} from './retry.ts'

/** What the writer needs to know of the deployment. */
export interface WriterSettings extends RetrySettings {
  readonly store: SessionStore
  readonly policy: ExpiryPolicy
  readonly now: Clock
  readonly randomBytes: RandomBytes
  readonly troubles: Troubles
  /** By what the app wants its sessions to be found; `null`: by nothing of its own. */
  readonly properties: PropertiesOf | null
}

/** What one try of a write that may be repeated came to. */
export type Attempt<Result> =
  | { readonly done: Result }
  /** Its condition did not hold, or nobody knows: look again, then try again. */
  | {
      readonly again: 'conflict' | 'trouble'
      readonly error: SessionStoreError | null
      /** Whether it may be a conflict with this very write, whose answer was lost on the way. */
      readonly maybeOwn?: boolean
    }

/**
 * Writes changes of sessions so that nothing comes back and nothing is lost: every write is conditional on
 * the version that was read; on a conflict the record is read again, and the changes are applied to what is
 * there now. Writes to one session within this process form a chain; see {@link Chains}.
 */
export class Writer {
  readonly #settings: WriterSettings
  readonly #store: SessionStore
  readonly #limit: Limit
  readonly #lease: Committer | null
  readonly #chains: Chains

  /**
   * Of its own: for work that no request waits for. `of`: the writer whose chains it shares. `lease`: what commits writes
   * that nobody else commits; `null`: the store.
   */
  constructor(
    settings: WriterSettings,
    limit: Limit = LONG_WORK,
    of: Writer | null = null,
    lease: Committer | null = null,
  ) {
    this.#settings = settings
    this.#store = settings.store
    this.#limit = limit
    this.#lease = lease
    this.#chains = of === null ? new Chains((base, jobs) => this.#save(base, jobs)) : of.#chains
  }

  /** The same writer for somebody who waits so long and no longer. */
  within(limit: Limit): Writer {
    return new Writer(this.#settings, limit, this, this.#lease)
  }

  /** The same writer for somebody whose writes stand or fall with a lease. */
  under(lease: Committer): Writer {
    return new Writer(this.#settings, this.#limit, this, lease)
  }

  /**
   * The stored record, asked for again when the store is in trouble. `fromMemory`: an answer that is as old as `readCache`
   * allows will do.
   */
  async find(key: SessionKey, fromMemory = false): Promise<Found | Unreadable | null> {
    return await this.ask((deadline) => {
      const options: ReadOptions = fromMemory ? { deadline, fromMemory } : { deadline }
      return this.#store.find(key, options)
    })
  }

  /** What a call without effect gives, asked for again when the store is in trouble. */
  async ask<Result>(call: (deadline: number) => Promise<Result>): Promise<Result> {
    return await retried(this.#settings, call, this.#limit)
  }

  /** What is there now. */
  async again(found: Loaded): Promise<Loaded | Unreadable | null> {
    const { source = null } = found
    return source === null ? await this.find(found.record.key) : await source.again(found, this)
  }

  /** Applies a delta to a loaded session; gives what is stored then, or `'gone'` when it ended meanwhile. */
  async update(base: Loaded, change: Delta): Promise<Loaded | 'gone'> {
    const limit = this.#limit
    const lease = this.#lease
    const delta = withNews(base, change)
    return await this.#inChain<Loaded | 'gone'>((resolve, reject) => {
      const job = { kind: 'delta', base, delta, limit, lease, resolve, reject } as const
      this.#chains.add(base.record.key, job)
    })
  }

  /** Waits for what is done in a chain, behind others perhaps. */
  #inChain<Result>(
    enqueue: (resolve: (result: Result) => void, reject: (error: unknown) => void) => void,
  ): Promise<Result> {
    // Long work has so much time for each call; how many calls others make before it, nobody knows.
    if (this.#limit === LONG_WORK) return new Promise(enqueue)
    return this.#limit.wait(() => new Promise(enqueue), 'unknown')
  }

  /**
   * Notes down that the session was used, by one try: whoever else writes meanwhile has seen it too. `null`
   * when somebody did; throws for a fault, which the caller only has to log.
   */
  async touch(base: Loaded, delta: Delta): Promise<Loaded | null> {
    const { key } = base.record
    if (this.#chains.has(key)) return null
    const { policy } = this.#settings
    const record = this.stamped(applyDelta(base.record, withNews(base, delta), policy))
    return await this.#inChain<Loaded | null>((resolve, reject) => {
      this.#chains.add(key, {
        kind: 'task',
        run: async () => {
          try {
            const committer = base.source?.storing ?? null
            const { versions } = await this.#commit([storing(base, record)], committer)
            const [version] = versions ?? []
            const stored = version === undefined ? null : storedFrom(base, { record, version })
            resolve(stored)
            return stored
          } catch (error) {
            reject(asStoreError(error))
            return null
          }
        },
      })
    })
  }

  /** The versions written, in the order of the mutations; `null` for a conflict. `committer`: `null` is the store. */
  async #commit(
    mutations: readonly Mutation[],
    asked: Committer | null,
  ): Promise<{ readonly versions: readonly string[] | null; readonly maybeOwn?: boolean }> {
    const limit = this.#limit
    const committer = asked ?? this.#lease
    const [only, ...more] = mutations
    if (committer === null && only === undefined) return { versions: [] }
    if (committer === null && only !== undefined && more.length === 0) {
      const result = await limit.wait(
        (deadline) => this.#store.write(only, { deadline }),
        'unknown',
      )
      return result.outcome === 'applied'
        ? { versions: [result.version] }
        : { versions: null, maybeOwn: result.maybeOwn === true }
    }
    const result = await limit.wait(
      (deadline) => (committer ?? this.#store).writeTogether(mutations, { deadline }),
      'unknown',
    )
    return { versions: result.outcome === 'applied' ? result.versions : null }
  }

  /**
   * Runs a task that has the session to itself within this process, after the writes already under way. `leaves`: what
   * the task is known to leave behind, for those that wait behind it; `null`, the default, is not known.
   */
  exclusive<Result>(
    key: SessionKey,
    task: (latest: Latest) => Promise<Result>,
    leaves: (result: Result) => Latest = () => null,
  ): Promise<Result> {
    return this.#inChain<Result>((resolve, reject) => {
      this.#chains.add(key, {
        kind: 'task',
        run: async (latest) => {
          try {
            const result = await task(latest)
            resolve(result)
            return leaves(result)
          } catch (error) {
            reject(error)
            return null
          }
        },
      })
    })
  }

  /**
   * Repeats a write until it is settled: at once refused when the store refuses, a few times when the store
   * is in trouble and the retries of all are not used up, many times when others keep writing; and never longer than
   * somebody waits for it.
   */
  async settle<Result>(attempt: () => Promise<Attempt<Result>>): Promise<Result> {
    const limit = this.#limit
    let conflicts = 0
    let troubles = 0
    // A try may have taken effect: whatever fails after it, nobody can say that nothing was written.
    let isUnknown = false
    try {
      for (;;) {
        const outcome = await attempt()
        if ('done' in outcome) {
          this.#settings.retries.earn()
          return outcome.done
        }
        if (outcome.again === 'conflict') {
          conflicts += 1
          const delay = contentionDelay(conflicts)
          if (conflicts >= MAX_CONTENTION_TRIES || limit.left <= delay) {
            throw new SessionContentionError(conflicts)
          }
          if (isHeard('retry')) tell({ kind: 'retry', why: 'conflict' })
          await limit.wait(() => this.#settings.sleep(delay), 'none')
        } else {
          troubles += 1
          const error = outcome.error ?? new SessionStoreError('the session store failed')
          if (error.effect === 'unknown') isUnknown = true
          if (troubles >= MAX_TROUBLE_TRIES) throw error
          await pauseBefore(this.#settings, error, troubleDelay(troubles), limit)
        }
      }
    } catch (error) {
      throw isUnknown && error instanceof SessionStoreError ? afterUnknown(error) : error
    }
  }

  /**
   * One conditional write, or several that stand or fall together; versions in their order, or why it must be tried again.
   * `committer`: who commits them, even where there is none; `null`: the store.
   */
  async attempt(
    mutations: readonly Mutation[],
    committer: Committer | null = null,
  ): Promise<Attempt<readonly string[]>> {
    try {
      const { versions, maybeOwn = false } = await this.#commit(mutations, committer)
      if (versions !== null) return { done: versions }
      for (const mutation of mutations) {
        if (mutation.kind === 'update' || mutation.kind === 'delete') {
          const { key } = mutation.kind === 'update' ? mutation.record : mutation
          this.#settings.troubles.report({ kind: 'conflict', key })
        }
      }
      return { again: 'conflict', error: null, maybeOwn }
    } catch (cause) {
      // A value that no server would take: known before anything was sent.
      if (cause instanceof SessionError && !(cause instanceof SessionStoreError)) throw cause
      return { again: 'trouble', error: asStoreError(cause) }
    }
  }

  /** The session as it is stored, or `base` as it was found where there is nothing to write. */
  async #save(base: Loaded, jobs: readonly DeltaJob[]): Promise<Loaded | 'gone'> {
    const delta = jobs.map((job) => job.delta).reduce(combine)
    const limit = longestOf(jobs.map((job) => job.limit))
    const writer = new Writer(this.#settings, limit, this, jobs[0]?.lease ?? null)
    const known = jobs.every((job) => job.base.version === base.version)
    const { policy, now } = this.#settings
    const revs = new Set<string>()
    let current = base
    let look = false
    const attempt = async (): Promise<Attempt<Loaded | 'gone'>> => {
      if (look) {
        const found = await writer.again(current)
        if (found?.record == null) {
          // Somebody else's broken record is not overwritten, and not taken for an end either.
          if (found !== null) throw unreadableSession(found.why)
          return { done: 'gone' }
        }
        if (isAmongLast(found.record, revs)) return { done: storedFrom(current, found) }
        current = found
      }
      if (!isFoundSavable(current, policy, now())) return { done: 'gone' }
      const next = this.#apply(current.record, delta)
      if (next === current.record) {
        if (look || known) return { done: current }
        // Who asked for this saw another state: only the store can say that nothing differs.
        look = true
        return await attempt()
      }
      const record = this.stamped(next)
      revs.add(record.rev)
      const committer = current.source?.storing ?? null
      const written = await writer.attempt([storing(current, record)], committer)
      look = true
      if (!('done' in written)) return written
      return { done: storedFrom(current, { record, version: written.done[0] as string }) }
    }
    return await writer.settle(attempt)
  }

  /** The record with the delta applied; the very same where that changes nothing. Not ready to be written. */
  changed(base: Loaded, record: SessionRecord, delta: Delta): SessionRecord {
    return this.#apply(record, withNews(base, delta))
  }

  #apply(record: SessionRecord, delta: Delta): SessionRecord {
    try {
      return applyDelta(record, delta, this.#settings.policy)
    } catch (cause) {
      if (!(cause instanceof PayloadError)) throw cause
      throw unreadable(cause)
    }
  }

  /** The record with the delta applied, ready to be written. */
  applied(record: SessionRecord, delta: Delta): SessionRecord {
    return this.stamped(this.#apply(record, delta))
  }

  /** The record as a write stores it, which is recognised by its mark. */
  stamped(record: SessionRecord): SessionRecord {
    const { randomBytes, properties } = this.#settings
    return stamped(withProperties(record, properties), mintRev(randomBytes))
  }
}

/** What a source has changed goes in with whatever is stored. */
function withNews({ source }: Loaded, delta: Delta): Delta {
  const news = source?.news ?? null
  return news === null ? delta : { ...delta, guarded: [news, ...(delta.guarded ?? [])] }
}
