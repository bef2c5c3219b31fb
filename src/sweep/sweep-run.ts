import { hasOwnHandler } from './query-iter.ts'
import { Pace } from './pace.ts'
import { entryWork } from './page-work/entry-work.ts'
import { pageContext } from './page-work/page-work.ts'
import { securityKeyPurge, sweepWork } from './page-work/sweep-work.ts'
import type { Pages } from './page-loop.ts'
import { type RunState, SWEEP_ID } from './run.ts'
import type { RunKind, RunParts } from './run-kind.ts'
import { removeDeadLeases } from '../end/dead-leases.ts'
import { Problems } from '../end/problems.ts'
import { OpenKills } from './page-work/kill-work.ts'

/** Makes the kind of run for sweeps: finishes open kills, ends expired sessions, and deletes expired security keys. */
export function sweepRun<Data extends object>(parts: RunParts<Data>): RunKind {
  const { settings, ender } = parts
  const { sweep: Sweep, logger, store } = settings
  return {
    name: SWEEP_ID,
    queueName: Sweep.queueName,
    owns: ({ iter, query }) => iter === SWEEP_ID && query.select === 'expired',
    requireAble: () => ender.requireObservers(),
    async work(state, pages, deadline) {
      if (!state.intentsDone) {
        // The next sweep tries the remaining kills again.
        const { isDone } = await finishKills(parts, state, pages, deadline)
        if (!isDone) return false
        state.intentsDone = true
      }
      const iter = new Sweep()
      iter.logger = logger
      const context = pageContext(parts, state, Sweep.pageSize, deadline)
      const { concurrency } = Sweep
      const work = hasOwnHandler(iter)
        ? entryWork(context, iter, { concurrency, endsDamaged: true })
        : sweepWork(context)
      const pace = new Pace(state, store.sweepRate ?? Number.POSITIVE_INFINITY, settings)
      // Sessions come first: a problem with security keys must not keep sessions from ending.
      if (!(await pages.goOver(work, pace))) return false
      if (!(await pages.goOver(securityKeyPurge(context), pace))) return false
      await removeDeadLeases(store.notes, settings.now())
      await iter.handleFinish(state.totals.scanned, state.customData)
      await notePassed(parts, state)
      return true
    },
  }
}

async function notePassed<Data extends object>(
  { settings, watermarks }: RunParts<Data>,
  state: RunState,
): Promise<void> {
  const outside = state.lanes.filter((lane) => lane.outside === true)
  const own = state.lanes.filter((lane) => lane.outside !== true)
  await watermarks.sessions.passed(state, own)
  // Without any session whose id came from outside, there is nothing to store.
  if (settings.outsideIds || outside.some(({ cursor }) => cursor !== null)) {
    await watermarks.outside.passed(state, outside)
  }
  await watermarks.securityKeys.passed(state, state.keyLanes)
}

/** Makes the kind of run that only finishes open kills. */
export function killRun<Data extends object>(parts: RunParts<Data>): RunKind {
  return {
    name: SWEEP_ID,
    queueName: parts.settings.sweep.queueName,
    owns: ({ query }) => query.select === 'none',
    async work(state, pages, deadline) {
      const { isDone, fault } = await finishKills(parts, state, pages, deadline)
      // The queue tries again.
      if (isDone && fault !== null) throw fault
      return isDone
    },
  }
}

/** Finishes open kills. `fault`: why some remain for the next run. */
async function finishKills<Data extends object>(
  { massKill, settings }: RunParts<Data>,
  state: RunState,
  pages: Pages,
  deadline: number,
): Promise<{ readonly isDone: boolean; readonly fault: unknown }> {
  const problems = new Problems()
  const work = new OpenKills(massKill, settings, deadline, problems)
  try {
    return { isDone: await pages.goOver(work), fault: work.fault }
  } finally {
    state.totals.ended += work.ended
    problems.log(settings.logger)
  }
}
