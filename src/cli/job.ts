import { type AppSessions, sessionsFrom } from './app-sessions.ts'
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
export interface CommonOptions {
  readonly sessions?: string
  readonly json?: boolean
}

/** Does the work of a command on the sessions of the app, and closes them. The second signal to stop is not waited for. */
export async function onSessions(
  { sessions, json = false }: CommonOptions,
  work: (job: Job) => Promise<ExitCode>,
): Promise<ExitCode> {
  const app = await sessionsFrom(sessions)
  const stop = new AbortController()
  const onSignal = () => stop.abort()
  for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, onSignal)
  try {
    return await work({ app, output: new Output(json), signal: stop.signal })
  } finally {
    await app.sessions.close()
  }
}
