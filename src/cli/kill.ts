import type { Sessions } from '../sessions-interface.ts'
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
interface Aim {
  /** Their name in the question. */
  readonly what: string
  end(sessions: Sessions): Promise<Killed>
}

/** Ends one session, those of a user, or all of them, after a confirmation. */
export async function kill(
  { app, output, signal }: Job,
  key: string | undefined,
  options: KillOptions,
): Promise<ExitCode> {
  const { what, end } = aimFrom(key, options)
  const where = app.place === undefined ? '' : ` in ${app.place}`
  if (options.yes !== true && !(await isAgreed(`End ${what}${where}?`, signal))) {
    output.warn('nothing was ended')
    return EXIT.failed
  }
  const { ended, handedOn } = await untilStopped(
    end(app.sessions),
    signal,
    'stopped: the next sweep ends the remaining sessions of the user, or all remaining ones',
  )
  output.answer({ ended, handedOn }, () => [
    `${ended} ended`,
    ...(handedOn ? ['tasks end the others'] : []),
  ])
  if (key === undefined || ended > 0) return EXIT.done
  output.warn('there is no live session of this key')
  return EXIT.failed
}

function aimFrom(text: string | undefined, options: KillOptions): Aim {
  const aims: Aim[] = []
  if (text !== undefined) {
    const key = keyFrom(text)
    const end = async (sessions: Sessions) => ({
      ended: (await sessions.killSession(key)) ? 1 : 0,
      handedOn: false,
    })
    aims.push({ what: 'this session', end })
  }
  if (options.user !== undefined) {
    const user = userFrom(options.user)
    aims.push({
      what: `all sessions of ${JSON.stringify(user)}`,
      end: (sessions) => sessions.killSessionByUser(user, { literal: true }),
    })
  }
  if (options.all === true) {
    aims.push({ what: 'all sessions of everybody', end: (sessions) => sessions.killAllSessions() })
  }
  const [aim] = aims
  if (aim !== undefined && aims.length === 1) return aim
  throw new UsageError('kill takes one of KEY, --user <name> and --all')
}
