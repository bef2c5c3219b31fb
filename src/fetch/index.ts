export {
  type HonoContext,
  type HonoMiddleware,
  honoSession,
  type SessionOf,
  type SessionVariables,
} from './hono.ts'
export type { FetchOptions, FetchSessionOptions } from './options.ts'
export { withSession } from './with-session.ts'
export type { AnySessions } from '../node/request/any-sessions.ts'
