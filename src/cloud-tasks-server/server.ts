import { setTimeout as wait } from 'node:timers/promises'
import { type Duration, positiveDuration, show } from './duration.ts'
import { CloudTasksServerError } from './errors.ts'
import { type Board, callsOn } from './calls.ts'
import { outgoing } from './delivery.ts'
import { appUrl } from './loopback.ts'
import { Queue, type Sleep } from './queue.ts'
import { DEFAULTS, mergeSettings, type Settings } from './settings.ts'
import type { QueuedTask } from './task.ts'
import { type TokenSigner, tokenSigner } from './tokens.ts'
import type {
  CloudTasksServer,
  DeliverTwiceOptions,
  QueueSettings,
  TaskCounters,
  TaskLog,
} from './types.ts'
import { CallError, type Listening, listen } from './wire.ts'

/** Options of {@link cloudTasksServer}. All are optional. */
export interface CloudTasksServerOptions {
  /** The port on 127.0.0.1. Default: any free one. */
  readonly port?: number
  /** The base URL of the app on this machine that gets tasks for App Engine. Default `http://127.0.0.1:8080`. */
  readonly appEngine?: string
  /** Settings of queues by their id, the same in all projects and locations. */
  readonly queues?: Readonly<Record<string, QueueSettings>>
  /** Settings of all queues without settings of their own. Default: those of Cloud Tasks. */
  readonly defaults?: QueueSettings
  /** Whether a queue is made on first use. Default `true`; the real service answers NOT_FOUND. */
  readonly makesQueues?: boolean
  /**
   * How long the name of a completed task cannot be used again. Default one hour, as for queues made by the API; for
   * those of `queue.yaml` it is about 9 days (`CreateTaskRequest`).
   */
  readonly remember?: Duration
  /** Milliseconds since the epoch. Default `Date.now`. */
  readonly now?: () => number
  /** Waits until a task is due; the signal ends the wait early. Default: a timer. */
  readonly sleep?: (duration: number, signal: AbortSignal) => Promise<void>
  /** Waits for the deadline of a delivery. Default: a timer, even when `sleep` is set. */
  readonly deadlineSleep?: (duration: number, signal: AbortSignal) => Promise<void>
}

/** The longest duration of a Node timer, in milliseconds. */
const LONGEST_TIMER = 2 ** 31 - 1

/**
 * Starts a Cloud Tasks server on 127.0.0.1, for tests and local work. It has the gRPC interface of the real service,
 * and delivers over HTTP with its headers, tokens and retries. It delivers to this machine only, and keeps everything
 * in memory.
 */
export async function cloudTasksServer(
  options: CloudTasksServerOptions = {},
): Promise<CloudTasksServer> {
  const { port = 0 } = options
  if (!Number.isInteger(port) || port < 0 || port > 65535) {
    throw new CloudTasksServerError(
      `cloudTasksServer: port must be a whole number up to 65535, but is ${show(port)}`,
    )
  }
  const server = new Server(options)
  await server.listen(port)
  return server
}

class Server implements CloudTasksServer, Board {
  readonly tokens: TokenSigner
  readonly now: () => number
  readonly makesQueues: boolean
  readonly queues: Map<string, Queue> = new Map()
  readonly open: Map<string, QueuedTask> = new Map()
  readonly #tasks: QueuedTask[] = []
  readonly #sleep: Sleep
  readonly #deadlineSleep: Sleep
  readonly #remember: number
  readonly #defaults: Settings
  readonly #settings = new Map<string, Settings>()
  /** The times until which names of completed tasks cannot be used again. */
  readonly #names = new Map<string, number>()
  readonly #held = new Set<string>()
  readonly #twice = new Set<DeliverTwiceOptions>()
  readonly #waitingForIdle: (() => void)[] = []
  #refused = 0
  #appEngine: string
  #allHeld = false
  #listening: Listening | null = null
  #stopping: Promise<void> | null = null

  constructor(options: CloudTasksServerOptions) {
    this.now = wholeMilliseconds(options.now ?? (() => Date.now()))
    this.tokens = tokenSigner(this.now)
    this.makesQueues = options.makesQueues ?? true
    this.#sleep = options.sleep ?? timer
    this.#deadlineSleep = options.deadlineSleep ?? timer
    this.#remember = positiveDuration('cloudTasksServer: remember', options.remember ?? '1h')
    this.#appEngine = appUrl('appEngine', options.appEngine ?? 'http://127.0.0.1:8080')
    this.#defaults = mergeSettings(DEFAULTS, options.defaults ?? {})
    for (const [id, settings] of Object.entries(options.queues ?? {})) this.configure(id, settings)
  }

