import type { SessionKey } from '../record/id.ts'
import type { AppSessions } from './app-sessions.ts'
import { isAgreed } from './ask.ts'
import { EXIT, type ExitCode, UsageError } from './exit.ts'
import type { CommonOptions, Job } from './job.ts'
import { untilStopped } from './stopping.ts'
import { keyFrom, userFrom } from './words.ts'

export interface KillOptions extends CommonOptions {
  readonly user?: string
  readonly all?: boolean
  readonly yes?: boolean
}

interface Killed {
  readonly ended: number
  readonly handedOn: boolean
}

/** The sessions that must end. */
type Whose =
  | { readonly is: 'one'; readonly key: SessionKey }
  | { readonly is: 'of a user'; readonly user: string }
  | { readonly is: 'all' }

/** Ends one session, those of a user, or all of them, after a confirmation. */
export async function kill(
  { app, output, signal }: Job,
  key: string | undefined,
  options: KillOptions,
): Promise<ExitCode> {
  const whose = whoseFrom(key, options)
  if (options.yes !== true && !(await isAgreed(questionOf(whose, app), signal))) {
    output.warn('nothing was ended')
    return EXIT.failed
  }
  const { ended, handedOn } = await untilStopped(
    killed(app, whose),
    signal,
    'stopped: the next sweep ends the remaining sessions of the user, or all remaining ones',
  )
  output.answer({ ended, handedOn }, () => [
    `${ended} ended`,
    ...(handedOn ? ['tasks end the others'] : []),
  ])
  if (whose.is !== 'one' || ended > 0) return EXIT.done
  output.warn('there is no live session of this key')
  return EXIT.failed
}

function whoseFrom(key: string | undefined, { user, all }: KillOptions): Whose {
  const chosen: Whose[] = []
  if (key !== undefined) chosen.push({ is: 'one', key: keyFrom(key) })
  if (user !== undefined) chosen.push({ is: 'of a user', user: userFrom(user) })
  if (all === true) chosen.push({ is: 'all' })
  const [one] = chosen
  if (one === undefined || chosen.length > 1) {
    throw new UsageError('kill takes one of KEY, --user <name> and --all')
  }
  return one
}

function questionOf(whose: Whose, { place }: AppSessions): string {
  const where = place === undefined ? '' : ` in ${place}`
  if (whose.is === 'one') return `End this session${where}?`
  return whose.is === 'all'
    ? `End all sessions of everybody${where}?`
    : `End all sessions of ${JSON.stringify(whose.user)}${where}?`
}

async function killed({ sessions }: AppSessions, whose: Whose): Promise<Killed> {
  if (whose.is === 'all') return await sessions.killAllSessions()
  if (whose.is === 'of a user') {
    return await sessions.killSessionByUser(whose.user, { literal: true })
  }
  return { ended: (await sessions.killSession(whose.key)) ? 1 : 0, handedOn: false }
}
