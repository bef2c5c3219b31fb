import { wrongOption } from '../base/option-checks.ts'
import { show } from '../base/duration.ts'
import { SessionConfigError } from '../base/errors.ts'

/** The project on a local server when none is configured. */
const LOCAL_PROJECT = 'viur-session-local'

/** The full name of a queue, in parts. */
export interface QueuePath {
  /** `null`: the credentials know it. */
  readonly projectId: string | null
  readonly location: string
  readonly queueId: string
}

/** The options that name the queue. */
export interface QueueOptions {
  readonly queue: string
  readonly location?: string
  readonly projectId?: string
}

/** Cloud Tasks, `task.proto`; the colon is for legacy domains (`example.com:name`). */
const PROJECT = /^[A-Za-z0-9][A-Za-z0-9.:-]{0,99}$/
const LOCATION = /^[a-z0-9][a-z0-9-]{0,62}$/
const QUEUE = /^[A-Za-z0-9-]{1,100}$/
const FULL = /^projects\/(?<projectId>[^/]+)\/locations\/(?<location>[^/]+)\/queues\/(?<id>[^/]+)$/

/** Whether this can be the id of a queue. */
export function isQueueId(value: unknown): value is string {
  return typeof value === 'string' && QUEUE.test(value)
}

/** Returns the queue that options and environment name; throws `SessionConfigError` when they name none, or two. */
export function queuePath(
  options: QueueOptions,
  environment: Readonly<Record<string, string | undefined>>,
  local: boolean,
): QueuePath {
  const full = typeof options.queue === 'string' ? FULL.exec(options.queue)?.groups : undefined
  for (const name of ['projectId', 'location'] as const) {
    const option = options[name]
    if (full !== undefined && option !== undefined && option !== full[name]) {
      throw wrongOption(
        `cloudTasks: ${name}`,
        `cannot differ from the one in queue, ${show(full[name])}`,
        option,
      )
    }
  }
  const queueId = full?.['id'] ?? options.queue
  if (!isQueueId(queueId)) {
    throw wrongOption(
      'cloudTasks: queue',
      'must be up to 100 letters, digits and hyphens, or projects/P/locations/L/queues/Q',
      options.queue,
    )
  }
  const location =
    full?.['location'] ??
    options.location ??
    first(environment, ['CLOUD_TASKS_LOCATION', 'GOOGLE_CLOUD_LOCATION', 'GOOGLE_CLOUD_REGION'])
  if (location === null) {
    throw new SessionConfigError(
      "cloudTasks: location is missing: give the region of the queue, such as 'europe-west1', in the options or as CLOUD_TASKS_LOCATION",
    )
  }
  if (typeof location !== 'string' || !LOCATION.test(location)) {
    throw wrongOption('cloudTasks: location', "must be a region, such as 'europe-west1'", location)
  }
  const projectId =
    full?.['projectId'] ??
    options.projectId ??
    first(environment, ['GOOGLE_CLOUD_PROJECT', 'GCLOUD_PROJECT']) ??
    (local ? LOCAL_PROJECT : null)
  if (projectId !== null && (typeof projectId !== 'string' || !PROJECT.test(projectId))) {
    throw wrongOption('cloudTasks: projectId', 'must be a project id', projectId)
  }
  return { projectId, location, queueId }
}

function first(
  environment: Readonly<Record<string, string | undefined>>,
  names: readonly string[],
): string | null {
  return names.map((name) => environment[name]).find(Boolean) ?? null
}
