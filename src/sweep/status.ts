import type { SweepSettings } from './settings.ts'
import { isHeard, tell } from '../record/happenings.ts'
import { LEEWAY } from '../record/expiry.ts'
import { CURE, NOT_HERE } from '../end/events-switch.ts'
import { BUCKET } from '../record/buckets.ts'
import { publishTrouble } from '../record/diagnostics.ts'
import { type StatusWarning, warningsOf } from './warnings.ts'
import type { RunKind } from './run-kind.ts'
import { type Lane, runName, runOf, type RunState } from './run.ts'
import { infoOf, type RunInfo } from './run-info.ts'
import { sideBySide } from '../base/parallel.ts'
import { type AllWatermarks, expiryLanes } from './watermarks.ts'

export type { RunInfo }

/** The state of the sweep. */
export interface Status {
  /** Whether the store answered. */
  readonly store: 'reachable' | 'unreachable'
  /** The latest sweep. */
  readonly lastSweep: RunInfo | null
  /** The latest runs of all kinds, newest first, at most 20. */
  readonly runs: readonly RunInfo[]
  /** The number of sessions that wait for a sweep; counted up to 1,000. */
  readonly backlog: number
  /** Whether more sessions wait than `backlog` says. */
  readonly backlogIsMore: boolean
  /** The earliest expiry of the waiting sessions. */
  readonly oldestExpired: Date | null
  /** Problems that need attention. */
  readonly warnings: readonly string[]
}

const COUNTED = 1000

/** The number of runs in the status. */
const SHOWN = 20

/**
 * The number of runs that are read to find the latest sweep: all stored ones, since kills and iterators are runs too.
 */
const LISTED = 51

/** Knows whether this process may sweep. */
export interface Sweeper {
  mayFinish(): Promise<boolean>
}

/** Reads the state of the sweep. A store that does not answer is part of the result and no error. */
export async function readStatus(
  settings: SweepSettings,
  watermarks: AllWatermarks,
  sweeper: Sweeper,
  sweep: Pick<RunKind, 'owns'>,
): Promise<Status> {
  const read = await readAndTell(settings, watermarks, sweeper, sweep)
  const { warnings, lastFinished: _, ...status } = read
  return { ...status, warnings: warnings.map(({ message }) => message) }
}

/** Reads only the warnings, for the log, with a name for each. */
export async function readWarnings(
  settings: SweepSettings,
  watermarks: AllWatermarks,
  sweeper: Sweeper,
  sweep: Pick<RunKind, 'owns'>,
): Promise<readonly StatusWarning[]> {
  const { warnings } = await readAndTell(settings, watermarks, sweeper, sweep)
  return warnings
}

/** Reads the status, and publishes it on the diagnostics channels for metrics and alerts. */
async function readAndTell(
  settings: SweepSettings,
  watermarks: AllWatermarks,
  sweeper: Sweeper,
  sweep: Pick<RunKind, 'owns'>,
): Promise<StatusRead> {
  const status = await readWithWarnings(settings, watermarks, sweeper, sweep)
  for (const { about, message } of status.warnings) {
    publishTrouble({ kind: 'warning', about, message })
  }
  if (isHeard('status')) tellStatus(status, settings.now())
  return status
}

function tellStatus(status: StatusRead, now: number): void {
  const { store, backlog, backlogIsMore, oldestExpired, lastFinished, warnings } = status
  tell({
    kind: 'status',
    reachable: store === 'reachable',
    backlog,
    backlogIsMore,
    oldestAge: ageOf(oldestExpired, now),
    sweepAge: ageOf(lastFinished, now),
    warnings: warnings.length,
  })
}

function ageOf(date: Date | null, now: number): number | null {
  return date === null ? null : Math.max(0, now - date.getTime())
}

interface StatusRead extends Omit<Status, 'warnings'> {
  /** When a sweep was last finished. Runs of kills have the same iterator, but do not count. */
  readonly lastFinished: Date | null
  readonly warnings: readonly StatusWarning[]
}

async function readWithWarnings(
  settings: SweepSettings,
  watermarks: AllWatermarks,
  sweeper: Sweeper,
  sweep: Pick<RunKind, 'owns'>,
): Promise<StatusRead> {
  const isBlind = !(await sweeper.mayFinish().catch(() => true))
  const status = await readRuns(settings, watermarks, sweep, isBlind)
  if (!isBlind || settings.events) return status
  const blind: StatusWarning = { about: 'events-off', message: `${NOT_HERE}: ${CURE}` }
  return { ...status, warnings: [...status.warnings, blind] }
}

async function readRuns(
  settings: SweepSettings,
  watermarks: AllWatermarks,
  sweep: Pick<RunKind, 'owns'>,
  isBlind: boolean,
): Promise<StatusRead> {
  const { store, now } = settings
  const time = now()
  try {
    const notes = await store.notes.list(runName(''), LISTED)
    const states = notes.map(runOf).filter((state) => state !== null)
    const runs = states.map((state) => infoOf(state, time))
    const waiting = await countBacklog(settings, await lanesOf(settings, watermarks), time)
    const sweeps = runs.filter((_, at) => sweep.owns(states[at] as RunState))
    const lastSweep = sweeps[0] ?? null
    const lastFinished = sweeps.find(({ finished }) => finished !== null)?.finished ?? null
    const bucket = store.bucket ?? BUCKET
    const warnings = warningsOf({ ...waiting, lastSweep, time, bucket, isBlind })
    const shown = { lastSweep, runs: runs.slice(0, SHOWN), ...waiting }
    return { store: 'reachable', lastFinished, ...shown, warnings }
  } catch (error) {
    return {
      store: 'unreachable',
      lastSweep: null,
      lastFinished: null,
      runs: [],
      backlog: 0,
      backlogIsMore: false,
      oldestExpired: null,
      warnings: [{ about: 'store-unreachable', message: (error as Error).message }],
    }
  }
}

/** The lanes where sessions may wait. The lanes for ids from outside are included only if such ids were ever used. */
async function lanesOf(
  { now, outsideIds }: SweepSettings,
  watermarks: AllWatermarks,
): Promise<Lane[]> {
  const { sessions, outside } = watermarks
  const isOutside = outsideIds || (await outside.areKept())
  return isOutside ? await expiryLanes(watermarks, now(), null) : await sessions.lanes(now(), null)
}

async function countBacklog(
  { store }: SweepSettings,
  lanes: readonly Lane[],
  time: number,
): Promise<Pick<Status, 'backlog' | 'backlogIsMore' | 'oldestExpired'>> {
  const upTo = time - LEEWAY
  let oldest = Number.POSITIVE_INFINITY
  let backlog = 0
  await sideBySide(lanes, 8, async ({ shard, after, outside }) => {
    const selection = {
      by: 'expiry' as const,
      shard: shard ?? 0,
      upTo,
      ...(after !== null && { after }),
      ...(outside && { outside }),
    }
    const first = await store.page(selection, { limit: 1 })
    if (first.cursor === null) return
    for (const { record } of first.entries) oldest = Math.min(oldest, record?.expires ?? oldest)
    if (backlog > COUNTED) return
    const { keys } = await store.pageKeys(selection, { limit: COUNTED })
    backlog += keys.length
  })
  return {
    backlog: Math.min(backlog, COUNTED),
    backlogIsMore: backlog > COUNTED,
    oldestExpired: Number.isFinite(oldest) ? new Date(oldest) : null,
  }
}
