import type { StepResult } from '../../src/sweep/engine.ts'
import type { Task, TaskQueue } from '../../src/sweep/task-queue.ts'
import type { Sessions } from '../../src/index.ts'
import { sessionsDoorOf } from '../../src/sessions-door.ts'

type Data = Record<string, unknown>

/**
 * Collects tasks as Cloud Tasks does: a name is used once, even after its task is done. A test delivers the tasks, in
 * any order and number.
 */
export class TestQueue implements TaskQueue {
  /** All tasks that were ever added, in order. */
  readonly added: Task[] = []
  /** The tasks that were added and not yet taken by `next`. */
  waiting: Task[] = []
  readonly #names = new Set<string>()

  async add(task: Task): Promise<'added' | 'exists'> {
    if (this.#names.has(task.name)) return 'exists'
    this.#names.add(task.name)
    const copy = structuredClone(task)
    this.added.push(copy)
    this.waiting.push(copy)
    return 'added'
  }

  next(): Task {
    const task = this.waiting.shift()
    if (task === undefined) throw new Error('no task waits')
    return task
  }
}

/** Delivers a task to a process, which has this much time for it. */
export async function deliver(
  sessions: Sessions<Data>,
  task: Task,
  budget = 0,
): Promise<StepResult> {
  const door = sessionsDoorOf(sessions)
  if (door === null) throw new Error('no sessions of this package')
  return await door.handleTask(task.body, budget)
}

/** Delivers all waiting tasks and those that they add; returns the number of deliveries. */
export async function drain(
  sessions: Sessions<Data>,
  queue: TestQueue,
  budget = 0,
): Promise<number> {
  for (let deliveries = 0; ; deliveries++) {
    if (queue.waiting.length === 0) return deliveries
    if (deliveries > 2000) throw new Error('the tasks do not come to an end')
    const task = queue.next()
    const { outcome } = await deliver(sessions, task, budget)
    // The answer of the endpoint: 409, so that the queue tries again later.
    if (outcome === 'busy') throw new Error('busy')
  }
}
