import type { Session } from '../request/session.ts'
import type { DefaultData } from '../base/types.ts'
import type { NamedSessionProperties } from './request/named-sessions.ts'

export { appEngine, type Caller, type CallerPurpose, localOnly } from './routes/caller.ts'
export { type IdTokenVerifier, type OidcOptions, oidc } from './routes/caller-oidc.ts'
export { type PrivateServiceOptions, privateService } from './routes/caller-private.ts'
export { type CleanupOptions, type CleanupRoutes, cleanupRoutes } from './routes/cleanup-routes.ts'
export {
  type SessionMiddleware,
  type SessionMiddlewareOptions,
  sessionMiddleware,
} from './middleware.ts'
export type { IdTransportOptions } from '../node/request/id-transport.ts'
export type { AnySessions, NamedSessions } from './request/named-sessions.ts'
export { type PassportBridgeOptions, passportBridge } from './passport/bridge.ts'
export type { ConsoleAccess, ConsoleAllow } from './console/access.ts'
export { type ConsoleOptions, type ConsoleRoutes, consoleRoutes } from './console/console-routes.ts'
export { type IapAnswer, type IapOptions, type IapVerifier, iap } from './console/iap.ts'
export { type LoginCheckOptions, requireLogin } from './routes/require-login.ts'
export { returnTo } from './routes/return-to.ts'
export { type RequestCheck, requireSameOrigin, type SameOriginOptions } from './csrf/same-origin.ts'
export { requireSecurityKey, type SecurityKeyCheckOptions } from './csrf/security-key.ts'

declare global {
  namespace Express {
    interface Request extends NamedSessionProperties {
      /** The session of this request, put here by `sessionMiddleware()`. */
      session: Session<DefaultData>
    }
  }
}
