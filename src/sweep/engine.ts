import { hash } from 'node:crypto'
import { show } from '../base/duration.ts'
import { SessionConfigError } from '../base/errors.ts'
import type { Json } from '../base/json.ts'
import type { SweepSettings } from './settings.ts'
import { mintRev } from '../record/id.ts'
import type { Ender } from '../end/ender.ts'
import type { SessionEntries } from './entry.ts'
import { checkIterator } from './iterator-checks.ts'
import type { MassKill } from '../end/mass-kill.ts'
import { Problems } from '../end/problems.ts'
import type { IteratorClass } from './query-iter.ts'
import {
  isSweep,
  isWalked,
  type Lane,
  newestFirst,
  noTotals,
  type RunQuery,
  RunRecord,
  type RunState,
  SWEEP_ID,
} from './run.ts'
import { readBody, writeBody } from './task-body.ts'
import { RunPages } from './pages.ts'
import type { AllWatermarks } from './watermarks.ts'

export { isRefusedTask } from './task-body.ts'

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

/** How long one step works on pages before it hands on, in milliseconds. Queues allow 10 minutes. */
const BUDGET = 90_000

/** How much longer than its budget a worker keeps its claim: for the page under way, and clocks that differ. */
const CLAIM_SLACK = 180_000

/** After how many failures of one step the run is given up. */
const MAX_ATTEMPTS = 10

/** The most steps of one run: a fuse against a run that does not get on. */
const MAX_STEPS = 10_000

export interface EngineParts<Data extends object> {
  readonly settings: SweepSettings
  readonly ender: Ender<Data>
  readonly entries: SessionEntries<Data>
  readonly massKill: MassKill<Data>
  readonly watermarks: AllWatermarks
}

/**
 * Works runs off, step by step. The record of a run decides what is due; tasks only say that somebody should look.
 * Whoever works claims the step, conditionally on the record, and writes down at its end how far it came: of two
 * workers on one step only one can do that, and only that one hands on. So tasks may come twice, late or never.
 */
export class Engine<Data extends object> {
  readonly #parts: EngineParts<Data>
  readonly #iterators: ReadonlyMap<string, IteratorClass>

