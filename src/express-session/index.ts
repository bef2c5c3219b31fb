// The routes are those of viur-session/express, which an app with express-session cannot import in TypeScript: both
// declare what `req.session` is.
export { appEngine, type Caller, type CallerPurpose, localOnly } from '../express/routes/caller.ts'
export { type IdTokenVerifier, type OidcOptions, oidc } from '../express/routes/caller-oidc.ts'
export {
  type CleanupOptions,
  type CleanupRoutes,
  cleanupRoutes,
} from '../express/routes/cleanup-routes.ts'
export { DatastoreSessionStore } from './datastore-session-store.ts'
export type { DatastoreSessionStoreOptions } from './options.ts'
