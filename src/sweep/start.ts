import { SessionConfigError } from '../base/errors.ts'
import { checkFlag, checkOptions, namesOf } from '../base/option-checks.ts'
import type { SweepSettings } from './settings.ts'
import { LEEWAY } from '../record/expiry.ts'
import type { Note, NoteStore, PageOptions } from '../store/store.ts'
import type { Ender } from '../end/ender.ts'
import type { Engine } from './engine.ts'
import { overLanes, type WorkedPage } from './page-work/page-work.ts'
import { inheritPace } from './pace.ts'
import {
  bucketsOf,
  expiringIn,
  type Lane,
  NO_TOTALS,
  RunRecord,
  type RunState,
  runName,
  runOf,
} from './run.ts'
import { sideBySide } from '../base/parallel.ts'
import { type AllWatermarks, expiryLanes } from './watermarks.ts'

/** Options of `sessions.startClearSessions()`. */
export interface ClearOptions {
  /**
   * Only sessions that expired before this, in whole buckets of the expiry index (one hour unless set). Default, and
   * latest possible value: five minutes ago.
   */
  readonly before?: Date
  /** Only sessions that expired after this, in whole buckets. Default: all. */
  readonly after?: Date
  /** Whether to count only, without ending anything. Default `false`. */
  readonly dryRun?: boolean
}

const OPTIONS = namesOf<ClearOptions>({ before: true, after: true, dryRun: true })

/** A sweep that was started, or that was already running. */
export interface ClearRun {
  /** The id of the run; `null` for a dry run, which is not stored. */
  readonly id: string | null
  /**
   * `'running'`: the sweep continues in tasks, or in the next call. `'already-running'`: another sweep had been started
   * before. `'failed'`: `handleError()` of the app has ended it early; `status()` gives the reason.
   */
  readonly state: 'finished' | 'failed' | 'running' | 'already-running' | 'dry-run'
  /** The number of sessions that were read. */
  readonly scanned: number
  /** The number of sessions that ended. For a dry run: the number that would end. */
  readonly ended: number
  /** The number of sessions that were alive, or that another process had ended. */
  readonly skipped: number
  /** The number of sessions that could not be ended; a later sweep finds them again. */
  readonly failed: number
  /** The number of ends for which an `onDelete` observer failed; a later sweep reports them again. */
  readonly observersFailed: number
  /** The number of sessions that the app's `handleEntry` (option `sweep`) has left alone. */
  readonly kept: number
  /** The number of expired security keys that were deleted. For a dry run: the number that would be deleted. */
  readonly securityKeys: number
}

/** The name of the note that names the run of the present sweep. */
const LEASE = 'lease'

/** The time without work after which a run counts as dead and another may start, in milliseconds. */
const DIES_AFTER: number = 30 * 60 * 1000

/** The time after which a task that did not arrive counts as lost, in milliseconds. */
const LOST_AFTER = 5 * 60 * 1000

/** The number of entries that a dry run counts in one query. */
const COUNTED = 1000

/** The number of run records that are kept. */
const KEPT_RUNS = 50

/** The number of older run records that one start deletes. */
const FORGOTTEN_AT_ONCE = 200

/** The parts that the start of a sweep needs. */
export interface SweepParts<Data extends object> {
  readonly settings: SweepSettings
  readonly engine: Engine<Data>
  readonly ender: Ender<Data>
  readonly watermarks: AllWatermarks
}

/**
 * Starts a sweep, or continues a running one: there is one at a time. `budget`: how long to work inside this call where
 * no real queue carries the run, in milliseconds.
 */
export async function startSweep<Data extends object>(
  parts: SweepParts<Data>,
  options: ClearOptions = {},
  budget?: number,
): Promise<ClearRun> {
  const { settings, engine, ender, watermarks } = parts
  const { now, store } = settings
  checkOptions('startClearSessions()', options, OPTIONS)
  checkFlag('startClearSessions: dryRun', options.dryRun)
  const latest = now() - LEEWAY
  const before = Math.min(timeOf('before', options.before) ?? latest, latest)
  const after = timeOf('after', options.after)
  if (after !== null && after >= before) throw emptyRange(after, before, options)
  if (options.dryRun === true) return await dryRun(parts, before, after)
  await ender.requireObservers()
  const lease = await store.notes.get(LEASE)
  const holder = await holderOf(store.notes, lease)
  if (holder !== null && isRunning(holder, now())) {
    return await workOn(parts, holder, budget, 'already-running')
  }
  await forgetOldRuns(settings)
  const { sessions, securityKeys, outside } = watermarks
  await sessions.recordShards()
  await securityKeys.recordShards()
  if (settings.outsideIds) await outside.recordShards()
  const lanes = await expiryLanes(watermarks, now(), after)
  const keyLanes = await securityKeys.lanes(now(), after)
  const run = engine.plan(engine.kinds.sweep, {
    query: { select: 'expired', before, after },
    lanes,
    keyLanes,
  })
  const { state } = run
  inheritPace(state, holder, now())
  // The record comes first: a lease must never name a run that does not exist.
  await run.save()
  const taken = await store.notes.put(LEASE, { v: 1, run: state.id }, lease?.version ?? null)
  if (taken.outcome === 'conflict') {
    // Another call was quicker, so its run is reported.
    await run.delete()
    const winner = await holderOf(store.notes, await store.notes.get(LEASE))
    return { ...summary(winner ?? state), state: 'already-running' }
  }
  return await workOn(parts, state, budget, 'running')
}

