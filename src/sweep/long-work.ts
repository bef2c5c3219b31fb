import type { Json } from '../base/json.ts'
import { type KillResult, MassKill } from '../end/mass-kill.ts'
import type { Fences } from '../end/fences.ts'
import type { EndSettings } from '../end/settings.ts'
import type { Writer } from '../write/writer.ts'
import { Engine, type StepResult } from './engine.ts'
import type { IteratorClass, IterQuery } from './query-iter.ts'
import type { PageParts } from './page-work/page-work.ts'
import { RunKinds } from './run-kind-list.ts'
import type { SweepSettings } from './settings.ts'
import { type ClearOptions, type ClearRun, SweepStart } from './start.ts'
import { startIterator } from './start-iterator.ts'
import { KillMany, type KillOptions } from './start-kill.ts'
import { warnDaily } from './daily-warnings.ts'
import { readStatus, readWarnings, type Status } from './status.ts'
import type { AllWatermarks } from './watermarks.ts'

/** The parts that long work needs. */
export interface LongWorkParts<Data extends object> extends PageParts<Data> {
  readonly settings: SweepSettings & EndSettings
  readonly writer: Writer
  readonly fences: Fences
  readonly watermarks: AllWatermarks
}

/**
 * All work over many sessions: sweeps, kills of many, iterators, and their status. Loaded at its first use, since most
 * processes only serve visitors and never need it.
 */
export class LongWork<Data extends object> {
  readonly #parts: LongWorkParts<Data>
  readonly #engine: Engine<Data>
  readonly #sweeps: SweepStart<Data>
  readonly #kills: KillMany<Data>

  constructor(parts: LongWorkParts<Data>) {
    const { settings, ender, writer, fences, watermarks } = parts
    const massKill = new MassKill<Data>(settings, ender, writer, fences)
    this.#parts = parts
    this.#engine = new Engine<Data>(settings, new RunKinds<Data>({ ...parts, massKill }))
    this.#sweeps = new SweepStart<Data>(settings, this.#engine, ender, watermarks)
    this.#kills = new KillMany<Data>(this.#engine, massKill, settings)
  }

  async killByUser(user: string, options: KillOptions): Promise<KillResult> {
    return await this.#kills.byUser(user, options)
  }

  async killAll(): Promise<KillResult> {
    return await this.#kills.all()
  }

  /** `budget`: see {@link SweepStart.start}. */
  async startSweep(options?: ClearOptions, budget?: number): Promise<ClearRun> {
    return await this.#sweeps.start(options, budget)
  }

  async startIterator(iter: IteratorClass, query: IterQuery, customData: Json): Promise<void> {
    const { settings, watermarks } = this.#parts
    await startIterator(this.#engine, watermarks, settings.now, iter, query, customData)
  }

  /** `budget`: how long one step works until it adds the next task, in milliseconds. */
  async handleTask(body: unknown, budget?: number): Promise<StepResult> {
    return await this.#engine.handleTask(body, budget)
  }

  async status(): Promise<Status> {
    const { settings, watermarks, ender } = this.#parts
    return await readStatus(settings, watermarks, ender, this.#engine.kinds.sweep)
  }

  /** Logs the warnings of the status, once a day. Returns the milliseconds until its next call. */
  async warnDaily(): Promise<number> {
    const { settings, watermarks, ender } = this.#parts
    const { store, now, logger } = settings
    const { sweep } = this.#engine.kinds
    const warnings = () => readWarnings(settings, watermarks, ender, sweep)
    return await warnDaily({ store, now, logger, warnings })
  }
}
