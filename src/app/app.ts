import cookieParser from 'cookie-parser'
import express, { type Express } from 'express'
import {
  type Caller,
  cleanupRoutes,
  consoleRoutes,
  requireSameOrigin,
  sessionMiddleware,
} from '../express/index.ts'
import type { SessionStore } from '../index.ts'
import { actions } from './actions.ts'
import type { ConsoleAccess, StoreName } from './config.ts'
import { confirming } from './confirming.ts'
import { devices } from './devices.ts'
import { EndCounts } from './end-counts.ts'
import { errorHandler, notFound } from './errors.ts'
import { health } from './health.ts'
import { home } from './home.ts'
import { nativeClients } from './native-clients.ts'
import { consoleAllow } from './operators.ts'
import { operations } from './operations.ts'
import { ordering } from './ordering.ts'
import { racing } from './racing.ts'
import { securityHeaders } from './security-headers.ts'
import type { AppSessions } from './sessions.ts'
import { signingIn } from './signing-in.ts'
import { ICON, STYLE } from './style.ts'
import { DEMO_USERS, type DemoUser } from './users.ts'

export interface AppOptions {
  readonly sessions: AppSessions
  /** The kind of store behind `sessions`, to be shown. */
  readonly storeName: StoreName
  /** The store itself, to put expired sessions into on a developer's machine. Default: none. */
  readonly store?: SessionStore | undefined
  /** Callers that the routes under /_sessions accept. Default: none, and the routes are not mounted. */
  readonly caller?: Caller | undefined
  /** People who may open the console under /_console. Default: none. */
  readonly access?: ConsoleAccess
  /** Whether a trusted proxy sets X-Forwarded-Proto. Default `false`. */
  readonly behindProxy?: boolean
  /** Users who can sign in. Default: the demo users. */
  readonly users?: readonly DemoUser[]
  /** Logs failures, and what operators do in the console. Default: standard error. */
  readonly log?: (message: string, error: unknown) => void
  /** Milliseconds since the epoch. Default `Date.now`. */
  readonly now?: () => number
}

/** The reference app. */
export function createApp(options: AppOptions): Express {
  const {
    sessions,
    storeName,
    store,
    caller,
    access = { kind: 'none' },
    behindProxy = false,
    users = DEMO_USERS,
    log = console.error,
    now = () => Date.now(),
  } = options
  const ends = new EndCounts()
  // #region ends
  sessions.onDelete((event) => {
    // logout, login, reset, kill or expiry
    ends.note(event)
  })
  // #endregion
  const app = express()
  app.disable('x-powered-by')
  // One proxy: the front end of Google. Without this line no request counts as secure, and no cookie is sent.
  app.set('trust proxy', behindProxy ? 1 : false)

  app.use(securityHeaders)
  // Routes without a session come first, so that they never cost a lookup.
  app.use(health(sessions))
  app.get('/style.css', (_request, response) => {
    response.set('Cache-Control', 'public, max-age=31536000, immutable').type('css').send(STYLE)
  })
  app.get(['/icon.svg', '/favicon.ico'], (_request, response) => {
    response.set('Cache-Control', 'public, max-age=86400').type('svg').send(ICON)
  })

  // Cron and queue have neither a session nor an origin. `caller` checks who they are.
  const logger = { warn: log, error: log }
  if (caller !== undefined) {
    // #region sweep
    // cron starts a sweep, task goes on with it.
    // caller: appEngine(), oidc({ … }) or localOnly()
    app.use('/_sessions', cleanupRoutes(sessions, { caller, logger }))
    // #endregion
  }

  // Pages for operators. They bring their own checks, and need neither the session of a visitor nor a body parser.
  const allow = consoleAllow(access)
  if (allow !== undefined) {
    // #region console
    // allow: iap({ audience, users }) or localOnly()
    const routes = consoleRoutes(sessions, { allow, logger })
    app.use('/_console', routes)
    // #endregion
  }

  // Before the check of the origin: native clients send no origin. They send a static key instead.
  app.use('/api', nativeClients(sessions, users, log))

  // For the app's own language cookie. The session reads the Cookie header itself, and needs no parser.
  const form = { extended: false, limit: '2kb', parameterLimit: 10 }
  // #region session
  app.use(cookieParser())
  app.use(requireSameOrigin())
  // Before the session: a body that is refused costs no lookup.
  app.use(express.urlencoded(form))
  app.use(sessionMiddleware(sessions))
  // #endregion
  app.get('/', home(users, storeName, now))
  app.use(signingIn(users, now))
  app.use(actions(users))
  app.use(racing(sessions))
  app.use(ordering(now))
  app.use(devices(sessions, users, now))
  app.use(confirming(users))
  app.use(operations({ storeName, store, access: access.kind, ends, now }))
  app.use(notFound)
  app.use(errorHandler(log))
  return app
}
