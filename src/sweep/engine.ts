import { hash } from 'node:crypto'
import { show } from '../base/duration.ts'
import { SessionConfigError } from '../base/errors.ts'
import type { Json } from '../base/json.ts'
import type { SweepSettings } from './settings.ts'
import { mintRev } from '../record/id.ts'
import { Problems, sayingOf } from '../end/problems.ts'
import {
  type Lane,
  NO_TOTALS,
  newestFirst,
  readBody,
  type RunQuery,
  RunRecord,
  type RunState,
  writeBody,
} from './run.ts'
import type { PageWork, Part } from './page-work/page-work.ts'
import { Pages } from './page-loop.ts'
import type { RunKind } from './run-kind.ts'
import type { RunKinds } from './run-kind-list.ts'
import { Trace, type Traced } from '../base/tracing.ts'
import { isHeard, tell } from '../record/happenings.ts'

/** The result of the work on one task. */
export type StepResult =
  /** The run is finished, now or before. */
  | { readonly outcome: 'finished'; readonly run: string }
  /** The next step was given to a task, now or before. */
  | { readonly outcome: 'handed-on'; readonly run: string }
  /** Another worker has the step: try again later. */
  | { readonly outcome: 'busy'; readonly run: string }
  /** There is no such run any more, so there is nothing to do. */
  | { readonly outcome: 'unknown'; readonly run: string }

/** One step of a run, as the tracing channel `viur-session:sweep-step` reports it. */
export interface StepTrace extends Traced {
  /** The `id` of the iterator. */
  readonly iterator: string
  /** The number of the step in the run, from 1. */
  readonly step: number
  /**
   * `null` while the step is under way, and when it failed. `busy`: another worker has stored its work on the step
   * first.
   */
  outcome: 'due' | 'finished' | 'busy' | null
  /** The number of sessions that this step has read. */
  scanned: number
  /** The number of sessions that this step has ended. */
  ended: number
}

const steps: Trace<StepTrace> = new Trace('sweep-step')

/** The result of the work on a claimed step. */
type Worked = { outcome: 'due'; state: RunState } | { outcome: 'finished' | 'busy' }

/**
 * How much longer than its budget a worker keeps its claim, in milliseconds: for the page under way, and for clocks
 * that differ.
 */
const CLAIM_SLACK = 180_000

/** The number of failures of one step after which the run fails. */
const MAX_ATTEMPTS = 10

/** The largest number of steps of one run: a limit for runs that make no progress. */
const MAX_STEPS = 10_000

/** The sessions and data of a new run. */
export interface RunPlan {
  readonly query: RunQuery
  readonly lanes?: Lane[]
  readonly keyLanes?: Lane[]
  readonly customData?: Json
}

/**
 * Executes runs, step by step. The record of a run decides which step is due; a task only says that a run has to be
 * checked. A worker claims the step by a conditional write to the record, and stores its progress at the end. Of two
 * workers on one step only one can do that, and only that one adds the next task. So tasks may come twice, late or
 * never.
 */
export class Engine<Data extends object> {
  readonly #settings: SweepSettings
  /** The kinds of runs that the engine can execute. */
  readonly kinds: RunKinds<Data>

  constructor(settings: SweepSettings, kinds: RunKinds<Data>) {
    this.#settings = settings
    this.kinds = kinds
  }

  /** Whether runs are finished inside the call that starts them. */
  get inProcess(): boolean {
    return this.#settings.tasks.connect !== undefined
  }

  /** Makes the record of a new run, without storing it. */
  plan(kind: RunKind, { query, lanes = [], keyLanes = [], customData = null }: RunPlan): RunRecord {
    const { now, randomBytes, store } = this.#settings
    const time = now()
    const state: RunState = {
      v: 1,
      id: newestFirst(time, mintRev(randomBytes)),
      iter: kind.name,
      query,
      customData,
      started: time,
      updated: time,
      finished: null,
      step: 1,
      attempts: 0,
      claimedUntil: null,
      lanes,
      keyLanes,
      large: false,
      totals: { ...NO_TOTALS },
      oldestExpired: null,
      error: null,
    }
    return new RunRecord(store.notes, state, null)
  }

