import type { ClearRun } from '../sweep/start.ts'
import { EXIT, type ExitCode } from './exit.ts'
import type { CommonOptions, Job } from './job.ts'
import { untilStopped } from './stopping.ts'
import { counted } from './text.ts'

export interface SweepOptions extends CommonOptions {
  readonly dryRun?: boolean
}

const STATES: Readonly<Record<ClearRun['state'], string>> = {
  finished: 'the sweep is finished',
  failed: 'the sweep has failed: "status" says why',
  running: 'the sweep goes on in tasks',
  'already-running': 'another sweep is under way',
  'dry-run': 'nothing was ended: a sweep would end these',
}

/** Ends expired sessions, or counts them. */
export async function sweep(
  { app, output, signal }: Job,
  { dryRun = false }: SweepOptions,
): Promise<ExitCode> {
  const run = await untilStopped(
    app.sessions.startClearSessions({ dryRun }),
    signal,
    'stopped: the next sweep ends the rest',
  )
  const { state, scanned, ended, skipped, failed, observersFailed, kept, securityKeys } = run
  output.answer(run, () => [
    STATES[state],
    `${counted(ended, 'session')} and ${counted(securityKeys, 'security key')} ${dryRun ? 'would end' : 'ended'}, of ${scanned} looked at`,
    ...Object.entries({ skipped, kept, failed, 'observers failed': observersFailed })
      .filter(([, count]) => count > 0)
      .map(([name, count]) => `${name}: ${count}`),
  ])
  return state === 'failed' || failed > 0 ? EXIT.failed : EXIT.done
}
