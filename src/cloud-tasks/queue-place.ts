import type { TaskQueue } from '../sweep/task-queue.ts'

/** Where a queue of Cloud Tasks is, and where it delivers to, for operators. */
export interface QueuePlace {
  readonly project: string
  readonly region: string
  readonly queue: string
  readonly target: 'app-engine' | 'http'
  /** Where tasks go, and as whom; `null` on App Engine. */
  readonly url: string | null
  readonly account: string | null
  /** Whether it is a server on a desk. */
  readonly isEmulator: boolean
}

/** The place of a queue that `cloudTasks()` made; `null` for any other. Connects where nothing names the project. */
export async function queuePlaceOf(tasks: TaskQueue): Promise<QueuePlace | null> {
  const { place } = tasks as { place?: () => Promise<QueuePlace> }
  return typeof place === 'function' ? await place.call(tasks) : null
}
