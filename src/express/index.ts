import type { Session } from '../request/session.ts'
import type { DefaultData } from '../base/types.ts'
import type { NamedSessionProperties } from './named-sessions.ts'

export { appEngine, type Caller, type CallerPurpose, localOnly } from './caller.ts'
export { type IdTokenVerifier, type OidcOptions, oidc } from './caller-oidc.ts'
export { type PrivateServiceOptions, privateService } from './caller-private.ts'
export { type CleanupOptions, type CleanupRoutes, cleanupRoutes } from './cleanup-routes.ts'
export {
  type SessionMiddleware,
  type SessionMiddlewareOptions,
  sessionMiddleware,
} from './middleware.ts'
export type { AnySessions, NamedSessions } from './named-sessions.ts'
export { type PassportBridgeOptions, passportBridge } from './passport-bridge.ts'
export { type LoginCheckOptions, requireLogin } from './require-login.ts'
export { returnTo } from './return-to.ts'
export { type RequestCheck, requireSameOrigin, type SameOriginOptions } from './same-origin.ts'
export { requireSecurityKey, type SecurityKeyCheckOptions } from './security-key.ts'

declare global {
  namespace Express {
    interface Request extends NamedSessionProperties {
      /** The session of this request, put here by `sessionMiddleware()`. */
      session: Session<DefaultData>
    }
  }
}
