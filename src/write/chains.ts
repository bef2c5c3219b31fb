import { SessionContentionError, SessionStoreError } from '../base/errors.ts'
import { passingTrouble } from '../base/store-errors.ts'
import type { SessionKey } from '../record/id.ts'
import type { Limit } from '../store/budget.ts'
import type { Delta } from './change.ts'
import type { Committer, Loaded } from './source.ts'

/**
 * The last known state of a session in its chain of writes: the stored session, `'gone'` if it has ended, `null` if
 * unknown.
 */
export type Latest = Loaded | 'gone' | null

/** Changes of a session that a caller waits for. */
export interface DeltaJob {
  readonly kind: 'delta'
  readonly base: Loaded
  readonly delta: Delta
  readonly limit: Limit
  readonly lease: Committer | null
  resolve(result: Loaded | 'gone'): void
  reject(error: unknown): void
}

interface TaskJob {
  readonly kind: 'task'
  /** Gets the state that the writes before it left behind, if it is known. */
  run(latest: Latest): Promise<Latest>
}

/** Stores the changes of several jobs in one write. Returns the stored session, or `'gone'`. */
type SaveTogether = (base: Loaded, jobs: readonly DeltaJob[]) => Promise<Loaded | 'gone'>

/**
 * Runs the writes to each session within this process one after the other. While a write runs, later changes wait, and
 * are then stored together in one write. A caller stops waiting when its limit is over; the other jobs of the chain
 * continue.
 */
export class Chains {
  readonly #save: SaveTogether
  readonly #chains = new Map<SessionKey, (DeltaJob | TaskJob)[]>()

  constructor(save: SaveTogether) {
    this.#save = save
  }

  /** Whether a write to the session is running. */
  has(key: SessionKey): boolean {
    return this.#chains.has(key)
  }

  add(key: SessionKey, job: DeltaJob | TaskJob): void {
    const chain = this.#chains.get(key)
    if (chain !== undefined) {
      chain.push(job)
      return
    }
    const started = [job]
    this.#chains.set(key, started)
    void this.#run(key, started)
  }

  /** Runs the jobs of one chain. Never rejects: each job gets its own error. */
  async #run(key: SessionKey, chain: (DeltaJob | TaskJob)[]): Promise<void> {
    let latest: Latest = null
    for (let job = chain.shift(); job !== undefined; job = chain.shift()) {
      if (job.kind === 'task') {
        latest = await job.run(latest)
        continue
      }
      const jobs = [job]
      // Only jobs with the same lease are joined: an expired lease must not fail jobs without one.
      while (chain[0]?.kind === 'delta' && chain[0].lease === job.lease) {
        jobs.push(chain.shift() as DeltaJob)
      }
      latest = await this.#runDeltas(jobs, latest)
    }
    this.#chains.delete(key)
  }

  async #runDeltas(jobs: readonly DeltaJob[], latest: Latest): Promise<Latest> {
    // The change of a caller that has given up meanwhile must not be stored: the caller was told that it failed.
    if (jobs.some(({ limit }) => limit.left <= 0)) {
      const waiting = jobs.filter(({ limit }) => limit.left > 0)
      for (const job of jobs) if (!waiting.includes(job)) job.reject(givenUp())
      return await this.#runDeltas(waiting, latest)
    }
    const [first] = jobs
    if (first === undefined) return latest
    try {
      // An id is never used twice, so an ended session does not come back.
      const result = latest === 'gone' ? latest : await this.#save(latest ?? first.base, jobs)
      for (const job of jobs) job.resolve(result)
      return result
    } catch (error) {
      if (
        jobs.length === 1 ||
        error instanceof SessionStoreError ||
        error instanceof SessionContentionError
      ) {
        for (const job of jobs) job.reject(error)
        return null
      }
      // One of the changes cannot be stored, for example because the session would be too large. The others still can.
      let left: Latest = latest
      for (const job of jobs) left = await this.#runDeltas([job], left)
      return left
    }
  }
}

function givenUp(): SessionStoreError {
  return passingTrouble('the caller no longer waits for this write')
}
