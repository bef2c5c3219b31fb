import type { Duration } from './duration.ts'
import type { TokenSigner } from './tokens.ts'

/** The settings of a queue, as in `queue.yaml`, or in `RetryConfig` and `RateLimits` of the API. */
export interface QueueSettings {
  /** Maximum number of tries of a task; -1: no limit. Default 100. */
  readonly maxAttempts?: number
  /** Minimum time for which a task is tried, regardless of `maxAttempts`; 0: only `maxAttempts` counts. Default 0. */
  readonly maxRetryDuration?: Duration
  /** The wait before the second try. Default 100 ms. */
  readonly minBackoff?: Duration
  /** The longest wait between tries. Default one hour. */
  readonly maxBackoff?: Duration
  /** How often the wait doubles before it grows by the same step each time. Default 16. */
  readonly maxDoublings?: number
  /** Maximum number of deliveries at a time. Default 1000. */
  readonly maxConcurrentDispatches?: number
  /** Maximum number of deliveries that begin in a second. Default 500. */
  readonly maxDispatchesPerSecond?: number
}

/** One delivery of a task. */
export interface AttemptLog {
  /** 1 for the first. */
  readonly number: number
  /**
   * When the delivery was due, began and ended; milliseconds by the server's clock. `ended` is `null` while it is under
   * way.
   */
  readonly scheduled: number
  readonly started: number
  readonly ended: number | null
  /** The HTTP status of the answer, or `null`. */
  readonly status: number | null
  /** Why there was no answer, or `null`. */
  readonly error: string | null
  /** True for a delivery that `deliverTwice` added; its result does not count. */
  readonly extra: boolean
  /** The request. */
  readonly method: string
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
}

/** A task and its history. */
export interface TaskLog {
  /** The id, the last part of the full name. */
  readonly id: string
  /** `projects/P/locations/L/queues/Q/tasks/ID`. */
  readonly name: string
  /** The id of its queue. */
  readonly queue: string
  readonly target: 'app-engine' | 'http'
  readonly body: string
  /** Milliseconds by the server's clock. */
  readonly created: number
  /** When the task is due, or was due last. */
  readonly scheduled: number
  /** `done`: answered with 2xx. `given-up`: tried as often as the queue allows. `deleted`: by a call. */
  readonly state: 'open' | 'done' | 'given-up' | 'deleted'
  readonly attempts: readonly AttemptLog[]
}

/** Counts since the start. */
export interface TaskCounters {
  /** Accepted tasks. */
  readonly created: number
  /** Tasks refused because their name was taken. */
  readonly refused: number
  /** Begun deliveries, including those that `deliverTwice` added. */
  readonly attempts: number
  /** Tasks that were answered with 2xx. */
  readonly done: number
  /** Tasks that were given up after the maximum number of tries. */
  readonly givenUp: number
  /** Tasks deleted or purged by a call. */
  readonly deleted: number
}

/** Options of {@link CloudTasksServer.deliverTwice}. */
export interface DeliverTwiceOptions {
  /** The id of the only task to deliver twice. Default: all tasks. */
  readonly task?: string
  /**
   * `'at-once'` (default): in parallel with each delivery. `'late'`: once more after the task was answered with 2xx.
   */
  readonly when?: 'at-once' | 'late'
}

/** A Cloud Tasks server on this machine; see `cloudTasksServer()`. */
export interface CloudTasksServer {
  /** `127.0.0.1:port`, for `CLOUD_TASKS_EMULATOR_HOST`. */
  readonly host: string
  readonly port: number
  /** Signs the OIDC tokens: has its keys for the verifier, and makes tokens for tests. */
  readonly tokens: TokenSigner
  /** All accepted tasks, oldest first, including completed ones. */
  readonly tasks: readonly TaskLog[]
  readonly counters: TaskCounters
  /** Sets the base URL of the app on this machine that gets tasks for App Engine from now on. */
  sendAppEngineTasksTo(baseUrl: string): void
  /** Changes settings of a queue in all projects and locations. The queue is made if it does not exist. */
  configure(queue: string, settings: QueueSettings): void
  /**
   * Stops deliveries of one queue or of all, except those that a call requests (`RunTask`). Tasks are still accepted.
   */
  hold(queue?: string): void
  /** Continues the deliveries that `hold` stopped. */
  release(queue?: string): void
  /** Delivers tasks twice from now on, as the real service may. Returns a function that ends it. */
  deliverTwice(options?: DeliverTwiceOptions): () => void
  /** Resolves when no task is open and no delivery is under way, or when the server is stopped. */
  idle(): Promise<void>
  /** Aborts deliveries and closes everything. Open tasks are lost. */
  stop(): Promise<void>
}