async function holderOf(notes: NoteStore, lease: Note | null): Promise<RunState | null> {
  const run = (lease?.value as { run?: unknown } | null | undefined)?.run
  if (typeof run !== 'string') return null
  return (await RunRecord.read(notes, run))?.state ?? null
}

/** Without a real queue this call itself works on the run, even if another call started it. Otherwise it adds a task. */
async function workOn<Data extends object>(
  { settings: { store, now }, engine }: SweepParts<Data>,
  state: RunState,
  budget: number | undefined,
  meanwhile: ClearRun['state'],
): Promise<ClearRun> {
  if (budget !== undefined && engine.inProcess) {
    await engine.workOff(state.id, budget)
  } else {
    const isLost = Math.max(state.updated, state.claimedUntil ?? 0) + LOST_AFTER < now()
    await engine.handOn(state, isLost)
  }
  const end = (await RunRecord.read(store.notes, state.id))?.state ?? state
  return { ...summary(end), state: endOf(end) ?? meanwhile }
}

/** Counts what a sweep would end. The watermarks do not shorten its ranges. */
async function dryRun<Data extends object>(
  { settings: { store, now }, engine, watermarks }: SweepParts<Data>,
  before: number,
  after: number | null,
): Promise<ClearRun> {
  /** Counts the entries of all lanes. */
  const count = async (
    lanes: readonly Lane[],
    read: (lane: Lane, options: PageOptions) => Promise<WorkedPage>,
  ): Promise<number> => {
    let counted = 0
    const work = overLanes(lanes, COUNTED, async (lane) => {
      const { cursor } = lane
      const whole = { ...lane, after }
      const page = await read(whole, { limit: COUNTED, ...(cursor !== null && { cursor }) })
      counted += page.size
      return page
    })
    await engine.goOver(work, Number.POSITIVE_INFINITY, { isLarge: true })
    return counted
  }
  const lanes = await expiryLanes(watermarks, now(), after)
  const ended = await count(lanes, async (lane, options) => {
    const { keys, cursor } = await store.pageKeys(expiringIn(lane, before), options)
    return { size: keys.length, cursor }
  })
  const keyLanes = await watermarks.securityKeys.lanes(now(), after)
  const securityKeys = await count(keyLanes, async (lane, options) => {
    const { names, cursor } = await store.keys.page(bucketsOf(lane, before), options)
    return { size: names.length, cursor }
  })
  const totals = totalsOf({ ...NO_TOTALS, scanned: ended, ended, securityKeys })
  return { id: null, state: 'dry-run', ...totals }
}

async function forgetOldRuns({ store: { notes }, now }: SweepSettings): Promise<void> {
  const runs = await notes.list(runName(''), KEPT_RUNS + FORGOTTEN_AT_ONCE)
  await sideBySide(runs.slice(KEPT_RUNS), 10, async (note) => {
    const state = runOf(note)
    if (state !== null && isRunning(state, now())) return
    await notes.delete(note.name, note.version)
  })
}

/** The end state of a run; `null`: it has not ended. */
export function endOf({ finished, error }: RunState): 'finished' | 'failed' | null {
  if (finished === null) return null
  return error === null ? 'finished' : 'failed'
}

/** Whether a process works on the run, or a task for it is on its way. Every step stores when it starts and ends. */
export function isRunning({ finished, updated }: RunState, now: number): boolean {
  return finished === null && updated + DIES_AFTER > now
}

function summary({ id, totals }: RunState): Omit<ClearRun, 'state'> {
  return { id, ...totalsOf(totals) }
}

function totalsOf({ changed: _, ...totals }: RunState['totals']): Omit<ClearRun, 'id' | 'state'> {
  // A sweep changes no data.
  return totals
}

/** The error for an empty range, which would otherwise sweep nothing without notice. */
function emptyRange(after: number, before: number, options: ClearOptions): SessionConfigError {
  const [from, to] = [after, before].map((time) => new Date(time).toISOString())
  const latest = options.before === undefined ? ', which is five minutes ago' : ''
  return new SessionConfigError(
    `startClearSessions: after must be earlier than before, and earlier than five minutes ago, but after is ${from}, and before is ${to}${latest}`,
  )
}

function timeOf(option: string, value: Date | undefined): number | null {
  if (value === undefined) return null
  if (value instanceof Date && Number.isFinite(value.getTime())) return value.getTime()
  throw new SessionConfigError(`startClearSessions: ${option} must be a valid Date`)
}
