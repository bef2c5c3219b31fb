import { type Answer, type Outgoing, send } from './delivery.ts'
import { backoff, type Settings } from './settings.ts'
import { type Attempt, isSuccess, type QueuedTask } from './task.ts'

/** Waits for a duration in milliseconds, or until the signal is aborted. It may settle late. */
export type Sleep = (duration: number, signal: AbortSignal) => Promise<void>

/** The parts of the server that a queue uses. */
export interface QueueParts {
  readonly now: () => number
  readonly sleep: Sleep
  /** Waits for the deadline of a delivery. */
  readonly deadlineSleep: Sleep
  readonly isHeld: () => boolean
  readonly settings: () => Settings
  outgoing(task: QueuedTask, tries: readonly Attempt[]): Outgoing
  /** Whether the task must be delivered twice, and when. */
  twice(task: QueuedTask): 'at-once' | 'late' | null
  /** Called when a task is completed or given up. */
  finished(task: QueuedTask): void
  /** Called after each change. */
  changed(): void
}

/**
 * Maximum number of deliveries that may begin at once after a pause. Cloud Tasks derives it from the rate, up to 100.
 */
function burst({ maxDispatchesPerSecond }: Settings): number {
  return Math.max(1, Math.min(100, Math.ceil(maxDispatchesPerSecond / 5)))
}

/** Decides when each of its tasks is delivered, and what to do after each answer. */
export class Queue {
  readonly id: string
  readonly name: string
  paused = false
  readonly #parts: QueueParts
  readonly #waiting = new Set<QueuedTask>()
  /** Completed tasks that must be delivered once more. */
  readonly #late: QueuedTask[] = []
  readonly #running = new Set<AbortController>()
  readonly #deliveries = new Set<Promise<void>>()
  #armed: { readonly at: number; readonly controller: AbortController } | null = null
  #tokens: number
  #refilled: number
  /**
   * The number of consecutive answers that asked to slow down, and the time until which deliveries pause for that
   * reason.
   */
  #refusals = 0
  #throttledUntil = 0
  #stopped = false

  constructor(name: string, id: string, parts: QueueParts) {
    this.name = name
    this.id = id
    this.#parts = parts
    this.#tokens = burst(parts.settings())
    this.#refilled = parts.now()
  }

  get isIdle(): boolean {
    return this.#waiting.size === 0 && this.#late.length === 0 && this.#running.size === 0
  }

  add(task: QueuedTask): void {
    this.#waiting.add(task)
    this.pump()
  }

  /** Removes a task that must not be delivered again. */
  drop(task: QueuedTask): void {
    this.#waiting.delete(task)
    this.#parts.changed()
  }

  /** Delivers the task now, regardless of pause, rate and schedule. */
  run(task: QueuedTask): void {
    task.scheduled = this.#parts.now()
    this.#deliver(task)
  }

