import { SessionConfigError } from '../base/errors.ts'
import { checkFlag, checkOptions, namesOf } from '../base/option-checks.ts'
import type { SweepSettings } from './settings.ts'
import { LEEWAY } from '../record/expiry.ts'
import type { Note, PageOptions } from '../store/store.ts'
import type { Ender } from '../end/ender.ts'
import type { Engine } from './engine.ts'
import { overLanes, type WorkedPage } from './page-work/page-work.ts'
import { inheritPace } from './pace.ts'
import { type Lane, RunRecord, type RunState, runName, runOf } from './run.ts'
import { sideBySide } from '../base/parallel.ts'
import { type AllWatermarks, expiryLanes } from './watermarks.ts'

/** What `sessions.startClearSessions()` goes over. */
export interface ClearOptions {
  /**
   * Only what expired before this, in whole buckets of the expiry index (one hour unless set). Default: what expired
   * five minutes ago or earlier, which is also the latest there can be.
   */
  readonly before?: Date
  /** Only what expired after this, in whole buckets. Default: everything. */
  readonly after?: Date
  /** Counts, and ends nothing. Default `false`. */
  readonly dryRun?: boolean
}

const OPTIONS = namesOf<ClearOptions>({ before: true, after: true, dryRun: true })

/** A sweep that was started, or found under way. */
export interface ClearRun {
  /** `null` for a dry run, of which nothing is kept. */
  readonly id: string | null
  /**
   * `'running'`: it goes on in tasks, or in the next call. `'already-running'`: another one had been started before.
   * `'failed'`: `handleError()` of the app's own has ended it early; `status()` says why.
   */
  readonly state: 'finished' | 'failed' | 'running' | 'already-running' | 'dry-run'
  /** How many sessions were read. */
  readonly scanned: number
  /** Of a dry run: how many would end. */
  readonly ended: number
  /** How many of them were alive, or had been ended by somebody else. */
  readonly skipped: number
  /** How many could not be ended; a later sweep meets them again. */
  readonly failed: number
  /** How many ends an `onDelete` observer failed to take; a later sweep tells them again. */
  readonly observersFailed: number
  /** How many of them the app's own `handleEntry` (option `sweep`) has left alone. */
  readonly kept: number
  /** How many expired security keys were deleted; of a dry run, how many would be. */
  readonly securityKeys: number
}

interface Lease {
  readonly v: 1
  readonly run: string
}

const LEASE = 'lease'

/** A run that nobody has touched for this long has died, and another may start, in milliseconds. */
const DIES_AFTER: number = 30 * 60 * 1000

/** After how long a task that nobody came with is taken for lost, in milliseconds. */
const LOST_AFTER = 5 * 60 * 1000

/** How many a dry run counts in one query. */
const COUNTED = 1000

/** How many run records are kept. */
const KEPT_RUNS = 50

/** How many of the older ones one start takes away. */
const FORGOTTEN_AT_ONCE = 200

/** Starts sweeps, one at a time. */
export class SweepStart<Data extends object> {
  readonly #settings: SweepSettings
  readonly #engine: Engine<Data>
  readonly #ender: Ender<Data>
  readonly #watermarks: AllWatermarks

  constructor(
    settings: SweepSettings,
    engine: Engine<Data>,
    ender: Ender<Data>,
    watermarks: AllWatermarks,
  ) {
    this.#settings = settings
    this.#engine = engine
    this.#ender = ender
    this.#watermarks = watermarks
  }

  /** `budget`: how long to work inside this call, in milliseconds, where no real queue carries the run. */
  async start(options: ClearOptions = {}, budget?: number): Promise<ClearRun> {
    const { now, store } = this.#settings
    checkOptions('startClearSessions()', options, OPTIONS)
    checkFlag('startClearSessions: dryRun', options.dryRun)
    await this.#ender.requireObservers()
    const latest = now() - LEEWAY
    const before = Math.min(timeOf('before', options.before) ?? latest, latest)
    const after = timeOf('after', options.after)
    if (after !== null && after >= before) throw emptyRange(after, before, options)
    if (options.dryRun === true) return await this.#count(before, after)
    const lease = await store.notes.get(LEASE)
    const holder = await this.#holderOf(lease)
    if (holder !== null && isRunning(holder, now())) {
      return await this.#work(holder, budget, 'already-running')
    }
    await this.#forgetOldRuns()
    const { sessions, securityKeys, outside } = this.#watermarks
    await sessions.recordShards()
    await securityKeys.recordShards()
    if (this.#settings.outsideIds) await outside.recordShards()
    const lanes = await expiryLanes(this.#watermarks, now(), after)
    const keyLanes = await securityKeys.lanes(now(), after)
    const run = this.#engine.plan(this.#engine.kinds.sweep, {
      query: { select: 'expired', before, after },
      lanes,
      keyLanes,
    })
    const { state } = run
    inheritPace(state, holder, now())
    // The record first: a lease must never name a run that is not there.
    await run.save()
    const taken = await store.notes.put(LEASE, { v: 1, run: state.id }, lease?.version ?? null)
    if (taken.outcome === 'conflict') {
      // Another call was quicker; what it started is what there is to tell of.
      await run.delete()
      const winner = await this.#holderOf(await store.notes.get(LEASE))
      return { ...summary(winner ?? state), state: 'already-running' }
    }
    return await this.#work(state, budget, 'running')
  }