  async listen(port: number): Promise<void> {
    this.#listening = await listen(port, callsOn(this))
  }

  get port(): number {
    return this.#listening?.port ?? 0
  }

  get host(): string {
    return `127.0.0.1:${this.port}`
  }

  get tasks(): readonly TaskLog[] {
    return [...this.#tasks]
  }

  get counters(): TaskCounters {
    const inState = (state: TaskLog['state']) =>
      this.#tasks.filter((task) => task.state === state).length
    return {
      created: this.#tasks.length,
      refused: this.#refused,
      attempts: this.#tasks.reduce((sum, { attempts }) => sum + attempts.length, 0),
      done: inState('done'),
      givenUp: inState('given-up'),
      deleted: inState('deleted'),
    }
  }

  sendAppEngineTasksTo(baseUrl: string): void {
    this.#appEngine = appUrl('the base URL', baseUrl)
  }

  configure(queue: string, settings: QueueSettings): void {
    this.#settings.set(queue, mergeSettings(this.settingsOf(queue), settings))
    this.#pumpAll()
  }

  hold(queue?: string): void {
    if (queue === undefined) this.#allHeld = true
    else this.#held.add(queue)
  }

  release(queue?: string): void {
    if (queue === undefined) {
      this.#allHeld = false
      this.#held.clear()
    } else {
      this.#held.delete(queue)
    }
    this.#pumpAll()
  }

  deliverTwice(options: DeliverTwiceOptions = {}): () => void {
    const rule = { ...options }
    this.#twice.add(rule)
    return () => void this.#twice.delete(rule)
  }

  idle(): Promise<void> {
    return new Promise((resolve) => {
      this.#waitingForIdle.push(resolve)
      this.#tellIdle()
    })
  }

  stop(): Promise<void> {
    this.#stopping ??= this.#stop()
    return this.#stopping
  }

  async #stop(): Promise<void> {
    this.#listening?.stop()
    await Promise.all([...this.queues.values()].map((queue) => queue.stop()))
    this.#tellIdle()
  }

  // --- The state that the calls read and change ---

  settingsOf(id: string): Settings {
    return this.#settings.get(id) ?? this.#defaults
  }

  make(name: string, id: string, settings: QueueSettings): Queue {
    try {
      if (Object.keys(settings).length > 0) this.configure(id, settings)
    } catch (error) {
      if (!(error instanceof CloudTasksServerError)) throw error
      throw new CallError('INVALID_ARGUMENT', error.message)
    }
    const queue = new Queue(name, id, {
      now: this.now,
      sleep: this.#sleep,
      deadlineSleep: this.#deadlineSleep,
      isHeld: () => this.#allHeld || this.#held.has(id),
      settings: () => this.settingsOf(id),
      outgoing: (task, tries) => outgoing(task, tries, this.#appEngine, this.tokens),
      twice: (task) => this.#twiceFor(task),
      finished: (task) => this.#forget(task),
      changed: () => this.#tellIdle(),
    })
    this.queues.set(name, queue)
    return queue
  }

  wasThere(name: string): boolean {
    return (this.#names.get(name) ?? 0) > this.now()
  }

  add(task: QueuedTask, queue: Queue): void {
    this.#tasks.push(task)
    this.open.set(task.name, task)
    queue.add(task)
  }

  remove(task: QueuedTask, queue: Queue): void {
    task.state = 'deleted'
    this.#forget(task)
    queue.drop(task)
  }

  refused(): void {
    this.#refused += 1
  }

  #forget(task: QueuedTask): void {
    this.open.delete(task.name)
    this.#names.set(task.name, this.now() + this.#remember)
  }

  #twiceFor(task: QueuedTask): 'at-once' | 'late' | null {
    for (const { task: id, when = 'at-once' } of this.#twice) {
      if (id === undefined || id === task.id) return when
    }
    return null
  }

  #pumpAll(): void {
    for (const queue of this.queues.values()) queue.pump()
  }

  #tellIdle(): void {
    const idle = [...this.queues.values()].every((queue) => queue.isIdle)
    if (!idle && this.#stopping === null) return
    for (const tell of this.#waitingForIdle.splice(0)) tell()
  }
}

function wholeMilliseconds(now: () => number): () => number {
  return () => {
    const time = Math.floor(now())
    if (Number.isFinite(time)) return time
    throw new CloudTasksServerError('now() must return milliseconds since the epoch')
  }
}

async function timer(duration: number, signal: AbortSignal): Promise<void> {
  for (let left = duration; left > 0; left -= LONGEST_TIMER) {
    // Rounded up, since a task must not be early.
    await wait(Math.ceil(Math.min(left, LONGEST_TIMER)), undefined, { signal })
  }
}