  async stop(): Promise<void> {
    this.#stopped = true
    this.#waiting.clear()
    this.#late.length = 0
    this.#armed?.controller.abort()
    for (const controller of this.#running) controller.abort()
    await Promise.all(this.#deliveries)
  }

  /**
   * Delivers all tasks that may be delivered, and sets the timer for the next one. `time`: the earliest possible
   * present time.
   */
  pump(time = 0): void {
    const { now, settings, isHeld } = this.#parts
    if (this.#stopped || this.paused || isHeld()) return
    const current = Math.max(time, now())
    const { maxConcurrentDispatches, maxDispatchesPerSecond } = settings()
    this.#refill(current)
    for (const task of this.#late.splice(0)) this.#start(task, true)
    const due = [...this.#waiting].sort((a, b) => a.scheduled - b.scheduled)
    for (const task of due) {
      // The end of a delivery calls this method again.
      if (this.#running.size >= maxConcurrentDispatches) return
      const slot = current + Math.max(0, (1 - this.#tokens) / maxDispatchesPerSecond) * 1000
      const at = Math.max(task.scheduled, this.#throttledUntil, slot)
      if (at > current) {
        this.#arm(at, current)
        return
      }
      this.#tokens -= 1
      this.#deliver(task)
    }
  }

  #refill(time: number): void {
    const settings = this.#parts.settings()
    const passed = Math.max(0, time - this.#refilled) / 1000
    this.#tokens = Math.min(
      burst(settings),
      this.#tokens + passed * settings.maxDispatchesPerSecond,
    )
    this.#refilled = Math.max(this.#refilled, time)
  }

  #arm(at: number, current: number): void {
    if (this.#armed?.at === at) return
    this.#armed?.controller.abort()
    const armed = { at, controller: new AbortController() }
    this.#armed = armed
    void this.#parts.sleep(at - current, armed.controller.signal).then(
      () => {
        if (this.#armed !== armed) return
        this.#armed = null
        // The sleep determines the present time, so that a sleep without duration does not cause an endless loop.
        this.pump(at)
      },
      () => undefined,
    )
  }

  #deliver(task: QueuedTask): void {
    this.#waiting.delete(task)
    if (this.#parts.twice(task) === 'at-once') this.#start(task, true)
    this.#start(task, false)
  }

  #start(task: QueuedTask, extra: boolean): void {
    const delivery = this.#attempt(task, extra)
    this.#deliveries.add(delivery)
    void delivery.finally(() => this.#deliveries.delete(delivery))
  }

  /** Makes one delivery and handles its answer. Never rejects. */
  async #attempt(task: QueuedTask, extra: boolean): Promise<void> {
    const { now, outgoing, changed } = this.#parts
    const { tries } = task
    const request = outgoing(task, task.state === 'open' ? tries : tries.slice(0, -1))
    const { method, url, headers } = request
    const attempt: Attempt = {
      number: task.attempts.length + 1,
      scheduled: task.scheduled,
      started: now(),
      ended: null,
      status: null,
      error: null,
      extra,
      method,
      url,
      headers,
    }
    task.attempts.push(attempt)
    const controller = new AbortController()
    this.#running.add(controller)
    let answer: Answer | null = null
    try {
      answer = await this.#sendInTime(request, task.deadline, controller)
      attempt.status = answer.status
    } catch (error) {
      attempt.error = error instanceof Error ? error.message : String(error)
    }
    attempt.ended = now()
    this.#running.delete(controller)
    if (!this.#stopped && !extra) this.#settle(task, answer)
    changed()
    this.pump()
  }

  async #sendInTime(
    request: Outgoing,
    deadline: number,
    controller: AbortController,
  ): Promise<Answer> {
    const timer = new AbortController()
    const late = this.#parts.deadlineSleep(deadline, timer.signal).then(() => {
      throw new Error(`no answer within ${deadline} ms`)
    })
    try {
      return await Promise.race([send(request, controller.signal), late])
    } finally {
      timer.abort()
      controller.abort()
    }
  }

  #settle(task: QueuedTask, answer: Answer | null): void {
    const { now, settings, finished, twice } = this.#parts
    const time = now()
    if (answer !== null && [429, 503].includes(answer.status)) {
      // `queue.proto`, on rate limits: such answers slow down the whole queue.
      this.#refusals += 1
      const pause = Math.max(answer.retryAfter, backoff(this.#refusals, settings()))
      this.#throttledUntil = Math.max(this.#throttledUntil, time + pause)
    } else if (answer !== null) {
      this.#refusals = 0
    }
    // Deleted meanwhile, or answered by a parallel delivery.
    if (task.state !== 'open') return
    if (isSuccess(answer?.status ?? null)) {
      this.#waiting.delete(task)
      task.state = 'done'
      finished(task)
      if (twice(task) === 'late') this.#late.push(task)
      return
    }
    const { tries } = task
    const { maxAttempts, maxRetryDuration } = settings()
    const old = time - (tries[0]?.started ?? time) >= maxRetryDuration
    const often = maxAttempts !== -1 && tries.length >= maxAttempts
    if (maxAttempts === -1 ? maxRetryDuration > 0 && old : often && old) {
      this.#waiting.delete(task)
      task.state = 'given-up'
      finished(task)
      return
    }
    task.scheduled = time + backoff(tries.length, settings())
    this.#waiting.add(task)
  }
}
