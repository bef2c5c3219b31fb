export {
  type HonoContext,
  type HonoMiddleware,
  honoSession,
  type SessionOf,
  type SessionVariables,
} from './hono.ts'
export type { FetchOptions, FetchSessionOptions } from './options.ts'
export { type AnySessions, withSession } from './with-session.ts'
