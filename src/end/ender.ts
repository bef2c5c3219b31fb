import { SessionConfigError, SessionError, SessionStoreError } from '../base/errors.ts'
import { storeRefusal } from '../base/store-errors.ts'
import type { EndSettings } from './settings.ts'
import type { Limit } from '../store/budget.ts'
import { mintRev, type SessionKey } from '../record/id.ts'
import { tellEnds } from '../record/happenings.ts'
import { stamped } from '../record/revs.ts'
import { LONG_WORK } from '../write/retry.ts'
import { keyOfMutation, storesRecord } from '../store/mutations.ts'
import type { Mutation, WriteEachResult } from '../store/store.ts'
import type { EndReason, Found, SessionRecord } from '../record/record.ts'
import { canTell, eventId } from './events.ts'
import { CURE, EventsSwitch, NOT_HERE } from './events-switch.ts'
import type { Observers, Told } from './observers.ts'
import { Problems } from './problems.ts'
import { sideBySide } from '../base/parallel.ts'

/** How long all observers together may take before the response of a request leaves, in milliseconds. */
export const IN_REQUEST = 1000

/** For how long a failing observer keeps a session stored, in milliseconds since the first failure. */
const GIVE_UP_AFTER = 24 * 60 * 60 * 1000

/** How many ends are reported to observers at the same time. */
const SIDE_BY_SIDE = 20

/** The shortest time between two log lines about failures in requests, in milliseconds. */
const LOG_EVERY = 60_000

/** The largest number of writes that one call of a store accepts. */
const MAX_WRITES = 500

/** Time limits for reporting ends to observers. */
export interface FinishLimits {
  /** From this time on (milliseconds) no further session is begun. The first few are always begun. */
  readonly deadline?: number
  /** How long all observers together may take for one session, in milliseconds. */
  readonly within?: number
}

/** The result of finishing the end of one session. */
export interface Finished {
  readonly result:
    | 'ended'
    /** An observer failed: the session moved to the bucket of this hour, for later sweeps. */
    | 'deferred'
    /** Another process was quicker. */
    | 'skipped'
    /** This process cannot read the whole record: another process has to report its end. */
    | 'unable'
    | 'failed'
    /** Not begun, because the time had run out. */
    | 'left'
  readonly observersFailed: boolean
  /** For a session that this call has not ended: whether it is still stored, unchanged or not. */
  readonly stillThere: boolean
  /** The error where the result is `failed`. */
  readonly error: SessionStoreError | null
}

type EnderSettings = Pick<
  EndSettings,
  'store' | 'events' | 'codec' | 'now' | 'randomBytes' | 'logger'
>

/**
 * Ends sessions. Without events, an end deletes the record. With events, an end is a mark that takes effect at once;
 * then the observers run, and after that the record is deleted. A crash in between leaves a record that a later sweep
 * finds, so every end is reported at least once.
 */
export class Ender<Data extends object> {
  readonly #settings: EnderSettings
  readonly #observers: Observers<Data>
  /** Whether the ends of this deployment are events. */
  readonly events: EventsSwitch
  /** Failures of observers in requests. Any visitor can cause such an end, so the log gets them in sums. */
  readonly #inRequests = new Problems()
  #logged = Number.NEGATIVE_INFINITY

  constructor(settings: EnderSettings, observers: Observers<Data>) {
    this.#settings = settings
    this.#observers = observers
    this.events = new EventsSwitch(settings)
  }

