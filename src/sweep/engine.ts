import { hash } from 'node:crypto'
import { show } from '../base/duration.ts'
import { SessionConfigError } from '../base/errors.ts'
import type { Json } from '../base/json.ts'
import type { SweepSettings } from './settings.ts'
import { mintRev } from '../record/id.ts'
import { Problems } from '../end/problems.ts'
import {
  type Lane,
  newestFirst,
  noTotals,
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

/** What the work on one task came to. */
export type StepResult =
  /** The run is finished, now or before. */
  | { readonly outcome: 'finished'; readonly run: string }
  /** The next step was handed on, now or before. */
  | { readonly outcome: 'handed-on'; readonly run: string }
  /** Another worker has the step: try again later. */
  | { readonly outcome: 'busy'; readonly run: string }
  /** There is no such run any more: nothing to do. */
  | { readonly outcome: 'unknown'; readonly run: string }

/** One step of a run, as the tracing channel `viur-session:sweep-step` tells of it. */
export interface StepTrace extends Traced {
  /** The `id` of the iterator. */
  readonly iterator: string
  /** Its number in the run, from 1. */
  readonly step: number
  /** `null` while it is under way, and where it failed. `busy`: another worker has written down its work on it first. */
  outcome: 'due' | 'finished' | 'busy' | null
  /** How many sessions this step has looked at. */
  scanned: number
  /** How many it has ended. */
  ended: number
}

const steps: Trace<StepTrace> = new Trace('sweep-step')

/** What the work on a step that was claimed came to. */
type Worked = { outcome: 'due'; state: RunState } | { outcome: 'finished' | 'busy' }

/** How much longer than its budget a worker keeps its claim: for the page under way, and clocks that differ. */
const CLAIM_SLACK = 180_000

/** After how many failures of one step the run is given up. */
const MAX_ATTEMPTS = 10

/** The most steps of one run: a fuse against a run that does not get on. */
const MAX_STEPS = 10_000

/** What a run to come goes over. */
export interface RunPlan {
  readonly query: RunQuery
  readonly lanes?: Lane[]
  readonly keyLanes?: Lane[]
  readonly customData?: Json
}

/**
 * Works runs off, step by step. The record of a run decides what is due; tasks only say that somebody should look.
 * Whoever works claims the step, conditionally on the record, and writes down at its end how far it came: of two
 * workers on one step only one can do that, and only that one hands on. So tasks may come twice, late or never.
 */
export class Engine<Data extends object> {
  readonly #settings: SweepSettings
  /** What it can work on. */
  readonly kinds: RunKinds<Data>

  constructor(settings: SweepSettings, kinds: RunKinds<Data>) {
    this.#settings = settings
    this.kinds = kinds
  }

  /** Whether runs work to their end inside the call that starts them. */
  get inProcess(): boolean {
    return this.#settings.tasks.connect !== undefined
  }

  /** The record of a run to come, not stored yet. */
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
      totals: noTotals(),
      oldestExpired: null,
      error: null,
    }
    return new RunRecord(store.notes, state, null)
  }

  /**
   * Hands the step that is due to the queue. Its name keeps a repetition from forking the run. `again`: the task
   * that was added before seems to be lost, and queues remember names for longer than tasks. `delay`: in milliseconds.
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

  /** Works a task off. Throws for a fault that trying again may cure; then the same step is still due. */
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

  /** Works on a run in this very call, step after step, until it is finished or the time (milliseconds) is up. */
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

  /** Works on something in this very call, without a run. Gives whether it was done before the deadline (milliseconds). */
  async goOver<P extends Part>(
    work: PageWork<P>,
    deadline: number,
    { isLarge = false }: { readonly isLarge?: boolean } = {},
  ): Promise<boolean> {
    const { now } = this.#settings
    return await new Pages({ large: isLarge, error: null }, { now, deadline }).goOver(work)
  }

  /** `'due'`: the step was done, now or before, and the next one is to be handed on. */
  async #workStep(
    run: string,
    step: number | null,
    budget: number,
  ): Promise<
    { outcome: 'due'; state: RunState } | { outcome: Exclude<StepResult['outcome'], 'due'> }
  > {
    const { store, now } = this.#settings
    const record = await RunRecord.read(store.notes, run)
    if (record === null) return { outcome: 'unknown' }
    const { state } = record
    if (state.finished !== null) return { outcome: 'finished' }
    const time = now()
    // A claim beyond what anybody claims was made by a clock that was ahead.
    const isClaimed =
      state.claimedUntil !== null &&
      state.claimedUntil > time &&
      state.claimedUntil <= time + 24 * 60 * 60 * 1000
    if (step !== null && step < state.step) {
      // Its worker perhaps crashed before it handed on. Where somebody works already, nobody did.
      return isClaimed ? { outcome: 'handed-on' } : { outcome: 'due', state }
    }
    // A record never falls behind its tasks.
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

  /** Throws where this process cannot do the work: another one perhaps can, during a rollout for example. */
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
    // Of an earlier try of this step.
    state.error = null
    try {
      isOver = await kind.work(state, new Pages(state, { now, deadline }), deadline)
    } catch (error) {
      failure = error ?? new Error('nothing was thrown')
    }
    state.claimedUntil = null
    state.updated = now()
    if (failure !== null) {
      // The step is free again at once, so that the queue's next try need not wait for the claim to run out.
      state.attempts += 1
      state.error =
        failure instanceof Error ? failure.message : 'threw a value that is not an Error'
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
