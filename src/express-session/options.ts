import type { SessionData } from 'express-session'
import type { OptionHints } from '../base/option-checks.ts'
import type { SessionSource } from '../write/source.ts'
import { resolveStored, type StoredSessionsOptions } from './stored-options.ts'

/** Options of {@link DatastoreSessionStore}. All are optional. */
export interface DatastoreSessionStoreOptions extends StoredSessionsOptions<SessionData> {
  /**
   * The source of sessions that connect-datastore stored: `connectDatastoreSessions()` of `viur-session/migrate`. They
   * keep their ids, and are stored in the layout of this package when they are first saved. Default: none.
   */
  readonly legacy?: SessionSource
}

/** Hints for options that belong to the middleware. */
const HINTS: OptionHints = {
  ...Object.fromEntries(
    ['secret', 'resave', 'saveUninitialized', 'rolling', 'unset', 'genid', 'proxy', 'name'].map(
      (name) => [name, 'it is an option of express-session itself: session({ store, … })'],
    ),
  ),
  cookie: 'it is an option of express-session itself: session({ store, cookie })',
  absoluteLifetime: 'how long a session lives is up to the cookie of express-session',
}

/** Checks the options once. Throws `SessionConfigError` that names the option, the rule and the value. */
export function resolve(
  options: DatastoreSessionStoreOptions,
): ReturnType<typeof resolveStored<SessionData>> {
  return resolveStored('DatastoreSessionStore', options, ['legacy'], HINTS)
}
