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

/** Settings of {@link Writer}. */
export interface WriterSettings extends RetrySettings {
  readonly store: SessionStore
  readonly policy: ExpiryPolicy
  readonly now: Clock
  readonly randomBytes: RandomBytes
  readonly troubles: Troubles
  /** Returns the app's own properties of a session; `null` if the app has none. */
  readonly properties: PropertiesOf | null
}

/** The result of one try of a write that may be repeated. */
export type Attempt<Result> =
  | { readonly done: Result }
  /** The condition of the write did not hold, or its outcome is unknown: read again, then try again. */
  | {
      readonly again: 'conflict' | 'trouble'
      readonly error: SessionStoreError | null
      /** Whether the conflict may come from this write itself, because an earlier answer to it was lost. */
      readonly maybeOwn?: boolean
    }

type Enqueue<Result> = (resolve: (result: Result) => void, reject: (error: unknown) => void) => void

/**
 * Writes changes of sessions so that no ended session comes back and no change is lost. Every write is conditional on
 * the version that was read. On a conflict the record is read again, and the changes are applied to the newer record.
 * Writes to one session within this process form a chain; see {@link Chains}.
 */
export class Writer {
  readonly #settings: WriterSettings
  readonly #store: SessionStore
  readonly #limit: Limit
  readonly #lease: Committer | null
  readonly #chains: Chains

  /**
   * Makes a writer, by default for work that no request waits for. `of`: the writer whose chains it shares. `lease`:
   * commits all writes that have no committer of their own; `null`: the store does.
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

  /** Returns a writer with the same chains and another time limit. */
  within(limit: Limit): Writer {
    return new Writer(this.#settings, limit, this, this.#lease)
  }

  /** Returns a writer with the same chains whose writes succeed only under the lease. */
  under(lease: Committer): Writer {
    return new Writer(this.#settings, this.#limit, this, lease)
  }

  /**
   * Reads the stored record, and tries again if the store fails. `fromMemory`: accepts a remembered record that is as
   * old as `readCache` allows.
   */
  find(key: SessionKey, fromMemory = false): Promise<Found | Unreadable | null> {
    return this.ask((deadline) => {
      const options: ReadOptions = fromMemory ? { deadline, fromMemory } : { deadline }
      return this.#store.find(key, options)
    })
  }

  /** Makes a read-only call, and tries again if the store fails. */
  ask<Result>(call: (deadline: number) => Promise<Result>): Promise<Result> {
    return retried(this.#settings, call, this.#limit)
  }

  /** Reads the current state of a session from its source or the store. */
  async again(found: Loaded): Promise<Loaded | Unreadable | null> {
    const { source = null } = found
    return source === null ? await this.find(found.record.key) : await source.again(found, this)
  }

  /** Applies a delta to a loaded session. Returns the stored session, or `'gone'` if it has ended meanwhile. */
  update(base: Loaded, change: Delta): Promise<Loaded | 'gone'> {
    const { key } = base.record
    const limit = this.#limit
    const lease = this.#lease
    const delta = withNews(base, change)
    const enqueue: Enqueue<Loaded | 'gone'> = (resolve, reject) => {
      this.#chains.add(key, { kind: 'delta', base, delta, limit, lease, resolve, reject })
    }
    if (this.#chains.has(key) || limit.left <= 0) return this.#inChain(enqueue)
    // A job that starts at once waits for no other job, and each of its calls has the limit.
    const release = limit.hold()
    return new Promise<Loaded | 'gone'>(enqueue).finally(release)
  }

  /** Adds a job to a chain and waits for its result, within the limit of this writer. */
  #inChain<Result>(enqueue: Enqueue<Result>): Promise<Result> {
    // The limit of long work applies to each call. The number of calls of other jobs before this one is unknown.
    if (this.#limit === LONG_WORK) return new Promise(enqueue)
    return this.#limit.wait(() => new Promise(enqueue), 'unknown')
  }

  /**
   * Stores that the session was used, with a single try. Returns `null` if another write came first: other requests
   * store their use themselves. Throws for a fault, which the caller only needs to log.
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

  /**
   * Commits the mutations. Returns their new versions in order; `null` for a conflict. `asked`: `null` is the store.
   */
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
   * Runs a task as the only one for its session within this process, after the writes that already run. `leaves`:
   * returns the state of the session after the task, for the jobs behind it. The default returns `null`, which means
   * unknown.
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
   * Repeats a write until its outcome is known, within the limit of the caller. A write that the store refuses is not
   * repeated. If the store fails, it is repeated a few times while the shared retry budget lasts. On conflicts with
   * other writers it is repeated many times.
   */
  async settle<Result>(attempt: () => Promise<Attempt<Result>>): Promise<Result> {
    const limit = this.#limit
    let conflicts = 0
    let troubles = 0
    // Set if a try may have had an effect. Then no later error may claim that nothing was written.
    let isUnknown = false
    try {
      for (;;) {
        const outcome = await attempt()
        if ('done' in outcome) {
          this.#settings.retries.earn()
          return outcome.done
        }
        if (outcome.again === 'conflict') {
          if (outcome.maybeOwn === true) isUnknown = true
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
   * Tries one conditional write, or several atomically. Returns the new versions in order, or the reason for another
   * try. `committer`: commits the writes, even if there are none; `null`: the store does.
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
      // A value that no server would accept. This was found before anything was sent.
      if (cause instanceof SessionError && !(cause instanceof SessionStoreError)) throw cause
      return { again: 'trouble', error: asStoreError(cause) }
    }
  }

  /** Stores the changes of the jobs. Returns the stored session, or the found one if there is nothing to write. */
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
          // A damaged record is neither overwritten nor treated as an end of the session.
          if (found !== null) throw unreadableSession(found.why)
          return { done: 'gone' }
        }
        if (isAmongLast(found.record, revs)) return { done: storedFrom(current, found) }
        current = found
      }
      if (!isFoundSavable(current, policy, now())) return { done: 'gone' }
      const next = applyDelta(current.record, delta, policy)
      if (next === current.record) {
        if (look || known) return { done: current }
        // A caller has seen another state of the record, so only the stored record can show that nothing differs.
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

  /** Returns the record with the delta applied, or the same object if nothing changes. It has no new `rev` yet. */
  changed(base: Loaded, record: SessionRecord, delta: Delta): SessionRecord {
    return applyDelta(record, withNews(base, delta), this.#settings.policy)
  }

  /** Returns the record with the delta applied and a new `rev`, ready to be written. */
  applied(record: SessionRecord, delta: Delta): SessionRecord {
    return this.stamped(applyDelta(record, delta, this.#settings.policy))
  }

  /** Returns the record as a write stores it, with the app's properties and a new `rev`. */
  stamped(record: SessionRecord): SessionRecord {
    const { randomBytes, properties } = this.#settings
    return stamped(withProperties(record, properties), mintRev(randomBytes))
  }
}

/** Adds the changes at the source to the delta. */
function withNews({ source }: Loaded, delta: Delta): Delta {
  const news = source?.news ?? null
  return news === null ? delta : { ...delta, guarded: [news, ...(delta.guarded ?? [])] }
}
