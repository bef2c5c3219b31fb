import { appEngine, type Caller, localOnly, oidc } from '../express/index.ts'
import { type CloudTaskQueue, cloudTasks } from '../cloud-tasks/index.ts'
import type { AppConfig, SweepCaller, SweepQueue } from './config.ts'

/** The name of the queue in queue.yaml. */
const QUEUE = 'session-sweep'

/** Returns the check of callers of the routes under /_sessions; `undefined`: the routes are not mounted. */
export function callerOf(caller: SweepCaller): Caller | undefined {
  switch (caller.kind) {
    case 'app-engine':
      return appEngine()
    case 'oidc':
      return oidc({ audience: caller.audience, serviceAccounts: caller.serviceAccounts })
    case 'local':
      return localOnly()
    case 'none':
      return undefined
  }
}

/** The queue for sweeps; `undefined`: a sweep runs within the process. */
export function tasksOf(queue: SweepQueue): CloudTaskQueue | undefined {
  switch (queue.kind) {
    case 'process':
      return undefined
    case 'http': {
      const { url, serviceAccountEmail, audience } = queue
      return cloudTasks({ queue: QUEUE, target: { url, serviceAccountEmail, audience } })
    }
    default:
      // The local server takes tasks for App Engine. It delivers them to the address of the app that it was started with.
      return cloudTasks({
        queue: QUEUE,
        target: { appEngine: { relativeUri: '/_sessions/task' } },
      })
  }
}

/** Lines for the log at the start: the queue for sweeps, and what is missing to start them. */
export function sweepLines({ queue, caller }: Pick<AppConfig, 'queue' | 'caller'>): string[] {
  const line = `sweeps are carried ${carrier(queue)}`
  if (caller.kind !== 'none') return [line]
  return [
    line,
    'nobody can call /_sessions/cron: set SWEEP_AUDIENCE and SWEEP_SERVICE_ACCOUNTS, as docs/sweeping.md says',
  ]
}

function carrier(queue: SweepQueue): string {
  switch (queue.kind) {
    case 'process':
      return 'by no queue, and end within the call that starts them'
    case 'server':
      return `by the local Cloud Tasks server at ${queue.host}`
    case 'app-engine':
      return `by the queue ${QUEUE} of App Engine`
    case 'http':
      return `by the queue ${QUEUE} of Cloud Tasks, to ${queue.url}`
  }
}
