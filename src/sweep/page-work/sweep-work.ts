import { LEEWAY } from '../../record/expiry.ts'
import { MAX_REMOVED } from '../../record/limits-security-keys.ts'
import type { Found } from '../../record/record.ts'
import {
  isOver,
  type LanePage,
  noteExpiry,
  overLanes,
  type PageContext,
  type PageWork,
  readPage,
  selectionOf,
} from './page-work.ts'
import { standInFor } from '../damaged-entry.ts'
import { bucketsOf } from '../run.ts'

/**
 * Ends the sessions of a sweep's lanes, a whole page at a time. It reads whole records if an observer needs them, or if
 * a new session can use the same key. It deletes all others by their keys.
 */
export function sweepWork<Data extends object>(context: PageContext<Data>): PageWork {
  const { settings, state, limit } = context
  const byRecord = recordSweep(context)
  if (settings.events || settings.outsideIds) return overLanes(state.lanes, limit, byRecord)
  const byKey = keySweep(context)
  const outside = emptyByKeys(context, byRecord)
  return overLanes(state.lanes, limit, (lane) => (lane.outside === true ? outside : byKey)(lane))
}

/** Deletes sessions by their keys, where no observer needs their data. */
function keySweep<Data extends object>(context: PageContext<Data>): LanePage {
  const { settings, ender, state, limit, fruitless } = context
  return async (lane) => {
    // Another process may have turned events on meanwhile.
    await ender.requireObservers()
    const { keys, cursor } = await readPage(lane, limit, (options) =>
      settings.store.pageKeys(selectionOf(state.query, lane), options),
    )
    const results = await ender.removeExpired(keys)
    const failed = results.filter(({ outcome }) => outcome !== 'applied').length
    state.totals.scanned += keys.length
    state.totals.ended += keys.length - failed
    state.totals.failed += failed
    if (failed > 0) lane.clean = false
    fruitless.bear(failed, keys.length)
    return { size: keys.length, cursor }
  }
}

/** Looks for keys first, in lanes that are probably empty: a query for keys costs less. */
function emptyByKeys<Data extends object>(
  { settings, state }: PageContext<Data>,
  work: LanePage,
): LanePage {
  return async (lane) => {
    if (lane.cursor !== null) return await work(lane)
    const { cursor } = await settings.store.pageKeys(selectionOf(state.query, lane), { limit: 1 })
    return cursor === null ? { size: 0, cursor } : await work(lane)
  }
}

/** Ends whole records: reports them, and deletes each at the version that was read. */
function recordSweep<Data extends object>(context: PageContext<Data>): LanePage {
  const { settings, ender, state, problems, limit, deadline, fruitless } = context
  const { totals } = state
  return async (lane) => {
    const { entries, cursor } = await readPage(lane, limit, (options) =>
      settings.store.page(selectionOf(state.query, lane), options),
    )
    const cut = settings.now() - LEEWAY
    const due: Found[] = []
    for (const entry of entries) {
      const found = entry.record === null ? standInFor(entry, cut, problems) : entry
      if (isOver(found.record, cut)) {
        due.push(found)
        if (entry.record !== null) noteExpiry(state, found)
      } else {
        totals.skipped += 1
        lane.clean = false
      }
    }
    const finished = await ender.finish(due, problems, { deadline })
    let failed = 0
    let left = 0
    for (const { result, observersFailed, stillThere } of finished) {
      if (result === 'left') {
        left += 1
        continue
      }
      if (result === 'ended') totals.ended += 1
      else if (result === 'failed') failed += 1
      else if (result !== 'deferred') totals.skipped += 1
      if (observersFailed) totals.observersFailed += 1
      if (stillThere) lane.clean = false
    }
    totals.failed += failed
    totals.scanned += entries.length - left
    fruitless.bear(failed, due.length - left)
    return { size: entries.length, cursor: left > 0 ? null : cursor }
  }
}

/** Deletes expired security keys, which need no report. */
export function securityKeyPurge<Data extends object>(context: PageContext<Data>): PageWork {
  const { settings, state } = context
  const { keys } = settings.store
  const before = state.query.select === 'expired' ? state.query.before : 0
  // A class of the app may use larger pages for sessions.
  const limit = Math.min(context.limit, MAX_REMOVED)
  return overLanes(state.keyLanes, limit, async (lane) => {
    const { names, cursor } = await readPage(lane, limit, (options) =>
      keys.page(bucketsOf(lane, before), options),
    )
    if (names.length > 0) await keys.remove(names)
    state.totals.securityKeys += names.length
    return { size: names.length, cursor }
  })
}
