import type { Session } from '../session.ts'
import type { DefaultData } from '../types.ts'

export {
  type SessionMiddleware,
  type SessionMiddlewareOptions,
  sessionMiddleware,
} from './middleware.ts'

declare global {
  namespace Express {
    interface Request {
      /** The session of this request, put here by `sessionMiddleware()`. */
      session: Session<DefaultData>
    }
  }
}
