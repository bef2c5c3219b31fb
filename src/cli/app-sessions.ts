import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { Sessions } from '../sessions-interface.ts'
import { type SessionsDoor, type SessionsInside, sessionsDoorOf } from '../sessions-door.ts'
import { UsageError } from './exit.ts'

/** The sessions of the app, with their door. */
export interface AppSessions {
  readonly sessions: Sessions
  readonly door: SessionsDoor
  /** A text for questions that says where the sessions are, when the app's module does not define that. */
  readonly place?: string
}

const EXAMPLE = `for example, with a file sessions.mjs that the app imports its sessions from as well:

  import { createSessions } from 'viur-session'
  import { datastoreStore } from 'viur-session/datastore'

  export const sessions = createSessions({
    store: datastoreStore(),
  })`

/** Returns the internal parts of these sessions. Throws {@link UsageError} when an earlier release made them. */
export function insideOf({ door: { inside } }: AppSessions): SessionsInside {
  if (inside !== undefined) return inside
  throw new UsageError(
    'the app has an earlier release of viur-session than this command: run "npm install viur-session" in the app, and npx from its folder',
  )
}

/**
 * Returns the sessions that the module at this path exports by default or as `sessions`. Throws {@link UsageError} when
 * there are none.
 */
export async function sessionsFrom(path: string | undefined): Promise<AppSessions> {
  if (path === undefined) {
    throw new UsageError(
      `--sessions <file> is needed: the module that exports the result of the app's createSessions(), so that options, observers and keys are the app's; ${EXAMPLE}
\nMost commands do not need it when --project, --file or the environment (GOOGLE_CLOUD_PROJECT, DATASTORE_EMULATOR_HOST) says where the sessions are.`,
    )
  }
  const found = await importFrom(path)
  for (const sessions of candidatesOf(found)) {
    const door = sessionsDoorOf(sessions)
    if (door === null) continue
    if (typeof (sessions as Partial<Sessions>).listSessions !== 'function') {
      throw new UsageError(
        `${path} exports sessions that are kept in cookies: no session is stored on a server`,
      )
    }
    // Nothing would be found, and "0 ended" or "0 rewritten" would look like a fact about the app.
    if (door.storeName === 'memory' && (await isEmpty(door))) {
      throw new UsageError(
        `${path} exports sessions that are kept in memory, where the command cannot reach the sessions of the app: set the option store, for example to datastoreStore()`,
      )
    }
    return { sessions: sessions as Sessions, door }
  }
  throw new UsageError(
    `${path} exports no sessions: the result of createSessions() must be its default export, or be exported as "sessions"; ${EXAMPLE}`,
  )
}

/** Whether the store has no sessions. A module that fills its own memory store, such as that of a test, has some. */
async function isEmpty({ inside }: SessionsDoor): Promise<boolean> {
  const page = await inside?.store.page({ by: 'all' }, { limit: 1 })
  return (page?.entries.length ?? 0) === 0
}

/** Node's error codes for the path itself. Imports of the module have the same codes. */
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

/** The default export of a CommonJS module is the object with all its exports. */
function candidatesOf(module: Record<string, unknown>): unknown[] {
  const { default: whole, sessions } = module
  return [sessions, whole, (whole as { sessions?: unknown } | null | undefined)?.sessions]
}
