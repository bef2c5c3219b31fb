import { SessionStoreError } from '../../base/errors.ts'
import { LEEWAY } from '../../record/expiry.ts'
import { Payload } from '../../record/payload.ts'
import type { Found, SessionRecord, Unreadable } from '../../record/record.ts'
import type { Finished } from '../../end/ender.ts'
import { canTell } from '../../end/events.ts'
import { GatheredPage } from './gathered-page.ts'
import {
  isOver,
  noteExpiry,
  overLanes,
  type PageContext,
  type PageWork,
  readPage,
  selectionOf,
} from './page-work.ts'
import { sayingOf } from '../../end/problems.ts'
import type { QueryIter, SessionEntry } from '../query-iter.ts'
import type { Lane } from '../run.ts'
import { standInFor } from '../damaged-entry.ts'

/** Rules for the handling of entries. */
export interface EntryRules {
  /** The number of entries that are handled at the same time. */
  readonly concurrency: number
  /** Whether stand-ins replace records that cannot be read, so that these records end too. */
  readonly endsDamaged: boolean
}

/** Passes entries to the `handleEntry` of a class of the app. The expired sessions that it ends are stored together. */
export function entryWork<Data extends object>(
  context: PageContext<Data>,
  iter: QueryIter<Data>,
  { concurrency, endsDamaged }: EntryRules,
): PageWork {
  const { settings, ender, state, problems, limit, fruitless } = context
  return overLanes(state.lanes, limit, async (lane) => {
    const { entries, cursor } = await readPage(lane, limit, (options) =>
      settings.store.page(selectionOf(state.query, lane), options),
    )
    const cut = settings.now() - LEEWAY
    const work = new HandledEntries(context, iter, lane, cut)
    const page = new GatheredPage<Found, Finished>(concurrency, (due) =>
      ender.finish(due, problems),
    )
    const found = entries.map((entry) =>
      entry.record === null && endsDamaged ? standInFor(entry, cut, problems) : entry,
    )
    await page.run(
      found.filter((entry): entry is Found => work.takes(entry)),
      (entry, end) => work.handle(entry, end),
    )
    state.totals.scanned += entries.length
    fruitless.bear(work.endsFailed, work.endsTried)
    return { size: entries.length, cursor }
  })
}

/** The entries of one page while the app handles them. */
class HandledEntries<Data extends object> {
  endsTried = 0
  endsFailed = 0
  readonly #context: PageContext<Data>
  readonly #iter: QueryIter<Data>
  readonly #lane: Lane
  readonly #cut: number

  constructor(context: PageContext<Data>, iter: QueryIter<Data>, lane: Lane, cut: number) {
    this.#context = context
    this.#iter = iter
    this.#lane = lane
    this.#cut = cut
  }

  /** Whether the app gets the entry; other entries are counted as skipped. */
  takes(entry: Found | Unreadable): boolean {
    const { state, entries } = this.#context
    const isTaken =
      entry.record !== null &&
      // A process that cannot read the record leaves it to one that can handle it and report its end.
      this.#isReadable(entry.record) &&
      (state.query.select === 'expired'
        ? isOver(entry.record, this.#cut)
        : // An ended session is not alive, although its record is still stored.
          entries.isAlive(entry))
    if (isTaken) return true
    state.totals.skipped += 1
    this.#lane.clean = false
    return false
  }

  #isReadable(record: SessionRecord): boolean {
    const { state, settings } = this.#context
    return state.query.select === 'expired' && settings.events
      ? canTell(record, settings.codec)
      : !Payload.isForOthers(record.data)
  }

  async handle(found: Found, end: () => Promise<Finished>): Promise<void> {
    const { state, entries } = this.#context
    if (state.error !== null) return
    const { totals } = state
    let ending: Promise<boolean> | null = null
    let isOwnFailure = false
    const entry =
      state.query.select === 'expired'
        ? entries.ofDue(found, () => {
            ending ??= this.#end(end)
            return ending
          })
        : entries.ofLiving(found, totals)
    if (state.query.select === 'expired' && found.record.rev !== '') noteExpiry(state, found)
    try {
      await this.#iter.handleEntry(entry, state.customData)
    } catch (error) {
      isOwnFailure = true
      totals.failed += 1
      this.#lane.clean = false
      this.#noteFailure(entry, error)
      if (!(await this.#goesOnAfter(entry, error))) state.error = 'handleError() ended the run'
    }
    const ended = ending as Promise<boolean> | null
    if (ended !== null) {
      // A failure counts even if the app has not waited for the end, or has caught the error.
      const isFailed = await ended.then(
        () => false,
        () => true,
      )
      if (isFailed && !isOwnFailure) totals.failed += 1
    } else if (state.query.select === 'expired' && !isOwnFailure) totals.kept += 1
  }

  /** Ends the session, and returns whether this call has ended it. */
  async #end(end: () => Promise<Finished>): Promise<boolean> {
    const { totals } = this.#context.state
    this.endsTried += 1
    try {
      const { result, observersFailed, stillThere, error } = await end()
      if (observersFailed) totals.observersFailed += 1
      if (stillThere) this.#lane.clean = false
      if (result === 'failed') {
        throw error ?? new SessionStoreError('the end of a session could not be stored')
      }
      if (result === 'ended') totals.ended += 1
      else if (result !== 'deferred') totals.skipped += 1
      return result === 'ended' || result === 'deferred'
    } catch (error) {
      this.endsFailed += 1
      this.#lane.clean = false
      throw error
    }
  }

  #noteFailure({ key }: SessionEntry<Data>, error: unknown): void {
    const { state, problems } = this.#context
    problems.note({
      message: 'an iterator failed on sessions',
      of: state.iter,
      example: { key, error: sayingOf(error) },
    })
  }

  async #goesOnAfter(entry: SessionEntry<Data>, error: unknown): Promise<boolean> {
    const { state, settings } = this.#context
    try {
      return await this.#iter.handleError(entry, state.customData, error)
    } catch (cause) {
      settings.logger.warn('handleError() of an iterator failed', { error: sayingOf(cause) })
      return false
    }
  }
}
