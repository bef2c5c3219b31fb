import { isLoopback } from './loopback.ts'
import { CallError, type QueueMessage, type Stamp, type TaskMessage } from './wire.ts'

const SECOND = 1000
const DAY = 24 * 60 * 60 * SECOND

/** `cloudtasks.proto`: "The maximum task size is 100KB". */
const LARGEST = 100 * 1024

/** `target.proto`: for URLs and relative URIs. */
const LONGEST_URL = 2083

/** The patterns of `task.proto`. */
const LOCATION = '(projects/[A-Za-z0-9:.-]+/locations/[A-Za-z0-9-]+)'
const QUEUE = `${LOCATION}/queues/([A-Za-z0-9-]{1,100})`
const IS_LOCATION = new RegExp(`^${LOCATION}$`)
const IS_QUEUE = new RegExp(`^${QUEUE}$`)
const IS_TASK = new RegExp(`^(${QUEUE})/tasks/([A-Za-z0-9_-]{1,500})$`)

/** The parts of a task's name. */
export interface TaskName {
  readonly name: string
  readonly queue: string
  readonly id: string
}

/** Converts a timestamp to milliseconds. */
export function fromStamp({ seconds = 0, nanos = 0 }: Stamp): number {
  return seconds * 1000 + nanos / 1_000_000
}

/** Converts milliseconds to a timestamp. */
export function toStamp(time: number): Stamp {
  const seconds = Math.floor(time / 1000)
  return { seconds, nanos: Math.round((time - seconds * 1000) * 1_000_000) }
}

/** Returns a queue's full name and id. */
export function queueName(name: string | undefined): { name: string; id: string } {
  const match = IS_QUEUE.exec(name ?? '')
  if (match === null) {
    throw invalid(
      'Queue name must be formatted: "projects/<PROJECT_ID>/locations/<LOCATION_ID>/queues/<QUEUE_ID>"',
    )
  }
  return { name: match[0], id: match[2] ?? '' }
}

/** Returns the name of a new queue below its parent. */
export function newQueueName(parent: string | undefined, queue: QueueMessage | undefined): string {
  if (!IS_LOCATION.test(parent ?? '')) {
    throw invalid(
      'Location name must be formatted: "projects/<PROJECT_ID>/locations/<LOCATION_ID>"',
    )
  }
  const { name } = queueName(queue?.name)
  if (!name.startsWith(`${parent}/queues/`)) {
    throw invalid(
      `The location name from request ('${parent}') must be the same as the location name in the queue ('${name}').`,
    )
  }
  return name
}

/** Returns the parts of a task's name. */
export function taskName(name: string | undefined): TaskName {
  const match = IS_TASK.exec(name ?? '')
  if (match === null) {
    throw invalid(
      'Task name must be formatted: "projects/<PROJECT_ID>/locations/<LOCATION_ID>/queues/<QUEUE_ID>/tasks/<TASK_ID>"',
    )
  }
  return { name: match[0], queue: match[1] ?? '', id: match[4] ?? '' }
}

/** Refuses a task that Cloud Tasks refuses, or that would go to another machine. */
export function checkTask(task: TaskMessage, now: number): void {
  const { appEngineHttpRequest: appEngine, httpRequest: http } = task
  if (appEngine === undefined && http === undefined) {
    throw invalid('Task.message_type is required: set app_engine_http_request or http_request.')
  }
  if (sizeOf(task) > LARGEST) throw invalid('Task size too large')
  if (
    task.scheduleTime !== undefined &&
    fromStamp(task.scheduleTime) > now + 30 * DAY + 60 * SECOND
  ) {
    throw invalid('Task.schedule_time must not be more than 30 days in the future.')
  }
  const deadline = task.dispatchDeadline === undefined ? 0 : fromStamp(task.dispatchDeadline)
  const most = appEngine === undefined ? 30 * 60 * SECOND : DAY + 15 * SECOND
  if (deadline !== 0 && (deadline < 15 * SECOND || deadline > most)) {
    throw invalid(`Task.dispatchDeadline must be between [15s, ${most / SECOND}s].`)
  }
  if (appEngine !== undefined) {
    const uri = appEngine.relativeUri ?? '/'
    if (!/^\/\S*$/.test(uri) || uri.length > LONGEST_URL) {
      throw invalid(
        `AppEngineHttpRequest.relative_uri must begin with "/" and be a valid relative URI, but is "${uri}".`,
      )
    }
    checkBody(appEngine.httpMethod, appEngine.body, ['POST', 'PUT'])
  }
  if (http !== undefined) {
    const url = http.url ?? ''
    if (!/^https?:\/\/\S+$/.test(url) || url.length > LONGEST_URL || !URL.canParse(url)) {
      throw invalid(
        `HttpRequest.url must begin with "http://" or "https://" and be valid, but is "${url}".`,
      )
    }
    checkBody(http.httpMethod, http.body, ['POST', 'PUT', 'PATCH'])
    if (http.oidcToken !== undefined && !http.oidcToken.serviceAccountEmail?.includes('@')) {
      throw invalid('HttpRequest.oidc_token.service_account_email is required.')
    }
    if (http.oauthToken !== undefined) {
      throw invalid('This local server makes OIDC tokens, and no OAuth tokens.')
    }
    if (!isLoopback(url)) {
      throw invalid(
        `This local server delivers only over http: to this machine, and not to "${url}".`,
      )
    }
  }
}

function checkBody(
  method = 'POST',
  body: Uint8Array | undefined,
  allowed: readonly string[],
): void {
  if (body === undefined || body.length === 0 || method === 'HTTP_METHOD_UNSPECIFIED') return
  if (!allowed.includes(method)) throw invalid(`A body is not allowed for HTTP method ${method}.`)
}

/** Returns the approximate size of a task on the wire, in bytes. */
function sizeOf({ name = '', appEngineHttpRequest, httpRequest }: TaskMessage): number {
  const request = appEngineHttpRequest ?? httpRequest ?? {}
  const headers = Object.entries(request.headers ?? {}).flat()
  const texts = [name, appEngineHttpRequest?.relativeUri, httpRequest?.url, ...headers]
  return texts.reduce((sum, text = '') => sum + Buffer.byteLength(text), request.body?.length ?? 0)
}

function invalid(message: string): CallError {
  return new CallError('INVALID_ARGUMENT', message)
}
