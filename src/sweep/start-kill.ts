import { SessionValueError } from '../base/errors.ts'
import { checkOptions, namesOf } from '../base/option-checks.ts'
import { LAST_LOOK_AFTER } from '../end/kill-intents.ts'
import type { KillResult, MassKill } from '../end/mass-kill.ts'
import { asSessionKey, type SessionKey } from '../record/id.ts'
import { checkUser, type UserOptions } from '../record/limits.ts'
import { noteOpen, someLastLooks } from '../end/open-kills.ts'
import { Problems } from '../end/problems.ts'
import type { Engine } from './engine.ts'
import { KillWork } from './page-work/kill-work.ts'
import type { SweepSettings } from './settings.ts'

/** Options of `killSessionByUser()`. */
export interface KillOptions extends UserOptions {
  /** The key of a session that does not end, such as that of the request. Default: none. */
  readonly except?: SessionKey
}

const OPTIONS = namesOf<KillOptions>({ except: true, literal: true })

/** How long a kill works inside the call until it leaves the rest to tasks, in milliseconds. */
const BUDGET = 10_000

/** The parts that kills of many need. */
export interface KillParts<Data extends object> {
  readonly engine: Engine<Data>
  readonly massKill: MassKill<Data>
  readonly settings: SweepSettings
}

/** Ends the sessions of one user. */
export async function killByUser<Data extends object>(
  parts: KillParts<Data>,
  user: string,
  options: KillOptions,
): Promise<KillResult> {
  checkOptions('killSessionByUser()', options, OPTIONS)
  checkUser(user, 'killSessionByUser', options)
  return await killMany(parts, user, exceptionIn(options))
}

/** Kills many sessions: works on them inside the call, and leaves the rest to tasks. `user`: `null` for all users. */
export async function killMany<Data extends object>(
  parts: KillParts<Data>,
  user: string | null,
  except: SessionKey | null,
): Promise<KillResult> {
  const { engine, massKill, settings } = parts
  const deadline = engine.inProcess ? Number.POSITIVE_INFINITY : settings.now() + BUDGET
  const held = await massKill.begin(user, except)
  const work = new KillWork(massKill, settings, deadline, () => [held])
  const finished = await engine.goOver(work, deadline)
  await lookOnce(parts, deadline)
  if (!finished) await handOn(engine)
  // Processes learn of a kill of all users within a minute. This last look finds logins that were too early for that.
  if (user === null && !engine.inProcess) await handOn(engine, LAST_LOOK_AFTER + 1000)
  return { ended: work.ended, handedOn: !finished }
}

/** Does the last look of a few earlier kills. Their problems are no failure of this kill. */
async function lookOnce<Data extends object>(
  { engine, massKill, settings }: KillParts<Data>,
  deadline: number,
): Promise<void> {
  const problems = new Problems()
  const open = () => someLastLooks(settings, problems)
  await engine
    .goOver(new KillWork(massKill, settings, deadline, open), deadline)
    .catch((error: unknown) => noteOpen(problems, error))
  problems.log(settings.logger)
}

/**
 * Starts a run for the rest. The rest of a kill is stored, and every sweep finishes it first; this run does nothing
 * else.
 */
async function handOn<Data extends object>(engine: Engine<Data>, delay?: number): Promise<void> {
  const run = engine.plan(engine.kinds.kills, { query: { select: 'none' } })
  await run.save()
  await engine.handOn(run.state, false, delay)
}

/**
 * Returns the key of the session that does not end; `null`: there is none. Throws where the option is given without a
 * session, because a kill cannot be undone.
 */
function exceptionIn(options: KillOptions): SessionKey | null {
  if (!('except' in options)) return null
  const except: unknown = options.except
  // The key of a session is null while a new id waits to be stored.
  if (except === null) {
    throw new SessionValueError(
      'killSessionByUser: except is null; after login(), reset() or cycleKey() call save() first',
    )
  }
  if (except === undefined) {
    throw new SessionValueError(
      'killSessionByUser: except is undefined; give the key of the session that must not end, or leave the option out to end all',
    )
  }
  const key = asSessionKey(except)
  if (key !== null) return key
  throw new SessionValueError('killSessionByUser: except must be the key of a session')
}
