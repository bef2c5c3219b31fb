import { areEventsOn, turnEventsOff, turnEventsOn } from '../end/events-switch.ts'
import { insideOf } from './app-sessions.ts'
import { EXIT, type ExitCode, UsageError } from './exit.ts'
import type { Job } from './job.ts'

/** Prints whether the ends of the deployment are events, or turns that on or off. */
export async function events({ app, output }: Job, wanted: string | undefined): Promise<ExitCode> {
  const { store } = insideOf(app)
  if (wanted === undefined) {
    const on = await areEventsOn(store.notes)
    output.answer({ events: on ? 'on' : 'off' }, () => [
      on
        ? 'on: ended sessions are marked, the onDelete observers are called, and then the sessions are deleted'
        : 'off: ended sessions are deleted at once, and no observer is called',
    ])
    return EXIT.done
  }
  if (wanted !== 'on' && wanted !== 'off') {
    throw new UsageError(`events takes "on" or "off", and not ${JSON.stringify(wanted)}`)
  }
  const changed = await (wanted === 'on' ? turnEventsOn : turnEventsOff)(store.notes)
  output.answer({ events: wanted, changed }, () => [
    changed
      ? `events are ${wanted}; every process uses it within a minute`
      : `events were ${wanted} already`,
  ])
  return EXIT.done
}
