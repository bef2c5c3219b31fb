import { storeRefusal } from '../base/store-errors.ts'
import { type Clock, clockFrom, pause } from '../base/clock.ts'
import { type Duration, parseDuration, positiveDuration, show } from '../base/duration.ts'
import type { Task, TaskQueue } from '../sweep/task-queue.ts'
import { SessionStoreError, SessionValueError } from '../base/errors.ts'
import { checkOptions, functionOption, namesOf, wrongOption } from '../base/option-checks.ts'
import { ALREADY_EXISTS, codeOf } from '../google/grpc-errors.ts'
import { isQueueId, type QueuePath, queuePath } from './queue-path.ts'
import type { QueuePlace } from './queue-place.ts'
import { type AppEngineTarget, type HttpTarget, type Target, targetFrom } from './target.ts'
import {
  type CloudTasksClient,
  isTasksClient,
  type OpenTasksClient,
  openTasksClient,
  tasksEmulatorFrom,
} from './tasks-client.ts'
import { asTasksError, isWorthAnotherTry } from './tasks-errors.ts'

export type { AppEngineTarget, HttpTarget } from './target.ts'

/** Options of {@link cloudTasks}. */
export interface CloudTasksOptions {
  /** The queue's id, or its full name `projects/P/locations/L/queues/Q`. The queue must exist already. */
  readonly queue: string
  /**
   * The region of the queue. Default: the region in the full name of `queue`, otherwise `CLOUD_TASKS_LOCATION`,
   * `GOOGLE_CLOUD_LOCATION` or `GOOGLE_CLOUD_REGION` of the environment. Neither App Engine nor Cloud Run sets any of
   * these variables.
   */
  readonly location?: string
  /**
   * The Google Cloud project. Default: the project in the full name of `queue`, otherwise `GOOGLE_CLOUD_PROJECT` or
   * `GCLOUD_PROJECT` of the environment. Without these, `viur-session-local` when `CLOUD_TASKS_EMULATOR_HOST` is set,
   * otherwise the project of the credentials.
   */
  readonly projectId?: string
  /** The target of deliveries: the route that calls `sessions.handleTask(body)`. */
  readonly target: { readonly appEngine: AppEngineTarget } | HttpTarget
  /**
   * A `CloudTasksClient` that the app already has, or an object that passes `createTask` on to one. It is never closed,
   * and uses its own endpoint. Default: a new client, made on first use.
   */
  readonly client?: CloudTasksClient
  /**
   * Maximum duration of one call to Cloud Tasks, at most a minute. Default 10 seconds, since adding named tasks takes
   * longer (Cloud Tasks: "Common pitfalls"). A call that fails for a temporary reason is tried 3 times.
   */
  readonly deadline?: Duration
  /**
   * How long a delivery may take before it counts as failed: 15 seconds to 30 minutes, on App Engine up to 24 hours and
   * 15 seconds. Default: that of the service, 10 minutes; on App Engine with basic or manual scaling 24 hours.
   */
  readonly dispatchDeadline?: Duration
  /** Milliseconds since the epoch. Default `Date.now`. */
  readonly now?: () => number
  /** Waits between tries, in milliseconds. Default: a timer. */
  readonly sleep?: (duration: number) => Promise<void>
}

const OPTIONS = namesOf<CloudTasksOptions>({
  queue: true,
  location: true,
  projectId: true,
  target: true,
  client: true,
  deadline: true,
  dispatchDeadline: true,
  now: true,
  sleep: true,
})

/** The queue that {@link cloudTasks} returns. */
export interface CloudTaskQueue extends TaskQueue {
  /**
   * Resolves when Cloud Tasks has the task, or had one of this name before. Rejects with `SessionValueError` for an
   * invalid task, and with `SessionStoreError` when Cloud Tasks refused it or could not be reached. `queue` of the task
   * is the id of another queue in the same project and location; empty means the queue of the options.
   */
  add(task: Task): Promise<'added' | 'exists'>
  /** Closes the connection, unless the client belongs to the app. `add` rejects from then on. */
  close(): Promise<void>
}

/** How often a call is tried. Tasks have names, so another try cannot add a task twice. */
const TRIES = 3

/** The wait before the second try, in milliseconds; it doubles. */
const BACKOFF = 100

/** How long after the deadline the error of the service or the client may still arrive, in milliseconds. */
const GRACE = 100

