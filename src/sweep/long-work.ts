import type { Json } from '../base/json.ts'
import { type KillResult, MassKill } from '../end/mass-kill.ts'
import type { Fences } from '../end/fences.ts'
import type { Writer } from '../write/writer.ts'
import { Engine, type StepResult } from './engine.ts'
import type { IteratorClass, IterQuery } from './query-iter.ts'
import type { PageParts } from './page-work/page-work.ts'
import { RunKinds } from './run-kind-list.ts'
import { type ClearOptions, type ClearRun, type SweepParts, startSweep } from './start.ts'
import { startIterator } from './start-iterator.ts'
import { type KillOptions, type KillParts, killByUser, killMany } from './start-kill.ts'
import { warnDaily } from './daily-warnings.ts'
import { readStatus, shownStatus, type Status, type StatusParts } from './status.ts'
import type { AllWatermarks } from './watermarks.ts'

/** The parts that long work needs. */
export interface LongWorkParts<Data extends object> extends PageParts<Data> {
  readonly writer: Writer
  readonly fences: Fences
  readonly watermarks: AllWatermarks
}

/**
 * All work over many sessions: sweeps, kills of many, iterators, and their status. Loaded at its first use, since most
 * processes only serve visitors and never need it.
 */
export class LongWork<Data extends object> {
  readonly #parts: KillParts<Data> & SweepParts<Data> & StatusParts

  constructor(parts: LongWorkParts<Data>) {
    const { settings, ender, writer, fences } = parts
    const massKill = new MassKill<Data>(settings, ender, writer, fences)
    const kinds = new RunKinds<Data>({ ...parts, massKill })
    const engine = new Engine<Data>(settings, kinds)
    this.#parts = { ...parts, massKill, engine, sweep: kinds.sweep }
  }

  async killByUser(user: string, options: KillOptions): Promise<KillResult> {
    return await killByUser(this.#parts, user, options)
  }

  async killAll(): Promise<KillResult> {
    return await killMany(this.#parts, null, null)
  }

  /** `budget`: see {@link startSweep}. */
  async startSweep(options?: ClearOptions, budget?: number): Promise<ClearRun> {
    return await startSweep(this.#parts, options, budget)
  }

  async startIterator(iter: IteratorClass, query: IterQuery, customData: Json): Promise<void> {
    const { engine, settings, watermarks } = this.#parts
    await startIterator(engine, watermarks, settings.now, iter, query, customData)
  }

  /** `budget`: how long one step works until it adds the next task, in milliseconds. */
  async handleTask(body: unknown, budget?: number): Promise<StepResult> {
    return await this.#parts.engine.handleTask(body, budget)
  }

  async status(): Promise<Status> {
    return shownStatus(await readStatus(this.#parts))
  }

  /** Logs the warnings of the status, once a day. Returns the milliseconds until its next call. */
  async warnDaily(): Promise<number> {
    const warnings = async () => (await readStatus(this.#parts)).warnings
    return await warnDaily(this.#parts.settings, warnings)
  }
}
