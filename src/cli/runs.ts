import type { RunInfo } from '../sweep/status.ts'
import { EXIT, type ExitCode } from './exit.ts'
import type { Job } from './job.ts'
import { inSeconds } from './list.ts'

/** Shows the latest runs of sweeps, kills and iterators, the newest first. */
export async function runs({ app, output }: Job): Promise<ExitCode> {
  const { store, runs: found, warnings } = await app.sessions.status()
  if (store !== 'reachable') {
    output.error(`error: ${warnings.join('; ')}`)
    return EXIT.failed
  }
  for (const run of found) output.answer(run, () => [lineOf(run)])
  return EXIT.done
}

function lineOf(run: RunInfo): string {
  const { iterator, state, started, finished, scanned, ended, error } = run
  const took = finished === null ? '' : ` in ${secondsOf(started, finished)}`
  const trouble = [
    ...(['skipped', 'failed', 'observersFailed', 'kept'] as const)
      .filter((name) => run[name] > 0)
      .map((name) => `${run[name]} ${WORDS[name]}`),
    ...(error === null ? [] : [error]),
  ]
  const more = trouble.length === 0 ? '' : ` (${trouble.join('; ')})`
  return `${inSeconds(started)}  ${state.padEnd(8)}  ${iterator}: ${ended} of ${scanned} ended${took}${more}`
}

const WORDS = {
  skipped: 'skipped',
  failed: 'failed',
  observersFailed: 'not told',
  kept: 'kept',
}

function secondsOf(from: Date, to: Date): string {
  return `${Math.max(0, Math.round((to.getTime() - from.getTime()) / 1000))} s`
}
