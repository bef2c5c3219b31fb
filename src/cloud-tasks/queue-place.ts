import type { TaskQueue } from '../sweep/task-queue.ts'

/** The place of a Cloud Tasks queue, and the target of its deliveries, for operators. */
export interface QueuePlace {
  readonly project: string
  readonly region: string
  readonly queue: string
  readonly target: 'app-engine' | 'http'
  /** The URL and the account of deliveries; `null` on App Engine. */
  readonly url: string | null
  readonly account: string | null
  /** Whether it is a local server. */
  readonly isEmulator: boolean
}

/**
 * Returns the place of a queue that `cloudTasks()` made; `null` for any other. It connects when only the credentials
 * know the project.
 */
export async function queuePlaceOf(tasks: TaskQueue): Promise<QueuePlace | null> {
  const { place } = tasks as { place?: () => Promise<QueuePlace> }
  return typeof place === 'function' ? await place.call(tasks) : null
}
