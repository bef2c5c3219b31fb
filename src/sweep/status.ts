import type { SweepSettings } from './settings.ts'
import { isHeard, tell } from '../record/happenings.ts'
import { LEEWAY } from '../record/expiry.ts'
import { CURE, NOT_HERE } from '../end/events-switch.ts'
import { BUCKET } from '../record/buckets.ts'
import { publishTrouble } from '../record/diagnostics.ts'
import { type StatusWarning, warningsOf } from './warnings.ts'
import type { RunKind } from './run-kind.ts'
import { expiringIn, type Lane, runName, runOf, type RunState } from './run.ts'
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

/** The parts that the status needs. */
export interface StatusParts {
  readonly settings: SweepSettings
  readonly watermarks: AllWatermarks
  /** Knows whether this process may sweep. */
  readonly ender: { mayFinish(): Promise<boolean> }
  readonly sweep: Pick<RunKind, 'owns'>
}

/** The status as it was read. */
export interface StatusRead extends Omit<Status, 'warnings'> {
  /** When a sweep was last finished. Runs of kills have the same iterator, but do not count. */
  readonly lastFinished: Date | null
  readonly warnings: readonly StatusWarning[]
}

/**
 * Reads the state of the sweep, and publishes it on the diagnostics channels for metrics and alerts. A store that does
 * not answer is part of the result and no error.
 */
export async function readStatus(parts: StatusParts): Promise<StatusRead> {
  const { settings, ender } = parts
  const isBlind = !(await ender.mayFinish().catch(() => true))
  const read = await readRuns(parts, isBlind)
  const blind: StatusWarning = { about: 'events-off', message: `${NOT_HERE}: ${CURE}` }
  const warnings = isBlind && !settings.events ? [...read.warnings, blind] : read.warnings
  for (const { about, message } of warnings) publishTrouble({ kind: 'warning', about, message })
  const status = { ...read, warnings }
  if (isHeard('status')) tellStatus(status, settings.now())
  return status
}

/** Returns the status as the app gets it. */
export function shownStatus({ lastFinished: _, warnings, ...status }: StatusRead): Status {
  return { ...status, warnings: warnings.map(({ message }) => message) }
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

async function readRuns(
  { settings, watermarks, sweep }: StatusParts,
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
  await sideBySide(lanes, 8, async (lane) => {
    const selection = expiringIn(lane, upTo)
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