  async #holderOf(lease: Note | null): Promise<RunState | null> {
    const run = (lease?.value as Partial<Lease> | null | undefined)?.run
    if (typeof run !== 'string') return null
    return (await RunRecord.read(this.#settings.store.notes, run))?.state ?? null
  }

  /** Without a real queue the call itself works on the run, also where it finds it under way; else it sees to its task. */
  async #work(
    state: RunState,
    budget: number | undefined,
    meanwhile: ClearRun['state'],
  ): Promise<ClearRun> {
    const { store, now } = this.#settings
    if (budget !== undefined && this.#engine.inProcess) {
      await this.#engine.workOff(state.id, budget)
    } else {
      const isLost = Math.max(state.updated, state.claimedUntil ?? 0) + LOST_AFTER < now()
      await this.#engine.handOn(state, isLost)
    }
    const end = (await RunRecord.read(store.notes, state.id))?.state ?? state
    return { ...summary(end), state: endOf(end) ?? meanwhile }
  }

  async #count(before: number, after: number | null): Promise<ClearRun> {
    const { store, now } = this.#settings
    const range = { upTo: before, ...(after !== null && { after }) }
    const lanes = await expiryLanes(this.#watermarks, now(), after)
    const scanned = await this.#countOver(lanes, async ({ shard, outside }, options) => {
      const of = { shard: shard ?? 0, ...range, ...(outside && { outside }) }
      const { keys, cursor } = await store.pageKeys({ by: 'expiry', ...of }, options)
      return { size: keys.length, cursor }
    })
    const keyLanes = await this.#watermarks.securityKeys.lanes(now(), after)
    const securityKeys = await this.#countOver(keyLanes, async ({ shard }, options) => {
      const { names, cursor } = await store.keys.page({ shard: shard ?? 0, ...range }, options)
      return { size: names.length, cursor }
    })
    return {
      id: null,
      state: 'dry-run',
      scanned,
      ended: scanned,
      skipped: 0,
      failed: 0,
      observersFailed: 0,
      kept: 0,
      securityKeys,
    }
  }

  /** How many entries the lanes hold together. */
  async #countOver(
    lanes: readonly Lane[],
    read: (lane: Lane, options: PageOptions) => Promise<WorkedPage>,
  ): Promise<number> {
    let count = 0
    const work = overLanes(lanes, COUNTED, async (lane) => {
      const { cursor } = lane
      const page = await read(lane, { limit: COUNTED, ...(cursor !== null && { cursor }) })
      count += page.size
      return page
    })
    await this.#engine.goOver(work, Number.POSITIVE_INFINITY, { isLarge: true })
    return count
  }

  async #forgetOldRuns(): Promise<void> {
    const { notes } = this.#settings.store
    const runs = await notes.list(runName(''), KEPT_RUNS + FORGOTTEN_AT_ONCE)
    await sideBySide(runs.slice(KEPT_RUNS), 10, async (note) => {
      const state = runOf(note)
      if (state !== null && isRunning(state, this.#settings.now())) return
      await notes.delete(note.name, note.version)
    })
  }
}

/** How a run has ended; `null`: it has not. */
export function endOf({ finished, error }: RunState): 'finished' | 'failed' | null {
  if (finished === null) return null
  return error === null ? 'finished' : 'failed'
}

/** Whether somebody works on the run, or a task for it is on its way. Every step notes down when it starts and ends. */
export function isRunning({ finished, updated }: RunState, now: number): boolean {
  return finished === null && updated + DIES_AFTER > now
}

function summary(state: RunState): Omit<ClearRun, 'state'> {
  // Whoever sweeps changes no data.
  const { changed: _, ...totals } = state.totals
  return { id: state.id, ...totals }
}

/** There would be nothing to sweep, and nobody would be told. */
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