  constructor(parts: EngineParts<Data>) {
    this.#parts = parts
    const { sweep, iterators } = parts.settings
    this.#iterators = new Map([
      [SWEEP_ID, sweep],
      ...iterators.map((iter) => [iter.id, iter] as const),
    ])
  }

  /** Whether runs work to their end inside the call that starts them. */
  get inProcess(): boolean {
    return this.#parts.settings.tasks.connect !== undefined
  }

  /** The id of a class of the app's own. Throws where tasks would not find it. */
  idOf(Iter: IteratorClass): string {
    checkIterator(Iter, 'startIterOnQuery: the iterator')
    if (Iter.id === SWEEP_ID) {
      throw new SessionConfigError(
        'startIterOnQuery: the sweep is started by startClearSessions(), and a class of its own for it goes into the option sweep; an iterator needs a static id of its own',
      )
    }
    // By the class and not by its id alone: a subclass inherits the id of its parent.
    if (this.#iterators.get(Iter.id) === Iter) return Iter.id
    throw new SessionConfigError(
      `the iterator ${show(Iter.id)} is not in the option "iterators", or not under an id of its own`,
    )
  }

  /** The record of a run to come, not stored yet. `iter`: the id of its class. */
  plan(
    iter: string,
    query: RunQuery,
    lanes: Lane[],
    customData: Json,
    keyLanes: Lane[] = [],
  ): RunRecord {
    const { now, randomBytes, store } = this.#parts.settings
    const time = now()
    const state: RunState = {
      v: 1,
      id: newestFirst(time, mintRev(randomBytes)),
      iter,
      query,
      customData,
      started: time,
      updated: time,
      finished: null,
      step: 1,
      attempts: 0,
      claimedUntil: null,
      intentsDone: iter !== SWEEP_ID,
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
    const queue = this.#iterators.get(state.iter)?.queueName ?? ''
    const words = again ? [id, step, state.updated] : [id, step]
    await this.#parts.settings.tasks.add({
      name: hash('sha256', words.join(' '), 'hex').slice(0, 40),
      body: writeBody({ run: id, step }),
      ...(queue !== '' && { queue }),
      ...(delay !== undefined && { delay }),
    })
  }

  /** Works a task off. Throws for a fault that trying again may cure; then the same step is still due. */
  async handleTask(body: unknown, budget: number = BUDGET): Promise<StepResult> {
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
  async workOff(run: string, time: number, budget: number = BUDGET): Promise<StepResult> {
    const { now } = this.#parts.settings
    const deadline = now() + time
    for (;;) {
      const result = await this.#workStep(run, null, Math.min(budget, deadline - now()))
      if (result.outcome !== 'due') return { outcome: result.outcome, run }
      if (now() >= deadline) return { outcome: 'handed-on', run }
    }
  }

  /** `'due'`: the step was done, now or before, and the next one is to be handed on. */
  async #workStep(
    run: string,
    step: number | null,
    budget: number,
  ): Promise<
    { outcome: 'due'; state: RunState } | { outcome: Exclude<StepResult['outcome'], 'due'> }
  > {
    const { store, now } = this.#parts.settings
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
    const Iter = await this.#iteratorOf(state)
    state.claimedUntil = time + budget + CLAIM_SLACK
    state.updated = time
    if (!(await record.save())) return { outcome: 'busy' }
    return await this.#workClaimed(record, Iter, time + budget)
  }

  /** Throws where this process can not do the work: another one perhaps can, during a rollout for example. */
  async #iteratorOf(state: RunState): Promise<IteratorClass> {
    const Iter = this.#iterators.get(state.iter)
    if (Iter === undefined) {
      throw new SessionConfigError(
        `a task is for the iterator ${show(state.iter)}, which is not in the option "iterators" of this process`,
      )
    }
    if (isSweep(state)) await this.#parts.ender.requireObservers()
    return Iter
  }

  async #workClaimed(
    record: RunRecord,
    Iter: IteratorClass,
    deadline: number,
  ): Promise<{ outcome: 'due'; state: RunState } | { outcome: 'finished' | 'busy' }> {
    const { state } = record
    const { now, logger } = this.#parts.settings
    let failure: unknown = null
    try {
      await this.#work(state, Iter, deadline)
    } catch (error) {
      failure = error ?? new Error('nothing was thrown')
    }
    state.claimedUntil = null
    state.updated = now()
    if (failure !== null) {
      // The step is free again at once, so that the queue's next try need not wait for the claim to run out.
      state.attempts += 1
      state.error = failure instanceof Error ? failure.message : 'threw what is no Error'
      if (state.attempts >= MAX_ATTEMPTS) state.finished = state.updated
      await record.save().catch(() => false)
      if (state.finished === null) throw failure
    } else {
      const isOver = state.intentsDone && isWalked(state)
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
    new Problems(state.problems).log(logger)
    if (state.error !== null) {
      logger.error?.('a run over sessions was ended early', { run: state.id, error: state.error })
    }
    return { outcome: 'finished' }
  }

  async #work(state: RunState, Iter: IteratorClass, deadline: number): Promise<void> {
    // Of an earlier try of this step.
    state.error = null
    if (!state.intentsDone) {
      const { ended, finished, fault } = await this.#parts.massKill.finishOpen(deadline)
      state.totals.ended += ended
      if (!finished) return
      // A run that does nothing else tries again; a sweep goes on, and the next one tries again.
      if (fault !== undefined && state.query.select === 'none') throw fault
      state.intentsDone = true
    }
    if (state.query.select === 'none') return
    const iter = new Iter()
    iter.logger = this.#parts.settings.logger
    await new RunPages<Data>(this.#parts, state, Iter, iter, deadline).run()
    if (state.error !== null || !isWalked(state)) return
    await iter.handleFinish(state.totals.scanned, state.customData)
    if (!isSweep(state)) return
    const outside = state.lanes.filter((lane) => lane.outside === true)
    const own = state.lanes.filter((lane) => lane.outside !== true)
    await this.#parts.watermarks.sessions.passed(state, own)
    // Where there never were any, nothing has to be kept.
    if (this.#parts.settings.outsideIds || outside.some(({ cursor }) => cursor !== null)) {
      await this.#parts.watermarks.outside.passed(state, outside)
    }
    await this.#parts.watermarks.securityKeys.passed(state, state.keyLanes)
  }
}
