import type { SessionData } from 'express-session'
import type { OptionHints } from '../base/option-checks.ts'
import type { SessionSource } from '../write/source.ts'
import { resolveStored, type StoredSessionsOptions } from './stored-options.ts'

/** Options of {@link DatastoreSessionStore}. All of them can be left out. */
export interface DatastoreSessionStoreOptions extends StoredSessionsOptions<SessionData> {
  /**
   * Sessions that connect-datastore stored: `connectDatastoreSessions()` of `viur-session/migrate`. They go on under the
   * same id, and are stored in our layout when they are first saved. Default: none.
   */
  readonly legacy?: SessionSource
}

/** The options of the middleware stay with the middleware. */
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
