import { type AppSessions, sessionsFrom } from './app-sessions.ts'
import { type SessionsChoice, sessionsOf } from './choose-sessions.ts'
import type { ExitCode } from './exit.ts'
import { Output } from './output.ts'

/** The parts that every command gets. */
export interface Job {
  readonly app: AppSessions
  readonly output: Output
  /** Aborts when the user asks to stop. */
  readonly signal: AbortSignal
}

/** Options of every command. */
export interface CommonOptions extends SessionsChoice {
  readonly json?: boolean
}

/** How a command finds its sessions. */
export interface Needs {
  /** Whether the command needs the app's own module. Default: `false`. */
  readonly ofTheApp?: boolean
  /** Whether `--file` may name a file that does not exist yet. Default: `false`. */
  readonly newFile?: boolean
}

/** Runs a command on the sessions of the app, and closes them. */
export async function onSessions(
  options: CommonOptions,
  work: (job: Job) => Promise<ExitCode>,
  { ofTheApp = false, newFile = false }: Needs = {},
): Promise<ExitCode> {
  const app = await (ofTheApp
    ? sessionsFrom(options.sessions)
    : sessionsOf({ ...options, newFile }))
  try {
    return await work({ app, output: new Output(options.json === true), signal: stopSignal() })
  } finally {
    await app.sessions.close()
  }
}

/** Returns a signal that aborts when the user asks to stop. A second request ends the process. */
export function stopSignal(): AbortSignal {
  const stop = new AbortController()
  const onSignal = () => stop.abort()
  for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, onSignal)
  return stop.signal
}
