import { type AppSessions, sessionsFrom } from './app-sessions.ts'
import { type SessionsChoice, sessionsOf } from './choose-sessions.ts'
import type { ExitCode } from './exit.ts'
import { Output } from './output.ts'

/** What every command has. */
export interface Job {
  readonly app: AppSessions
  readonly output: Output
  /** Says that somebody has asked to stop. */
  readonly signal: AbortSignal
}

/** What every command takes. */
export interface CommonOptions extends SessionsChoice {
  readonly json?: boolean
}

/**
 * Does the work of a command on the sessions of the app, and closes them. `ofTheApp`: whether those of options and
 * environment will not do.
 */
export async function onSessions(
  options: CommonOptions,
  work: (job: Job) => Promise<ExitCode>,
  ofTheApp = false,
): Promise<ExitCode> {
  const app = await (ofTheApp ? sessionsFrom(options.sessions) : sessionsOf(options))
  try {
    return await work({ app, output: new Output(options.json === true), signal: stopSignal() })
  } finally {
    await app.sessions.close()
  }
}

/** Aborts when somebody asks to stop. The second time is not waited for. */
export function stopSignal(): AbortSignal {
  const stop = new AbortController()
  const onSignal = () => stop.abort()
  for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, onSignal)
  return stop.signal
}