  /**
   * Adds a task for the step that is due to the queue. The name of the task keeps a repetition from forking the run.
   * `again`: the earlier task seems to be lost; a queue refuses the name of a task for some time after the task is
   * gone, so the name gets a new part. `delay`: in milliseconds.
   */
  async handOn(state: RunState, again = false, delay?: number): Promise<void> {
    const { id, step } = state
    const queue = this.kinds.of(state)?.queueName ?? ''
    const words = again ? [id, step, state.updated] : [id, step]
    await this.#settings.tasks.add({
      name: hash('sha256', words.join(' '), 'hex').slice(0, 40),
      body: writeBody({ run: id, step }),
      ...(queue !== '' && { queue }),
      ...(delay !== undefined && { delay }),
    })
  }

  /** Executes a task. Throws for an error that another try may cure; then the same step is still due. */
  async handleTask(body: unknown, budget: number = this.#settings.taskBudget): Promise<StepResult> {
    const { run, step } = readBody(body)
    if (this.inProcess) return await this.workOff(run, Number.POSITIVE_INFINITY, budget)
    const result = await this.#workStep(run, step, budget)
    if (result.outcome === 'due') {
      await this.handOn(result.state)
      return { outcome: 'handed-on', run }
    }
    return { outcome: result.outcome, run }
  }

  /**
   * Works on a run within this call, step after step, until the run is finished or the time (milliseconds) has run out.
   */
  async workOff(
    run: string,
    time: number,
    budget: number = this.#settings.taskBudget,
  ): Promise<StepResult> {
    const { now } = this.#settings
    const deadline = now() + time
    for (;;) {
      const result = await this.#workStep(run, null, Math.min(budget, deadline - now()))
      if (result.outcome !== 'due') return { outcome: result.outcome, run }
      if (now() >= deadline) return { outcome: 'handed-on', run }
    }
  }

  /**
   * Does page work within this call, without a run. Returns whether it was finished before the deadline (milliseconds).
   */
  async goOver<P extends Part>(
    work: PageWork<P>,
    deadline: number,
    { isLarge = false }: { readonly isLarge?: boolean } = {},
  ): Promise<boolean> {
    const { now } = this.#settings
    return await new Pages({ large: isLarge, error: null }, { now, deadline }).goOver(work)
  }

  /** Works on one step. `'due'`: the step was done, now or before, and the next one needs a task. */
  async #workStep(
    run: string,
    step: number | null,
    budget: number,
  ): Promise<Worked | { outcome: StepResult['outcome'] }> {
    const { store, now } = this.#settings
    const record = await RunRecord.read(store.notes, run)
    if (record === null) return { outcome: 'unknown' }
    const { state } = record
    if (state.finished !== null) return { outcome: 'finished' }
    const time = now()
    // A claim longer than any real one was made by a clock that was ahead.
    const isClaimed =
      state.claimedUntil !== null &&
      state.claimedUntil > time &&
      state.claimedUntil <= time + 24 * 60 * 60 * 1000
    if (step !== null && step < state.step) {
      // The worker may have crashed before it added the next task, so the caller adds it again. If the present step is
      // claimed, that task has arrived.
      return isClaimed ? { outcome: 'handed-on' } : { outcome: 'due', state }
    }
    // A record is never behind its tasks, so this task is not one of the run.
    if (step !== null && step > state.step) return { outcome: 'unknown' }
    if (isClaimed) return { outcome: 'busy' }
    const kind = await this.#kindOf(state)
    state.claimedUntil = time + budget + CLAIM_SLACK
    state.updated = time
    if (!(await record.save())) return { outcome: 'busy' }
    return steps.isHeard
      ? await this.#tellOfStep(record, kind, time + budget)
      : await this.#workClaimed(record, kind, time + budget)
  }

  async #tellOfStep(record: RunRecord, kind: RunKind, deadline: number): Promise<Worked> {
    const { iter, step, totals } = record.state
    const { scanned, ended } = totals
    const about = { iterator: iter, step, scanned: 0, ended: 0 }
    const context: StepTrace = { ...about, outcome: null, duration: null }
    return await steps.run<Worked>(
      context,
      () => this.#workClaimed(record, kind, deadline),
      (_, { outcome }) => {
        context.outcome = outcome
        context.scanned = record.state.totals.scanned - scanned
        context.ended = record.state.totals.ended - ended
      },
    )
  }

  /**
   * Finds the kind of a run. Throws where this process cannot do the work; another process may be able to, for example
   * during a rollout.
   */
  async #kindOf(state: RunState): Promise<RunKind> {
    const kind = this.kinds.of(state)
    if (kind === null) {
      throw new SessionConfigError(
        `a task is for the iterator ${show(state.iter)}, which is not in the option "iterators" of this process`,
      )
    }
    await kind.requireAble?.()
    return kind
  }

  async #workClaimed(record: RunRecord, kind: RunKind, deadline: number): Promise<Worked> {
    const { state } = record
    const { now, logger } = this.#settings
    let failure: unknown = null
    let isOver = false
    // The error of an earlier try of this step.
    state.error = null
    try {
      isOver = await kind.work(state, new Pages(state, { now, deadline }), deadline)
    } catch (error) {
      failure = error ?? new Error('nothing was thrown')
    }
    state.claimedUntil = null
    state.updated = now()
    if (failure !== null) {
      // The claim ends at once, so that the next try of the queue need not wait until it runs out.
      state.attempts += 1
      state.error = sayingOf(failure)
      if (state.attempts >= MAX_ATTEMPTS) state.finished = state.updated
      await record.save().catch(() => false)
      if (state.finished === null) throw failure
    } else {
      if (!isOver && state.error === null && state.step >= MAX_STEPS) {
        state.error = `not finished after ${MAX_STEPS} steps`
      }
      if (isOver || state.error !== null) state.finished = state.updated
      else {
        state.step += 1
        state.attempts = 0
      }
      if (!(await record.save())) return { outcome: 'busy' }
    }
    if (state.finished === null) return { outcome: 'due', state }
    tellRun(state, state.finished)
    new Problems(state.problems).log(logger)
    if (state.error !== null) {
      logger.error?.('a run over sessions was ended early', { run: state.id, error: state.error })
    }
    return { outcome: 'finished' }
  }
}

function tellRun({ iter, started, step, totals, error }: RunState, finished: number): void {
  if (!isHeard('run')) return
  const state = error === null ? 'finished' : 'failed'
  const duration = Math.max(0, finished - started)
  tell({ kind: 'run', iterator: iter, state, duration, steps: step, ...totals })
}
