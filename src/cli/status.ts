import type { RunInfo } from '../sweep/run-info.ts'
import { EXIT, type ExitCode } from './exit.ts'
import type { Job } from './job.ts'
import { inSeconds } from './list.ts'
import { counted } from './text.ts'

/** Prints the state of the sweep, and warnings. */
export async function status({ app, output }: Job): Promise<ExitCode> {
  const said = await app.sessions.status()
  const { store, lastSweep, backlog, backlogIsMore, oldestExpired, warnings } = said
  output.answer(said, () => [
    `store           ${store}`,
    ...(store === 'reachable'
      ? [
          `waiting         ${backlogIsMore ? 'more than ' : ''}${backlog}`,
          `oldest of them  ${oldestExpired === null ? 'none' : inSeconds(oldestExpired)}`,
          `last sweep      ${lastSweep === null ? 'none' : inWords(lastSweep)}`,
        ]
      : []),
  ])
  for (const warning of warnings) output.warn(`warning: ${warning}`)
  return store === 'reachable' ? EXIT.done : EXIT.failed
}

function inWords({ state, started, finished, ended }: RunInfo): string {
  const when = finished === null ? `began ${inSeconds(started)}` : `ended ${inSeconds(finished)}`
  return `${state}, ${when}, ${counted(ended, 'session')} ended`
}
