import { randomBytes } from 'node:crypto'
import {
  checkTask,
  fromStamp,
  newQueueName,
  queueName,
  type TaskName,
  taskName,
  toStamp,
} from './check.ts'
import type { Queue } from './queue.ts'
import type { Settings } from './settings.ts'
import { QueuedTask } from './task.ts'
import type { QueueSettings } from './types.ts'
import { CallError, type Calls, type QueueMessage } from './wire.ts'

/** The state that the calls read and change. */
export interface Board {
  readonly now: () => number
  readonly queues: ReadonlyMap<string, Queue>
  /** Open tasks by their full names. */
  readonly open: ReadonlyMap<string, QueuedTask>
  /** Makes a queue. */
  make(name: string, id: string, settings: QueueSettings): Queue
  /** Whether a queue that does not exist is made on first use. */
  readonly makesQueues: boolean
  settingsOf(id: string): Settings
  /** Whether a task of this name existed recently. */
  wasThere(name: string): boolean
  add(task: QueuedTask, queue: Queue): void
  remove(task: QueuedTask, queue: Queue): void
  /** Counts a task whose name was taken. */
  refused(): void
}

/** Returns the answers to all calls, with the error messages of the real service. */
export function callsOn(board: Board): Calls {
  const queueOf = (full: string | undefined): Queue => {
    const { name, id } = queueName(full)
    const queue = board.queues.get(name)
    if (queue !== undefined) return queue
    if (board.makesQueues) return board.make(name, id, {})
    throw new CallError(
      'NOT_FOUND',
      'Queue does not exist. If you just created the queue, wait at least a minute for the queue to initialize.',
    )
  }
  const taskOf = (full: string | undefined): QueuedTask => {
    const { name } = taskName(full)
    const task = board.open.get(name)
    if (task !== undefined) return task
    throw new CallError(
      'NOT_FOUND',
      board.wasThere(name)
        ? 'The task no longer exists, though a task with this name existed recently. The task either successfully completed or was deleted.'
        : 'Requested entity was not found.',
    )
  }
  const tasksIn = (queue: Queue) =>
    [...board.open.values()].filter(({ name }) => name.startsWith(`${queue.name}/tasks/`))
  return {
    createTask({ parent, task = {}, responseView }) {
      const queue = queueOf(parent)
      const name: TaskName = task.name ? taskName(task.name) : unnamed(queue)
      if (name.queue !== queue.name) {
        throw new CallError(
          'INVALID_ARGUMENT',
          `The queue name from request ('${queue.name}') must be the same as the queue name in the named task ('${name.name}').`,
        )
      }
      checkTask(task, board.now())
      if (board.open.has(name.name)) {
        board.refused()
        throw new CallError('ALREADY_EXISTS', 'Requested entity already exists')
      }
      if (board.wasThere(name.name)) {
        board.refused()
        throw new CallError(
          'ALREADY_EXISTS',
          'The task cannot be created because a task with this name existed too recently. For more information about task de-duplication see https://cloud.google.com/tasks/docs/reference/rest/v2/projects.locations.queues.tasks/create#body.request_body.FIELDS.task.',
        )
      }
      const queued = new QueuedTask(name, queue.id, task, board.now())
      const answer = queued.toMessage(responseView)
      board.add(queued, queue)
      return answer
    },
    getTask: ({ name, responseView }) => taskOf(name).toMessage(responseView),
    listTasks({ parent, pageSize = 0, pageToken = '', responseView }) {
      const tasks = tasksIn(queueOf(parent))
      const start = pageToken === '' ? 0 : Number(pageToken)
      if (!Number.isSafeInteger(start) || pageSize < 0 || pageSize > 1000) {
        throw new CallError('INVALID_ARGUMENT', 'The page size or the page token is not valid.')
      }
      const end = start + (pageSize || 1000)
      return {
        tasks: tasks.slice(start, end).map((task) => task.toMessage(responseView)),
        nextPageToken: end < tasks.length ? String(end) : '',
      }
    },
    deleteTask({ name }) {
      const task = taskOf(name)
      board.remove(task, queueOf(taskName(name).queue))
      return {}
    },
    runTask({ name, responseView }) {
      const task = taskOf(name)
      queueOf(taskName(name).queue).run(task)
      return task.toMessage(responseView)
    },
    createQueue({ parent, queue }) {
      const { name, id } = queueName(newQueueName(parent, queue))
      if (board.queues.has(name)) {
        throw new CallError('ALREADY_EXISTS', 'Queue already exists')
      }
      return queueMessage(board.make(name, id, settingsFrom(queue ?? {})), board.settingsOf(id))
    },
    getQueue: ({ name }) => shown(queueOf(name)),
    purgeQueue({ name }) {
      const queue = queueOf(name)
      for (const task of tasksIn(queue)) board.remove(task, queue)
      return { ...shown(queue), purgeTime: toStamp(board.now()) }
    },
    pauseQueue({ name }) {
      const queue = queueOf(name)
      queue.paused = true
      return shown(queue)
    },
    resumeQueue({ name }) {
      const queue = queueOf(name)
      queue.paused = false
      queue.pump()
      return shown(queue)
    },
  }

  function shown(queue: Queue): object {
    return queueMessage(queue, board.settingsOf(queue.id))
  }
}

/** Makes an id for a task without one: a long number, as the service does. */
function unnamed({ name }: Queue): TaskName {
  const id = randomBytes(8).readBigUInt64BE().toString()
  return { name: `${name}/tasks/${id}`, queue: name, id }
}

function queueMessage({ name, paused }: Queue, settings: Settings): object {
  return {
    name,
    state: paused ? 'PAUSED' : 'RUNNING',
    rateLimits: {
      maxDispatchesPerSecond: settings.maxDispatchesPerSecond,
      maxConcurrentDispatches: settings.maxConcurrentDispatches,
    },
    retryConfig: {
      maxAttempts: settings.maxAttempts,
      maxRetryDuration: toStamp(settings.maxRetryDuration),
      minBackoff: toStamp(settings.minBackoff),
      maxBackoff: toStamp(settings.maxBackoff),
      maxDoublings: settings.maxDoublings,
    },
  }
}

/** Reads the settings of a message. A missing or zero field means the default. */
function settingsFrom({ rateLimits = {}, retryConfig = {} }: QueueMessage): QueueSettings {
  const settings: Record<string, number> = {}
  for (const [name, value] of Object.entries({ ...rateLimits, ...retryConfig })) {
    const number = typeof value === 'object' ? fromStamp(value) : value
    if (typeof number === 'number' && number !== 0) settings[name] = number
  }
  return settings
}
