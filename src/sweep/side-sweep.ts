import { randomInt } from 'node:crypto'
import { type Ender, IN_REQUEST } from '../end/ender.ts'
import { Problems } from '../end/problems.ts'
import { googleCloudSign } from '../google/platform.ts'
import { LEEWAY } from '../record/expiry.ts'
import type { Found } from '../record/record.ts'
import { isOver } from './page-work/page-work.ts'
import { expiringIn, freshLane } from './run.ts'
import type { SweepSettings } from './settings.ts'
import type { AllWatermarks } from './watermarks.ts'

/** The largest number of sessions that one side sweep ends. */
const PAGE = 20

type SideSweepSettings = Pick<
  SweepSettings,
  'store' | 'events' | 'outsideIds' | 'now' | 'logger'
> & {
  readonly sweepProbability: number
}

/** A small sweep that sometimes runs beside a request that writes, for apps without cron. */
export class SideSweep<Data extends object> {
  readonly #settings: SideSweepSettings
  readonly #ender: Ender<Data>
  readonly #watermarks: AllWatermarks

  constructor(settings: SideSweepSettings, ender: Ender<Data>, watermarks: AllWatermarks) {
    this.#settings = settings
    this.#ender = ender
    this.#watermarks = watermarks
  }

  /** Sweeps at random, with the set probability. Returns a promise that the response has to wait for, or `null`. */
  maybe(): Promise<void> | null {
    const { sweepProbability, logger } = this.#settings
    if (sweepProbability === 0 || randomInt(1_000_000) >= sweepProbability * 1_000_000) return null
    // App Engine and Cloud Run withdraw the processor once the response has left, so there the response waits.
    const waits = googleCloudSign(process.env) !== null
    const swept = this.#sweep(waits ? IN_REQUEST : Number.POSITIVE_INFINITY).catch(
      (error: unknown) => {
        logger.warn('a sweep beside a request failed', { error: (error as Error).message })
      },
    )
    return waits ? swept : null
  }

  /**
   * Ends a small page of expired sessions, in one shard drawn at random. `within`: how long all observers together may
   * take for one session, in milliseconds.
   */
  async #sweep(within: number): Promise<void> {
    const { store, now, events, outsideIds } = this.#settings
    if (!(await this.#ender.mayFinish())) return
    const cut = now() - LEEWAY
    const shard = randomInt(store.shards)
    const { outside, sessions } = this.#watermarks
    const low = await (outsideIds ? outside : sessions).low(shard, now())
    const selection = expiringIn(freshLane(shard, low, outsideIds), cut)
    if (!events && !outsideIds) {
      const { keys } = await store.pageKeys(selection, { limit: PAGE })
      await this.#ender.removeExpired(keys)
      return
    }
    const { entries } = await store.page(selection, { limit: PAGE })
    const problems = new Problems()
    await this.#ender.finish(
      entries.filter((entry): entry is Found => entry.record !== null && isOver(entry.record, cut)),
      problems,
      { within },
    )
    this.#ender.logNowAndThen(problems)
  }
}
