// The routes are also exported by viur-session/express. An app with express-session cannot import that entry in
// TypeScript, since both declare the type of `req.session`.
export { appEngine, type Caller, type CallerPurpose, localOnly } from '../express/routes/caller.ts'
export { type IdTokenVerifier, type OidcOptions, oidc } from '../express/routes/caller-oidc.ts'
export {
  type CleanupOptions,
  type CleanupRoutes,
  cleanupRoutes,
} from '../express/routes/cleanup-routes.ts'
export { DatastoreSessionStore } from './datastore-session-store.ts'
export type { DatastoreSessionStoreOptions } from './options.ts'