/** Cloud Tasks, `task.proto`: letters, digits, hyphens and underscores, up to 500 characters. */
const NAME = /^[A-Za-z0-9_-]{1,500}$/

/**
 * Maximum size of a body, in bytes. A whole task may have 100 KB by `cloudtasks.proto`, and 1 MiB by "Quotas and
 * limits". The smaller limit counts, and the rest of it is for name, address and headers.
 */
const BODY_LIMIT = 100_000 - 4_000

const SECOND = 1000
const MINUTE = 60 * SECOND
const HOUR = 60 * MINUTE

/** Cloud Tasks, "Quotas and limits": maximum delay of a scheduled task. */
const LONGEST_DELAY = 30 * 24 * HOUR

/**
 * Adds tasks to Google Cloud Tasks, or to the server that `CLOUD_TASKS_EMULATOR_HOST` names, such as that of
 * `cloudTasksServer()` in `viur-session/testing`. Before the first use it makes no call, and does not load
 * `@google-cloud/tasks`. Throws `SessionConfigError` for options that cannot work.
 */
export function cloudTasks(options: CloudTasksOptions): CloudTaskQueue {
  checkOptions('cloudTasks()', options, OPTIONS)
  const { client = null } = options
  if (client !== null && !isTasksClient(client)) {
    throw wrongOption(
      'cloudTasks: client',
      'must be a CloudTasksClient of @google-cloud/tasks',
      client,
    )
  }
  const now = functionOption('cloudTasks: now', options.now) ?? (() => Date.now())
  const sleep = functionOption('cloudTasks: sleep', options.sleep) ?? pause
  const environment = { ...process.env }
  const emulator = client === null ? tasksEmulatorFrom(environment) : null
  const queue = queuePath(options, environment, emulator !== null)
  const target = targetFrom(options.target, environment)
  const deadline = limited('deadline', options.deadline ?? 10 * SECOND, 1, MINUTE, 'up to a minute')
  const dispatchDeadline =
    options.dispatchDeadline === undefined
      ? null
      : dispatchDeadlineFor(target, options.dispatchDeadline)
  return new CloudTasks({
    queue,
    target,
    deadline,
    dispatchDeadline,
    now: clockFrom(now),
    sleep,
    open: () => openTasksClient({ client, emulator, projectId: queue.projectId }),
    isEmulator: emulator !== null,
  })
}

/** The deadlines that `task.proto` allows. */
function dispatchDeadlineFor(target: Target, value: Duration): number {
  return target.kind === 'app-engine'
    ? limited(
        'dispatchDeadline',
        value,
        15 * SECOND,
        24 * HOUR + 15 * SECOND,
        '15 seconds to 24 hours and 15 seconds',
      )
    : limited('dispatchDeadline', value, 15 * SECOND, 30 * MINUTE, '15 seconds to 30 minutes')
}

function limited(
  option: string,
  value: Duration,
  least: number,
  most: number,
  rule: string,
): number {
  const parsed = positiveDuration(`cloudTasks: ${option}`, value)
  if (parsed < least || parsed > most) {
    throw wrongOption(`cloudTasks: ${option}`, `must be ${rule}`, value)
  }
  return parsed
}

interface Parts {
  readonly queue: QueuePath
  readonly target: Target
  readonly deadline: number
  readonly dispatchDeadline: number | null
  readonly now: Clock
  readonly sleep: (duration: number) => Promise<void>
  /** Prepares the client. Called once, and again only after a failure. */
  readonly open: () => Promise<OpenTasksClient>
  readonly isEmulator: boolean
}

class CloudTasks implements CloudTaskQueue {
  readonly #parts: Parts
  #opening: Promise<OpenTasksClient> | null = null
  #closed = false

  constructor(parts: Parts) {
    this.#parts = parts
  }

