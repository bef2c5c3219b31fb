import type { RunState } from './run.ts'
import { endOf, isRunning } from './start.ts'

/** The progress and result of a run over sessions. */
export interface RunInfo {
  /** The name of the run in tasks and in the log. */
  readonly id: string
  /** The `id` of its iterator. */
  readonly iterator: string
  /** `'died'`: not finished, and no process has worked on it for half an hour. */
  readonly state: 'running' | 'finished' | 'failed' | 'died'
  /** When the run was started. */
  readonly started: Date
  /** When the run was finished; `null` before. */
  readonly finished: Date | null
  /** The number of tasks, or of calls without a task queue, that have worked on the run. */
  readonly steps: number
  /** The number of sessions that were read. */
  readonly scanned: number
  /** The number of sessions that the run ended. */
  readonly ended: number
  /** The number of sessions that were alive, or that another process had ended. */
  readonly skipped: number
  /** The number of sessions for which the work failed. */
  readonly failed: number
  /** The number of ends for which an `onDelete` observer failed; a later sweep reports them again. */
  readonly observersFailed: number
  /** The number of expired sessions that a `handleEntry` of the app has left alone. */
  readonly kept: number
  /** The number of sessions whose data an iterator has changed. */
  readonly changed: number
  /** The number of expired security keys that the run deleted. */
  readonly securityKeys: number
  /** The earliest expiry that the run found. */
  readonly oldestExpired: Date | null
  /** Why the run failed; `null` for a run that did not fail. */
  readonly error: string | null
}

export function infoOf(state: RunState, now: number): RunInfo {
  return {
    id: state.id,
    iterator: state.iter,
    state: endOf(state) ?? (isRunning(state, now) ? 'running' : 'died'),
    started: new Date(state.started),
    finished: state.finished === null ? null : new Date(state.finished),
    steps: state.step,
    ...state.totals,
    oldestExpired: state.oldestExpired === null ? null : new Date(state.oldestExpired),
    error: state.error,
  }
}
