import { existsSync } from 'node:fs'
import type { Environment } from '../google/platform.ts'
import { createSessions } from '../index.ts'
import { sessionsDoorOf } from '../sessions-door.ts'
import type { SessionStore } from '../store/store.ts'
import type { AppSessions } from './app-sessions.ts'
import { UsageError } from './exit.ts'

/** The place of sessions, for a command without the app's module. */
export interface Whereabouts {
  readonly project?: string
  readonly database?: string
  readonly namespace?: string
  readonly kind?: string
  /** A file of SQLite. */
  readonly file?: string
  /** Whether the file may be missing; the store creates it. */
  readonly newFile?: boolean
}

export const WHEREABOUTS = ['project', 'database', 'namespace', 'kind', 'file'] as const

/** Variables that show that the sessions are in Datastore. */
const VARIABLES = [
  'DATASTORE_EMULATOR_HOST',
  'DATASTORE_PROJECT_ID',
  'GOOGLE_CLOUD_PROJECT',
  'GCLOUD_PROJECT',
]

/**
 * Makes sessions from options and the environment, without anything of the app: no observers, no keys, no types. `null`
 * when nothing says where the sessions are.
 */
export async function sessionsOfEnvironment(
  where: Whereabouts,
  environment: Environment,
): Promise<AppSessions | null> {
  const given = WHEREABOUTS.filter((name) => where[name] !== undefined)
  if (given.length === 0 && !VARIABLES.some((name) => environment[name])) return null
  const { store, place } = await storeOf(where)
  const sessions = createSessions({ store })
  const door = sessionsDoorOf(sessions)
  return door === null ? null : { sessions, door, place }
}

async function storeOf(where: Whereabouts): Promise<{ store: SessionStore; place: string }> {
  const { project, database, namespace, kind, file, newFile } = where
  if (file !== undefined) {
    const others = WHEREABOUTS.filter((name) => name !== 'file' && where[name] !== undefined)
    if (others.length > 0) throw new UsageError(`--file goes without --${others.join(', --')}`)
    // The store would make a new file without sessions.
    if (newFile !== true && !existsSync(file))
      throw new UsageError(`--file: there is no file ${file}`)
    const { sqliteStore } = await import('../store/sqlite/index.ts')
    return { store: sqliteStore({ file }), place: `the file ${file}` }
  }
  const { datastoreStore } = await import('../store/datastore/index.ts')
  const store = datastoreStore({
    ...(project !== undefined && { projectId: project }),
    ...(database !== undefined && { databaseId: database }),
    ...(namespace !== undefined && { namespace }),
    ...(kind !== undefined && { kind }),
  })
  const named = Object.entries({ project, database, namespace, kind })
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => `${name} ${value}`)
  return { store, place: named.length === 0 ? 'Datastore' : `Datastore, ${named.join(', ')}` }
}
