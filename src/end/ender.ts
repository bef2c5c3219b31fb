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

/** How long the observers have together before the response of a request leaves, in milliseconds. */
export const IN_REQUEST = 1000

/** For how long a failing observer keeps a session stored, in milliseconds since the first failure. */
const GIVE_UP_AFTER = 24 * 60 * 60 * 1000

/** How many sessions are told of at the same time. */
const SIDE_BY_SIDE = 20

/** How often the log hears of what failed in requests, at the most, in milliseconds. */
const LOG_EVERY = 60_000

/** The most writes that one call of a store takes. */
const MAX_WRITES = 500

/** How much time there is for telling of ends. */
export interface FinishLimits {
  /** From this instant on (milliseconds) no further session is begun; the first ones always are. */
  readonly deadline?: number
  /** How long the observers have together for one session, in milliseconds. */
  readonly within?: number
}

/** What became of one session whose end was to be told and finished. */
export interface Finished {
  readonly result:
    | 'ended'
    /** An observer failed: it stands in the bucket of this hour, for later sweeps. */
    | 'deferred'
    /** Somebody else was quicker. */
    | 'skipped'
    /** This process cannot read all of it: one that can has to tell of it. */
    | 'unable'
    | 'failed'
    /** Not begun, because the time was up. */
    | 'left'
  readonly observersFailed: boolean
  /** Of what is not ended: whether it is still stored, in the state it was in or another one. */
  readonly stillThere: boolean
  /** Why it failed. */
  readonly error: SessionStoreError | null
}

type EnderSettings = Pick<
  EndSettings,
  'store' | 'events' | 'codec' | 'now' | 'randomBytes' | 'logger'
>

/**
 * How sessions end. Without events they are deleted. With them an end is a mark, effective at once; then the
 * observers hear of it, and after that the record is deleted. Whatever crashes in between leaves a record that a
 * later sweep meets, so every end is told at least once.
 */
export class Ender<Data extends object> {
  readonly #settings: EnderSettings
  readonly #observers: Observers<Data>
  /** Whether ends are events. */
  readonly events: EventsSwitch
  /** What observers failed at in requests: any visitor can cause such an end, so the log hears of them in sums. */
  readonly #inRequests = new Problems()
  #logged = Number.NEGATIVE_INFINITY

  constructor(settings: EnderSettings, observers: Observers<Data>) {
    this.#settings = settings
    this.#observers = observers
    this.events = new EventsSwitch(settings)
  }

  /** Whether this process may finish ends: without observers of its own it would lose events of others. */
  async mayFinish(): Promise<boolean> {
    if (!this.#observers.isEmpty || !(await this.events.isOn())) return true
    if (!this.#settings.events) this.events.warnOnce()
    return false
  }

  /** Throws where this process must not finish ends. */
  async requireObservers(): Promise<void> {
    if (await this.mayFinish()) return
    if (!this.#settings.events) throw new SessionConfigError(`${NOT_HERE}: ${CURE}`)
    throw new SessionConfigError(
      'this process has no onDelete observer, while the option events says that the deployment has some: sweep in a process that registers them',
    )
  }

  /** The write that ends a session which is alive. */
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

  /** Sums up what went wrong in many small pieces of work: the log hears of it at most once a minute. */
  logNowAndThen(problems: Problems = this.#inRequests): void {
    const { now, logger } = this.#settings
    if (problems !== this.#inRequests) this.#inRequests.add(problems)
    if (this.#inRequests.list.length === 0 || Math.abs(now() - this.#logged) < LOG_EVERY) return
    this.#logged = now()
    this.#inRequests.log(logger)
  }

  /** Tells of an end that a request has just marked, and finishes it; what fails is left to the sweep. */
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
   * Tells of ends and deletes what was told, many in one commit; what observers failed at stays for a later sweep.
   * Gives what became of each, in their order.
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
    // Of the others it was told when they were marked.
    const expired = due.filter(
      ({ record }, at) => record.ended === null && finished[at]?.result === 'ended',
    )
    tellEnds('expired', expired.length)
    return finished
  }

  /** Deletes by keys alone what has expired, and nobody has to hear of. */
  async removeExpired(keys: readonly SessionKey[]): Promise<WriteEachResult[]> {
    const results = await this.writeEach(keys.map((key) => ({ kind: 'remove', key })))
    tellEnds('expired', results.filter(({ outcome }) => outcome === 'applied').length)
    return results
  }

  /** Each for itself, in chunks that one call of a store takes. A record that cannot be written spoils no other. */
  async writeEach(mutations: readonly Mutation[]): Promise<WriteEachResult[]> {
    const { store } = this.#settings
    const results: WriteEachResult[] = []
    for (let at = 0; at < mutations.length; at += MAX_WRITES) {
      const chunk = mutations.slice(at, at + MAX_WRITES)
      try {
        results.push(...(await store.writeEach(chunk)))
      } catch (error) {
        // A fault of the store is one for all; anything else was found in one of them before anything was sent.
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

  /** A conflict may also stand for an own write whose answer was lost, so the store is asked which are still there. */
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
          'onDelete observers failed for a day: sessions are deleted, and their events are given up',
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
      'sessions have ended that this process cannot read: a later release wrote them, or it lacks one of their types or keys; they stay stored for a process that can tell of them',
    of: 'onDelete',
    example: { key },
  }
}
