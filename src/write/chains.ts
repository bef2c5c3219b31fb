import { SessionContentionError, SessionStoreError } from '../base/errors.ts'
import { passingTrouble } from '../base/store-errors.ts'
import type { SessionKey } from '../record/id.ts'
import type { Limit } from '../store/budget.ts'
import type { Delta } from './change.ts'
import type { Committer, Loaded } from './source.ts'

/** What a chain of writes knows of its session: what is stored, that it has ended, or nothing. */
export type Latest = Loaded | 'gone' | null

/** Changes of a session, of somebody who waits for them. */
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
  /** Gets what the writes before it left behind, if that is known. */
  run(latest: Latest): Promise<Latest>
}

/** Stores the changes of several as one. Gives what is stored then, or `'gone'`. */
type SaveTogether = (base: Loaded, jobs: readonly DeltaJob[]) => Promise<Loaded | 'gone'>

/**
 * The writes to each session within this process, one after the other: while one is in flight, later changes wait, and go out
 * together as one. Whoever waits gives up when its limit is over; the others of the chain go on.
 */
export class Chains {
  readonly #save: SaveTogether
  readonly #chains = new Map<SessionKey, (DeltaJob | TaskJob)[]>()

  constructor(save: SaveTogether) {
    this.#save = save
  }

  /** Whether a write to the session is under way. */
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

  /** Works one chain off. Never rejects: each job hears of its own failure. */
  async #run(key: SessionKey, chain: (DeltaJob | TaskJob)[]): Promise<void> {
    let latest: Latest = null
    for (let job = chain.shift(); job !== undefined; job = chain.shift()) {
      if (job.kind === 'task') {
        latest = await job.run(latest)
        continue
      }
      const jobs = [job]
      // Those without a lease must not fall with one that has run out.
      while (chain[0]?.kind === 'delta' && chain[0].lease === job.lease) {
        jobs.push(chain.shift() as DeltaJob)
      }
      latest = await this.#runDeltas(jobs, latest)
    }
    this.#chains.delete(key)
  }

  async #runDeltas(jobs: readonly DeltaJob[], latest: Latest): Promise<Latest> {
    const waiting = jobs.filter(({ limit }) => limit.left > 0)
    // Whoever has given up meanwhile is not to have its change stored after it was told of the failure.
    if (waiting.length < jobs.length) {
      for (const job of jobs) if (!waiting.includes(job)) job.reject(givenUp())
      return await this.#runDeltas(waiting, latest)
    }
    const [first] = jobs
    if (first === undefined) return latest
    try {
      // An id is never given out twice, so gone stays gone.
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
      // One of them cannot be stored, such as a session grown too large: its neighbours must not suffer.
      let left: Latest = latest
      for (const job of jobs) left = await this.#runDeltas([job], left)
      return left
    }
  }
}

function givenUp(): SessionStoreError {
  return passingTrouble('nobody waits for this write any more')
}