  /** Whether this process may finish ends: without its own observers it would lose the events of others. */
  async mayFinish(): Promise<boolean> {
    if (!this.#observers.isEmpty || !(await this.events.isOn())) return true
    if (!this.#settings.events) this.events.warnOnce()
    return false
  }

  /** Throws `SessionConfigError` where this process must not finish ends. */
  async requireObservers(): Promise<void> {
    if (await this.mayFinish()) return
    if (!this.#settings.events) throw new SessionConfigError(`${NOT_HERE}: ${CURE}`)
    throw new SessionConfigError(
      'this process has no onDelete observer, but the option events says that the deployment has some: sweep in a process that registers them',
    )
  }

  /** Returns the write that ends a living session. */
  async endOf(
    { record, version }: Found,
    reason: Exclude<EndReason, 'expired'>,
    limit: Limit = LONG_WORK,
  ): Promise<Mutation> {
    if (!(await this.events.marks(limit))) return { kind: 'delete', key: record.key, version }
    const { now, randomBytes } = this.#settings
    return {
      kind: 'update',
      record: stamped({ ...record, ended: now(), reason }, mintRev(randomBytes)),
      version,
    }
  }

  /** Sums up the problems of many small pieces of work, and logs the sum at most once a minute. */
  logNowAndThen(problems: Problems = this.#inRequests): void {
    const { now, logger } = this.#settings
    if (problems !== this.#inRequests) this.#inRequests.add(problems)
    if (this.#inRequests.list.length === 0 || Math.abs(now() - this.#logged) < LOG_EVERY) return
    this.#logged = now()
    this.#inRequests.log(logger)
  }

  /** Reports an end that a request has just marked, and finishes it. Failures are left to the sweep. */
  async finishInRequest(marked: Found, limit: Limit = LONG_WORK): Promise<void> {
    if (this.#observers.isEmpty) return
    if (!canTell(marked.record, this.#settings.codec)) return
    const told = await this.#observers.tell(marked.record, this.#inRequests, IN_REQUEST)
    this.logNowAndThen()
    if (told !== 'told') return
    try {
      await limit.wait(
        (deadline) => this.#settings.store.write(deletionOf(marked), { deadline }),
        'unknown',
      )
    } catch (error) {
      this.#settings.logger.warn(
        'a session that ended could not be deleted yet; a sweep will do it',
        { key: marked.record.key, error: (error as Error).message },
      )
    }
  }

  /**
   * Reports ends to the observers, and deletes the reported sessions, many in one commit. A session whose observers
   * failed stays for a later sweep. Returns the result of each session, in their order.
   */
  async finish(
    due: readonly Found[],
    problems: Problems,
    { deadline = Number.POSITIVE_INFINITY, within }: FinishLimits = {},
  ): Promise<Finished[]> {
    await this.requireObservers()
    await this.events.announce()
    const { events, codec, now } = this.#settings
    let begun = 0
    const told = await sideBySide(due, SIDE_BY_SIDE, async ({ record }) => {
      if (begun >= SIDE_BY_SIDE && now() >= deadline) return 'left'
      begun += 1
      if (!events) return 'told'
      if (!canTell(record, codec)) {
        problems.note(unableToTell(record))
        return 'unable'
      }
      return await this.#observers.tell(record, problems, within)
    })
    const finished: Finished[] = told.map((answer) =>
      answer === 'unable' || answer === 'left' ? { ...UNTOUCHED, result: answer } : UNTOUCHED,
    )
    const places: number[] = []
    const mutations: Mutation[] = []
    due.forEach((found, at) => {
      const answer = told[at]
      if (answer === undefined || answer === 'unable' || answer === 'left') return
      places.push(at)
      mutations.push(
        answer === 'told' ? deletionOf(found) : this.#afterFailure(found, problems, answer),
      )
    })
    const results = await this.writeEach(mutations)
    const lost = await this.#stored(mutations.filter((_, at) => isConflict(results[at])))
    mutations.forEach((mutation, at) => {
      const place = places[at] as number
      const result = results[at] as WriteEachResult
      finished[place] = {
        result:
          result.outcome === 'failed'
            ? 'failed'
            : result.outcome === 'conflict'
              ? 'skipped'
              : mutation.kind === 'delete'
                ? 'ended'
                : 'deferred',
        observersFailed: told[place] !== 'told',
        stillThere:
          result.outcome === 'conflict' ? lost.has(mutation) : result.outcome === 'failed',
        error: result.outcome === 'failed' ? result.error : null,
      }
    })
    // Ends that were marked were counted at that time; only the expired ones are counted here.
    const expired = due.filter(
      ({ record }, at) => record.ended === null && finished[at]?.result === 'ended',
    )
    tellEnds('expired', expired.length)
    return finished
  }

  /** Deletes expired sessions by their keys, where no observer needs their data. */
  async removeExpired(keys: readonly SessionKey[]): Promise<WriteEachResult[]> {
    const results = await this.writeEach(keys.map((key) => ({ kind: 'remove', key })))
    tellEnds('expired', results.filter(({ outcome }) => outcome === 'applied').length)
    return results
  }

  /**
   * Writes each record separately, in chunks that one call of a store accepts. A record that cannot be written does not
   * affect the others.
   */
  async writeEach(mutations: readonly Mutation[]): Promise<WriteEachResult[]> {
    const { store } = this.#settings
    const results: WriteEachResult[] = []
    for (let at = 0; at < mutations.length; at += MAX_WRITES) {
      const chunk = mutations.slice(at, at + MAX_WRITES)
      try {
        results.push(...(await store.writeEach(chunk)))
      } catch (error) {
        // An error of the store concerns the whole chunk. Any other error comes from one record, before anything was
        // sent.
        if (!(error instanceof SessionError) || error instanceof SessionStoreError) throw error
        results.push(...(await sideBySide(chunk, SIDE_BY_SIDE, (one) => this.#writeOne(one))))
      }
    }
    return results
  }

  async #writeOne(mutation: Mutation): Promise<WriteEachResult> {
    try {
      return await this.#settings.store.write(mutation)
    } catch (cause) {
      if (cause instanceof SessionStoreError) return { outcome: 'failed', error: cause }
      const error = storeRefusal('a stored session cannot be written back', cause)
      return { outcome: 'failed', error }
    }
  }

  /**
   * Asks the store which sessions are still there: a conflict may also come from an own write whose answer was lost.
   */
  async #stored(mutations: readonly Mutation[]): Promise<Set<Mutation>> {
    const stored = await sideBySide(mutations, MAX_WRITES, async (mutation) => {
      const found = await this.#settings.store.find(keyOfMutation(mutation))
      if (found === null) return false
      return !storesRecord(mutation) || found.record?.rev !== mutation.record.rev
    })
    return new Set(mutations.filter((_, at) => stored[at]))
  }

  #afterFailure({ record, version }: Found, problems: Problems, told: Told): Mutation {
    const { now, randomBytes } = this.#settings
    const isLate = told === 'late'
    const time = now()
    const failedSince = record.failedSince ?? (isLate ? null : time)
    if (!isLate && failedSince !== null && time - failedSince >= GIVE_UP_AFTER) {
      problems.note({
        message:
          'onDelete observers failed for a day: the sessions are deleted, and their events are lost',
        of: 'onDelete',
        level: 'error',
        example: { key: record.key },
        id: eventId(record),
      })
      return deletionOf({ record, version })
    }
    const kept = stamped({ ...record, failedSince }, mintRev(randomBytes))
    return { kind: 'update', record: kept, version, sweepAt: time }
  }
}

const UNTOUCHED: Finished = {
  result: 'skipped',
  observersFailed: false,
  stillThere: true,
  error: null,
}

function isConflict(result: WriteEachResult | undefined): boolean {
  return result?.outcome === 'conflict'
}

function deletionOf({ record, version }: Found): Mutation {
  return { kind: 'delete', key: record.key, version }
}

function unableToTell({ key }: SessionRecord): Parameters<Problems['note']>[0] {
  return {
    message:
      'this process cannot read some sessions that have ended: a later release wrote them, or the process lacks one of their types or keys; they stay stored for a process that can report them',
    of: 'onDelete',
    example: { key },
  }
}
