import { fromStamp, type TaskName, toStamp } from './check.ts'
import type { AttemptLog, TaskLog } from './types.ts'
import type { RequestMessage, TaskMessage } from './wire.ts'

/** A delivery, which can still change while it is under way. */
export type Attempt = { -readonly [Key in keyof AttemptLog]: AttemptLog[Key] }

/** A task and its deliveries. */
export class QueuedTask implements TaskLog {
  readonly id: string
  readonly name: string
  readonly queue: string
  readonly message: TaskMessage
  readonly created: number
  readonly attempts: Attempt[] = []
  scheduled: number
  state: TaskLog['state'] = 'open'

  constructor({ name, id }: TaskName, queue: string, message: TaskMessage, now: number) {
    this.id = id
    this.name = name
    this.queue = queue
    this.message = message
    this.created = now
    const wanted = message.scheduleTime === undefined ? 0 : fromStamp(message.scheduleTime)
    // `CreateTaskRequest`: a time in the past counts as now.
    this.scheduled = Math.max(now, wanted)
  }

  get target(): TaskLog['target'] {
    return this.message.httpRequest === undefined ? 'app-engine' : 'http'
  }

  get body(): string {
    return Buffer.from(this.#request.body ?? []).toString()
  }

  /** The deliveries that count. */
  get tries(): readonly Attempt[] {
    return this.attempts.filter(({ extra }) => !extra)
  }

  /** How long a delivery may take, in milliseconds; `task.proto` defines the meaning of 0. */
  get deadline(): number {
    const { dispatchDeadline } = this.message
    return (dispatchDeadline === undefined ? 0 : fromStamp(dispatchDeadline)) || 10 * 60 * 1000
  }

  /** Returns the task as calls answer with it; the basic view has no body. */
  toMessage(view = 'BASIC'): object {
    const { body, ...request } = this.#request
    const shown = view === 'FULL' ? { ...request, body } : request
    const key = this.target === 'http' ? 'httpRequest' : 'appEngineHttpRequest'
    const [first] = this.tries
    const last = this.tries.at(-1)
    return {
      name: this.name,
      [key]: { ...shown, httpMethod: shown.httpMethod ?? 'POST' },
      scheduleTime: toStamp(this.scheduled),
      createTime: toStamp(Math.floor(this.created / 1000) * 1000),
      dispatchDeadline: toStamp(this.deadline),
      dispatchCount: this.tries.length,
      responseCount: this.tries.filter(({ status }) => status !== null).length,
      ...(first === undefined ? {} : { firstAttempt: { dispatchTime: toStamp(first.started) } }),
      ...(last === undefined ? {} : { lastAttempt: attemptMessage(last) }),
      view: view === 'FULL' ? 'FULL' : 'BASIC',
    }
  }

  get #request(): RequestMessage {
    return this.message.httpRequest ?? this.message.appEngineHttpRequest ?? {}
  }
}

function attemptMessage({ scheduled, started, ended, status, error }: Attempt): object {
  return {
    scheduleTime: toStamp(scheduled),
    dispatchTime: toStamp(started),
    ...(ended === null
      ? {}
      : {
          responseTime: toStamp(ended),
          // 0 is OK, 2 UNKNOWN, 4 DEADLINE_EXCEEDED.
          responseStatus: {
            code: status === null ? 4 : isSuccess(status) ? 0 : 2,
            message: error ?? `HTTP status code ${status}`,
          },
        }),
  }
}

/** Cloud Tasks: "any status from 200 to 299". */
export function isSuccess(status: number | null): boolean {
  return status !== null && status >= 200 && status <= 299
}
