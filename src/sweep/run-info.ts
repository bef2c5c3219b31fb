import type { RunState } from './run.ts'
import { endOf, isRunning } from './start.ts'

/** What a run over sessions did. */
export interface RunInfo {
  /** Names the run in tasks and in the log. */
  readonly id: string
  /** The `id` of its iterator. */
  readonly iterator: string
  /** `'died'`: not finished, and nobody has worked on it for half an hour. */
  readonly state: 'running' | 'finished' | 'failed' | 'died'
  /** When it was started. */
  readonly started: Date
  /** When it was done; `null` while it is not. */
  readonly finished: Date | null
  /** How many tasks, or calls that work by themselves, have carried it so far. */
  readonly steps: number
  /** How many sessions were read. */
  readonly scanned: number
  /** How many sessions it ended. */
  readonly ended: number
  /** How many were alive, or had been ended by somebody else. */
  readonly skipped: number
  /** For how many the work failed. */
  readonly failed: number
  /** How many ends an `onDelete` observer failed to take; a later sweep tells them again. */
  readonly observersFailed: number
  /** How many of the expired a `handleEntry` of the app's own has left alone. */
  readonly kept: number
  /** Of how many sessions an iterator has changed the data. */
  readonly changed: number
  /** How many expired security keys it deleted. */
  readonly securityKeys: number
  /** The earliest expiry that the run met. */
  readonly oldestExpired: Date | null
  /** Why it failed; `null` for a run that did not. */
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
