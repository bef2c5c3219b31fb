import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { Sessions } from '../sessions-interface.ts'
import { type SessionsDoor, type SessionsInside, sessionsDoorOf } from '../sessions-door.ts'
import { UsageError } from './exit.ts'

/** The sessions of the app, and the door to them. */
export interface AppSessions {
  readonly sessions: Sessions
  readonly door: SessionsDoor
  /** Where they are, for a question, where no module of the app says so. */
  readonly place?: string
}

const EXAMPLE = `for example, with a file sessions.mjs that the app imports its sessions from as well:

  import { createSessions } from 'viur-session'
  import { datastoreStore } from 'viur-session/datastore'

  export const sessions = createSessions({
    store: datastoreStore(),
  })`

/** The parts of these sessions. Throws {@link UsageError} where an earlier release made them. */
export function insideOf({ door: { inside } }: AppSessions): SessionsInside {
  if (inside !== undefined) return inside
  throw new UsageError(
    'the app has an earlier release of viur-session than this command: run "npm install viur-session" in the app, and npx from its folder',
  )
}

/** What the module at this path exports by default or as `sessions`. Throws {@link UsageError} where that is none. */
export async function sessionsFrom(path: string | undefined): Promise<AppSessions> {
  if (path === undefined) {
    throw new UsageError(
      `--sessions <file> is needed: the module that exports what createSessions() gave the app, so that options, observers and keys are the app's; ${EXAMPLE}
\nMost commands do without where --project, --file or the environment (GOOGLE_CLOUD_PROJECT, DATASTORE_EMULATOR_HOST) says where the sessions are.`,
    )
  }
  const found = await importFrom(path)
  for (const sessions of candidatesOf(found)) {
    const door = sessionsDoorOf(sessions)
    if (door === null) continue
    if (typeof (sessions as Partial<Sessions>).listSessions !== 'function') {
      throw new UsageError(
        `${path} exports sessions that are kept in cookies: there is nothing on the server to look after`,
      )
    }
    // Nothing would be found, and "0 ended" or "0 rewritten" be taken for the truth about the app.
    if (door.storeName === 'memory') {
      throw new UsageError(
        `${path} exports sessions that are kept in the memory of the process: the command reaches none of the app; set the option store, for example to datastoreStore()`,
      )
    }
    return { sessions: sessions as Sessions, door }
  }
  throw new UsageError(
    `${path} exports no sessions: what createSessions() gave has to be its default export, or be exported as "sessions"; ${EXAMPLE}`,
  )
}

/** What Node says of the path itself; the module may import others. */
const NO_MODULE: Readonly<Record<string, string>> = {
  ERR_MODULE_NOT_FOUND: 'does not exist',
  ERR_UNSUPPORTED_DIR_IMPORT: 'is a folder',
}

async function importFrom(path: string): Promise<Record<string, unknown>> {
  const url = pathToFileURL(resolve(path)).href
  try {
    return (await import(url)) as Record<string, unknown>
  } catch (error) {
    const { code, url: missing } = Object(error) as { code?: unknown; url?: unknown }
    const what = missing === url ? NO_MODULE[String(code)] : undefined
    if (what !== undefined) {
      throw new UsageError(`${path} ${what}: --sessions takes the path of a module; ${EXAMPLE}`)
    }
    throw error
  }
}

/** Of a CommonJS module the default export is all that it exports. */
function candidatesOf(module: Record<string, unknown>): unknown[] {
  const { default: whole, sessions } = module
  return [sessions, whole, (whole as { sessions?: unknown } | null | undefined)?.sessions]
}
