import type { SweepSettings } from './settings.ts'
import { isHeard, tell } from '../record/happenings.ts'
import { LEEWAY } from '../record/expiry.ts'
import { CURE, type EventsSwitch, NOT_HERE } from '../end/events-switch.ts'
import type { RunKind } from './run-kind.ts'
import { endOf, isRunning } from './start.ts'
import { type Lane, type RunState, runName, runOf } from './run.ts'
import { sideBySide } from '../base/parallel.ts'
import { type AllWatermarks, expiryLanes } from './watermarks.ts'

/** What a run over sessions did. */
export interface RunInfo {
  /** Names the run in tasks and in the log. */
  readonly id: string
  /** The `id` of its iterator. */
  readonly iterator: string
  /** `'died'`: not finished, and nobody has worked on it for half an hour. */
  readonly state: 'running' | 'finished' | 'failed' | 'died'
  /** When it was started. */
  readonly started: Date
  /** When it was done; `null` while it is not. */
  readonly finished: Date | null
  /** How many tasks, or calls that work by themselves, have carried it so far. */
  readonly steps: number
  /** How many sessions were read. */
  readonly scanned: number
  /** How many sessions it ended. */
  readonly ended: number
  /** How many were alive, or had been ended by somebody else. */
  readonly skipped: number
  /** For how many the work failed. */
  readonly failed: number
  /** How many ends an `onDelete` observer failed to take; a later sweep tells them again. */
  readonly observersFailed: number
  /** How many of the expired a `handleEntry` of the app's own has left alone. */
  readonly kept: number
  /** Of how many sessions an iterator has changed the data. */
  readonly changed: number
  /** How many expired security keys it deleted. */
  readonly securityKeys: number
  /** The earliest expiry that the run met. */
  readonly oldestExpired: Date | null
  /** Why it failed; `null` for a run that did not. */
  readonly error: string | null
}

/** How the sweep is doing. */
export interface Status {
  /** Whether the store answered. */
  readonly store: 'reachable' | 'unreachable'
  /** The latest sweep. */
  readonly lastSweep: RunInfo | null
  /** The latest runs of all kinds, newest first, at most 20. */
  readonly runs: readonly RunInfo[]
  /** How many sessions wait to be swept; counted to 1,000. */
  readonly backlog: number
  /** Whether there are more than `backlog` says. */
  readonly backlogIsMore: boolean
  /** The earliest expiry among those that wait. */
  readonly oldestExpired: Date | null
  /** What somebody should look at. */
  readonly warnings: readonly string[]
}

const COUNTED = 1000

/** Half of the 30 days after which a TTL policy deletes without an event, in milliseconds. */
const TOO_OLD = 15 * 24 * 60 * 60 * 1000

/** Asks the store how the sweep is doing. A store that does not answer is an answer too. */
export async function readStatus(
  settings: SweepSettings,
  watermarks: AllWatermarks,
  events: EventsSwitch,
  sweep: Pick<RunKind, 'owns'>,
): Promise<Status> {
  const status = await readRuns(settings, watermarks, sweep)
  const isBlind = !settings.events && (await events.isOn().catch(() => false))
  const whole = isBlind
    ? { ...status, warnings: [...status.warnings, `${NOT_HERE}: ${CURE}`] }
    : status
  if (isHeard('status')) tellStatus(whole, settings.now())
  return whole
}

function tellStatus(status: Status, now: number): void {
  const { store, backlog, backlogIsMore, oldestExpired, lastSweep, runs, warnings } = status
  const isOver = ({ iterator, finished }: RunInfo): boolean =>
    iterator === lastSweep?.iterator && finished !== null
  tell({
    kind: 'status',
    reachable: store === 'reachable',
    backlog,
    backlogIsMore,
    oldestAge: ageOf(oldestExpired, now),
    sweepAge: ageOf(runs.find(isOver)?.finished ?? null, now),
    warnings: warnings.length,
  })
}

function ageOf(date: Date | null, now: number): number | null {
  return date === null ? null : Math.max(0, now - date.getTime())
}

async function readRuns(
  settings: SweepSettings,
  watermarks: AllWatermarks,
  sweep: Pick<RunKind, 'owns'>,
): Promise<Status> {
  const { store, now } = settings
  const time = now()
  try {
    const notes = await store.notes.list(runName(''), 20)
    const states = notes.map(runOf).filter((state) => state !== null)
    const runs = states.map((state) => infoOf(state, time))
    const { backlog, backlogIsMore, oldestExpired } = await countBacklog(
      settings,
      await lanesOf(settings, watermarks),
      time,
    )
    const lastSweep = runs[states.findIndex((state) => sweep.owns(state))] ?? null
    const warnings: string[] = []
    if (oldestExpired !== null && time - oldestExpired.getTime() > TOO_OLD) {
      warnings.push(
        'sessions that expired more than 15 days ago still wait for a sweep; a TTL policy deletes them after 30 days without an event',
      )
    }
    if (lastSweep?.state === 'died')
      warnings.push(`the sweep ${lastSweep.id} died; the next one starts over`)
    if (lastSweep?.state === 'failed')
      warnings.push(`the sweep ${lastSweep.id} failed: ${lastSweep.error}`)
    if (lastSweep !== null && lastSweep.observersFailed > 0) {
      warnings.push(
        `onDelete observers failed for ${lastSweep.observersFailed} sessions of the sweep ${lastSweep.id}; each is told again, and given up a day after its first failure`,
      )
    }
    return { store: 'reachable', lastSweep, runs, backlog, backlogIsMore, oldestExpired, warnings }
  } catch (error) {
    return {
      store: 'unreachable',
      lastSweep: null,
      runs: [],
      backlog: 0,
      backlogIsMore: false,
      oldestExpired: null,
      warnings: [(error as Error).message],
    }
  }
}

/** Where sessions may wait; those whose id came from outside only where there ever were any. */
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

function infoOf(state: RunState, now: number): RunInfo {
  return {
    id: state.id,
    iterator: state.iter,
    state: endOf(state) ?? (isRunning(state, now) ? 'running' : 'died'),
    started: new Date(state.started),
    finished: state.finished === null ? null : new Date(state.finished),
    steps: state.step,
    ...state.totals,
    oldestExpired: state.oldestExpired === null ? null : new Date(state.oldestExpired),
    error: state.error,
  }
}
