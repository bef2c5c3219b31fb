import type { Duration } from './duration.ts'
import type { TokenSigner } from './tokens.ts'

/** The settings of a queue, as in `queue.yaml` or `RetryConfig` and `RateLimits` of the interface. */
export interface QueueSettings {
  /** How often a task is tried at the most; -1: without a limit. Default 100. */
  readonly maxAttempts?: number
  /** For how long a task is tried at least, whatever `maxAttempts` says; 0: that alone counts. Default 0. */
  readonly maxRetryDuration?: Duration
  /** The wait before the second try. Default 100 ms. */
  readonly minBackoff?: Duration
  /** The longest wait between tries. Default one hour. */
  readonly maxBackoff?: Duration
  /** How often the wait doubles, before it grows by the same step each time. Default 16. */
  readonly maxDoublings?: number
  /** How many deliveries may be under way at a time. Default 1000. */
  readonly maxConcurrentDispatches?: number
  /** How many deliveries may begin in a second. Default 500. */
  readonly maxDispatchesPerSecond?: number
}

/** One delivery of a task. */
export interface AttemptLog {
  /** 1 for the first. */
  readonly number: number
  /** When it was due, began and ended; milliseconds by the server's clock. `ended` is `null` while it is under way. */
  readonly scheduled: number
  readonly started: number
  readonly ended: number | null
  /** The HTTP status that came back, or `null`. */
  readonly status: number | null
  /** Why nothing came back, or `null`. */
  readonly error: string | null
  /** True for one that `deliverTwice` added; what comes of it does not count. */
  readonly extra: boolean
  /** What was sent. */
  readonly method: string
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
}

/** What became of a task. */
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
  /** When it is due, or was last. */
  readonly scheduled: number
  /** `done`: answered with 2xx. `given-up`: tried as often as the queue allows. `deleted`: by a call. */
  readonly state: 'open' | 'done' | 'given-up' | 'deleted'
  readonly attempts: readonly AttemptLog[]
}

/** How often things happened since the start. */
export interface TaskCounters {
  /** Tasks taken. */
  readonly created: number
  /** Tasks refused because their name was taken. */
  readonly refused: number
  /** Deliveries begun, with those that `deliverTwice` added. */
  readonly attempts: number
  /** Tasks that were answered with 2xx. */
  readonly done: number
  /** Tasks that were tried as often as the queue allows. */
  readonly givenUp: number
  /** Tasks deleted or purged by a call. */
  readonly deleted: number
}

/** What {@link CloudTasksServer.deliverTwice} takes. */
export interface DeliverTwiceOptions {
  /** The id of the only task meant. Default: all. */
  readonly task?: string
  /** `'at-once'` (default): side by side with each delivery. `'late'`: once more after the task was answered with 2xx. */
  readonly when?: 'at-once' | 'late'
}

/** A Cloud Tasks server on this machine; see `cloudTasksServer()`. */
export interface CloudTasksServer {
  /** `127.0.0.1:port`, for `CLOUD_TASKS_EMULATOR_HOST`. */
  readonly host: string
  readonly port: number
  /** Signs the OIDC tokens: its keys for who verifies them, and tokens of one's own. */
  readonly tokens: TokenSigner
  /** All tasks taken, oldest first, also those that are through. */
  readonly tasks: readonly TaskLog[]
  readonly counters: TaskCounters
  /** Where tasks for App Engine go from now on: the base URL of an app on this machine. */
  sendAppEngineTasksTo(baseUrl: string): void
  /** Changes settings of a queue, which is made if need be; for all projects and locations. */
  configure(queue: string, settings: QueueSettings): void
  /** Stops deliveries, of one queue or of all, unless a call asks for one (`RunTask`). Tasks are still taken. */
  hold(queue?: string): void
  /** Ends what `hold` began. */
  release(queue?: string): void
  /** Delivers tasks twice from now on, as the real service may. Gives what ends it. */
  deliverTwice(options?: DeliverTwiceOptions): () => void
  /** Settles once no task is open and no delivery under way, or the server is stopped. */
  idle(): Promise<void>
  /** Cuts deliveries off and closes everything. Open tasks are lost. */
  stop(): Promise<void>
}
