import type { Environment } from '../google/platform.ts'
import { type AppSessions, sessionsFrom } from './app-sessions.ts'
import { sessionsOfEnvironment, WHEREABOUTS, type Whereabouts } from './environment-sessions.ts'
import { UsageError } from './exit.ts'

/** The options that choose the sessions of a command. */
export interface SessionsChoice extends Whereabouts {
  /** The path of the app's module. */
  readonly sessions?: string
}

/**
 * Returns the sessions of the app's module, or those that options and environment name. Throws {@link UsageError} when
 * nothing names any.
 */
export async function sessionsOf(
  choice: SessionsChoice,
  environment: Environment = process.env,
): Promise<AppSessions> {
  if (choice.sessions !== undefined) {
    const others = WHEREABOUTS.filter((name) => choice[name] !== undefined)
    if (others.length === 0) return await sessionsFrom(choice.sessions)
    throw new UsageError(
      `--sessions goes without --${others.join(', --')}: the module of the app says where its sessions are`,
    )
  }
  return (await sessionsOfEnvironment(choice, environment)) ?? (await sessionsFrom(undefined))
}
