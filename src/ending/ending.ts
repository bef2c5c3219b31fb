import { SessionConfigError, SessionError, SessionStoreError } from '../errors.ts'
import type { Settings } from '../options.ts'
import type { Limit } from '../session/budget.ts'
import { mintRev } from '../session/id.ts'
import { LONG_WORK } from '../session/retry.ts'
import type { EndReason, Found, Mutation, SessionRecord, WriteEachResult } from '../stores/store.ts'
import { eventId } from './events.ts'
import type { Observers } from './observers.ts'
import { sideBySide } from './side-by-side.ts'

/** How long the observers have together before the response of a request leaves, in milliseconds. */
const IN_REQUEST = 1000

/** For how long a failing observer keeps a session stored, in milliseconds since the first failure. */
const GIVE_UP_AFTER = 24 * 60 * 60 * 1000

/** How many sessions are told of at the same time. */
const SIDE_BY_SIDE = 20

/** The most writes that one call of a store takes. */
const MAX_WRITES = 500

/** How much time there is for telling of ends. */
export interface FinishLimits {
  /** From this instant on (milliseconds) no further session is begun; the first ones always are. */
  readonly deadline?: number
  /** How long the observers have together for one session, in milliseconds. */
  readonly within?: number
}

/** What became of sessions whose end was to be told and finished. */
export interface FinishCounts {
  ended: number
  /** Somebody else was quicker. */
  skipped: number
  /** Those of the skipped that are still stored, in another state. */
  stillThere: number
  failed: number
  observersFailed: number
  /** Not begun, because the time was up. */
  left: number
}

type EndingSettings = Pick<Settings, 'store' | 'events' | 'now' | 'randomBytes' | 'logger'>

/**
 * How sessions end. Without events they are deleted. With them an end is a mark, effective at once; then the
 * observers hear of it, and after that the record is deleted. Whatever crashes in between leaves a record that a
 * later sweep meets, so every end is told at least once.
 */
export class Ending<Data extends object> {
  readonly #settings: EndingSettings
  readonly #observers: Observers<Data>

  constructor(settings: EndingSettings, observers: Observers<Data>) {
    this.#settings = settings
    this.#observers = observers
  }

  /** Whether this process may finish ends: without observers of its own it would lose events of others. */
  get mayFinish(): boolean {
    return !this.#settings.events || !this.#observers.isEmpty
  }

  /** Throws where this process must not finish ends. */
  requireObservers(): void {
    if (this.mayFinish) return
    throw new SessionConfigError(
      'this process has no onDelete observer, while the option events says that the deployment has some: sweep in a process that registers them',
    )
  }

  /** The write that ends a session which is alive. */
  endOf({ record, version }: Found, reason: Exclude<EndReason, 'expired'>): Mutation {
    if (!this.#settings.events) return { kind: 'delete', key: record.key, version }
    const { now, randomBytes } = this.#settings
    return {
      kind: 'update',
      record: { ...record, ended: now(), reason, rev: mintRev(randomBytes) },
      version,
    }
  }

  /** Tells of an end that a request has just marked, and finishes it; what fails is left to the sweep. */
  async finishInRequest(marked: Found, limit: Limit = LONG_WORK): Promise<void> {
    if (!this.#settings.events || this.#observers.isEmpty) return
    const told = await this.#observers.tell(marked.record, IN_REQUEST)
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

  /** Tells of ends and deletes what was told, many in one commit; what observers failed at stays for a later sweep. */
  async finish(
    due: readonly Found[],
    { deadline = Number.POSITIVE_INFINITY, within }: FinishLimits = {},
  ): Promise<FinishCounts> {
    this.requireObservers()
    const { events, now } = this.#settings
    let begun = 0
    const told = await sideBySide(due, SIDE_BY_SIDE, async ({ record }) => {
      if (begun >= SIDE_BY_SIDE && now() >= deadline) return null
      begun += 1
      return events ? await this.#observers.tell(record, within) : 'told'
    })
    const counts: FinishCounts = {
      ended: 0,
      skipped: 0,
      stillThere: 0,
      failed: 0,
      observersFailed: 0,
      left: 0,
    }
    const mutations: Mutation[] = []
    due.forEach((found, at) => {
      const answer = told[at] ?? null
      if (answer === null) counts.left += 1
      else
        mutations.push(
          answer === 'told'
            ? deletionOf(found)
            : this.#afterFailure(found, counts, answer === 'late'),
        )
    })
    const results = await this.writeEach(mutations)
    const lost: Mutation[] = []
    results.forEach((result, at) => {
      const mutation = mutations[at] as Mutation
      if (result.outcome === 'failed') counts.failed += 1
      else if (result.outcome === 'conflict') lost.push(mutation)
      else if (mutation.kind === 'delete') counts.ended += 1
    })
    counts.skipped = lost.length
    counts.stillThere = await this.#countStored(lost)
    return counts
  }

  /** Each for itself, in chunks that one call of a store takes. A record that can not be written spoils no other. */
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
      const error = new SessionStoreError('a stored session can not be written back', {
        cause,
        effect: 'none',
        retryable: false,
      })
      return { outcome: 'failed', error }
    }
  }

  /** A conflict may also stand for an own write whose answer was lost, so the store is asked. */
  async #countStored(mutations: readonly Mutation[]): Promise<number> {
    const stored = await sideBySide(mutations, MAX_WRITES, async (mutation) => {
      const key = 'record' in mutation ? mutation.record.key : mutation.key
      const found = await this.#settings.store.find(key)
      if (found === null) return false
      return !('record' in mutation) || found.record?.rev !== mutation.record.rev
    })
    return stored.filter((isStored) => isStored).length
  }

  #afterFailure(found: Found, counts: FinishCounts, isLate: boolean): Mutation {
    counts.observersFailed += 1
    const { record, version } = found
    const { now, randomBytes, logger } = this.#settings
    const time = now()
    const failedSince = record.failedSince ?? (isLate ? null : time)
    if (!isLate && failedSince !== null && time - failedSince >= GIVE_UP_AFTER) {
      logger.error?.(
        'onDelete observers failed for a day: the session is deleted, and its event is given up',
        { key: record.key, event: eventId(record.key) },
      )
      return deletionOf(found)
    }
    const kept: SessionRecord = { ...record, failedSince, rev: mintRev(randomBytes) }
    return { kind: 'update', record: kept, version, sweepAt: time }
  }
}

function deletionOf({ record, version }: Found): Mutation {
  return { kind: 'delete', key: record.key, version }
}