  async add(task: Task): Promise<'added' | 'exists'> {
    // Checked before the first use of the client, so that an invalid task is reported as such.
    const make = this.#taskOf(task)
    for (let tries = 1; ; tries++) {
      try {
        await this.#create(make)
        return 'added'
      } catch (error) {
        if (codeOf(error) === ALREADY_EXISTS) return 'exists'
        if (tries >= TRIES || !isWorthAnotherTry(error)) {
          throw asTasksError(error, this.#parts.target.kind)
        }
      }
      await this.#parts.sleep(BACKOFF * 2 ** (tries - 1))
    }
  }

  /** Describes the queue for operators. */
  async place(): Promise<QueuePlace> {
    const { queue, target, isEmulator } = this.#parts
    const { httpRequest } = target.request(Buffer.from('{}')) as {
      httpRequest?: { url: string; oidcToken: { serviceAccountEmail: string } }
    }
    return {
      project: queue.projectId ?? (await this.#open()).projectId,
      region: queue.location,
      queue: queue.queueId,
      target: target.kind,
      url: httpRequest?.url ?? null,
      account: httpRequest?.oidcToken.serviceAccountEmail ?? null,
      isEmulator,
    }
  }

  async close(): Promise<void> {
    this.#closed = true
    const opened = await this.#opening?.catch(() => null)
    if (opened?.owned) await opened.client.close?.()
  }

  /**
   * Returns a function that makes the request for a project. Each try gets the same request, so that a delay counts
   * from the first.
   */
  #taskOf(task: Task): (projectId: string) => object {
    const { queue, target, dispatchDeadline, now } = this.#parts
    if (typeof task?.name !== 'string' || !NAME.test(task.name)) {
      throw new SessionValueError(
        `the name of a task must be 1 to 500 letters, digits, hyphens and underscores, but is ${show(task?.name)}`,
      )
    }
    const queueId = task.queue || queue.queueId
    if (!isQueueId(queueId)) {
      throw new SessionValueError(
        `the queue of a task must be up to 100 letters, digits and hyphens, but is ${show(queueId)}`,
      )
    }
    const body = bodyOf(task)
    const delay = task.delay === undefined ? 0 : parseDuration(task.delay)
    if (delay === null || delay > LONGEST_DELAY) {
      throw new SessionValueError(
        `the delay of a task must be a duration of at most 30 days, but is ${show(task.delay)}`,
      )
    }
    const schedule = delay === 0 ? {} : { scheduleTime: timestamp(now() + delay) }
    const deadline =
      dispatchDeadline === null ? {} : { dispatchDeadline: timestamp(dispatchDeadline) }
    return (projectId) => {
      const parent = `projects/${projectId}/locations/${queue.location}/queues/${queueId}`
      return {
        parent,
        task: {
          name: `${parent}/tasks/${task.name}`,
          ...schedule,
          ...deadline,
          ...target.request(body),
        },
      }
    }
  }

  /** Makes one try, which ends at its deadline even when the client never answers. */
  #create(make: (projectId: string) => object): Promise<void> {
    const { deadline } = this.#parts
    return new Promise((resolve, reject) => {
      let sent = false
      let late = false
      const timer = setTimeout(() => {
        late = true
        reject(
          new SessionStoreError(
            `Cloud Tasks did not answer within ${deadline} ms: try again; if it stays, raise deadline`,
            { effect: sent ? 'unknown' : 'none', retryable: true },
          ),
        )
      }, deadline + GRACE)
      const send = async (): Promise<void> => {
        const { client, projectId } = await this.#open()
        if (late) return
        sent = true
        // The client writes headers into the options, so each call has its own. The client's own retry is off.
        await client.createTask(make(projectId), { timeout: deadline, retry: null })
      }
      void send()
        .then(resolve, reject)
        .finally(() => clearTimeout(timer))
    })
  }

  #open(): Promise<OpenTasksClient> {
    if (this.#closed) {
      return Promise.reject(
        storeRefusal('this cloudTasks() is closed: do not use it after close()'),
      )
    }
    this.#opening ??= this.#parts.open().catch((error: unknown) => {
      // Credentials may become available later, so a failure is not kept.
      this.#opening = null
      throw error
    })
    return this.#opening
  }
}

function bodyOf(task: Task): Buffer {
  const text: unknown = JSON.stringify(task.body)
  if (typeof text !== 'string') {
    throw new SessionValueError(`the body of a task must be JSON, but is ${show(task.body)}`)
  }
  const body = Buffer.from(text)
  if (body.length > BODY_LIMIT) {
    throw new SessionValueError(
      `the body of a task takes ${body.length} bytes, and ${BODY_LIMIT} is the limit: store large data, and send its key`,
    )
  }
  return body
}

/** In the form of `google.protobuf.Timestamp` and `google.protobuf.Duration`. */
function timestamp(milliseconds: number): { seconds: number; nanos: number } {
  return { seconds: Math.floor(milliseconds / 1000), nanos: (milliseconds % 1000) * 1_000_000 }
}
