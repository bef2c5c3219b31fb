import type { OptionHints } from './option-checks.ts'

// Option names of other session libraries, and the way to get the same effect here. The names come from express-session
// 1.19, its stores, cookie-session, Django and ViUR.

const NOT_NEEDED = 'is not needed here, because'

/** For `createSessions()`. */
export const SESSIONS_HINTS: OptionHints = {
  maxAge:
    'use "lifetime", which is how long an unused session lives, in milliseconds or as text such as \'1h\'',
  ttl: 'use "lifetime", in milliseconds or as text such as \'1h\'',
  expires: 'use "lifetime", or setExpiry() for one session',
  expiration: 'use "lifetime", in milliseconds or as text such as \'1h\'',
  expirationMs: 'use "lifetime"',
  timeout: 'use "lifetime"',
  duration: 'use "lifetime", in milliseconds or as text such as \'1h\'',
  activeDuration: 'set "touchEvery": each use keeps a session alive',
  session_life_time: 'use "lifetime", in milliseconds or as text such as \'1h\'',
  use_session_cookie: 'use "sessionCookie"',
  session_persistent_fields_on_login: 'use "persistentFieldsOnLogin"',
  session_persistent_fields_on_logout: 'use "persistentFieldsOnLogout"',
  secret: 'use "cookie.secrets", an array of texts of at least 32 bytes, the newest first',
  secrets: 'use "cookie.secrets"',
  keys: 'use "cookie.secrets", an array of texts of at least 32 bytes, the newest first',
  key: 'use "cookie.name"',
  name: 'use "cookie.name"',
  cookieName: 'use "cookie.name"',
  password: 'use "cookie.secrets", an array of texts of at least 32 bytes, the newest first',
  path: 'use "cookie.path"',
  domain: 'use "cookie.domain"',
  sameSite: 'use "cookie.sameSite"',
  secure: 'use "cookie.secure"',
  httpOnly: 'use "cookie.httpOnly"',
  partitioned: 'use "cookie.partitioned"',
  priority: 'use "cookie.priority"',
  resave: `express-session's resave ${NOT_NEEDED} a session is written only when something changed`,
  saveUninitialized: `express-session's saveUninitialized ${NOT_NEEDED} a session without data is never stored`,
  rolling: `express-session's rolling ${NOT_NEEDED} use renews the session, at most once per "touchEvery"`,
  touchAfter: 'use "touchEvery"',
  disableTouch: 'set "touchEvery" close to "lifetime": each use keeps a session alive',
  unset: `express-session's unset ${NOT_NEEDED} "await req.session.logout()" ends a session`,
  proxy: 'set "trust proxy" in Express: app.set(\'trust proxy\', 1)',
  genid: 'ids are 256 random bits that the server draws, and cannot be chosen',
  prefix: 'set "kind" or "namespace" of datastoreStore() to keep sessions apart',
  client: 'give it to the store: createSessions({ store: datastoreStore({ client }) })',
  dataset: 'give the client to the store: createSessions({ store: datastoreStore({ client }) })',
  kind: 'it is an option of datastoreStore()',
  namespace: 'it is an option of datastoreStore()',
  projectId: 'it is an option of datastoreStore()',
  databaseId: 'it is an option of datastoreStore()',
  maxSessions:
    'use "maxSessionsPerUser", or "maxSessions" of memoryStore() to limit the number of all sessions',
  onDelete: 'set "events" to true and call sessions.onDelete(observer)',
  clearInterval: 'call sessions.startClearSessions() by cron, or set "sweepProbability"',
  reapInterval: 'call sessions.startClearSessions() by cron, or set "sweepProbability"',
  queue: 'it is an option of cloudTasks()',
}

/** For the option `cookie`. */
export const COOKIE_HINTS: OptionHints = {
  maxAge: 'set "lifetime" of createSessions(), which also bounds the stored session',
  expires: 'set "lifetime" of createSessions(), or setExpiry() for one session',
  secret: 'use "secrets", an array with the newest first',
  signed: 'set "secrets", which signs the cookie',
  keys: 'use "secrets", an array with the newest first',
  overwrite: 'only one cookie of a name is ever sent',
  encode: 'the value of the cookie is an id, which needs no encoding',
  lifetime: 'it is an option of createSessions() itself',
}

/** For `datastoreStore()`. */
export const DATASTORE_HINTS: OptionHints = {
  dataset: 'use "client": new Datastore()',
  datastore: 'use "client"',
  project: 'use "projectId"',
  database: 'use "databaseId"',
  keyFilename: 'make a client with it: datastoreStore({ client: new Datastore({ keyFilename }) })',
  credentials:
    'make a client with them: datastoreStore({ client: new Datastore({ credentials }) })',
  apiEndpoint:
    'set DATASTORE_EMULATOR_HOST, or make a client: datastoreStore({ client: new Datastore({ apiEndpoint }) })',
  emulator: 'set DATASTORE_EMULATOR_HOST, which ./emulator.sh does',
  expirationMs: 'set "lifetime" of createSessions()',
  ttl: 'set "lifetime" of createSessions()',
  lifetime: 'it is an option of createSessions()',
  prefix: 'use "kind" or "namespace"',
}
